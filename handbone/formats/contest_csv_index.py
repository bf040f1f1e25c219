"""Random access to a prediction file: where each image's rows lie, in whatever order they stand."""

import csv
import io
import re
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from handbone import anatomy
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.rle import Cells
from handbone.formats.csv_text import NOT_CSV_REMEDY, CsvText

COLUMNS = ("image_name", "class", "rle")
#: The image's size, in files whose images are not of the contest's 2048 x 2048; the contest's readers ignore them.
SIZE_COLUMNS = ("height", "width")

# Python's own limit of 131072 characters is less than the run lengths of a noisy mask take.
_FIELD_LIMIT = 1 << 27
_LONGEST_EMPTY = 9
# How patients write that there is no mask: an empty cell's name, or a run of no pixel.
_EMPTY = re.compile(
    r"(nan|none|null|n/?a|<na>|-|\[ *\]|\{ *\})?|(0|-1)(\.0*)?|-?[01](\.0*)? 0(\.0*)?|-1(\.0*)? -1(\.0*)?",
    re.IGNORECASE,
)
_ZEROS = re.compile(r"\.0*(?= |$)", re.ASCII)
_BONE_OF = {name.lower(): name for name in anatomy.NAMES}
_BLANK = re.compile("[ _]+")
_LARGEST_SIDE = 1 << 20


class PredictionsIndex:
    """A prediction file that is read image by image, with one image in memory at a time.

    Columns, classes and rows may come in any order. Where rows of an image stand together, one place is kept for all
    of them, else one for each row. A file may hold some bones only.

    Parameters
    ----------
    path: the file, CSV with commas, semicolons or tabs, plain or in zip or gzip.

    Raises
    ------
    HandboneError: a file that cannot be read, or a missing column.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
        try:
            self._text = CsvText(self.path, COLUMNS)
            self._columns = self._header()
            with self._text.open() as file:
                file.seek(self._text.start)
                self._scan(file)
        except OSError as error:
            remedy = "check the path and its permissions"
            raise HandboneError(f"cannot be read ({error.strerror})", where=self.path, remedy=remedy) from None
        except csv.Error as error:
            raise self._no_csv(error) from error

    def _no_csv(self, error: Exception) -> HandboneError:
        return HandboneError(f"is not a UTF-8 CSV file ({error})", where=self.path, remedy=NOT_CSV_REMEDY)

    def _header(self) -> list[str]:
        columns = [name.lower() for name in self._text.header]
        for name in COLUMNS:
            if name not in columns:
                what, remedy = f"the column {name!r} is missing", f"required columns: {', '.join(COLUMNS)}"
                raise HandboneError(what, where=f"{self.path}, line {self._text.header_line}", remedy=remedy)
            if columns.count(name) > 1:
                what, remedy = f"there are {columns.count(name)} columns {name!r}", "leave one of them"
                raise HandboneError(what, where=f"{self.path}, line {self._text.header_line}", remedy=remedy)
        return columns

    def _scan(self, file: BinaryIO) -> None:
        """Find the runs of rows of one image: which image, where they begin and end, and on which line."""
        place, separator = self._columns.index(COLUMNS[0]), self._text.separator
        numbers: dict[str, int] = {}
        images, starts, ends, lines, counts = (array("q") for _ in range(5))
        current, at, rows = None, file.tell(), 0
        for number, row in _rows(file, first=self._text.header_line + 1):
            name = _cell(row, place, separator)
            if name is not None:
                if name != current:
                    if current is not None:
                        ends.append(at)
                        counts.append(rows)
                    images.append(numbers.setdefault(name, len(numbers)))
                    starts.append(at)
                    lines.append(number)
                    current, rows = name, 0
                rows += 1
            at += len(row)
        if current is not None:
            ends.append(at)
            counts.append(rows)
        file.seek(max(at - 1, 0))
        whole = file.read(1) == b"\n"
        self._numbers = numbers
        owners = np.array(images, np.int64)
        order = np.argsort(owners, kind="stable")
        self._runs = np.column_stack([np.array(each, np.int64)[order] for each in (starts, ends, lines)])
        self._first = np.searchsorted(owners[order], np.arange(len(numbers) + 1))
        rows_of = np.bincount(owners, np.array(counts, np.int64))
        self._cut = None if whole or current is None or not self._is_short(current, rows_of) else current

    def _is_short(self, last: str, rows: np.ndarray) -> bool:
        """Whether the image of the file's last row has fewer rows than all the others, which have as many."""
        others = np.delete(rows, self._numbers[last])
        return len(others) > 1 and bool((others == others[0]).all()) and rows[self._numbers[last]] < others[0]

    @property
    def names(self) -> list[str]:
        """The image names in the order in which they first occur."""
        return list(self._numbers)

    def cells(self, name: str) -> Cells:
        """The 29 run lengths of an image in anatomy order; None for a bone without a row.

        Raises
        ------
        HandboneError: an unknown or repeated class, a malformed row, or a file that ends within this image. KeyError:
            no such image.
        """
        if name == self._cut:
            what = f"{name!r}, the last image, has fewer rows than the others: the file may be cut off"
            raise HandboneError(what, where=self.path, remedy="copy it again, or add the rows")
        if not name.strip():
            line, _ = next(self._rows_of(name))
            remedy = "name the image of each row"
            raise HandboneError("the row names no image", where=f"{self.path}, line {line}", remedy=remedy)
        texts: dict[str, str] = {}
        of_bone, of_rle = (self._columns.index(column) for column in COLUMNS[1:])
        for line, row in self._rows_of(name):
            bone, text = row[of_bone], row[of_rle]
            bone = bone if bone in anatomy.INDEX else _BONE_OF.get(_BLANK.sub("-", bone.strip().lower()), bone)
            if bone not in anatomy.INDEX:
                raise UnknownNameError("class", bone, anatomy.NAMES, where=f"{self.path}, line {line}")
            if bone in texts:
                what, remedy = f"a second row for {bone} of {name!r}", "leave one of them"
                raise HandboneError(what, where=f"{self.path}, line {line}", remedy=remedy)
            texts[bone] = _plain(text.strip())
        return [texts.get(bone) for bone in anatomy.NAMES]

    def size_hw(self, name: str) -> tuple[int, int] | None:
        """The image's height and width, where the file has these columns; HandboneError for what is no size."""
        if not set(SIZE_COLUMNS) <= set(self._columns):
            return None
        line, row = next(self._rows_of(name))
        sides = [row[self._columns.index(column)].strip() for column in SIZE_COLUMNS]
        if not any(sides):
            return None
        if not all(re.fullmatch("[0-9]{1,7}", side) and 0 < int(side) <= _LARGEST_SIDE for side in sides):
            what = f"{sides[1][:20]!r} x {sides[0][:20]!r} is no size of an image"
            raise HandboneError(what, where=f"{self.path}, line {line}", remedy="write whole pixels, or leave it empty")
        return int(sides[0]), int(sides[1])

    def _rows_of(self, name: str) -> Iterator[tuple[int, list[str]]]:
        """Each row of an image with its line, as many cells as the header has."""
        number, count = self._numbers[name], len(self._columns)
        try:
            with self._text.open() as file:
                for start, end, first in self._runs[self._first[number] : self._first[number + 1]].tolist():
                    file.seek(start)
                    text = io.StringIO(self._text.decode(file.read(end - start)), newline="")
                    rows = csv.reader(text, delimiter=self._text.separator)
                    for row in rows:
                        if _is_empty(row):
                            continue
                        line = first + rows.line_num - 1
                        if len(row) < count or any(row[count:]):
                            what = f"the row has {len(row)} cells, but the header has {count}"
                            remedy = "give each row one cell for each column"
                            raise HandboneError(what, where=f"{self.path}, line {line}", remedy=remedy)
                        yield line, row
        except OSError as error:
            remedy = "check the path and its permissions"
            raise HandboneError(f"cannot be read ({error.strerror})", where=self.path, remedy=remedy) from None
        except csv.Error as error:
            raise self._no_csv(error) from error


def _plain(text: str) -> str:
    """A cell as run lengths are written: nothing for an empty mask, 12 for 12.0, no brackets or commas."""
    if len(text) <= _LONGEST_EMPTY and _EMPTY.fullmatch(text):
        return ""
    if "[" in text or "," in text:
        text = " ".join(text.strip("[](){}").replace(",", " ").split())
    return _ZEROS.sub("", text) if "." in text else text


def _rows(lines: Iterable[bytes], *, first: int) -> Iterator[tuple[int, bytes]]:
    """Each row with the number of its first line; a quoted cell may go over several lines.

    Raises
    ------
    csv.Error: a quote that is not closed.
    """
    begun: list[bytes] = []
    begun_on, size, is_open = first, 0, False
    for number, line in enumerate(lines, start=first):
        quotes = line.count(b'"')
        if not begun and quotes % 2 == 0:
            yield number, line
            continue
        begun_on = begun_on if begun else number
        begun.append(line)
        size += len(line)
        is_open ^= quotes % 2 == 1
        if not is_open:
            yield begun_on, b"".join(begun)
            begun, size = [], 0
        elif size > _FIELD_LIMIT:
            break
    if begun:
        raise csv.Error(f"a quote that begins in line {begun_on} has no end")


def _cell(row: bytes, place: int, separator: str) -> str | None:
    """A row's cell; None for an empty row. Without quotes, as almost all files are, splitting is exact and fast."""
    if not row.strip(b" \t\r\n" + separator.encode()):
        return None
    if b'"' not in row:
        parts = row.rstrip(b"\r\n").split(separator.encode(), place + 1)
        name = CsvText.decode(parts[place]) if place < len(parts) else ""
        if name.strip():
            return name
    rows = list(csv.reader(io.StringIO(CsvText.decode(row), newline=""), delimiter=separator))
    if all(map(_is_empty, rows)):
        return None
    return rows[0][place] if place < len(rows[0]) else ""


def _is_empty(row: list[str]) -> bool:
    """Whether a row says nothing; one of quotes or form feeds does not, either."""
    return not any(map(str.strip, row))
