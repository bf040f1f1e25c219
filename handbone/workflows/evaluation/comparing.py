"""One image's masks against its labels, by its name."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from handbone import anatomy
from handbone.data.pose import bend_degrees, pose
from handbone.evaluation.scoring import Scoring
from handbone.formats.image_files import Invert
from handbone.measure import Scale
from handbone.workflows.evaluation.measured import MeasuredPair, measure_pair
from handbone.workflows.evaluation.pairs import Pair, Pairs


@dataclass(frozen=True, eq=False)
class Compared:
    """What was found of one image: its part of the metrics table, and what is wrong with its labels."""

    rows: pd.DataFrame
    scale: Scale
    problems: list[str]
    measured: MeasuredPair | None

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; NaN becomes None."""
        columns = {name: [str(column.dtype), column.tolist()] for name, column in self.rows.items()}
        return {"rows": columns, "scale": asdict(self.scale), "problems": self.problems, "measured": self.measured}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Compared":
        """What `to_json` gave, read from a file."""
        rows = pd.DataFrame({name: pd.Series(values, dtype=kind) for name, (kind, values) in value["rows"].items()})
        measured = None if value["measured"] is None else MeasuredPair.from_json(value["measured"])
        return cls(rows, Scale.from_json(value["scale"]), value["problems"], measured)


def comparing(
    open_pairs: Callable[[], tuple[str, Pairs]],
    scoring: Scoring,
    *,
    mm_per_px: float | None,
    measures: bool,
    invert: Invert,
) -> Callable[[str], Compared]:
    """What compares one image by its name."""
    _, pairs = open_pairs()
    images = {image.name: image for image in pairs.images}
    needs_scale = measures or scoring.tolerances_mm

    def compare(name: str) -> Compared:
        image = images[name]
        pair = pairs.read(image)
        scale = pairs.scale(image, mm_per_px, invert) if needs_scale else Scale()
        rows = _rows(pairs, pair, scoring, scale)
        measured = measure_pair(pair, scale, pairs.classes, invert) if measures else None
        return Compared(rows, scale, image.problems(), measured)

    return compare


def _rows(pairs: Pairs, pair: Pair, scoring: Scoring, scale: Scale) -> pd.DataFrame:
    """One image's part of the metrics table: the classes' first bones, by stage."""
    truth = pairs.scored(pair.ground_truth)
    bend = bend_degrees(pair.ground_truth.centroids_xy())
    kept = [each.bones[0] for each in pairs.classes]
    facts = {
        "image_name": pair.image.name,
        "patient_id": pair.image.patient_id,
        "side": pair.image.side or "",
        "bone": anatomy.NAMES,
    }
    frames = []
    for stage, masks in pair.stages.items():
        columns = scoring.columns(truth, pairs.scored(masks), scale.spacing_mm)
        table = pd.DataFrame({**facts, "stage": stage, **columns, "bend_degrees": bend, "pose": pose(bend)})
        frames.append(table.iloc[kept])
    return pd.concat(frames, ignore_index=True)
