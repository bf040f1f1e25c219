"""How precise each measure was in the validation, and which miss their aim.

`validation.json` is written by `docs/measurements/validate.py`; `docs/pages/measurements.md` explains it.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from handbone.measure.spec import Measure

VALIDATION_FILE = Path(__file__).with_name("validation.json")


@dataclass(frozen=True)
class Precision:
    """Of one measure, in the unit of its aim.

    exact: mean absolute error with exact masks. predicted: the same with masks of the shipped weights. repeat: how much
    the value of a hand changes with scale, turn, brightness and compression, as a standard deviation, with exact masks.
    """

    exact: float
    predicted: float
    repeat: float


@lru_cache(maxsize=1)
def precisions() -> dict[str, Precision]:
    """Name of each measure to its precision; those that were not validated are left out."""
    table = json.loads(VALIDATION_FILE.read_text(encoding="utf-8"))["measures"]
    return {name: Precision(row["exact"], row["predicted"], row["repeat"]) for name, row in table.items()}


def missed_aim(measure: Measure) -> str:
    """What a reader of a value has to know of a measure that misses its aim; empty for one that meets it."""
    known = precisions().get(measure.name)
    if measure.aim is None or known is None:
        return ""
    said = {
        "with exact masks": known.exact,
        "with masks of the shipped weights": known.predicted,
        "from repeat to repeat": known.repeat,
    }
    missed = [f"{measure.aim.amounting(value)} {where}" for where, value in said.items() if value > measure.aim.amount]
    return f"misses its aim of {measure.aim.text}: {', '.join(missed)}" if missed else ""
