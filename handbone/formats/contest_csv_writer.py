"""The contest's own file, without columns that it does not know."""

from pathlib import Path

from handbone.formats.contest_csv import PredictionsWriter
from handbone.plugins.writing import PredictedPicture


class ContestWriter:
    """Writes `predictions.csv` to a folder."""

    def __init__(self, folder: Path):
        self._table = PredictionsWriter(folder / "predictions.csv").__enter__()

    def write(self, picture: PredictedPicture) -> None:
        """Add a picture's 29 rows."""
        self._table.write(picture.name, picture.masks)

    def close(self) -> None:
        """Sort the rows by picture and write the file."""
        self._table.__exit__(None, None, None)
