"""What came of an adaptation, as a value."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from handbone.workflows.adapt.changes import Changes


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What came of an adaptation.

    Parameters
    ----------
    weights: the folder of the new set; None where it was refused.
    page: the report.
    refused: why the weights were not written, a clause each.
    radiographs, steps: how many there were.
    dice: mean Dice on synthetic hands before and after.
    changes: of the radiographs that were judged.
    pseudo_masks: what was learned from, see `Outliner.summary`.
    unread: a sentence for each radiograph that could not be read.
    """

    weights: Path | None
    page: Path
    refused: tuple[str, ...]
    radiographs: int
    steps: int
    dice: tuple[float, float]
    changes: Changes
    pseudo_masks: dict[str, Any]
    unread: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "weights": None if self.weights is None else str(self.weights),
            "page": str(self.page),
            "refused": list(self.refused),
            "radiographs": self.radiographs,
            "unread": list(self.unread),
            "steps": self.steps,
            "synthetic_dice": dict(zip(("before", "after"), self.dice, strict=True)),
            "flags": {"before": self.changes.flags_before, "after": self.changes.flags_after},
            "pseudo_masks": self.pseudo_masks,
            "bones": [each.to_json() for each in self.changes.bones],
            "judged": [asdict(each) for each in self.changes.radiographs],
        }
