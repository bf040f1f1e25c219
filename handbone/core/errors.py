"""The exceptions that users see: one sentence that says what is wrong, where, and what to do."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class HandboneError(Exception):
    """An error that the user can do something about.

    Parameters
    ----------
    what: what is wrong, as a clause without a full stop ("unknown key 'epoch'").
    where: the file, optionally with its line or key ("recipes/two_stage.toml, line 12").
    remedy: what to do about it ("did you mean 'epochs'?").
    """

    def __init__(self, what: str, *, where: str | Path | None = None, remedy: str | None = None):
        self.what, self.where, self.remedy = what, None if where is None else str(where), remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        sentence = f"{self.where}: {self.what}" if self.where else self.what
        return f"{sentence}; {self.remedy}" if self.remedy else sentence

    def __reduce__(self) -> Any:
        # Exceptions are copied to other processes by their only argument, which subclasses have more of.
        return _copied, (type(self), self.what, self.where, self.remedy)


def _copied(kind: type[HandboneError], what: str, where: str | None, remedy: str | None) -> HandboneError:
    error = kind.__new__(kind)
    HandboneError.__init__(error, what, where=where, remedy=remedy)
    return error


class UnknownNameError(HandboneError):
    """An unknown name; the remedy suggests the closest known one.

    absent: packages that are not used but may provide it.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        known: Iterable[str],
        *,
        where: str | Path | None = None,
        absent: Iterable[str] = (),
    ):
        self.name = name
        left_out = ", ".join(absent)
        remedy = suggest(name, known) + (f" (plugins not loaded: {left_out})" if left_out else "")
        super().__init__(f"unknown {kind} {name!r}", where=where, remedy=remedy)


class ShapeError(HandboneError):
    """An array with the wrong shape; the message quotes the actual shape."""

    def __init__(self, name: str, wanted: str, got: tuple[int, ...], *, where: str | Path | None = None):
        super().__init__(f"{name} must have the shape {wanted}, but got {tuple(got)}", where=where)


def shortened(text: str, longest: int = 100) -> str:
    """A text that a message repeats, cut where it goes on for too long to be read."""
    return text if len(text) <= longest else f"{text[:longest]}..."


def suggest(name: str, known: Iterable[str]) -> str:
    """A suggestion for an unknown name: the closest known name, or all known names if none is close."""
    known = sorted(set(known))
    lowered = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    if near:
        return f"did you mean {lowered[near[0]]!r}?"
    return f"choose one of: {', '.join(known)}" if known else "none are available"
