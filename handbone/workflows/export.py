"""Masks of a run, of `handbone predict` or of anyone's contest CSV in another format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.progress import track
from handbone.formats.image_files import image_size_hw
from handbone.formats.image_search import find_images
from handbone.plugins import PredictedImage
from handbone.workflows.outputs import TABLE_FILE, file_stems
from handbone.workflows.prediction_file import CONTEST_HW, FileMember
from handbone.workflows.results import Results
from handbone.workflows.writers import Maker, make_parent

RECORD_FILE = "export.json"
SCHEMA = "handbone.export/1"


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
        self.path = path
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
            return find_images([images]).match(self.names)
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


def export_results(folder: Path) -> Results:
    """The output folder of `export_masks`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "exported masks")


def export_masks(
    source: ExportSource, make: Maker, results: Results, *, facts: dict[str, Any], overwrite: bool = False
) -> dict[str, Any]:
    """Write every image of a source to a folder in one format, whole or not at all; gives `export.json`'s content.

    Parameters
    ----------
    overwrite: whether earlier exported masks may go. facts: further entries for `export.json`.

    Raises
    ------
    HandboneError: no masks at all, masks that don't fit their image, an image that the format cannot take, or a
        folder that holds what must not go.
    """
    written = bones = 0
    with results.fill(overwrite=overwrite, names=[RECORD_FILE]) as work:
        writer = make(work)
        for image in track(iter(source), "Writing masks", total=len(source.names)):
            make_parent(work, image)
            writer.write(image)
            written += 1
            bones += int(image.masks.present().sum())
        if not bones:
            raise HandboneError("there is not one mask", where=source.path, remedy="give predictions that found bones")
        writer.close()
        record = {
            "schema": SCHEMA,
            "handbone": __version__,
            **facts,
            "images": written,
            "masks": bones,
            "not_a_medical_device": True,
        }
        write_json(work / RECORD_FILE, record)
    return record
