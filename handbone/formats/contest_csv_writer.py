"""The contest's own file, without columns that it does not know."""

from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import PredictionsWriter
from handbone.plugins.writing import PredictedPicture


class ContestWriter:
    """Writes `predictions.csv` to a folder. The contest knows images by their base names."""

    def __init__(self, folder: Path):
        self._table = PredictionsWriter(folder / "predictions.csv").__enter__()
        self._names: dict[str, str] = {}

    def write(self, picture: PredictedPicture) -> None:
        """Add a picture's 29 rows.

        Raises
        ------
        HandboneError: an image of the same base name was written before.
        """
        base = picture.name.rsplit("/", 1)[-1]
        if (other := self._names.setdefault(base, picture.name)) != picture.name:
            what = f"{other} has the same base name, by which the contest's CSV joins"
            remedy = "rename one of them, or write each folder to a CSV of its own"
            raise HandboneError(what, where=picture.name, remedy=remedy)
        self._table.write(base, picture.masks)

    def close(self) -> None:
        """Sort the rows by picture and write the file."""
        self._table.__exit__(None, None, None)
