"""Errors of measurements: what is measured on predicted masks against what is measured on labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from handbone.core.bone_masks import BoneMasks
from handbone.evaluation.classes import ScoredClass
from handbone.formats.image_files import Invert, read_image
from handbone.measure import MEASURES, Hand, Measurement, Measurements, Scale
from handbone.measure.measuring import measure
from handbone.workflows.evaluation.pairs import Pair

#: Limits of agreement hold so many standard deviations on either side of the mean error (Bland and Altman, 1986).
_LIMITS = 1.96
ERROR_COLUMNS = (
    "image_name",
    "patient_id",
    "stage",
    "measure",
    "bone_or_joint",
    "unit",
    "scale_source",
    "ground_truth",
    "value",
    "error",
    "reason",
)
SUMMARY_COLUMNS = (
    "stage",
    "measure",
    "bone_or_joint",
    "unit",
    "images",
    "ground_truth_mean",
    "bias",
    "mean_absolute_error",
    "standard_deviation",
    "limit_low",
    "limit_high",
    "only_ground_truth",
    "only_prediction",
    "neither",
)


@dataclass(frozen=True, eq=False)
class MeasuredPair:
    """The measurements of one image: on its labels, and on the masks of each stage."""

    image_name: str
    patient_id: str
    ground_truth: Measurements
    stages: dict[str, Measurements]

    def to_json(self) -> dict[str, Any]:
        """Everything but lines, as values that `json_value` can write."""
        stages = {stage: found.to_json() for stage, found in self.stages.items()}
        truth = self.ground_truth.to_json()
        return {"image_name": self.image_name, "patient_id": self.patient_id, "ground_truth": truth, "stages": stages}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "MeasuredPair":
        """What `to_json` gave."""
        stages = {stage: Measurements.from_json(found) for stage, found in value["stages"].items()}
        truth = Measurements.from_json(value["ground_truth"])
        return cls(value["image_name"], value["patient_id"], truth, stages)


def measure_pair(pair: Pair, scale: Scale, classes: Sequence[ScoredClass], invert: Invert) -> MeasuredPair:
    """Measure an image's hand on its labels and on every prediction.

    Bones that labels merge are measured on neither side.
    """
    path = pair.image.image
    image = None if path is None else read_image(path, invert=invert).image
    if image is not None and image.shape != pair.ground_truth.size_hw:
        image = None
    merged = {bone: f"the labels merge {each.name}" for each in classes if len(each.bones) > 1 for bone in each.bones}

    def measured(masks: BoneMasks) -> Measurements:
        return measure(Hand(masks, image=image, scale=scale, flagged=merged))

    stages = {stage: measured(masks) for stage, masks in pair.stages.items()}
    return MeasuredPair(pair.image.name, pair.image.patient_id, measured(pair.ground_truth), stages)


def error_table(pairs: Iterable[MeasuredPair]) -> pd.DataFrame:
    """One row for each image, stage and measure, with `ERROR_COLUMNS`; values are NaN where they were refused."""
    rows = [
        _row(pair, stage, true, found)
        for pair in pairs
        for stage, measurements in pair.stages.items()
        for true, found in zip(pair.ground_truth, measurements, strict=True)
    ]
    return pd.DataFrame(rows, columns=ERROR_COLUMNS)


def _row(pair: MeasuredPair, stage: str, true: Measurement, found: Measurement) -> dict[str, Any]:
    values = [np.nan if each.value is None else each.value for each in (true, found)]
    refused = {"ground truth": true, "prediction": found}
    reasons = [f"{side}: {each.reason}" for side, each in refused.items() if each.value is None]
    return {
        "image_name": pair.image_name,
        "patient_id": pair.patient_id,
        "stage": stage,
        "measure": true.measure.name,
        "bone_or_joint": true.target,
        "unit": true.unit,
        "scale_source": true.scale_source,
        "ground_truth": values[0],
        "value": values[1],
        "error": values[1] - values[0],
        "reason": "; ".join(reasons),
    }


def error_summary(errors: pd.DataFrame) -> pd.DataFrame:
    """One row for each stage, measure, bone or joint, and unit, with `SUMMARY_COLUMNS`; images in mm and px apart."""
    order = {name: place for place, name in enumerate(MEASURES)}
    rows = []
    for (stage, name, target, unit), part in errors.groupby(["stage", "measure", "bone_or_joint", "unit"], sort=False):
        error = part["error"].dropna()
        deviation = float(error.std(ddof=1)) if len(error) > 1 else np.nan
        bias = float(error.mean()) if len(error) else np.nan
        true, found = part["ground_truth"].notna(), part["value"].notna()
        rows.append(
            {
                "stage": stage,
                "measure": name,
                "bone_or_joint": target,
                "unit": unit,
                "images": len(error),
                "ground_truth_mean": float(part.loc[error.index, "ground_truth"].mean()) if len(error) else np.nan,
                "bias": bias,
                "mean_absolute_error": float(error.abs().mean()) if len(error) else np.nan,
                "standard_deviation": deviation,
                "limit_low": bias - _LIMITS * deviation,
                "limit_high": bias + _LIMITS * deviation,
                "only_ground_truth": int((true & ~found).sum()),
                "only_prediction": int((found & ~true).sum()),
                "neither": int((~true & ~found).sum()),
            }
        )
    table = pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
    return table.sort_values(["stage", "measure"], key=_places(order), kind="stable", ignore_index=True)


def _places(order: dict[str, int]) -> Any:
    return lambda column: column.map(order) if column.name == "measure" else column
