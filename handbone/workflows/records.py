"""What is known of predictions beside their masks, as `predictions.json` has it; imports no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from handbone import __version__

if TYPE_CHECKING:
    from handbone.method.settings import MethodSettings


#: What can become of an image: masks, no hand and so no masks, or an error.
ImageOutcome = Literal["outlined", "no_hand", "failed"]
SCHEMA = "handbone.predictions/1"
#: The last key of `predictions.json`: a list of `ImageRecord.to_json`.
IMAGES = "images"


@dataclass(frozen=True)
class ImageRecord:
    """What became of one image.

    Parameters
    ----------
    name: the image's key, its path relative to what was given. path: where it was.
    error: why there is no result; None where there is one.
    size_hw: the image's height and width.
    inverted: whether it showed bones dark and was turned round.
    spacing_mm: from row to row and from column to column, where the file says so. spacing_source: what in it does.
    frame: "shown": masks lie in the image as viewers show it, turned as its EXIF tag says. orientation: that tag, 1
        to 8; 1: it is stored as it is shown.
    hand: what speaks for a hand, see `handbone.method.hands.HandEvidence`; None without a result.
    hands: how many hands the image shows. region: the part of it, (left, top, right, bottom), that holds this one.
    confidence: bone name to the probability that its mask is right, where the weights were calibrated for that, else to
        the mean probability inside its mask; bones that were not found have no entry.
    location: where the hand was found and how the image was turned for that; None where it was not looked for.
    frames: where the second stage looked, by the ROI's name, with fallback and reason; empty without one.
    decisions: one for each bone that the second stage may change.
    answers: what a prompted network said, one for each bone that it was asked for.
    prompt_decisions: one for each bone that the prompted network may change.
    prior: what the anatomical prior found, put right and mended; None without one.
    flags: reasons to look again, see `handbone.method.quality_control`.
    unwritten: name of each writer that could not write it to the reason.
    seconds: time taken by each step.
    """

    name: str
    path: str
    error: str | None = None
    size_hw: tuple[int, int] | None = None
    inverted: bool = False
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str = ""
    frame: str = "shown"
    orientation: int = 1
    hand: dict[str, Any] | None = None
    hands: int = 1
    region: tuple[int, int, int, int] | None = None
    confidence: dict[str, float] = field(default_factory=dict)
    location: dict[str, Any] | None = None
    frames: dict[str, Any] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    prompt_decisions: list[dict[str, Any]] = field(default_factory=list)
    prior: dict[str, Any] | None = None
    flags: list[dict[str, Any]] = field(default_factory=list)
    unwritten: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def outcome(self) -> ImageOutcome:
        """What became of the image, as far as masks go."""
        if self.error is not None:
            return "failed"
        return "outlined" if self.confidence else "no_hand"

    def to_json(self) -> dict[str, Any]:
        """Everything known of it, as JSON values."""
        return {"name": self.name, "outcome": self.outcome, **asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The record that `to_json` gave."""
        return cls(**{key: each for key, each in value.items() if key != "outcome"})


def flag_text(flag: Mapping[str, Any]) -> str:
    """A flag in words, with the bones that it concerns."""
    named = flag["bones"] and flag["rule"] != "missing"
    return f"{', '.join(flag['bones'])}: {flag['message']}" if named else str(flag["message"])


def predictions_head(settings: "MethodSettings", facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is known about predictions beside the images, as JSON values; these follow under the key `images`."""
    return {
        "schema": SCHEMA,
        "handbone": __version__,
        **facts,
        "threshold": settings.threshold,
        "flip_tta": settings.flip_tta,
        "tta": "turned" in settings.views,
        "views": list(settings.views),
        "not_a_medical_device": True,
    }
