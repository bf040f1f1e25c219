"""The contest's own file, without columns that it does not know."""

from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import PredictionsWriter
from handbone.plugins.writing import PredictedImage


class ContestWriter:
    """Writes `predictions.csv` to a folder. The contest knows images by their base names."""

    def __init__(self, folder: Path):
        self._table = PredictionsWriter(folder / "predictions.csv").__enter__()
        self._names: dict[str, str] = {}

    def write(self, image: PredictedImage) -> None:
        """Add an image's 29 rows.

        Raises
        ------
        HandboneError: an image of the same base name was written before.
        """
        base = image.name.rsplit("/", 1)[-1]
        if (other := self._names.setdefault(base, image.name)) != image.name:
            what = f"{other} has the same file name, which must be unique in the contest CSV"
            remedy = "rename one of them, or write each folder to its own CSV"
            raise HandboneError(what, where=image.name, remedy=remedy)
        self._table.write(base, image.masks)

    def close(self) -> None:
        """Sort the rows by image and write the file."""
        self._table.__exit__(None, None, None)
