"""What a measure is: a function over a hand, with its definition, its source and what is known of its precision.

A measure's docstring is the only place where that stands. The registry, `handbone measure --list` and the documentation
read it from there.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from handbone.measure.hand import Hand

#: Of a measure's value: "length" is mm, or px without a scale.
Kind = Literal["length", "ratio", "degrees", "percent", "mm^0.34"]
_FIELDS = ("Definition", "Landmarks", "Source", "Normal", "Repeatability")


@dataclass(frozen=True)
class Aim:
    """How precise a measure should be: a share of its value in percent, or an amount in its own unit.

    >>> Aim(0.5, "%").text
    '0.5 %'
    """

    amount: float
    unit: Literal["%", "mm", "degrees", "of the ratio", "points"]

    @property
    def relative(self) -> bool:
        """Whether errors count as shares of the value."""
        return self.unit == "%"

    @property
    def text(self) -> str:
        """For patients: "0.5 %", "0.005"."""
        return self.amounting(self.amount)

    def amounting(self, amount: float) -> str:
        """An amount in the aim's unit for users, in two digits."""
        return f"{amount:.2g}" if self.unit == "of the ratio" else f"{amount:.2g} {self.unit}"

    def error(self, value: float, ground_truth: float) -> float:
        """How far a value is off, in the aim's unit."""
        return 100 * (value - ground_truth) / ground_truth if self.relative else value - ground_truth


@dataclass(frozen=True, eq=False)
class Reading:
    """What a measure found.

    value: in the measure's unit. lines: (n, 2) polylines that show what was measured, in units of length.
    """

    value: float
    lines: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class Measure:
    """A measure and all that is known of it.

    Parameters
    ----------
    name: unique, as in `measurements.csv`. title: for users.
    kind: of its value. targets: the bones, joints or pairs of bones that it is taken of.
    aim: how precise it should be; None where nothing is known to compare with.
    definition, landmarks, source, normal, repeatability: texts. repeatability is that of patients.
    function: takes the hand and a target; raises `Refused` with the reason where the measure is not defined.
    """

    name: str
    title: str
    kind: Kind
    targets: tuple[str, ...] = field(repr=False)
    aim: Aim | None
    definition: str = field(repr=False)
    landmarks: str = field(repr=False)
    source: str = field(repr=False)
    normal: str = field(repr=False)
    repeatability: str = field(repr=False)
    function: Callable[[Hand, str], Reading] = field(repr=False)

    def __reduce__(self) -> tuple[Callable[[str], "Measure"], tuple[str]]:
        """In another process, it is the one of its name."""
        # Late, as the registry imports this module.
        from handbone.measure.registry import find_measure

        return find_measure, (self.name,)

    def unit(self, length: str) -> str:
        """Of its values; `length` is the unit of lengths, "mm" or "px"."""
        if self.kind == "length":
            return length
        return {"ratio": "", "degrees": "degrees", "percent": "%"}.get(self.kind, self.kind)


def measure(
    kind: Kind, targets: Sequence[str], *, aim: Aim | None = None
) -> Callable[[Callable[[Hand, str], Reading]], Measure]:
    """Makes a measure of a function over a hand and a target, which gives the measure its name.

    The function's docstring has a title, and a paragraph each for Definition, Landmarks, Source, Normal and
    Repeatability.
    """

    def make(function: Callable[[Hand, str], Reading]) -> Measure:
        title, told = _read(function)
        return Measure(function.__name__, title, kind, tuple(targets), aim, **told, function=function)

    return make


def _read(function: Callable) -> tuple[str, dict[str, str]]:
    """The title and the fields of a measure's docstring."""
    text = inspect.getdoc(function) or ""
    title, *paragraphs = re.split(rf"\n+(?=(?:{'|'.join(_FIELDS)}): )", text)
    told = {name.lower(): " ".join(body.split()) for name, _, body in (p.partition(":") for p in paragraphs)}
    missing = [name for name in _FIELDS if not told.get(name.lower())]
    if missing:
        raise ValueError(f"the docstring of the measure {function.__name__} lacks {', '.join(missing)}")
    return " ".join(title.split()).rstrip("."), told
