"""Masks of a run, of `handbone predict` or of anyone's contest CSV in another format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.files import atomic_dir, write_json
from handbone.core.progress import track
from handbone.formats.image_files import image_size_hw
from handbone.plugins import PredictedImage
from handbone.workflows.outputs import TABLE_FILE, file_stems, find_images
from handbone.workflows.prediction_file import CONTEST_HW, FileMember
from handbone.workflows.writers import Maker

RECORD_FILE = "export.json"


class ExportSource:
    """Masks with the images that they belong to, as far as these are at hand; one image in memory at a time.

    Parameters
    ----------
    path: a run's folder, a folder that `handbone predict` wrote, or a CSV in the contest format.
    images: where the images are; by default where the run or `handbone predict` had them.

    Raises
    ------
    HandboneError: there are no predictions, they cannot be read, or the run's images are gone.
    """

    def __init__(self, path: Path, images: Path | None = None):
        table = path if path.is_file() else path / TABLE_FILE
        if not table.is_file():
            remedy = "give a run's folder, a folder that 'handbone predict' wrote, or a CSV in the contest format"
            raise HandboneError("there are no predictions", where=path, remedy=remedy)
        self._file = FileMember(path.name, table)
        self.names = sorted(self._file.names)
        self._paths = self._find(path, images)
        self._stems = file_stems(self.names)

    def __iter__(self) -> Iterator[PredictedImage]:
        for name in self.names:
            path = self._paths.get(name)
            masks = self._file.masks(name, self._size_hw(name, path))
            confidence = self._file.recorded.get(name, {}).get("confidence", {})
            yield PredictedImage(name, path, masks, confidence, self._stems[name])

    def _find(self, path: Path, images: Path | None) -> dict[str, Path]:
        if images is not None:
            return {image.name: image for image in find_images([images])}
        if self._file.recorded or path.is_file():
            recorded = {name: Path(image["path"]) for name, image in self._file.recorded.items()}
            return {name: place for name, place in recorded.items() if place.is_file()}
        # Late, as opening a run waits for torch.
        from handbone.runs.load_run import finished_run

        return {sample.name: sample.image for sample in finished_run(path).dataset.samples}

    def _size_hw(self, name: str, path: Path | None) -> tuple[int, int]:
        known = self._file.size_hw(name)
        if known is None and path is not None:
            known = image_size_hw(path)
        return known or CONTEST_HW


def export_masks(source: ExportSource, make: Maker, folder: Path, *, facts: dict[str, Any]) -> dict[str, Any]:
    """Write every image of a source to a folder in one format, whole or not at all; gives `export.json`'s content.

    Parameters
    ----------
    folder: replaced if it exists. facts: further entries for `export.json`.

    Raises
    ------
    HandboneError: masks that don't fit their image, or an image that the format cannot take.
    """
    record = {"handbone": __version__, **facts, "images": len(source.names), "not_a_medical_device": True}
    with atomic_dir(folder) as temporary:
        writer = make(temporary)
        for image in track(iter(source), "Writing masks", total=len(source.names)):
            writer.write(image)
        writer.close()
        write_json(temporary / RECORD_FILE, record)
    return record
