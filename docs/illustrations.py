"""Draws the illustrations of README with the shipped weights: `python docs/illustrations.py [FOLDER]`.

`result.jpg`: of 24 upright adults, the one in the middle by what its carpals gain. `shipped.jpg`: of 24 hands of any
kind, the first adult, the first child and the worst one. All have looks that no training shows.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from handbone.anatomy import CARPALS, COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame
from handbone.core.progress import track
from handbone.evaluation.metrics import dice_contest
from handbone.method.two_stage import TwoStage
from handbone.networks import runtime
from handbone.report.overlay import draw_overlay, panel
from handbone.synthetic import SyntheticHand, draw_hand
from handbone.synthetic.patients import Variety

FOLDER = Path(__file__).parents[1] / ".github"
# Far from the seeds of hands that anything was fitted or chosen on.
_SEEDS: dict[Variety, int] = {"upright_adult": 9_000_000, "diverse": 9_100_000}
_HANDS, _HEIGHT, _QUALITY = 24, 560, 88
_CHILD, _ADULT = 14, 18
# Shown around the hand, or the carpals, as a share of their longer side.
_AROUND = 0.06


class Outlined(NamedTuple):
    """A synthetic hand as the shipped weights outline it; Dice (29,) of both stages."""

    hand: SyntheticHand
    coarse: BoneMasks
    final: BoneMasks
    coarse_dice: np.ndarray
    final_dice: np.ndarray


def outlined(method: TwoStage, variety: Variety, count: int, size: int) -> list[Outlined]:
    """So many hands of one variety."""
    found = []
    for number in track(range(count), f"Outlining hands ({variety})", total=count):
        hand = draw_hand(_SEEDS[variety] + number, size=size, variety=variety, looks="held_out")
        outcome = method.predict(hand.image.astype(np.float32) / 255)
        stages = outcome.coarse.threshold(method.threshold), outcome.final.threshold(method.threshold)
        found.append(Outlined(hand, *stages, *(dice_contest(hand.masks, masks) for masks in stages)))
    return found


def median_adult(hands: list[Outlined]) -> Outlined:
    """The hand in the middle by what its carpals gain in Dice over the coarse masks."""
    gains = [float(np.mean((each.final_dice - each.coarse_dice)[list(CARPALS)])) for each in hands]
    return hands[int(np.argsort(gains)[len(gains) // 2])]


def three_of(hands: list[Outlined]) -> list[tuple[str, Outlined]]:
    """The first adult, the first child and the worst of all, with what they are called."""
    worst = min(hands, key=lambda each: float(np.mean(each.final_dice)))
    others = [each for each in hands if each is not worst]
    adult = next(each for each in others if each.hand.meta["age"] >= _ADULT)
    child = next(each for each in others if each.hand.meta["age"] < _CHILD)
    called = [("an adult", adult), (f"a child of {child.hand.meta['age']:.0f}", child)]
    return [*called, (f"the worst of {len(hands)}", worst)]


def hand_view(each: Outlined) -> Frame:
    """The hand and a little of what lies around it, as high as the illustration."""
    low, high = extent(each, range(COUNT))
    margin = _AROUND * float((high - low).max())
    low, high = np.maximum(low - margin, 0), np.minimum(high + margin, each.hand.image.shape[::-1])
    scale = _HEIGHT / float(high[1] - low[1])
    # Pixel areas map onto each other, not their centres.
    shift = (scale - 1) / 2 - scale * low
    return Frame(np.column_stack([scale * np.eye(2), shift]), (_HEIGHT, round(scale * float(high[0] - low[0]))))


def wrist_view(each: Outlined) -> Frame:
    """The carpals, as high as the illustration."""
    low, high = extent(each, CARPALS)
    x, y = ((low + high - 1) / 2).tolist()
    return Frame.around((x, y), (1 + 2 * _AROUND) * float((high - low).max()), _HEIGHT)


def extent(each: Outlined, bones: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The least and the highest (x, y) of the ground truth of some bones."""
    seen = [bone for bone in bones if each.hand.masks.present()[bone]]
    boxes = each.hand.masks.boxes_xyxy[seen]
    return boxes[:, :2].min(0), boxes[:, 2:].max(0)


def draw_result(each: Outlined) -> np.ndarray:
    """A radiograph, its bones, and the wrist of both stages; (h, w, 3) uint8."""
    nothing = BoneMasks.from_crops({}, each.hand.image.shape)
    columns = [
        ("a synthetic radiograph", draw_overlay(each.hand.image, nothing, view=hand_view(each))),
        ("29 bones", draw_overlay(each.hand.image, each.final, view=hand_view(each))),
    ]
    for name, masks, values in (
        ("coarse", each.coarse, each.coarse_dice),
        ("refined", each.final, each.final_dice),
    ):
        caption = f"{name}: carpals' Dice {np.mean(values[list(CARPALS)]):.3f}"
        drawn = draw_overlay(
            each.hand.image, masks, ground_truth=each.hand.masks, view=wrist_view(each), fill_alpha=0.06, names=False
        )
        columns.append((caption, drawn))
    return panel(columns)


def draw_three(chosen: list[tuple[str, Outlined]]) -> np.ndarray:
    """Hands side by side, with their Dice; (h, w, 3) uint8."""
    return panel(
        [
            (
                f"{name}: mean Dice {np.mean(each.final_dice):.3f}",
                draw_overlay(each.hand.image, each.final, ground_truth=each.hand.masks, view=hand_view(each)),
            )
            for name, each in chosen
        ]
    )


def main(folder: Path, *, count: int = _HANDS, size: int = 2048) -> None:
    """Write both illustrations."""
    runtime.prepare()
    method = TwoStage.from_path("zero_shot")
    illustrations = {
        "result.jpg": draw_result(median_adult(outlined(method, "upright_adult", count, size))),
        "shipped.jpg": draw_three(three_of(outlined(method, "diverse", count, size))),
    }
    for name, illustration in illustrations.items():
        Image.fromarray(illustration).save(folder / name, quality=_QUALITY, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
