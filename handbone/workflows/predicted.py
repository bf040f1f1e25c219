"""What became of images, whose results are on disk alone: a few words in memory, and the rest on request."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

from handbone.core.rle import Cells
from handbone.formats.image_search import InputImage
from handbone.workflows.one_by_one import Outcome
from handbone.workflows.outlining import names_of_hands
from handbone.workflows.records import ImageRecord
from handbone.workflows.stored_results import StoredResults


@dataclass(frozen=True)
class Entry:
    """One result or failure: what is known, the 29 run lengths (none of a failed image), and the stem of its files."""

    record: ImageRecord
    cells: Cells | None
    stem: str


class Predicted:
    """The results of images in the order of these; each is read when it is asked for.

    Parameters
    ----------
    images: in the order in which they are written. kept: where their results are.
    stems: by their keys, what files made from each are called.
    """

    def __init__(self, images: Sequence[InputImage], kept: StoredResults, stems: Mapping[str, str]):
        self.images, self.kept = images, kept
        self._stems = stems
        # Only what differs from one result of the image's own name that every format has.
        self._errors: dict[str, str] = {}
        self._hands: dict[str, int] = {}
        self._unwritten: dict[str, dict[str, str]] = {}
        self._all_unwritten: dict[str, str] = {}

    def add(self, outcome: Outcome) -> None:
        """Note what became of an image."""
        if outcome.error is not None:
            self._errors[outcome.name] = outcome.error
        elif outcome.results != (outcome.name,):
            self._hands[outcome.name] = len(outcome.results)

    def lacks(self, name: str, reasons: Mapping[str, str]) -> None:
        """Note what could not be written of a result: the format, and why."""
        if reasons:
            self._unwritten.setdefault(name, {}).update(reasons)

    def all_lack(self, reasons: Mapping[str, str]) -> None:
        """Note what could not be written of any result."""
        self._all_unwritten.update(reasons)

    @property
    def any_made(self) -> bool:
        """Whether there is any result."""
        return len(self._errors) < len(self.images)

    @property
    def records(self) -> "Records":
        """The records alone, by their number."""
        return Records(self)

    def __iter__(self) -> Iterator[Entry]:
        for image in self.images:
            for number in range(self.count(image)):
                yield self.entry(image, number)

    def count(self, image: InputImage) -> int:
        """How many results an image has; a failure is one."""
        return self._hands.get(image.key, 1)

    def entry(self, image: InputImage, number: int) -> Entry:
        """One result of an image, counted from 0."""
        key, path, stem = image.key, str(image.path), self._stems[image.key]
        if (error := self._errors.get(key)) is not None:
            unwritten = dict(self._unwritten.get(key, {}))
            return Entry(ImageRecord(key, path, error=error, unwritten=unwritten), None, stem)
        name, stem = (names_of_hands(each, self.count(image))[number] for each in (key, stem))
        kept = self.kept.read(name)
        unwritten = {**self._unwritten.get(name, {}), **self._all_unwritten}
        record = ImageRecord(**{**kept["record"], "path": path, "unwritten": unwritten})
        return Entry(record, kept["rle"], stem)

    def stems_of_results(self) -> dict[str, str]:
        """By the name of each result, what its files are called."""
        several = {
            name: stem
            for key, count in self._hands.items()
            for name, stem in zip(names_of_hands(key, count), names_of_hands(self._stems[key], count), strict=True)
        }
        return {**self._stems, **several}


class Records(Sequence[ImageRecord]):
    """The records of results, each read when it is asked for."""

    def __init__(self, predicted: Predicted):
        self._predicted = predicted
        self._starts = [0, *accumulate(map(predicted.count, predicted.images))]

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> ImageRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[ImageRecord]: ...
    def __getitem__(self, index: int | slice) -> ImageRecord | list[ImageRecord]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        image = bisect_right(self._starts, index) - 1
        return self._predicted.entry(self._predicted.images[image], index - self._starts[image]).record
