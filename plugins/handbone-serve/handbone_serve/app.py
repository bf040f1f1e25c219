"""The server: a page for people, and a REST API for programs, both behind one guard."""

import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, UploadFile, params
from fastapi.responses import FileResponse, HTMLResponse, Response, StreamingResponse

from handbone.core.errors import HandboneError
from handbone.report.templates import template
from handbone_serve import work
from handbone_serve.answers import Format, Image, Problem, Result, image_of, result_of
from handbone_serve.guard import Guard, requires
from handbone_serve.jobs import Full, Job, Jobs
from handbone_serve.names import safe_name

_PACKAGE = "handbone_serve"
_SUMMARY = (
    "Outlines the 29 bones of hand radiographs. Hand in a file, wait for the state `done`, and fetch the masks. "
    "A research tool, not a medical device."
)


def make_app(jobs: Jobs, *, token: str, hosts: list[str], max_bytes: int) -> FastAPI:
    """The application.

    Parameters
    ----------
    jobs: are started and stopped with it. token: that every request of the API needs.
    hosts: names under which it may be reached. max_bytes: of one request.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        jobs.start()
        yield
        jobs.stop()

    # The usual pages of documentation would fetch their scripts from another host.
    app = FastAPI(
        title="handbone serve", version="1", summary=_SUMMARY, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.add_middleware(Guard, hosts=hosts, max_bytes=max_bytes)
    _add_page(app, max_bytes)
    border = _Border.of(token)
    _add_images(app, jobs, border)
    _add_masks(app, jobs, border)
    _add_events(app, jobs, border)
    return app


def _add_page(app: FastAPI, max_bytes: int) -> None:
    page = template("serve.html.jinja", package=_PACKAGE).render(max_mb=max_bytes // 1_000_000)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def index() -> str:
        return page


@dataclass(frozen=True)
class _Border:
    """What every path of the API requires and may answer.

    guard: of each path. refused: answers of the guard. missing: those, and the one to an unknown id.
    """

    guard: list[params.Depends]
    refused: dict[int | str, dict[str, Any]]
    missing: dict[int | str, dict[str, Any]]

    @classmethod
    def of(cls, token: str) -> "_Border":
        refused: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (401, 403, 421)}
        return cls([Depends(requires(token))], refused, refused | {404: {"model": Problem}})


def _known(jobs: Jobs) -> Callable[[str], Job]:
    """The dependency that finds a radiograph's job by its id."""

    def known(id: str) -> Job:
        if (job := jobs.get(id)) is None:
            raise HTTPException(404, "there is no radiograph with this id")
        return job

    return known


def _add_images(app: FastAPI, jobs: Jobs, border: _Border) -> None:
    """Radiographs: hand one in, list all, remove one."""
    OneJob = Annotated[Job, Depends(_known(jobs))]
    full = {status: {"model": Problem} for status in (400, 413, 429, 507)}

    @app.post("/api/images", status_code=202, dependencies=border.guard, responses=border.refused | full)
    def hand_in(file: UploadFile) -> Image:
        """Hand in a radiograph: PNG, JPEG, TIFF, or what an installed plugin reads, such as DICOM."""
        name = safe_name(file.filename)
        try:
            job = jobs.new(name)
        except Full:
            raise HTTPException(429, "too many radiographs are here: remove some") from None
        try:
            with open(job.folder / work.IMAGE / name, "wb") as kept:
                shutil.copyfileobj(file.file, kept)
        except OSError as error:
            jobs.remove(job)
            raise HTTPException(507, f"the radiograph cannot be kept ({error.strerror})") from None
        jobs.add(job)
        return image_of(job, jobs.ahead(job))

    @app.get("/api/images", dependencies=border.guard, responses=border.refused)
    def images() -> list[Image]:
        """All radiographs, as they were handed in."""
        return [image_of(job, jobs.ahead(job)) for job in jobs.all()]

    @app.get("/api/images/{id}", dependencies=border.guard, responses=border.missing)
    def image(job: OneJob) -> Result:
        """What is known of a radiograph: its hands with their bones, flags and measurements."""
        return result_of(job, jobs.ahead(job))

    @app.delete("/api/images/{id}", status_code=204, dependencies=border.guard, responses=border.missing)
    def remove(job: OneJob) -> None:
        """Cancel a radiograph where it is not done, and delete it with its results."""
        jobs.remove(job)


def _add_masks(app: FastAPI, jobs: Jobs, border: _Border) -> None:
    """What a finished radiograph has: masks as zip files, and the parts of its page."""

    def finished(job: Annotated[Job, Depends(_known(jobs))]) -> Job:
        if job.state != "done":
            raise HTTPException(409, f"the radiograph is not done, but {job.state}")
        return job

    DoneJob = Annotated[Job, Depends(finished)]

    @app.get("/api/formats", dependencies=border.guard, responses=border.refused)
    def formats() -> list[Format]:
        """Formats in which masks can be downloaded."""
        return [Format(name=name, summary=summary) for name, summary in work.formats().items()]

    @app.get("/api/images/{id}/cards", dependencies=border.guard, include_in_schema=False)
    def cards(job: DoneJob) -> list[str]:
        return job.cards

    archive = {200: {"content": {"application/zip": {}}, "description": "A zip file of the format's files."}}
    no_masks = {409: {"model": Problem}, 422: {"description": "There are no masks, or the format cannot hold them."}}

    @app.get(
        "/api/images/{id}/masks/{format}",
        dependencies=border.guard,
        responses=border.missing | archive | no_masks,
        response_class=Response,
    )
    def masks(job: DoneJob, format: str) -> FileResponse:
        """The masks of a radiograph as a zip file."""
        if format not in work.formats():
            raise HTTPException(404, "there is no format of this name")
        try:
            with job.lock:
                path = work.export(job.folder, format)
        except HandboneError as error:
            raise HTTPException(422, error.what) from None
        return FileResponse(path, media_type="application/zip", filename=f"{job.name}-{format}.zip")


def _add_events(app: FastAPI, jobs: Jobs, border: _Border) -> None:
    events = {200: {"content": {"text/event-stream": {}}, "description": "One event a change, without end."}}

    @app.get("/api/events", dependencies=border.guard, responses=events | border.refused)
    async def news() -> StreamingResponse:
        """Changes of all radiographs as server-sent events; the data of each is as `/api/images` lists it."""

        async def lines() -> AsyncIterator[str]:
            yield ": here\n\n"
            async for change in jobs.news():
                if change is None:
                    yield ": still here\n\n"
                    continue
                job, state = change
                yield f"data: {json.dumps(image_of(job, jobs.ahead(job)).model_dump() | {'state': state})}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")
