"""A run's folder: one folder a step, each whole or absent, with the fingerprint of what it was made from."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from handbone.errors import HandboneError
from handbone.files import write_json

State = Literal["new", "reused", "continued", "redone"]
_RECORD = "step.json"


def fingerprint(value: Any) -> str:
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

    def part(self, name: str) -> Path:
        """Where a step works until it is whole."""
        return self.path / "steps" / f".{name}.part"

    def state(self, name: str, mark: str) -> State:
        """What running the step with this fingerprint would mean."""
        if _mark_of(self.step(name)) == mark:
            return "reused"
        if _mark_of(self.part(name)) == mark:
            return "continued"
        return "redone" if self.step(name).exists() else "new"

    @contextmanager
    def work_on(self, name: str, mark: str) -> Iterator[Path]:
        """The folder to work in; becomes the step's folder when the block succeeds.

        What an interrupted block left is there again if the fingerprint is the same, so that a step can continue.
        """
        part, whole = self.part(name), self.step(name)
        if _mark_of(part) != mark:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            write_json(part / _RECORD, {"step": name, "fingerprint": mark})
        yield part
        if whole.exists():
            shutil.rmtree(whole)
        os.replace(part, whole)

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


def _mark_of(folder: Path) -> str | None:
    try:
        return json.loads((folder / _RECORD).read_text())["fingerprint"]
    except (OSError, ValueError, KeyError):
        return None


def latest_run(root: Path = Path("runs")) -> Path:
    """The run folder below `root` that finished last.

    Raises
    ------
    HandboneError: when there is none.
    """
    manifests = sorted(root.glob("*/manifest.json"), key=lambda p: p.stat().st_mtime)
    if not manifests:
        raise HandboneError("there is no finished run", where=root, remedy="start one: handbone run RECIPE")
    return manifests[-1].parent
