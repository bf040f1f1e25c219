"""An evaluation as JSON values; `docs/pages/json.md` describes them."""

from typing import Any

import numpy as np
import pandas as pd

from handbone import __version__
from handbone.anatomy import NAMES
from handbone.evaluation.tables import metrics_of
from handbone.workflows.evaluation.pairs import AGAINST
from handbone.workflows.evaluation.scores import Scores

#: Of the JSON file; a number is never used for two layouts.
SCHEMA = "handbone.evaluation/1"
_COUNTS = ("both_empty", "missed", "invented")


def record_of(evaluation: Scores) -> dict[str, Any]:
    """What `evaluation.json` holds."""
    pairs, scoring = evaluation.pairs, evaluation.scoring
    return {
        "schema": SCHEMA,
        "handbone": __version__,
        **evaluation.facts,
        "classes": {each.name: [NAMES[bone] for bone in each.bones] for each in pairs.classes},
        "stages": evaluation.stages,
        "metrics": metrics_of(evaluation.rows),
        "nsd_tolerances_px": list(scoring.tolerances_px),
        "nsd_tolerances_mm": list(scoring.tolerances_mm),
        "boundary_band_px": scoring.band_px,
        "without_prediction": {stage: list(names) for stage, names in pairs.without_prediction.items()},
        "without_labels": {stage: list(names) for stage, names in pairs.without_labels.items()},
        "failed": dict(evaluation.failed),
        "label_problems": {name: list(found) for name, found in evaluation.label_problems.items()},
        "images": [_image(evaluation, line) for line in _lines(evaluation.images())],
        "summary": [_summary(evaluation, line) for line in _lines(evaluation.named_summary)],
        "measurements": _lines(evaluation.measurement_summary) if evaluation.measured else None,
        "not_a_medical_device": True,
    }


def _image(evaluation: Scores, line: dict[str, Any]) -> dict[str, Any]:
    scale = evaluation.scales[line["image_name"]]
    per_stage = ("dice", "dice_seen", "missed", "invented")
    return {
        "name": line["image_name"],
        "patient_id": line["patient_id"],
        "side": line["side"],
        "pose": line["pose"],
        "spacing_mm": scale.spacing_mm,
        "scale_source": scale.source,
        "stages": {stage: {key: line[f"{stage}_{key}"] for key in per_stage} for stage in evaluation.stages},
        "dice_change": line.get("dice_change"),
    }


def _summary(evaluation: Scores, line: dict[str, Any]) -> dict[str, Any]:
    names = metrics_of(evaluation.rows)
    return {
        "kind": line["kind"],
        "name": line["name"],
        "images": line["images"],
        "stages": {
            stage: {
                "dice_seen": line[f"{stage}_dice_seen"],
                **{count: line[f"{stage}_{count}"] for count in _COUNTS},
                "metrics": {name: _interval(line, f"{stage}_{name}") for name in names},
            }
            for stage in evaluation.stages
        },
        "change": {name: _interval(line, f"{name}_change") for name in names} if AGAINST in evaluation.stages else None,
    }


def _interval(line: dict[str, Any], column: str) -> dict[str, Any]:
    return {"mean": line.get(column), "low": line.get(f"{column}_low"), "high": line.get(f"{column}_high")}


def _lines(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows as JSON values; None for NaN."""
    return [{key: _plain(value) for key, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
