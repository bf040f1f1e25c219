"""Random access to a prediction file: where each image's rows lie, in whatever order they stand."""

import csv
import io
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from handbone import anatomy
from handbone.core.errors import HandboneError, UnknownNameError

COLUMNS = ("image_name", "class", "rle")
# Python's own limit of 131072 characters is less than the run lengths of a noisy mask take.
_FIELD_LIMIT = 1 << 27


class PredictionsIndex:
    """A prediction file that is read image by image, with one image in memory at a time.

    Columns, classes and rows may come in any order. Where rows of an image stand together, one place is kept for all
    of them, else one for each row.

    Parameters
    ----------
    path: the file, CSV in UTF-8.

    Raises
    ------
    HandboneError: a file that cannot be read, or a missing column.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
        try:
            with open(self.path, "rb") as file:
                self._columns = self._header(file)
                self._scan(file)
        except OSError as error:
            raise HandboneError(f"cannot be read ({error.strerror})", where=self.path) from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise self._no_csv(error) from error

    def _no_csv(self, error: Exception) -> HandboneError:
        return HandboneError(f"is not a CSV in UTF-8 ({error})", where=self.path)

    def _header(self, file: BinaryIO) -> list[str]:
        columns = [name.strip() for name in next(csv.reader([file.readline().decode("utf-8-sig")]), [])]
        for name in COLUMNS:
            if name not in columns:
                what, remedy = f"the column {name!r} is missing", f"needed are {', '.join(COLUMNS)}"
                raise HandboneError(what, where=f"{self.path}, line 1", remedy=remedy)
        return columns

    def _scan(self, file: BinaryIO) -> None:
        """Find the runs of rows of one image: which image, where they begin and end, and on which line."""
        place = self._columns.index(COLUMNS[0])
        numbers: dict[str, int] = {}
        images, starts, ends, lines = (array("q") for _ in range(4))
        current, at = None, file.tell()
        for number, row in _rows(file, first=2):
            name = _cell(row, place)
            if name is not None and name != current:
                if current is not None:
                    ends.append(at)
                images.append(numbers.setdefault(name, len(numbers)))
                starts.append(at)
                lines.append(number)
                current = name
            at += len(row)
        if current is not None:
            ends.append(at)
        self._numbers = numbers
        owners = np.array(images, np.int64)
        order = np.argsort(owners, kind="stable")
        self._runs = np.column_stack([np.array(each, np.int64)[order] for each in (starts, ends, lines)])
        self._first = np.searchsorted(owners[order], np.arange(len(numbers) + 1))

    @property
    def names(self) -> list[str]:
        """The image names in the order in which they first occur."""
        return list(self._numbers)

    def cells(self, name: str) -> list[str]:
        """The 29 run lengths of an image in anatomy order.

        Raises
        ------
        HandboneError: an unknown, missing or repeated class, or a malformed row. KeyError: no such image.
        """
        number = self._numbers[name]
        texts: dict[str, str] = {}
        try:
            with open(self.path, "rb") as file:
                for start, end, line in self._runs[self._first[number] : self._first[number + 1]].tolist():
                    file.seek(start)
                    rows = csv.reader(io.StringIO(file.read(end - start).decode("utf-8"), newline=""))
                    self._read(rows, name, line, texts)
        except OSError as error:
            raise HandboneError(f"cannot be read ({error.strerror})", where=self.path) from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise self._no_csv(error) from error
        missing = [bone for bone in anatomy.NAMES if bone not in texts]
        if missing:
            what = f"{name!r} has no row for {', '.join(missing)}"
            remedy = "write a row with an empty rle for a bone that is not seen, unless the file is cut off"
            raise HandboneError(what, where=self.path, remedy=remedy)
        return [texts[bone] for bone in anatomy.NAMES]

    def _read(self, rows: Iterator[list[str]], name: str, first_line: int, texts: dict[str, str]) -> None:
        """Add an image's rows, the first of which is on `first_line`, to its texts by class."""
        count, columns = len(self._columns), [self._columns.index(column) for column in COLUMNS[1:]]
        for row in rows:
            if not row:
                continue
            if len(row) != count:
                what = f"the row has {len(row)} cells and the header {count}"
                raise HandboneError(what, where=self._line(rows, first_line))
            bone, text = (row[column] for column in columns)
            if bone not in anatomy.INDEX:
                raise UnknownNameError("class", bone, anatomy.NAMES, where=self._line(rows, first_line))
            if bone in texts:
                raise HandboneError(f"a second row for {bone} of {name!r}", where=self._line(rows, first_line))
            texts[bone] = text.strip()

    def _line(self, rows: Iterator[list[str]], first_line: int) -> str:
        return f"{self.path}, line {first_line + rows.line_num - 1}"


def _rows(lines: Iterable[bytes], *, first: int) -> Iterator[tuple[int, bytes]]:
    """Each row with the number of its first line; a quoted cell may go over several lines."""
    begun, begun_on = b"", first
    for number, line in enumerate(lines, start=first):
        if not begun and b'"' not in line:
            yield number, line
            continue
        begun_on = begun_on if begun else number
        begun += line
        if begun.count(b'"') % 2 == 0:
            yield begun_on, begun
            begun = b""
    if begun:
        yield begun_on, begun


def _cell(row: bytes, place: int) -> str | None:
    """A row's cell; None for an empty line. Without quotes, as almost all files are, splitting is exact and fast."""
    if row.isspace():
        return None
    if b'"' not in row:
        cells = row.rstrip(b"\r\n").split(b",", place + 1)
        return cells[place].decode("utf-8") if place < len(cells) else ""
    cells = next(csv.reader(io.StringIO(row.decode("utf-8"), newline="")), [])
    return cells[place] if place < len(cells) else ""
