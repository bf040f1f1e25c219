"""Anyone's CSV as UTF-8 lines that end in a line feed: unpacked, decoded and with its separator found."""

import csv
import gzip
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from handbone.core.errors import HandboneError

#: Bytes that a packed file may have unpacked.
LARGEST_UNPACKED = 1 << 31
#: What helps where a file is no table.
NOT_CSV_REMEDY = "save the table as CSV in UTF-8"
_SEPARATORS = (",", ";", "\t", "|")
_BEFORE = re.compile(r"\s*(\"?sep=.\"?\s*)?", re.IGNORECASE)
_HEAD = 1 << 16
_CHUNK = 1 << 20


class CsvText:
    """A CSV file that can be read row by row from any place.

    A plain file is read where it lies. One in zip or gzip, in UTF-16 or with the old Mac's line ends is first copied
    to a temporary file, which goes with this object. Bytes that are no UTF-8 are read as Windows' Latin-1.

    Parameters
    ----------
    path: the file.
    needed: column names by which the separator is known.

    Raises
    ------
    HandboneError: a file that cannot be read, is no text, or is packed with something else or with too much.
    """

    def __init__(self, path: Path, needed: Sequence[str]):
        self.path = path
        self._copy: IO[Any] | None = None
        try:
            with self.open() as file:
                packed = file.read(4)
            if packed.startswith((b"\x1f\x8b", b"PK\x03\x04")):
                self._copy = self._unpacked(packed)
            with self.open() as file:
                head = file.read(_HEAD)
            if head.startswith((b"\xff\xfe", b"\xfe\xff")):
                self._copy = self._recoded()
                with self.open() as file:
                    head = file.read(_HEAD)
            if b"\0" in head:
                what = "is not a UTF-8 CSV file (it contains bytes that are not text)"
                raise HandboneError(what, where=path, remedy=NOT_CSV_REMEDY)
            if b"\r" in head and b"\n" not in head:
                self._copy = self._line_feeds()
        except OSError as error:
            what = f"cannot be read ({error.strerror or error})"
            raise HandboneError(what, where=path, remedy="check the path and its permissions") from None
        with self.open() as file:
            first, self.header_line = self._first(file)
            self.start = file.tell()
        self.separator = _separator(first, needed)
        self.header = [name.strip() for name in next(csv.reader([first], delimiter=self.separator), [])]

    def open(self) -> BinaryIO:
        """The file, or its plain copy, from its beginning."""
        return open(self.path if self._copy is None else self._copy.name, "rb")

    def _first(self, file: BinaryIO) -> tuple[str, int]:
        """The line of the header and its number; before it may stand empty lines, and one by which Excel is told."""
        number = 1
        while (line := self.decode(file.readline(_HEAD)).removeprefix("\ufeff")) and _BEFORE.fullmatch(line):
            number += 1
        return line, number

    @staticmethod
    def decode(data: bytes) -> str:
        """Text from UTF-8 or, where it is none, from Latin-1."""
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")

    def _unpacked(self, magic: bytes) -> IO[bytes]:
        try:
            if magic.startswith(b"PK"):
                with zipfile.ZipFile(self.path) as archive, archive.open(self._only_csv(archive)) as file:
                    return self._copied(file)
            with gzip.open(self.path) as packed:
                return self._copied(cast("IO[bytes]", packed))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            what = f"cannot be unpacked ({error})"
            raise HandboneError(what, where=self.path, remedy="unpack it yourself, or copy it again") from None

    def _only_csv(self, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
        if {"xl/workbook.xml", "content.xml"} & set(archive.namelist()):
            raise HandboneError("is a workbook, and no CSV file", where=self.path, remedy="save its table as CSV")
        files = [info for info in archive.infolist() if info.filename.lower().endswith((".csv", ".tsv", ".txt"))]
        files = [
            info for info in files if not Path(info.filename).name.startswith(".") and "__MACOSX" not in info.filename
        ]
        # Beside a table a text is what tells of it.
        files = [info for info in files if not info.filename.lower().endswith(".txt")] or files
        if len(files) != 1:
            what = f"the zip file holds {len(files)} CSV files"
            raise HandboneError(what, where=self.path, remedy="unpack it and give the CSV file")
        return files[0]

    def _copied(self, file: IO[bytes]) -> IO[bytes]:
        copy = tempfile.NamedTemporaryFile()  # noqa: SIM115, lives as long as this object
        left = LARGEST_UNPACKED
        while data := file.read(_CHUNK):
            left -= len(data)
            if left < 0:
                what = f"holds more than {LARGEST_UNPACKED / 1e9:.1f} GB unpacked"
                raise HandboneError(what, where=self.path, remedy="unpack it yourself")
            copy.write(data)
        copy.flush()
        return copy

    def _recoded(self) -> IO[str]:
        copy = tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="")  # noqa: SIM115
        try:
            source = self.path if self._copy is None else self._copy.name
            with open(source, encoding="utf-16", newline="") as file:
                shutil.copyfileobj(file, copy, _CHUNK)
        except UnicodeError as error:
            what = f"is not a CSV in UTF-16 ({error})"
            raise HandboneError(what, where=self.path, remedy=NOT_CSV_REMEDY) from None
        copy.flush()
        return copy

    def _line_feeds(self) -> IO[bytes]:
        copy = tempfile.NamedTemporaryFile()  # noqa: SIM115
        with self.open() as file:
            while data := file.read(_CHUNK):
                copy.write(data.replace(b"\r", b"\n"))
        copy.flush()
        return copy


def _separator(header: str, needed: Sequence[str]) -> str:
    """The separator by which a header has the most of the needed columns."""

    def found(separator: str) -> int:
        columns = next(csv.reader([header], delimiter=separator), [])
        return len({name.strip().lower() for name in columns} & set(needed))

    return max(_SEPARATORS, key=found)
