"""The contest's prediction file: a CSV of image_name, class and rle, one row for each image and bone.

The contest's images have 2048 x 2048 pixels, and run lengths mean nothing without the size. A file with any other
image says the size of each in two further columns, which the contest's readers pass over.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file
from handbone.core.rle import Cells
from handbone.formats.contest_csv_index import COLUMNS, SIZE_COLUMNS, PredictionsIndex

#: Height and width of the contest's images.
CONTEST_HW = (2048, 2048)


class PredictionsWriter:
    """Writes predictions image by image; the file appears, sorted by image name, when the block ends without error.

    >>> with PredictionsWriter("predictions.csv") as predictions:
    ...     predictions.write("image1661130828152_R.png", masks)

    Parameters
    ----------
    path: the file to write, UTF-8.
    confidence: whether there is a fourth column `confidence`, which the contest does not know.
    """

    def __init__(self, path: str | Path, *, confidence: bool = False):
        self.path = Path(path)
        self._columns = (*COLUMNS, "confidence") if confidence else COLUMNS
        # Where each image's rows begin and end among the rows written so far, and the image's size.
        self._places: dict[str, tuple[int, int, tuple[int, int] | None]] = {}

    def __enter__(self) -> "PredictionsWriter":
        self._rows = tempfile.TemporaryFile()
        return self

    def write(self, image_name: str, masks: BoneMasks, confidence: Sequence[float] | None = None) -> None:
        """Add an image's 29 rows.

        Parameters
        ----------
        image_name: the image's base name with its extension.
        masks: in the frame of the image as stored.
        confidence: (29,) in [0, 1], for a file that has this column; its cells stay empty without.

        Raises
        ------
        HandboneError: when the image has been written before, or confidences came for a file without that column.
        """
        self.write_cells(image_name, [*masks.to_rle()], confidence, size_hw=masks.size_hw)

    def write_cells(
        self,
        image_name: str,
        rles: Cells,
        confidence: Sequence[float] | None = None,
        *,
        size_hw: tuple[int, int] | None = None,
    ) -> None:
        """Add an image's rows from run lengths in anatomy order, such as `read_predictions` yields; none for None.

        Parameters and errors beside `rles` are those of `write`; size_hw: the image's height and width, if known.
        """
        if image_name in self._places:
            raise HandboneError(
                f"{image_name!r} is written twice", where=self.path, remedy="give the images different names"
            )
        columns = [[image_name] * anatomy.COUNT, anatomy.NAMES, rles]
        if len(self._columns) > len(columns):
            # Unknown confidences are empty cells: every row has as many as the header.
            told = [""] * anatomy.COUNT if confidence is None else [f"{value:.4f}" for value in confidence]
            columns.append(told)
        elif confidence is not None:
            what = f"{image_name!r} has confidences, but the file has no such column"
            raise HandboneError(what, where=self.path, remedy="open the writer with confidence=True")
        rows = [row for row in zip(*columns, strict=True) if row[2] is not None]
        start = self._rows.tell()
        self._rows.write(_csv_bytes(rows))
        self._places[image_name] = start, self._rows.tell(), size_hw

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._rows:
            if kind is not None:
                return
            sized = any(size not in (None, CONTEST_HW) for *_, size in self._places.values())
            with atomic_file(self.path) as temporary, open(temporary, "wb") as file:
                file.write(_csv_bytes([(*self._columns, *(SIZE_COLUMNS if sized else ()))]))
                for _, (start, end, size) in sorted(self._places.items()):
                    self._rows.seek(start)
                    rows = self._rows.read(end - start)
                    file.write(_with_size(rows, size or ("", "")) if sized else rows)


def read_predictions(path: str | Path) -> Iterator[tuple[str, Cells]]:
    """Yield (image name, 29 run-length texts in anatomy order) of a prediction file, one image in memory at a time.

    Columns and rows may come in any order, and further columns are ignored. A bone without a row is None. Images
    come in the order in which they first occur. `BoneMasks.from_rle` makes masks of the texts and checks them.

    Raises
    ------
    HandboneError: with file and line, for a file that cannot be read, a missing column, or an unknown or repeated
        class.
    """
    index = PredictionsIndex(path)
    for name in index.names:
        yield name, index.cells(name)


def image_names(path: str | Path) -> list[str]:
    """The image names of a prediction file as they first occur, each once; checks it as `read_predictions` does."""
    return [name for name, _ in read_predictions(path)]


def _with_size(rows: bytes, size_hw: tuple[int, int] | tuple[str, str]) -> bytes:
    """An image's rows with two further cells each."""
    read = csv.reader(io.StringIO(rows.decode("utf-8"), newline=""))
    return _csv_bytes((*row, *size_hw) for row in read)


def _csv_bytes(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
