"""Results that were kept image by image, joined to a table, further formats and one record; one in memory at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.files import atomic_file
from handbone.core.json_stream import json_line, read_json_entries, write_json_entries
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_files import split_frame
from handbone.plugins import PredictedImage
from handbone.workflows.outputs import LINES_FILE, RECORD_FILE, TABLE_FILE
from handbone.workflows.predicted import Predicted
from handbone.workflows.records import IMAGES, ImageRecord
from handbone.workflows.writers import Maker, Writers


@dataclass
class Summary:
    """What became of all images, in numbers; an image of several hands counts as often.

    Parameters
    ----------
    outcomes: number of results by `ImageRecord.outcome`.
    doubtful: of those with flags. inverted: of those that were turned round.
    unwritten: of those that a further format does not have.
    failed: the records of images without a result.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    doubtful: int = 0
    inverted: int = 0
    unwritten: int = 0
    failed: list[ImageRecord] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Number of results and failures."""
        return self.outcomes.total()

    def add(self, record: ImageRecord) -> None:
        """Count one record."""
        self.outcomes[record.outcome] += 1
        self.doubtful += bool(record.flags)
        self.inverted += record.inverted
        self.unwritten += bool(record.unwritten)
        if record.error is not None:
            self.failed.append(record)

    def records(self, folder: Path) -> Iterator[ImageRecord]:
        """The record of every image, from the output folder; of the failed ones alone where nothing was written."""
        if len(self.failed) == self.total and not (folder / RECORD_FILE).is_file():
            yield from self.failed
            return
        for entry in read_json_entries(folder / RECORD_FILE, IMAGES):
            yield ImageRecord.from_json(entry)


@dataclass(frozen=True)
class Extras:
    """What is written beside the table and the record.

    Parameters
    ----------
    writers: name of each further format, which gets a folder of that name, to what makes its writer.
    page: whether `index.html` is written, with `page/STEM.jpg` for each image.
    measure: adds measurements to the folder once the table and the record are there; gives the reason of each image
        without any.
    """

    writers: Mapping[str, Maker] = field(default_factory=dict)
    page: bool = False
    measure: Callable[[Path], Mapping[str, str]] | None = None


def join(predicted: Predicted, extras: Extras, head: Mapping[str, Any]) -> Summary:
    """Write the table, extras and the record of everything; gives what became of all images.

    head: what the record says beside the images.
    """
    model = str(head.get("weights", ""))
    _write_masks(predicted, extras.writers, model)
    summary = _write_record(predicted, head)
    if extras.measure is not None and predicted.any_made and (unmeasured := extras.measure(predicted.kept.folder)):
        for name, reason in unmeasured.items():
            predicted.lacks(name, {"measurements": reason})
        summary = _write_record(predicted, head)
    if extras.page:
        from handbone.workflows.page import write_pages  # late, as nobody waits for it before the first image

        write_pages(predicted.kept, predicted.records, predicted.stems_of_results(), model)
    return summary


def _write_record(predicted: Predicted, head: Mapping[str, Any]) -> Summary:
    """Write the record as one JSON object, and as JSON Lines beside it."""
    summary, folder = Summary(), predicted.kept.folder

    with atomic_file(folder / LINES_FILE) as temporary, open(temporary, "wb") as lines:

        def records() -> Iterator[dict[str, Any]]:
            for entry in predicted:
                summary.add(entry.record)
                record = entry.record.to_json()
                lines.write(json_line(record))
                yield record

        write_json_entries(folder / RECORD_FILE, head, IMAGES, records())
    return summary


def only_failures(predicted: Predicted) -> Summary:
    """What became of images none of which has a result; nothing is written."""
    summary = Summary()
    for entry in predicted:
        summary.add(entry.record)
    return summary


def _write_masks(predicted: Predicted, writers: Mapping[str, Maker], model: str) -> None:
    """Write the table and further formats; notes which results these lack."""
    with PredictionsWriter(predicted.kept.folder / TABLE_FILE, confidence=True) as table:
        opened = Writers(writers, predicted.kept.folder)
        for entry in predicted:
            record, cells = entry.record, entry.cells
            if cells is None:
                continue
            assert record.size_hw is not None  # it was read
            height, width = record.size_hw
            confidence = [record.confidence.get(name, 0.0) for name in NAMES]
            table.write_cells(record.name, cells, confidence, size_hw=(height, width))
            if writers:
                masks = BoneMasks.from_rle(cells, (height, width))
                path, frame = split_frame(record.path)
                image = PredictedImage(
                    record.name,
                    path,
                    masks,
                    dict(record.confidence),
                    entry.stem,
                    frame=frame,
                    flags=record.flags,
                    model=model,
                    spacing_mm=record.spacing_mm,
                )
                predicted.lacks(record.name, opened.write(image))
    predicted.all_lack(opened.close())
