"""What is done with one radiograph, by the functions that `handbone predict`, `measure` and `export` use."""

import base64
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.formats.image_search import find_images
from handbone.method.settings import read_settings
from handbone.method.two_stage import TwoStage
from handbone.plugins import registry
from handbone.report.gallery import card_html
from handbone.workflows.export import export_masks, export_results
from handbone.workflows.masks.table import TableMasks
from handbone.workflows.measure import TABLE_FILE, measure_images
from handbone.workflows.page import make_cards, read_measurements
from handbone.workflows.predict import possible_results, predict_images, prediction_results, stems_of
from handbone.workflows.prediction_join import Extras
from handbone.workflows.records import ImageRecord, predictions_head
from handbone.workflows.stored_results import StoredResults, prediction_fingerprint
from handbone.workflows.writers import writer_factory

# Below a radiograph's own folder.
IMAGE, RESULTS, MEASURED = "image", "results", "measured"


@dataclass(frozen=True)
class Outlined:
    """Records of a file's hands, and the stem of each one's files by its name."""

    records: list[ImageRecord]
    stems: dict[str, str]


class Outliner:
    """Weights in memory, and what they make of radiographs.

    Parameters
    ----------
    weights: as `find_weights` takes them. max_pixels: images with more fail before they are decoded.

    Raises
    ------
    HandboneError: no weights there.
    """

    def __init__(self, weights: str, *, max_pixels: int):
        self._weights, self._max_pixels = weights, max_pixels
        settings = read_settings(weights)
        self._invert = settings.invert
        self._fingerprint = prediction_fingerprint(weights, settings=settings.model_dump(mode="json"), hands="all")
        self._method = TwoStage.from_path(weights, settings=settings)

    def outline(self, folder: Path) -> Outlined:
        """Outline what `folder`/image holds into `folder`/results.

        Raises
        ------
        HandboneError: there is no radiograph, or none of its hands could be outlined.
        """
        # As files, not as a folder: what is handed in is taken, masks and hidden files too.
        found = find_images((folder / IMAGE).iterdir())
        facts = {"weights": self._weights, "hands": "all", "fingerprint": self._fingerprint}
        summary = predict_images(
            found.images,
            lambda: self._method,
            prediction_results(folder / RESULTS),
            fingerprint=self._fingerprint,
            head=predictions_head(self._method.settings, facts),
            extras=Extras(page=True),
            invert=self._invert,
            max_pixels=self._max_pixels,
            hands="all",
        )
        records = list(summary.records(folder / RESULTS))
        if all(record.error for record in records):
            raise HandboneError(str(records[0].error))
        return Outlined(records, dict(possible_results(stems_of(found.images), "all")))

    def cards(self, folder: Path, outlined: Outlined) -> Iterator[str]:
        """The cards of a radiograph's hands as HTML, each with its image inside."""
        kept = StoredResults(folder / RESULTS, self._fingerprint, page=True)
        records, stems = outlined.records, outlined.stems
        measured = read_measurements(folder / MEASURED / TABLE_FILE)
        for record, card in zip(records, make_cards(kept, records, stems, measured), strict=True):
            path = kept.page_image(stems[record.name])
            image = base64.b64encode(path.read_bytes()).decode() if path.is_file() else ""
            yield card_html(replace(card, image=f"data:image/jpeg;base64,{image}" if image else "", overlay=""))


def measure(folder: Path) -> list[dict[str, Any]]:
    """Measure the outlined hands of a radiograph; one entry per hand, as `measurements.json` has it."""
    (folder / MEASURED).mkdir()
    return [image.to_json() for image in measure_images(TableMasks(folder / RESULTS), folder / MEASURED)]


def formats() -> dict[str, str]:
    """Name of each format in which masks can be written, with its line of help."""
    return {provided.spec.name: provided.spec.summary for provided in registry().provided("writer")}


def export(folder: Path, name: str) -> Path:
    """The masks of a radiograph in a format, as a zip file below its folder.

    Raises
    ------
    HandboneError: there are no masks, or the format cannot take the image.
    """
    archive = folder / f"masks-{name}.zip"
    if not archive.is_file():
        written = folder / f"masks-{name}"
        make = writer_factory(name, {}, where="formats")
        export_masks(
            TableMasks(folder / RESULTS), make, export_results(written), facts={"format": name}, overwrite=True
        )
        shutil.make_archive(str(archive.with_suffix("")), "zip", written)
    return archive
