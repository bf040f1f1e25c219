"""Lists of paths in a text file, one per line, as `find` and other programs write them."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from handbone.core.errors import HandboneError

_SHOWN = 3  # bad lines that an error names
_STDIN = "-"


def read_path_list(file: Path) -> list[Path]:
    """The paths in a list, one per line; empty lines are passed over, and relative paths are as everywhere.

    Parameters
    ----------
    file: in any encoding that file names have here; `-` is standard input.

    Raises
    ------
    HandboneError: it cannot be read, has no path, or nothing is at some of them; those are named with their lines.
    """
    lines = list(enumerate(_lines(file), 1))
    missing = [f"line {number}: {line}" for number, line in lines if line and not os.path.lexists(line)]
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
        raise HandboneError(f"no such file or folder: {shown}", where=file, remedy="correct or remove these lines")
    paths = [Path(line) for _, line in lines if line]
    if not paths:
        raise HandboneError("the list is empty", where=file, remedy="write one path per line")
    return paths


def _lines(file: Path) -> Iterable[str]:
    try:
        data = sys.stdin.buffer.read() if str(file) == _STDIN else file.read_bytes()
    except OSError as error:
        raise HandboneError(
            f"the list cannot be read ({error.strerror})", where=file, remedy="check the path"
        ) from None
    if b"\0" in data:
        raise HandboneError("the list has a zero byte", where=file, remedy="write one path per line")
    # Windows' editors put a mark at the start.
    return (os.fsdecode(line.removesuffix(b"\r")) for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
