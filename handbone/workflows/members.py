"""Members of an ensemble: finished runs with their probabilities, and anyone's prediction files with their masks."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.rle import Cells
from handbone.core.rle_reading import RleReading
from handbone.formats.contest_csv import CONTEST_HW
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.formats.image_files import size_of, stem_of
from handbone.formats.image_search import find_images
from handbone.formats.rle_recognition import refuse_if_suspected
from handbone.runs.load_run import TABLE, finished_run, is_finished_run
from handbone.runs.steps.predict import load_prediction
from handbone.workflows.prediction_file import FileMember


class Member(Protocol):
    """One of the predictions that are joined.

    name: what settings call it. path: where it lies. names: its images.
    """

    name: str
    path: Path
    names: list[str]

    def size_hw(self, image: str) -> tuple[int, int] | None:
        """The image's height and width, where the member knows them."""

    def probabilities(self, image: str, size_hw: tuple[int, int]) -> BoneProbabilities:
        """What it says of an image of that size."""


class RunMember:
    """A finished run: its merged probabilities, of the images in its prediction file."""

    def __init__(self, name: str, folder: Path):
        self.name, self.path = name, folder
        self.context = finished_run(folder)
        self.names = PredictionsIndex(folder / TABLE).names
        self._samples = {sample.name: sample for sample in self.context.dataset.samples}

    def size_hw(self, image: str) -> tuple[int, int] | None:
        return self._load(image).size_hw

    def probabilities(self, image: str, size_hw: tuple[int, int]) -> BoneProbabilities:
        return self._load(image)

    def validation(self) -> list[str]:
        """Its validation images, on which it did not learn."""
        return [sample.name for sample in self.context.splits["validation"] if sample.annotation is not None]

    def ground_truth(self, image: str) -> BoneMasks:
        """The labels of one of its images."""
        return self.context.dataset.labels(self._samples[image]).masks()

    def bone_scores(self) -> np.ndarray:
        """(29,) mean Dice of its final masks on validation images; NaN for bones that none of them shows."""
        import pandas as pd  # late, as only runs need it

        rows = pd.read_csv(self.path / "metrics.csv")
        rows = rows[(rows["split"] == "validation") & ~rows["both_empty"].astype(bool)]
        last = rows[rows["stage"] == rows["stage"].iloc[-1]] if len(rows) else rows
        return last.groupby("bone")["dice"].mean().reindex(NAMES).to_numpy(float)

    def _load(self, image: str) -> BoneProbabilities:
        if image not in self._samples:
            raise HandboneError("the run's data set no longer has an image of this name", where=image)
        return load_prediction(self.context, self._samples[image]).merged


def open_members(words: Sequence[str], *, reading: RleReading | None = None) -> list[Member]:
    """Members from `PATH` or `NAME=PATH`, a run's folder, a folder that `handbone predict` wrote, or a CSV.

    Images have one name in all members: where one file writes folders or leaves extensions out, it is the others'.

    reading: how run lengths of CSV files are meant; unset for the contest's way.

    Raises
    ------
    HandboneError: fewer than two, two of one name, or something else at a path.
    """
    members: dict[str, Member] = {}
    for word in words:
        name, path = _named(word)
        if name in members:
            remedy = f"give one of them another name, such as {name}-b={path}"
            raise HandboneError(f"two members are called {name!r}", where=word, remedy=remedy)
        if is_finished_run(path):
            members[name] = RunMember(name, path)
        elif path.is_file() or (path / TABLE).is_file():
            own = not path.is_file()
            members[name] = FileMember(name, path / TABLE if own else path, reading=None if own else reading)
        else:
            remedy = "give a run's folder, a folder that 'handbone predict' wrote, or a CSV in the contest format"
            raise HandboneError("there are no predictions", where=path, remedy=remedy)
    if len(members) < 2:
        raise HandboneError(f"an ensemble needs more than {len(members)} member", remedy="give two or more")
    _align_names(list(members.values()))
    return list(members.values())


def refuse_other_readings(members: Iterable[Member], sizes: dict[str, tuple[int, int]]) -> None:
    """Refuse files whose run lengths seem to be meant otherwise than in the contest's way; HandboneError says how."""
    for member in members:
        if isinstance(member, FileMember) and member.reading.is_standard and not member.is_own:
            refuse_if_suspected(member.path, _first_of(member, sizes))


def _first_of(
    member: FileMember, sizes: dict[str, tuple[int, int]]
) -> Iterator[tuple[str, Cells, tuple[int, int], None]]:
    for image in member.names:
        # What cannot be read is said of its image later on.
        with contextlib.suppress(HandboneError):
            if not member.says_size(image):
                yield image, member.texts(image), known_size(image, [member], sizes), None


def _align_names(members: Sequence[Member]) -> None:
    """Let files call images as the first member does that writes a name with its extension."""
    names: dict[str, str] = {}
    keys = {member.name: _keys(member.names) for member in members}
    for member in sorted(members, key=lambda member: isinstance(member, FileMember)):
        for name, key in keys[member.name].items():
            if key not in names or (_lacks_extension(names[key]) and not _lacks_extension(name)):
                names[key] = name
    for member in members:
        if isinstance(member, FileMember):
            member.rename({name: names[key] for name, key in keys[member.name].items()})


def _lacks_extension(name: str) -> bool:
    base = _base_name(name)
    return stem_of(base) == base


def _base_name(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _keys(names: Iterable[str]) -> dict[str, str]:
    """What each name has in common with other ways to write it: its stem, or the whole where stems repeat."""
    stems = {name: stem_of(_base_name(name)) for name in names}
    counts = Counter(stems.values())
    return {name: stem if counts[stem] == 1 else name for name, stem in stems.items()}


def image_sizes(folder: Path | None, names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Height and width of each image of a table that is found in a folder; nothing without a folder.

    Raises
    ------
    HandboneError: no radiograph in the folder.
    """
    sizes = {}
    for name, path in find_images([folder]).match(names).items() if folder else ():
        # An image that cannot be read has no size to tell; the members may know it.
        with contextlib.suppress(HandboneError):
            sizes[name] = size_of(path)
    return sizes


def known_size(image: str, members: Iterable[Member], sizes: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """Height and width of an image: as measured, as a member knows, or the contest's."""
    if image in sizes:
        return sizes[image]
    return next((size for member in members if (size := member.size_hw(image))), CONTEST_HW)


def _named(word: str) -> tuple[str, Path]:
    name, equals, place = word.partition("=")
    if equals and not Path(word).exists():
        return name, Path(place)
    path = Path(word)
    return (path.stem if path.suffix.lower() == ".csv" else path.resolve().name), path
