"""Masks of a run, of `handbone predict` or of anyone's CSV in the contest format."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.formats.contest_csv import CONTEST_HW
from handbone.formats.image_files import Invert, read_image, size_of, split_frame
from handbone.formats.image_search import find_images
from handbone.formats.rle_recognition import OfImage, refuse_if_suspected
from handbone.workflows.masks.source import MaskSource, Sizes
from handbone.workflows.outputs import TABLE_FILE
from handbone.workflows.prediction_file import FileMember


class TableMasks(MaskSource):
    """Masks of a CSV in the contest format, with the radiographs that they belong to, as far as these are at hand.

    Parameters
    ----------
    path: a run's folder, a folder that `handbone predict` wrote, or a CSV in the contest format.
    images: where the images are; by default where the run or `handbone predict` had them.
    reading: how a CSV's run lengths are meant; unset for the contest's way, from which it must not seem to differ.
    radiographs: whether they are looked for, and the run lengths checked at once; without them `check` has to be told
        the images' sizes.

    Raises
    ------
    HandboneError: there are no predictions, they cannot be read, or the run's images are gone.
    """

    layout = "csv"

    def __init__(
        self,
        path: Path,
        images: Path | None = None,
        *,
        reading: RleReading | None = None,
        radiographs: bool = True,
    ):
        table = path if path.is_file() else path / TABLE_FILE
        if not table.is_file():
            remedy = "give a run's folder, a folder that 'handbone predict' wrote, or a CSV in the contest format"
            raise HandboneError("there are no predictions", where=path, remedy=remedy)
        self.path = path
        #: Opens the same once more, as for another process.
        self.again: Callable[[], TableMasks] = partial(TableMasks, path, images, reading=reading)
        self._invert: Invert = "auto"
        self._file = FileMember(path.name, table, reading=reading if path.is_file() else None)
        self.names, self.model = list(self._file.names), self._file.model
        self._is_sure = path.is_dir() or reading is not None or self._file.is_own
        self._paths = self._find(images) if radiographs else {}
        if radiographs:
            self.check(self._own_sizes())

    @property
    def recorded(self) -> Mapping[str, Mapping[str, Any]]:
        return self._file.recorded

    def invert_of(self, name: str) -> Invert:
        """How an image was read when it was outlined; "auto" where nobody knows."""
        inverted = self.recorded.get(name, {}).get("inverted")
        return self._invert if inverted is None else "yes" if inverted else "no"

    def radiograph(self, name: str) -> Path | None:
        return self._paths.get(name)

    def size_hw(self, name: str) -> tuple[int, int] | None:
        """As `handbone predict` recorded, as the radiograph has, or as the file says."""
        path = None if name in self.recorded else self.radiograph(name)
        return self._file.size_hw(name) if path is None else size_of(path)

    def masks(self, name: str, size_hw: tuple[int, int]) -> BoneMasks:
        return self._file.masks(name, size_hw)

    def check(self, sizes: Sizes) -> None:
        if not self._is_sure:
            refuse_if_suspected(self.path, self._unsized(sizes))

    def _find(self, images: Path | None) -> dict[str, Path]:
        if images is not None:
            return find_images([images]).match(self.names)
        if self.recorded or self.path.is_file():
            recorded = {name: Path(image["path"]) for name, image in self.recorded.items()}
            return {name: place for name, place in recorded.items() if split_frame(place)[0].is_file()}
        # Late, as opening a run waits for torch.
        from handbone.runs.load_run import finished_run

        dataset = finished_run(self.path).dataset
        self._invert = dataset.invert
        return {sample.name: sample.image for sample in dataset.samples}

    def _own_sizes(self) -> Iterator[tuple[str, tuple[int, int]]]:
        for name in sorted(self.names):
            with contextlib.suppress(HandboneError):  # what cannot be read is said of its image later on
                yield name, self.size_hw(name) or CONTEST_HW

    def _unsized(self, sizes: Sizes) -> Iterator[OfImage]:
        """The images of which the file says no size, with their run lengths."""
        for name, size_hw in sizes:
            with contextlib.suppress(HandboneError):  # what cannot be read is said of its image later on
                if not self._file.says_size(name):
                    path = self.radiograph(name)
                    image = None if path is None else read_image(path).image
                    yield name, self._file.texts(name), size_hw, image
