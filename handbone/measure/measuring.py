"""All measures of one hand."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import UnknownNameError
from handbone.measure.hand import Hand, Refused
from handbone.measure.precision import missed_aim
from handbone.measure.registry import MEASURES, find_measure
from handbone.measure.scale import Scale, ScaleSource
from handbone.measure.spec import Measure

if TYPE_CHECKING:
    import pandas as pd

#: "ok"; "caution": a value with a reservation; "refused": no value.
Quality = Literal["ok", "caution", "refused"]
COLUMNS = ("side", "measure", "bone_or_joint", "value", "unit", "scale_source", "quality", "reason")


@dataclass(frozen=True, eq=False)
class Measurement:
    """What one measure found at one place.

    Parameters
    ----------
    measure, target: what was measured, and of which bone or joint.
    value: None where it was refused.
    unit: of the value.
    scale_source: see `Scale`.
    quality, reason: how far it is to be trusted, and why not.
    lines_px: (n, 2) polylines that show it, in pixels of the image.
    """

    measure: Measure
    target: str
    value: float | None
    unit: str
    scale_source: ScaleSource
    quality: Quality
    reason: str
    lines_px: tuple[np.ndarray, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """The measurement as JSON values, without its lines."""
        return {
            "measure": self.measure.name,
            "bone_or_joint": self.target,
            "value": self.value,
            "unit": self.unit,
            "scale_source": self.scale_source,
            "quality": self.quality,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Measurement":
        """What `to_json` gave, which has no lines."""
        renamed = {**value, "measure": find_measure(value["measure"]), "target": value["bone_or_joint"]}
        del renamed["bone_or_joint"]
        return cls(**renamed)


@dataclass(frozen=True, eq=False)
class Measurements:
    """All measurements of one hand: `measured["carpal_height_ratio"]`, or `measured["length", "MC3"]` where a measure
    is taken of several bones or joints. Iteration gives all of them.

    Parameters
    ----------
    side: "left", "right", or empty where it is not seen; of a palm-down radiograph that is not mirrored.
    scale: how large a pixel is.
    all: every measurement, those that were refused as well.
    """

    side: str
    scale: Scale
    all: tuple[Measurement, ...]

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, key: str | tuple[str, str]) -> Measurement:
        """By the measure's name, or by name and bone or joint where it has several.

        Raises
        ------
        UnknownNameError: there is no such measure, or it is not taken there.
        """
        name, target = key if isinstance(key, tuple) else (key, None)
        targets = find_measure(name).targets
        target = targets[0] if target is None and len(targets) == 1 else target
        for measurement in self.all:
            if (measurement.measure.name, measurement.target) == (name, target):
                return measurement
        raise UnknownNameError(f"bone or joint of {name}", str(target or ""), targets)

    def to_json(self) -> dict[str, Any]:
        """Everything but the lines, as JSON values."""
        return {"side": self.side, "scale": asdict(self.scale), "all": [each.to_json() for each in self.all]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Measurements":
        """What `to_json` gave."""
        return cls(value["side"], Scale.from_json(value["scale"]), tuple(map(Measurement.from_json, value["all"])))

    def rows(self) -> list[dict[str, Any]]:
        """One row a measurement, with the keys of `COLUMNS`."""
        return [{"side": self.side, **measurement.to_json()} for measurement in self.all]

    def to_dataframe(self) -> "pd.DataFrame":
        """The rows as a table; a refused value is NaN."""
        import pandas as pd

        return pd.DataFrame(self.rows(), columns=COLUMNS).astype({"value": float})


def measure_hand(
    masks: BoneMasks,
    *,
    image: np.ndarray | None = None,
    scale: Scale | None = None,
    flagged: Mapping[int, str] | None = None,
) -> Measurements:
    """Take all measures of a hand.

    Parameters
    ----------
    masks: of its bones. image: (H, W) float32 in [0, 1], bones bright; without it measures of grey values are refused.
    scale: how large a pixel is; without it lengths come in pixels.
    flagged: bone index to why its mask is not to be trusted; measures that need such a bone are refused.
    """
    return measure(Hand(masks, image=image, scale=scale, flagged=flagged))


def measure(hand: Hand) -> Measurements:
    """Take all measures of a hand."""
    try:
        side = hand.side
    except Refused:
        side = ""
    taken = tuple(_take(hand, measure, target) for measure in MEASURES.values() for target in measure.targets)
    return Measurements(side, hand.scale, taken)


def flagged_bones(flags: list[dict[str, Any]]) -> dict[int, str]:
    """Bone index to the first reason not to trust it, from the flags that `handbone predict` records.

    Where no hand was found, no bone is to be trusted.
    """
    found: dict[int, str] = {}
    for flag in flags:
        bones = anatomy.NAMES if flag["rule"] == "no-hand" else flag["bones"]
        # What is missing is refused as missing.
        if flag["rule"] not in ("missing", "expected"):
            for bone in bones:
                found.setdefault(anatomy.INDEX[bone], flag["message"])
    return found


def _take(hand: Hand, measure: Measure, target: str) -> Measurement:
    unit, source = measure.unit(hand.scale.unit), hand.scale.source
    try:
        reading = measure.function(hand, target)
    except Refused as refusal:
        return Measurement(measure, target, None, unit, source, "refused", str(refusal))
    cautions = [missed_aim(measure)]
    if measure.kind in ("length", "mm^0.34"):
        cautions.insert(0, hand.scale.caution)
    reason = "; ".join(caution for caution in cautions if caution)
    quality: Quality = "caution" if reason else "ok"
    lines = tuple(hand.pixels(line) for line in reading.lines)
    return Measurement(measure, target, float(reading.value), unit, source, quality, reason, lines)
