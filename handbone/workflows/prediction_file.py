"""Anyone's prediction file, with what `handbone predict` wrote beside it; imports no torch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.rle import Cells
from handbone.core.rle_reading import RleReading
from handbone.core.written import Written
from handbone.formats.contest_csv import CONTEST_HW
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.formats.json_files import read_json
from handbone.workflows.outputs import RECORD_FILE

_LARGEST_RECORD = 1 << 28


class FileMember:
    """A prediction file in the contest format; sizes stand in it, or beside it where `handbone predict` wrote it.

    Parameters
    ----------
    reading: how its run lengths are meant; unset for the contest's way.
    """

    def __init__(self, name: str, path: Path, *, reading: RleReading | None = None):
        self.name, self.path, self.reading = name, path, reading or RleReading()
        self._index = PredictionsIndex(path)
        self.names = self._index.names
        self._own = {name: name for name in self.names}
        record = _read_record(path.parent)
        #: Everything that is known of each image.
        self.recorded = _images_of(record)
        #: The weights that outlined them; empty where unknown.
        self.model = str(record.get("weights") or "")

    def rename(self, names: Mapping[str, str]) -> None:
        """Call images otherwise than the file does: the file's name to the new one."""
        self.names = [names.get(name, name) for name in self._index.names]
        self._own = dict(zip(self.names, self._index.names, strict=True))

    def size_hw(self, image: str) -> tuple[int, int] | None:
        own = self._own[image]
        recorded = self.recorded.get(own)
        return self._index.size_hw(own) or (tuple(recorded["size_hw"]) if recorded else self.reading.frame_hw)

    def says_size(self, image: str) -> bool:
        """Whether the file itself, or what `handbone predict` wrote beside it, says the image's size."""
        own = self._own[image]
        return self._index.size_hw(own) is not None or own in self.recorded

    @cached_property
    def is_own(self) -> bool:
        """Whether handbone wrote the file, and nobody has changed it since: its run lengths are the contest's."""
        written = Written.read(self.path.parent)
        return written is not None and written.is_own(self.path.parent, self.path.name)

    def cells(self, image: str, size_hw: tuple[int, int]) -> Cells:
        """The 29 run lengths of an image of that size in the contest's way; None for a bone without a row."""
        with self._named(image, size_hw):
            return self.reading.standard(self._index.cells(self._own[image]), size_hw)

    def texts(self, image: str) -> Cells:
        """The 29 run lengths as they stand in the file."""
        return self._index.cells(self._own[image])

    def masks(self, image: str, size_hw: tuple[int, int]) -> BoneMasks:
        """The masks of an image of that size.

        Raises
        ------
        HandboneError: run lengths that cannot belong to such an image.
        """
        cells, stated = self.texts(image), self.size_hw(image) if self.says_size(image) else None
        if stated is not None and stated != size_hw and self.reading.frame_hw is None:
            sizes = f"{stated[1]} x {stated[0]}, but the image has {size_hw[1]} x {size_hw[0]} pixels"
            raise HandboneError(
                f"{image}: the file says {sizes}", where=self.path, remedy="check that it is the same image"
            )
        with self._named(image, size_hw):
            return self.reading.masks(cells, size_hw)

    def bones(self, image: str) -> tuple[bool, ...]:
        """Of which bones the file says anything."""
        return tuple(cell is not None for cell in self.texts(image))

    def probabilities(self, image: str, size_hw: tuple[int, int]) -> BoneProbabilities:
        return BoneProbabilities.from_masks(self.masks(image, size_hw))

    @contextmanager
    def _named(self, image: str, size_hw: tuple[int, int]) -> Iterator[None]:
        """Errors of run lengths with the image, the bone and what to do."""
        try:
            yield
        except HandboneError as error:
            if error.where not in NAMES:
                raise
            remedies = [error.remedy] if error.remedy else []
            if size_hw == CONTEST_HW and self.size_hw(image) is None:
                remedies.append("if the image is not of 2048 x 2048 pixels, say where it lies with --images")
            what = f"{image}, {error.where}: {error.what}"
            raise HandboneError(what, where=self.path, remedy="; ".join(remedies) or None) from None


def _read_record(folder: Path) -> dict[str, Any]:
    try:
        record = read_json(folder / RECORD_FILE, largest=_LARGEST_RECORD)
    except HandboneError:
        return {}
    return record if isinstance(record, dict) else {}


def _images_of(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    try:
        return {image["name"]: image for image in record["images"] if _is_size(image.get("size_hw"))}
    except (KeyError, TypeError, AttributeError):
        return {}


def _is_size(value: Any) -> bool:
    whole = isinstance(value, list) and len(value) == 2 and all(type(side) is int for side in value)
    return whole and all(0 < side < 1 << 20 for side in value)
