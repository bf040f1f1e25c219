"""Results that were kept image by image, joined to a table, further formats and one record; one in memory at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.json_stream import read_json_entries, write_json_entries
from handbone.core.rle import Cells
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_files import split_frame
from handbone.formats.image_search import InputImage
from handbone.plugins import PredictedImage
from handbone.workflows.one_by_one import Outcome
from handbone.workflows.outlining import names_of_hands
from handbone.workflows.outputs import RECORD_FILE, TABLE_FILE
from handbone.workflows.records import IMAGES, ImageRecord
from handbone.workflows.stored_results import StoredResults
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
class Entry:
    """One line of the joined record: what is known, the 29 run lengths (none of a failed image), the stem of files."""

    record: ImageRecord
    cells: Cells | None
    stem: str


class Predicted:
    """The results of images, whose content is on disk alone.

    Parameters
    ----------
    images: in the order in which they are written. kept: where their results are.
    stems: by their keys, what files made from each are called.
    """

    def __init__(self, images: Sequence[InputImage], kept: StoredResults, stems: Mapping[str, str]):
        self.kept = kept
        self._images, self._stems = images, stems
        # Only what differs from one result of the image's own name.
        self._errors: dict[str, str] = {}
        self._hands: dict[str, int] = {}

    def add(self, outcome: Outcome) -> None:
        """Note what became of an image."""
        if outcome.error is not None:
            self._errors[outcome.name] = outcome.error
        elif outcome.results != (outcome.name,):
            self._hands[outcome.name] = len(outcome.results)

    @property
    def any_made(self) -> bool:
        """Whether there is any result."""
        return len(self._errors) < len(self._images)

    def __iter__(self) -> Iterator[Entry]:
        for image in self._images:
            key, path, stem = image.key, str(image.path), self._stems[image.key]
            if (error := self._errors.get(key)) is not None:
                yield Entry(ImageRecord(key, path, error=error), None, stem)
                continue
            count = self._hands.get(key, 1)
            for name, stem_of_hand in zip(names_of_hands(key, count), names_of_hands(stem, count), strict=True):
                kept = self.kept.read(name)
                yield Entry(ImageRecord(**{**kept["record"], "path": path}), kept["rle"], stem_of_hand)


def join(predicted: Predicted, writers: Mapping[str, Maker], head: Mapping[str, Any]) -> Summary:
    """Write the table, further formats and the record of everything; gives what became of all images.

    head: what the record says beside the images.
    """
    unwritten = _write_masks(predicted, writers)
    summary = Summary()

    def records() -> Iterator[dict[str, Any]]:
        for entry in predicted:
            entry.record.unwritten.update(unwritten.get(entry.record.name, {}))
            if entry.cells is not None:
                entry.record.unwritten.update(unwritten.get("", {}))
            summary.add(entry.record)
            yield entry.record.to_json()

    write_json_entries(predicted.kept.folder / RECORD_FILE, head, IMAGES, records())
    return summary


def only_failures(predicted: Predicted) -> Summary:
    """What became of images none of which has a result; nothing is written."""
    summary = Summary()
    for entry in predicted:
        summary.add(entry.record)
    return summary


def _write_masks(predicted: Predicted, writers: Mapping[str, Maker]) -> dict[str, dict[str, str]]:
    """Write the table and further formats.

    Returns
    -------
    By a result's name, the formats that could not write it, with the reason; by "", those that failed at their end.
    """
    unwritten: dict[str, dict[str, str]] = {}
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
                path, _ = split_frame(record.path)
                image = PredictedImage(record.name, path, masks, dict(record.confidence), entry.stem)
                if failed := opened.write(image):
                    unwritten[record.name] = failed
    return {**unwritten, "": opened.close()}
