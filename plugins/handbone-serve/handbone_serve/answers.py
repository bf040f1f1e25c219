"""What the API answers, as models for its OpenAPI description."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from handbone.workflows.records import ImageRecord
from handbone_serve.jobs import Job, State


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


class Format(BaseModel):
    """A format in which masks can be downloaded."""

    name: str
    summary: str


class Flag(BaseModel):
    """A reason to look again, with the bones that it concerns."""

    rule: str
    bones: list[str]
    message: str


class Hand(BaseModel):
    """One hand of a radiograph; `measurements` are those of `handbone measure`."""

    name: str
    outcome: Literal["outlined", "no_hand", "failed"]
    size_hw: tuple[int, int] | None = Field(description="Height and width in pixels.")
    spacing_mm: tuple[float, float] | None = Field(description="Millimetres from row to row and column to column.")
    confidence: dict[str, float] = Field(description="Name of each bone that was found to its confidence.")
    flags: list[Flag]
    measurements: list[dict[str, Any]]


class Image(BaseModel):
    """A radiograph that was handed in."""

    id: str
    name: str
    state: State
    ahead: int = Field(description="Radiographs that are worked on before this one.")
    error: str | None = None


class Result(Image):
    """A radiograph with its hands, once its state is `done`."""

    hands: list[Hand]


def image_of(job: Job, ahead: int) -> Image:
    """A job as the API lists it."""
    return Image(id=job.id, name=job.name, state=job.state, ahead=ahead, error=job.error)


def result_of(job: Job, ahead: int) -> Result:
    """A job with all that is known of it."""
    measured = {entry["image"]: entry.get("measurements", []) for entry in job.measurements}
    hands = [_hand(record, measured.get(record.name, [])) for record in job.records] if job.state == "done" else []
    return Result(**image_of(job, ahead).model_dump(), hands=hands)


def _hand(record: ImageRecord, measurements: list[dict[str, Any]]) -> Hand:
    return Hand(
        name=record.name,
        outcome=record.outcome,
        size_hw=record.size_hw,
        spacing_mm=record.spacing_mm,
        confidence=record.confidence,
        flags=[Flag(**flag) for flag in record.flags],
        measurements=measurements,
    )
