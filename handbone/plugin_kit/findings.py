"""The result of a check of a plugin, passed between processes."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One check.

    Parameters
    ----------
    what: such as "wheel", "import", "handbone_models", "model mine".
    reasons: one line each: what is wrong, what could not be tried, or, where it passed, what was seen.
    """

    what: str
    state: Literal["passed", "failed", "left out"]
    reasons: tuple[str, ...] = ()
