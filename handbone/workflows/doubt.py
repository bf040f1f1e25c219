"""How doubtful predictions are, so that people correct first where it pays."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from handbone.core.escaping import cell
from handbone.workflows.records import flag_text

ORDER_FILE = "order.csv"


def doubt_of(record: Mapping[str, Any]) -> float:
    """How many of an image's masks are likely wrong: what confidences lack to 1, and 1 more for every flag.

    Parameters
    ----------
    record: what `predictions.json` has of the image; an empty one is of an image that nothing is known of.
    """
    confidence: Mapping[str, float] = record.get("confidence") or {}
    return sum(1 - value for value in confidence.values()) + len(record.get("flags") or ())


def write_order(path: Path, names: Sequence[str], records: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a CSV with one row per image: number, image, doubt, least certain bone, and the flags in words."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["number", "image", "doubt", "least_certain_bone", "confidence", "flags"])
        for number, name in enumerate(names, start=1):
            record = records.get(name, {})
            confidence = record.get("confidence") or {}
            bone = min(confidence, key=confidence.__getitem__, default="")
            flags = "; ".join(flag_text(flag) for flag in record.get("flags") or ())
            value = f"{confidence[bone]:.4f}" if bone else ""
            rows.writerow([number, cell(name), f"{doubt_of(record):.3f}", bone, value, cell(flags)])
