"""A run's folder: one folder a step, each whole or absent, with the fingerprint of what it was made from."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from handbone.core.errors import HandboneError
from handbone.core.files import move, write_json

State = Literal["new", "reused", "continued", "redone"]
_RECORD = "step.json"


def fingerprint_of(value: Any) -> str:
    """16 hexadecimal digits of the sha256 of a JSON value with sorted keys."""
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
        """What running the step with this fingerprint would mean."""
        if _record(self.step(name)).get("fingerprint") == fingerprint:
            return "reused"
        if _record(self.workdir(name)).get("fingerprint") == fingerprint:
            return "continued"
        return "redone" if self.step(name).exists() else "new"

    def seconds(self, name: str) -> float:
        """How long the step took when it was made."""
        return _record(self.step(name)).get("seconds", 0.0)

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
            write_json(workdir / _RECORD, {**record, "seconds": round(record["seconds"] + time.monotonic() - start, 1)})
        _remove(whole)
        move(workdir, whole)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process.

        Raises
        ------
        HandboneError: when another process is at work on the same run.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", timeout=0):
                yield
        except Timeout:
            raise HandboneError(
                "another handbone process is at work on this run",
                where=self.path,
                remedy="wait for it, or give this run another folder with --output",
            ) from None


def _remove(step: Path) -> None:
    """Remove a step's results; of those of another run the link alone."""
    if step.is_symlink():
        step.unlink()
    elif step.exists():
        shutil.rmtree(step)


def _record(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
