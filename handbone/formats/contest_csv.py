"""The contest's prediction file: a CSV of image_name, class and rle, one row for each image and bone."""

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
from handbone.formats.contest_csv_index import COLUMNS, PredictionsIndex


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
        # Where each image's rows begin and end among the rows written so far.
        self._places: dict[str, tuple[int, int]] = {}

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
        self.write_cells(image_name, masks.to_rle(), confidence)

    def write_cells(self, image_name: str, rles: Sequence[str], confidence: Sequence[float] | None = None) -> None:
        """Add an image's 29 rows from run lengths in anatomy order, such as `read_predictions` yields.

        Parameters and errors beside `rles` are those of `write`.
        """
        if image_name in self._places:
            raise HandboneError(
                f"{image_name!r} is predicted twice", where=self.path, remedy="give images different file names"
            )
        columns = [[image_name] * anatomy.COUNT, anatomy.NAMES, rles]
        if len(self._columns) > len(columns):
            # Unknown confidences are empty cells: every row has as many as the header.
            known = confidence is not None
            columns.append([f"{value:.4f}" for value in confidence] if known else [""] * anatomy.COUNT)
        elif confidence is not None:
            what = f"confidences of {image_name!r} came for a file without that column"
            raise HandboneError(what, where=self.path, remedy="open the writer with confidence=True")
        rows = list(zip(*columns, strict=True))
        start = self._rows.tell()
        self._rows.write(_csv_bytes(rows))
        self._places[image_name] = start, self._rows.tell()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._rows:
            if kind is not None:
                return
            with atomic_file(self.path) as temporary, open(temporary, "wb") as file:
                file.write(_csv_bytes([self._columns]))
                for _, (start, end) in sorted(self._places.items()):
                    self._rows.seek(start)
                    file.write(self._rows.read(end - start))


def read_predictions(path: str | Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (image name, 29 run-length texts in anatomy order) of a prediction file, one image in memory at a time.

    Columns and rows may come in any order, and further columns are ignored. Images come in the order in which they
    first occur. `BoneMasks.from_rle` makes masks of the texts and checks them.

    Raises
    ------
    HandboneError: with file and line, for a file that cannot be read, a missing column, or an unknown, missing or
        repeated class.
    """
    index = PredictionsIndex(path)
    for name in index.names:
        yield name, index.cells(name)


def image_names(path: str | Path) -> list[str]:
    """The image names of a prediction file as they first occur, each once; checks it as `read_predictions` does."""
    return [name for name, _ in read_predictions(path)]


def _csv_bytes(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
