"""What a run is about to do, and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path

from handbone.runs.context import Step
from handbone.runs.folder import State


@dataclass(frozen=True)
class PlannedStep:
    """A step of a run, its fingerprint, and what running it would mean."""

    step: Step
    fingerprint: str
    state: State


@dataclass(frozen=True)
class Result:
    """What a run left: headline metrics, files and the images that could not be used."""

    folder: Path
    metrics: dict
    seconds: dict[str, float]
    peak_memory_gb: float | None
    problems: list[dict] = field(default_factory=list)
