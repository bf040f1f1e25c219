"""What a run is about to do, and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path

from handbone.runs.folder import State
from handbone.runs.step import Step


@dataclass(frozen=True)
class PlannedStep:
    """A step of a run, its fingerprint, and what running it would mean.

    damage: where the state is "damaged", the file that is not as the step left it, relative to the run's folder.
    """

    step: Step
    fingerprint: str
    state: State
    damage: str | None = None


@dataclass(frozen=True)
class Result:
    """What a run left: headline metrics, files and the images that could not be used."""

    folder: Path
    metrics: dict
    seconds: dict[str, float]
    peak_memory_gb: float | None
    problems: list[dict] = field(default_factory=list)
