"""Measures synthetic hands whose ground truth is known, and writes the table of `docs/pages/measurements.md`.

    python docs/measurements/validate.py --hands 200 --predicted 40 --repeats 30

It writes `handbone/measure/validation.json`, from which `handbone measure` knows which measure misses its aim. The
hands are adults of the upright kind, a third of them with a bent wrist, in looks that no training has seen.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from ground_truth import true_values
from tables import summary, write_page
from variants import Outlining, variants

from handbone.core.bone_masks import BoneMasks
from handbone.core.files import write_json
from handbone.core.progress import track
from handbone.measure import Scale, flagged_bones, measure_hand
from handbone.measure.precision import VALIDATION_FILE
from handbone.synthetic import SyntheticHand, draw_hand

PAGE = Path(__file__).parents[1] / "pages" / "measurements.md"
_SEED = 7_000_000  # far from those that anything was chosen on


def draw(number: int, size: int) -> SyntheticHand:
    """One of the hands of the validation."""
    return draw_hand(_SEED + number, size=size, bent=number % 3 == 2, looks="held_out")


def outlining() -> Outlining:
    """The shipped weights, with the flags that `handbone predict` writes."""
    from handbone.method.quality_control import flags
    from handbone.method.two_stage import TwoStage
    from handbone.networks import runtime

    runtime.prepare()
    method = TwoStage.from_path("zero_shot")

    def outline(image: np.ndarray) -> tuple[BoneMasks, dict[int, str]]:
        outcome = method.predict(image)
        masks = outcome.final.threshold(method.threshold)
        return masks, flagged_bones([flag.to_json() for flag in flags(outcome, masks)])

    return outline


def rows_of(
    number: int, size: int, *, outline: Outlining | None, repeat: bool
) -> Iterator[tuple[int, str, str, str, str, float, float]]:
    """Hand, masks, variant, measure, target, value and ground truth; NaN where one of them is refused."""
    drawn = draw(number, size)
    ground_truth = true_values(drawn)
    image = drawn.image.astype(np.float32) / 255
    mm = 1 / drawn.meta["px_per_mm"]
    images = [("", image, drawn.masks, 1.0)]
    if repeat:
        images += [(v.name, v.image, v.masks, v.scale) for v in variants(image, drawn.masks)]
    for variant, image, exact, scale in images:
        for kind, masks, flagged in _masks(image, exact, outline):
            known = Scale("user", (mm / scale, mm / scale))
            for m in measure_hand(masks, image=image, scale=known, flagged=flagged):
                value = np.nan if m.value is None else m.value
                key = m.measure.name, m.target
                yield number, kind, variant, *key, value, ground_truth.get(key, np.nan)


def _masks(
    image: np.ndarray, exact: BoneMasks, outline: Outlining | None
) -> list[tuple[str, BoneMasks, dict[int, str]]]:
    return [("exact", exact, {})] + ([("predicted", *outline(image))] if outline else [])


def validate(hands: int, predicted: int, repeats: int, size: int = 2048) -> pd.DataFrame:
    """Everything that was measured, one row a value.

    hands: how many, all with exact masks; the first `predicted` of them with those of the shipped weights as well. The
    first `repeats` are measured in eight variants, those with predicted masks for a fifth of them.
    """
    outline = outlining() if predicted else None
    rows: list[tuple] = []
    for number in track(range(hands), "Measuring", total=hands):
        networks = outline if number < predicted else None
        # Networks take most of the time: their masks are repeated on a few hands only.
        if number < repeats and networks and number >= repeats / 5:
            rows += rows_of(number, size, outline=networks, repeat=False)
            rows += (row for row in rows_of(number, size, outline=None, repeat=True) if row[2])
        else:
            rows += rows_of(number, size, outline=networks, repeat=number < repeats)
    return pd.DataFrame(rows, columns=["hand", "masks", "variant", "measure", "target", "value", "ground_truth"])


def main() -> None:
    """Validate, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hands", type=int, default=200)
    parser.add_argument("--predicted", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--rows", type=Path, help="also write every value to this CSV")
    chosen = parser.parse_args()
    rows = validate(chosen.hands, chosen.predicted, chosen.repeats)
    if chosen.rows:
        rows.to_csv(chosen.rows, index=False)
    record = {
        "hands": chosen.hands,
        "predicted": chosen.predicted,
        "repeats": chosen.repeats,
        "measures": summary(rows),
    }
    write_json(VALIDATION_FILE, record)
    write_page(PAGE, record)
    print(json.dumps({name: row["verdict"] for name, row in record["measures"].items()}, indent=1))


if __name__ == "__main__":
    main()
