"""The images of a data set, joined to the label files that name them."""

import os.path
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.samples import Sample, SplitName, relative_to
from handbone.formats.image_files import stem_of
from handbone.formats.image_names import composed
from handbone.formats.image_search import images_under
from handbone.formats.patients import patients_of

Entry = TypeVar("Entry")
Content = TypeVar("Content")


class NamedImages:
    """The images below a folder by the names that label files give them.

    Parameters
    ----------
    root: the data set's folder; images that handbone copied there for an annotation tool count, too.
    """

    def __init__(self, root: Path):
        self._root = root
        self.paths = images_under(root, copies=True)
        by_name, stems, by_path = (defaultdict[str, list[Path]](list) for _ in range(3))
        for path in self.paths:
            place = path.relative_to(root)
            by_name[composed(path.name)].append(path)
            stems[composed(place.with_name(stem_of(path)).as_posix())].append(path)
            for spelt in {place.as_posix(), composed(place.as_posix())}:
                by_path[spelt].append(path)
        self._by_stem = _unique(stems)
        # A name as it stands on the disk goes before one that is only spelt otherwise.
        self._named = _unique(by_name) | _unique(by_path) | {p.relative_to(root).as_posix(): p for p in self.paths}

    def find(self, file: Path, name: str) -> Path | None:
        """The image that a label file means, always one of the data set's: other names find nothing."""
        name = name.replace("\\", "/")
        places = (name, os.path.relpath(os.path.normpath(file.parent / name), self._root), Path(name).name)
        keys = (key for place in places for key in (Path(place).as_posix(), composed(Path(place).as_posix())))
        return next((self._named[key] for key in keys if key in self._named), None)

    def of_stem(self, path: Path) -> Path | None:
        """The one image of a path without an extension; an extension that is part of it makes it a name.

        path: below the data set's folder.
        """
        place = path.relative_to(self._root).as_posix()
        return self._by_stem.get(composed(place)) or self._named.get(place)


def _unique(found: Mapping[str, list[Path]]) -> dict[str, Path]:
    return {name: paths[0] for name, paths in found.items() if len(paths) == 1}


class Listing(Generic[Entry]):
    """Images with the entry of a label file that holds their labels, and what is wrong with that.

    Parameters
    ----------
    root: the data set's folder. kind: what its label files are called ("labelme file").
    """

    def __init__(self, root: Path, kind: str):
        self.root, self._kind = root, kind
        self.images = NamedImages(root)
        self.problems: list[Finding] = []
        #: The label file of each image, and its entry there.
        self.entries: dict[Path, tuple[Path, Entry]] = {}

    def contents(self, files: Iterable[Path], read: Callable[[Path], Content]) -> Iterator[tuple[Path, Content]]:
        """What label files hold, in their order; one that cannot be read becomes a finding."""
        for path in sorted(files):
            try:
                content = read(path)
            except HandboneError as error:
                self._note("broken-file", relative_to(path, self.root), error.what, error.remedy or "")
                continue
            yield path, content

    def add(self, file: Path, name: str, entry: Entry, *others: str) -> None:
        """Join an entry to the image that it names, or say why it is not used; others: names to try after `name`."""
        self._join(file, name, self._find(file, name, *others), entry)

    def holds(self, file: Path, *names: str) -> bool:
        """Whether the image that one of these names means has labels already."""
        return self._find(file, *names) in self.entries

    def _find(self, file: Path, *names: str) -> Path | None:
        return next((one for name in names if (one := self.images.find(file, name)) is not None), None)

    def add_beside(self, file: Path, stem: Path, entry: Entry) -> None:
        """Join an entry to the image that lies beside its label file, called `stem` with any extension."""
        self._join(file, stem.name, self.images.of_stem(stem), entry)

    def _join(self, file: Path, name: str, image: Path | None, entry: Entry) -> None:
        shown = relative_to(file, self.root)
        if image is None:
            message = f"is for {name}, which is not in the folder"
            self._note("no-image", shown, message, "add the image, or remove its labels")
        elif image in self.entries:
            other = relative_to(self.entries[image][0], self.root)
            message = f"has labels of {relative_to(image, self.root)} again, after {other}"
            self._note(
                "repeated-image", shown, message, "leave one label file per image; until then the first one is used"
            )
        else:
            self.entries[image] = file, entry

    def samples(self, *, shared: bool = False) -> Iterator[Sample]:
        """Every image; those without labels become a finding.

        shared: whether a label file holds the labels of many images.
        """
        for image, (side, patient) in patients_of(self.root, self.images.paths).items():
            place = relative_to(image, self.root)
            if image not in self.entries:
                remedy = "label it, or remove it; until then the image is not used for training"
                self._note("no-annotation", place, f"no {self._kind} belongs to this image", remedy)
                yield Sample(image.name, image, None, patient, side)
                continue
            yield Sample(image.name, image, self.entries[image][0], patient, side, split_of(place), shared)

    def _note(self, rule: str, file: str, message: str, remedy: str) -> None:
        self.problems.append(Finding("error", rule, file, message, remedy))


def split_of(place: str) -> SplitName:
    """ "test" for an image below a folder of that name, "train" for any other; place: relative to the data set."""
    return "test" if "test" in Path(place.lower()).parts[:-1] else "train"
