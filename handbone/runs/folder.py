"""A run's folder: one folder a step, each whole or absent, with a record of what it was made from and what it holds."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from handbone.core.digests import content_digest
from handbone.core.files import is_temporary, move, sha256_of, sweep, sync_folder, write_json
from handbone.core.locks import hold

State = Literal["new", "reused", "continued", "redone", "damaged"]
_RECORD = "step.json"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, such as `runs/two_stage`."""

    path: Path

    def step(self, name: str) -> Path:
        """Where a step's whole results lie."""
        return self.path / "steps" / name

    def workdir(self, name: str) -> Path:
        """Where a step works until it is whole."""
        return self.path / "steps" / f".{name}.part"

    def state(self, name: str, fingerprint: str) -> State:
        """What running the step with this fingerprint would mean; a whole step's files are compared with their sums."""
        step, workdir = self.step(name), _record(self.workdir(name))
        damaged = step.exists() and self.damage(name) is not None
        if not damaged and _record(step).get("fingerprint") == fingerprint:
            return "reused"
        if workdir.get("fingerprint") == fingerprint:
            return "continued"
        if damaged:
            return "damaged"
        return "redone" if step.exists() else "new"

    def damage(self, name: str) -> str | None:
        """The first file of a whole step that is not as the step left it, relative to the run; None where all are."""
        step = self.step(name)
        sums = _record(step).get("files")
        if not isinstance(sums, dict):
            return f"steps/{name}/{_RECORD}"
        return next((f"steps/{name}/{file}" for file, known in sums.items() if _sum_of(step / file) != known), None)

    def seconds(self, name: str) -> float:
        """How long the step took when it was made."""
        return float(_record(self.step(name)).get("seconds", 0.0))

    def link_from(self, name: str, fingerprint: str, other: "RunFolder") -> bool:
        """Make a step's results those that another run has made from the same, by a link to them.

        Returns
        -------
        Whether this run has them now and had not before. False where the other run has none, where this one has
        begun the step itself, and on systems without links.
        """
        if self.state(name, fingerprint) in ("reused", "continued") or other.state(name, fingerprint) != "reused":
            return False
        link = self.step(name)
        _remove(link)
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.symlink_to(
                os.path.relpath(other.step(name).resolve(), link.parent.resolve()), target_is_directory=True
            )
        except OSError:
            return False
        return True

    @contextmanager
    def work_on(self, name: str, fingerprint: str) -> Iterator[Path]:
        """The folder to work in; becomes the step's folder when the block succeeds.

        What an interrupted block left is there again if the fingerprint is the same, so that a step can continue.
        """
        workdir, whole = self.workdir(name), self.step(name)
        if _record(workdir).get("fingerprint") != fingerprint:
            shutil.rmtree(workdir, ignore_errors=True)
            workdir.mkdir(parents=True)
            write_json(workdir / _RECORD, {"step": name, "fingerprint": fingerprint, "seconds": 0.0})
        record, start = _record(workdir), time.monotonic()
        try:
            yield workdir
        finally:
            # What an interrupted attempt took counts too.
            record["seconds"] = round(record["seconds"] + time.monotonic() - start, 1)
            write_json(workdir / _RECORD, record)
        files = sorted(path for path in workdir.rglob("*") if path.is_file() and path.name != _RECORD)
        sums = {path.relative_to(workdir).as_posix(): sha256_of(path) for path in files}
        write_json(workdir / _RECORD, {**record, "files": sums})
        sync_folder(workdir)
        _remove(whole)
        move(workdir, whole)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process, and remove what processes that were killed have left half written.

        Raises
        ------
        HandboneError: another process is at work on the same run; says which.
        """
        remedy = "wait until it ends, or choose another folder with --output"
        with hold(self.path / ".lock", where=self.path, remedy=remedy):
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove temporary files and folders; in steps the run's lock says that nobody is writing any."""
        for folder in (self.path, self.path / "weights"):
            sweep(folder)
        for root, folders, files in os.walk(self.path / "steps"):
            for name in [name for name in (*folders, *files) if is_temporary(Path(name))]:
                _remove(Path(root, name))
            folders[:] = [name for name in folders if Path(root, name).exists()]


def _remove(path: Path) -> None:
    """Remove a file, or a step's results; of those of another run the link alone."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _sum_of(path: Path) -> str | None:
    try:
        return content_digest(path)
    except OSError:
        return None


def _record(folder: Path) -> dict[str, Any]:
    """What a step's record says; nothing where it is missing, empty or cut."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) and isinstance(record.get("seconds"), int | float) else {}
