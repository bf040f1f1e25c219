"""What a run is about to do, and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path

from handbone.runs.context import Step
from handbone.runs.folder import State


@dataclass(frozen=True)
class PlannedStep:
    """A step of a run, its fingerprint, and what running it would mean."""

    step: Step
    mark: str
    state: State


@dataclass(frozen=True)
class Result:
    """What a run left: headline figures, files and the pictures that could not be used."""

    folder: Path
    figures: dict
    seconds: dict[str, float]
    peak_memory_gb: float
    problems: list[dict] = field(default_factory=list)
