"""The contest's prediction file: a CSV of image_name, class and rle, one row for each picture and bone."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.files import whole_file

COLUMNS = ("image_name", "class", "rle")
# Python's own limit of 131072 characters is less than the run lengths of a noisy mask take.
_FIELD_LIMIT = 1 << 27


class PredictionsWriter:
    """Writes predictions picture by picture; the file appears, sorted by image name, when the block ends without error.

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
        # Where each picture's rows begin and end among the rows written so far.
        self._places: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> "PredictionsWriter":
        self._rows = tempfile.TemporaryFile()
        return self

    def write(self, image_name: str, masks: BoneMasks, confidence: Sequence[float] | None = None) -> None:
        """Add a picture's 29 rows.

        Parameters
        ----------
        image_name: the picture's base name with its extension.
        masks: in the frame of the picture as stored.
        confidence: (29,) in [0, 1], for a file that has this column.

        Raises
        ------
        HandboneError: when the picture has been written before.
        """
        more = [] if confidence is None else [[f"{value:.4f}" for value in confidence]]
        self._write(image_name, masks.to_rle(), *more)

    def write_cells(self, image_name: str, rles: Sequence[str]) -> None:
        """Add a picture's 29 rows from run lengths in anatomy order, such as `read_predictions` yields.

        Raises
        ------
        HandboneError: when the picture has been written before.
        """
        self._write(image_name, rles)

    def _write(self, image_name: str, *cells: Sequence[str]) -> None:
        if image_name in self._places:
            raise HandboneError(
                f"{image_name!r} is predicted twice", where=self.path, remedy="give pictures different file names"
            )
        cells = [anatomy.NAMES, *cells]
        rows = [(image_name, *row) for row in zip(*cells, strict=True)]
        start = self._rows.tell()
        self._rows.write(_csv_bytes(rows))
        self._places[image_name] = start, self._rows.tell()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._rows:
            if kind is not None:
                return
            with whole_file(self.path) as temporary, open(temporary, "wb") as file:
                file.write(_csv_bytes([self._columns]))
                for _, (start, end) in sorted(self._places.items()):
                    self._rows.seek(start)
                    file.write(self._rows.read(end - start))


def read_predictions(path: str | Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (image name, 29 run-length texts in anatomy order) of a prediction file, one picture in memory at a time.

    Columns and classes may come in any order and further columns are ignored, but a picture's rows stand together.
    `BoneMasks.from_rle` makes masks of the texts and checks them.

    Raises
    ------
    HandboneError: with file and line, for a file that cannot be read, a missing column, an unknown, missing or repeated
        class, or a picture whose rows stand apart.
    """
    raise_field_limit()
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from rows_of(csv.reader(file), path)
    except OSError as error:
        raise HandboneError(f"cannot be read ({error.strerror})", where=path) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise HandboneError(f"is not a CSV in UTF-8 ({error})", where=path) from error


def picture_names(path: str | Path) -> list[str]:
    """The image names of a prediction file in its own order, each once; checks the file as `read_predictions` does."""
    return [name for name, _ in read_predictions(path)]


def _csv_bytes(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")


def raise_field_limit() -> None:
    """Let Python's csv module read cells as long as run lengths are."""
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))


def rows_of(rows: Iterator[list[str]], path: str | Path, *, skipped: int = 0) -> Iterator[tuple[str, list[str]]]:
    """Yield pictures from a csv.reader over a header and rows, as `read_predictions` does.

    path: for errors. skipped: lines of the file between the header and the first of these rows.
    """
    header = [name.strip() for name in next(rows, [])]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise HandboneError(
            f"the column {missing[0]!r} is missing", where=f"{path}, line 1", remedy=f"needed are {', '.join(COLUMNS)}"
        )
    places = [header.index(name) for name in COLUMNS]
    finished: set[str] = set()
    current, texts = None, {}
    for row in rows:
        if not row:
            continue
        where = f"{path}, line {rows.line_num + skipped}"
        if len(row) != len(header):
            raise HandboneError(f"the row has {len(row)} cells and the header {len(header)}", where=where)
        image_name, bone, text = (row[place] for place in places)
        if image_name != current:
            if current is not None:
                yield current, _complete(texts, current, path)
            finished.add(current)
            if image_name in finished:
                raise HandboneError(
                    f"{image_name!r} comes again, after other pictures",
                    where=where,
                    remedy="sort the rows by image_name",
                )
            current, texts = image_name, {}
        if bone not in anatomy.INDEX:
            raise UnknownNameError("class", bone, anatomy.NAMES, where=where)
        if bone in texts:
            raise HandboneError(f"a second row for {bone} of {image_name!r}", where=where)
        texts[bone] = text.strip()
    if current is not None:
        yield current, _complete(texts, current, path)


def _complete(texts: dict[str, str], image_name: str, path: str | Path) -> list[str]:
    missing = [name for name in anatomy.NAMES if name not in texts]
    if missing:
        raise HandboneError(
            f"{image_name!r} has no row for {', '.join(missing)}",
            where=path,
            remedy="write a row with an empty rle for a bone that is not seen, unless the file is cut off",
        )
    return [texts[name] for name in anatomy.NAMES]
