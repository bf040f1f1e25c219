"""JSON files of unknown origin, read within limits."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError

#: Bytes; a parsed file takes about five times as much memory.
LARGEST = 1 << 29


def read_bytes(path: Path, *, largest: int = LARGEST) -> bytes:
    """A label file's bytes.

    Raises
    ------
    HandboneError: the file cannot be read, or is larger than `largest` bytes.
    """
    try:
        size = path.stat().st_size
        if size > largest:
            what = f"the file of {size / 1e6:.0f} MB is larger than {largest / 1e6:.0f} MB"
            raise HandboneError(what, where=path, remedy="split it into several files")
        return path.read_bytes()
    except OSError as error:
        raise HandboneError(f"cannot be read: {error.strerror}", where=path, remedy="check its permissions") from None


def read_text(path: Path, *, largest: int = LARGEST) -> str:
    """A JSON file's text, in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises
    ------
    HandboneError: the file cannot be read, is larger than `largest` bytes, or is no such text.
    """
    data = read_bytes(path, largest=largest)
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        raise HandboneError("not a text in UTF-8", where=path, remedy="export the file again") from None


def read_json(path: Path, *, largest: int = LARGEST) -> Any:
    """A JSON file's content.

    Raises
    ------
    HandboneError: the file cannot be read, is too large or too deeply nested, or is not JSON; says in which line.
    """
    text = read_text(path, largest=largest)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        what = f"not valid JSON: {error.msg} in line {error.lineno}"
        raise HandboneError(what, where=path, remedy="export the file again; it may have been cut") from None
    except RecursionError:
        raise HandboneError("not valid JSON: nested too deeply", where=path, remedy="export the file again") from None
    except ValueError:  # Python reads no number of more than 4300 digits
        raise HandboneError("not valid JSON: a number without end", where=path, remedy="export it again") from None


def files_with(root: Path, marks: Sequence[str]) -> Iterator[Path]:
    """The JSON files below a folder, hidden ones apart, whose texts hold all marks; they may be broken otherwise."""
    for path in sorted(root.rglob("*.json"), key=lambda path: (len(path.parts), path)):
        if any(part.startswith(".") for part in path.relative_to(root).parts) or not path.is_file():
            continue
        try:
            text = read_text(path)  # a file may be large: it is searched before anything is parsed
        except HandboneError:
            continue
        if all(mark in text for mark in marks):
            yield path
