"""Masks of a run, of `handbone predict` or of anyone's contest CSV in another format."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.folders import remove_empty_folders
from handbone.core.progress import track
from handbone.core.rle import Cells
from handbone.core.rle_reading import RleReading
from handbone.formats.contest_csv import CONTEST_HW
from handbone.formats.image_files import Invert, read_image, size_of, split_frame
from handbone.formats.image_search import find_images
from handbone.formats.rle_recognition import refuse_if_suspected
from handbone.formats.working_copies import numbered
from handbone.plugins import PredictedImage
from handbone.workflows.doubt import ORDER_FILE, doubt_of, write_order
from handbone.workflows.outputs import TABLE_FILE, file_stems
from handbone.workflows.prediction_file import FileMember
from handbone.workflows.results import Results
from handbone.workflows.writers import Maker, make_parent

RECORD_FILE = "export.json"
SCHEMA = "handbone.export/1"
#: In which order images are written: by name, or the most doubtful first.
Order = Literal["name", "doubt"]


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


def _in_order(source: ExportSource, order: Order) -> list[str]:
    if order == "name":
        return source.names
    if not source.recorded:
        what = "nothing is known of how certain these masks are"
        remedy = "give a folder that 'handbone predict' wrote, or leave out --order"
        raise HandboneError(what, where=source.path, remedy=remedy)
    return sorted(source.names, key=lambda name: -doubt_of(source.recorded.get(name, {})))


def export_results(folder: Path) -> Results:
    """The output folder of `export_masks`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "exported masks")


def export_masks(
    source: ExportSource,
    make: Maker,
    results: Results,
    *,
    facts: dict[str, Any],
    order: Order = "name",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write every image of a source to a folder in one format; gives `export.json`'s content.

    Images whose masks cannot be read are left out and stand in its `failed`, each with its reason.

    Parameters
    ----------
    facts: further entries for `export.json`.
    order: "doubt" writes the most doubtful image first, numbers files by that order, and adds `order.csv`.
    overwrite: whether earlier exported masks may go.

    Raises
    ------
    HandboneError: no masks at all, an image that the format cannot take, or a folder that holds what must not go.
    """
    written = bones = 0
    failed: dict[str, str] = {}
    names = _in_order(source, order)
    with results.fill(overwrite=overwrite, names=[RECORD_FILE]) as work:
        writer = make(work)
        for number, name in enumerate(track(names, "Writing masks"), start=1):
            try:
                image = source.image(name)
            except HandboneError as error:  # one image must not cost the others
                failed[name] = str(error)
                continue
            if order == "doubt":
                image = replace(image, stem=numbered(image.stem, number))
            make_parent(work, image)
            writer.write(image)
            written += 1
            bones += int(image.masks.present().sum())
        if not bones:
            why = f": {next(iter(failed.values()))}" if failed else ""
            remedy = "choose predictions with masks"
            raise HandboneError(f"there are no masks{why}", where=source.path, remedy=remedy)
        writer.close()
        remove_empty_folders(work)  # a format may keep its files elsewhere
        if order == "doubt":
            write_order(work / ORDER_FILE, names, source.recorded)
        record = {
            "schema": SCHEMA,
            "handbone": __version__,
            **facts,
            "images": written,
            "failed": failed,
            "masks": bones,
            "not_a_medical_device": True,
        }
        write_json(work / RECORD_FILE, record)
    return record
