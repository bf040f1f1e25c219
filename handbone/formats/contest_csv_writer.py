"""The contest's own file, without columns that it does not know."""

from pathlib import Path

from handbone.formats.contest_csv import PredictionsWriter
from handbone.plugins.writing import PredictedImage


class ContestWriter:
    """Writes `predictions.csv` to a folder."""

    def __init__(self, folder: Path):
        self._table = PredictionsWriter(folder / "predictions.csv").__enter__()

    def write(self, image: PredictedImage) -> None:
        """Add an image's 29 rows."""
        self._table.write(image.name, image.masks)

    def close(self) -> None:
        """Sort the rows by image and write the file."""
        self._table.__exit__(None, None, None)
