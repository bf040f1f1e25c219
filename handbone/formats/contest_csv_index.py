"""Random access to a prediction file: where each picture's rows lie, so that files in any order join by name."""

import csv
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import COLUMNS, raise_field_limit, rows_of


class PredictionsIndex:
    """A prediction file that is read picture by picture, in any order, with one picture in memory at a time.

    Parameters
    ----------
    path: the file; columns and classes in any order, a picture's rows together.

    Raises
    ------
    HandboneError: a file that cannot be read, a missing column, or a picture whose rows stand apart.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        raise_field_limit()
        # Where each picture's rows begin and end, and how many lines come before them.
        self._places: dict[str, tuple[int, int, int]] = {}
        try:
            with open(self.path, "rb") as file:
                self._header = file.readline().decode("utf-8-sig").rstrip("\r\n")
                self._scan(file)
        except OSError as error:
            raise HandboneError(f"cannot be read ({error.strerror})", where=self.path) from None
        except UnicodeDecodeError as error:
            raise HandboneError(f"is not a CSV in UTF-8 ({error})", where=self.path) from error

    def _scan(self, file) -> None:
        columns = [name.strip() for name in next(csv.reader([self._header]), [])]
        if COLUMNS[0] not in columns:
            what, remedy = f"the column {COLUMNS[0]!r} is missing", f"needed are {', '.join(COLUMNS)}"
            raise HandboneError(what, where=f"{self.path}, line 1", remedy=remedy)
        place, current, start, before = columns.index(COLUMNS[0]), None, file.tell(), 1
        at = start
        for number, line in enumerate(file, start=1):
            name = _cell(line, place)
            if name is not None and name != current:
                if current is not None:
                    self._places[current] = start, at, before
                if name in self._places:
                    what = f"{name!r} comes again, after other pictures"
                    where = f"{self.path}, line {number + 1}"
                    raise HandboneError(what, where=where, remedy="sort the rows by image_name")
                current, start, before = name, at, number
            at += len(line)
        if current is not None:
            self._places[current] = start, at, before

    @property
    def names(self) -> list[str]:
        """The image names in the file's order."""
        return list(self._places)

    def cells(self, name: str) -> list[str]:
        """The 29 run lengths of a picture in anatomy order.

        Raises
        ------
        HandboneError: an unknown, missing or repeated class, or a malformed row. KeyError: no such picture.
        """
        start, end, before = self._places[name]
        with open(self.path, "rb") as file:
            file.seek(start)
            text = file.read(end - start).decode("utf-8")
        lines = [self._header, *text.splitlines()]
        return next(rows_of(csv.reader(lines), self.path, skipped=before - 1))[1]


def _cell(line: bytes, place: int) -> str | None:
    """A row's cell; None for an empty line. Without quotes, as almost all files are, splitting is exact and fast."""
    if line.strip() == b"":
        return None
    if b'"' not in line:
        cells = line.rstrip(b"\r\n").split(b",")
        return cells[place].decode("utf-8") if place < len(cells) else ""
    row = next(csv.reader([line.decode("utf-8")]), [])
    return row[place] if place < len(row) else ""
