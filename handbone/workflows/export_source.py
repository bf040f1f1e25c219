"""Masks of a run, of `handbone predict` or of anyone's contest CSV, with the images that they belong to."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.rle import Cells
from handbone.core.rle_reading import RleReading
from handbone.formats.contest_csv import CONTEST_HW
from handbone.formats.image_files import Invert, read_image, size_of, split_frame
from handbone.formats.image_search import find_images
from handbone.formats.rle_recognition import refuse_if_suspected
from handbone.plugins import PredictedImage
from handbone.workflows.outputs import TABLE_FILE, file_stems
from handbone.workflows.prediction_file import FileMember


class ExportSource:
    """Masks with the images that they belong to, as far as these are at hand; one image in memory at a time.

    Parameters
    ----------
    path: a run's folder, a folder that `handbone predict` wrote, or a CSV in the contest format.
    images: where the images are; by default where the run or `handbone predict` had them.
    reading: how a CSV's run lengths are meant; unset for the contest's way, from which it must not seem to differ.

    Raises
    ------
    HandboneError: there are no predictions, they cannot be read, or the run's images are gone.
    """

    def __init__(self, path: Path, images: Path | None = None, *, reading: RleReading | None = None):
        table = path if path.is_file() else path / TABLE_FILE
        if not table.is_file():
            remedy = "give a run's folder, a folder that 'handbone predict' wrote, or a CSV in the contest format"
            raise HandboneError("there are no predictions", where=path, remedy=remedy)
        self.path = path
        #: Opens the same once more, as for another process.
        self.again: Callable[[], ExportSource] = partial(ExportSource, path, images, reading=reading)
        self._invert: Invert = "auto"
        self._file = FileMember(path.name, table, reading=reading if path.is_file() else None)
        self.names = sorted(self._file.names)
        self._paths = self._find(path, images)
        self._stems = file_stems(self.names)
        if path.is_file() and reading is None and not self._file.is_own:
            refuse_if_suspected(path, self._first_images())

    @property
    def recorded(self) -> dict[str, dict[str, Any]]:
        """What `handbone predict` has written of each image, by name; empty for masks of others."""
        return self._file.recorded

    def invert_of(self, name: str) -> Invert:
        """How an image was read when it was outlined; "auto" where nobody knows."""
        inverted = self.recorded.get(name, {}).get("inverted")
        return self._invert if inverted is None else "yes" if inverted else "no"

    def __iter__(self) -> Iterator[PredictedImage]:
        return map(self.image, self.names)

    def image(self, name: str) -> PredictedImage:
        """One image by its name.

        Raises
        ------
        HandboneError: its masks cannot be read, or don't fit it.
        """
        path = self._paths.get(name)
        masks = self._file.masks(name, self._size_hw(name, path))
        record, (file, frame) = self.recorded.get(name, {}), split_frame(path or "")
        spacing = record.get("spacing_mm")
        return PredictedImage(
            name,
            file if path else None,
            masks,
            record.get("confidence", {}),
            self._stems[name],
            frame=frame,
            flags=record.get("flags", ()),
            model=self._file.model,
            spacing_mm=tuple(spacing) if spacing else None,
        )

    def _find(self, path: Path, images: Path | None) -> dict[str, Path]:
        if images is not None:
            return find_images([images]).match(self.names)
        if self._file.recorded or path.is_file():
            recorded = {name: Path(image["path"]) for name, image in self._file.recorded.items()}
            return {name: place for name, place in recorded.items() if split_frame(place)[0].is_file()}
        # Late, as opening a run waits for torch.
        from handbone.runs.load_run import finished_run

        dataset = finished_run(path).dataset
        self._invert = dataset.invert
        return {sample.name: sample.image for sample in dataset.samples}

    def _first_images(self) -> Iterator[tuple[str, Cells, tuple[int, int], np.ndarray | None]]:
        for name in self.names:
            # What cannot be read is said of its image later on.
            with contextlib.suppress(HandboneError):
                path = self._paths.get(name)
                if self._file.says_size(name):
                    continue
                image = None if path is None else read_image(path).image
                yield name, self._file.texts(name), self._size_hw(name, path), image

    def _size_hw(self, name: str, path: Path | None) -> tuple[int, int]:
        """As `handbone predict` recorded, as the image has, or as the file says."""
        if name in self._file.recorded or path is None:
            return self._file.size_hw(name) or CONTEST_HW
        return size_of(path)
