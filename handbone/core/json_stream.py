"""JSON objects with one long list, written and read entry by entry, so that memory does not grow with the list.

The text is what `json.dumps` with an indent of 1 gives of the whole, and any JSON reader takes it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from handbone.core.files import atomic_file, json_value

_ENTRY = "  "  # what lines of an entry begin with


def json_chunks(head: Mapping[str, Any], key: str, entries: Iterable[Any]) -> Iterator[str]:
    """The text of an object whose last key has a list, in pieces: one an entry.

    >>> print("".join(json_chunks({"schema": "s/1"}, "images", [1, 2])))
    {
     "schema": "s/1",
     "images": [
      1,
      2
     ]
    }

    Parameters
    ----------
    head: all other keys; at least one. key: of the list. entries: what `json_value` can write.
    """

    def text(value: Any) -> str:
        return json.dumps(value, indent=1, ensure_ascii=False, default=json_value)

    yield f"{text(dict(head))[:-2]},\n {json.dumps(key)}: ["
    ending = "]\n}"
    for number, entry in enumerate(entries):
        yield f"{',' if number else ''}\n{_ENTRY}" + text(entry).replace("\n", f"\n{_ENTRY}")
        ending = "\n ]\n}"
    yield ending


def json_line(value: Any) -> bytes:
    """A value as one line of JSON Lines (https://jsonlines.org), with bytes of file names as `write_json_entries`.

    >>> json_line({"name": "a.png"})
    b'{"name": "a.png"}\\n'
    """
    text = json.dumps(value, ensure_ascii=False, default=json_value)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def write_json_entries(path: Path, head: Mapping[str, Any], key: str, entries: Iterable[Any]) -> Path:
    """Write such an object atomically; bytes of file names that are no UTF-8 become `\\udcXX`, as in `write_text`."""
    with atomic_file(path) as temporary, open(temporary, "wb") as file:
        for chunk in json_chunks(head, key, entries):
            file.write(chunk.encode("utf-8", "backslashreplace"))
        file.write(b"\n")
    return Path(path)


def read_json_head(path: Path, key: str) -> dict[str, Any]:
    """All keys of such a file that stand before its list.

    Raises
    ------
    OSError, ValueError: it cannot be read, or is another kind of file.
    """
    with open(path, encoding="utf-8") as file:
        lines: list[str] = []
        for line in file:
            if line.startswith(f" {json.dumps(key)}: ["):
                return dict(json.loads("".join(lines).rstrip().removesuffix(",") + "}"))
            lines.append(line)
    raise ValueError(f"{path}: no list {key!r}")


def read_json_entries(path: Path, key: str) -> Iterator[Any]:
    """The entries of a list that `write_json_entries` wrote, one in memory at a time.

    A file of another layout, such as one that was written anew by another program, is read as a whole.

    Raises
    ------
    OSError, ValueError: it cannot be read, is another kind of file, or is cut.
    """
    with open(path, encoding="utf-8") as file:
        own = next((line for line in file if line.startswith(f" {json.dumps(key)}: [")), None)
        if own is None:
            file.seek(0)
            yield from json.load(file)[key]
            return
        if not own.rstrip().endswith("["):  # it is empty
            return
        lines: list[str] = []
        for line in file:
            if line.startswith(" ]"):
                return
            lines.append(line)
            # Lines within an entry are indented more deeply, and texts have no line breaks of their own.
            if not line.startswith(f"{_ENTRY} ") and not line.rstrip().endswith(("{", "[")):
                yield json.loads("".join(lines).rstrip().removesuffix(","))
                lines = []
    raise ValueError(f"{path}: the file is cut")
