"""Masks by image from anything that has them: a run, predictions, a CSV, or labels in any layout that is read."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Protocol

from handbone.core.errors import HandboneError
from handbone.core.samples import Sample
from handbone.data.dataset import Dataset, open_dataset
from handbone.formats.image_files import split_frame
from handbone.formats.image_names import ImageNames
from handbone.formats.working_copies import name_before
from handbone.plugins import PredictedImage
from handbone.recipe.schema import Data
from handbone.workflows.export_source import ExportSource
from handbone.workflows.outputs import TABLE_FILE, file_stems

_TABLES = (".csv", ".tsv", ".csv.gz", ".csv.zip")


class MaskSource(Protocol):
    """Masks of named images, one image in memory at a time."""

    path: Path
    names: list[str]

    def image(self, name: str) -> PredictedImage:
        """One image by its name; HandboneError where its masks cannot be read."""
        ...


class LabelSource:
    """The labels of a folder, named as the images were before an export numbered and copied them.

    Raises
    ------
    HandboneError: there is no labelled image.
    """

    def __init__(self, path: Path, dataset: Dataset):
        self.path, self._dataset = path, dataset
        self._samples = {name_before(sample.key_in(dataset.root)): sample for sample in dataset.labelled()}
        self.names = sorted(self._samples)
        self._stems = file_stems(self.names)
        if not self.names:
            why = next((f"; {p.file}: {p.message}" for p in dataset.problems if p.severity == "error"), "")
            remedy = "check it with 'handbone data check'"
            raise HandboneError(f"there is no labelled radiograph{why}", where=path, remedy=remedy)

    def image(self, name: str) -> PredictedImage:
        """One image by its name; errors of its labels are errors here, as nothing may be lost in silence."""
        sample: Sample = self._samples[name]
        labels = self._dataset.read_labels(sample)
        if error := next((p for p in labels.problems if p.severity == "error"), None):
            raise HandboneError(error.message, where=error.file, remedy=error.remedy)
        file, frame = split_frame(sample.image)
        return PredictedImage(name, file, labels.masks(), stem=self._stems[name], frame=frame)


def open_masks(path: Path, *, images: Path | None = None, class_map: dict[str, str] | None = None) -> MaskSource:
    """The masks at a path.

    Parameters
    ----------
    path: a run, a folder that `handbone predict` wrote, a CSV in the contest format; or a folder of labels in any
        layout, or its one label file.
    images: where the radiographs of predictions are. class_map: class names of labels to bone names.

    Raises
    ------
    HandboneError: there are no masks, or they cannot be read.
    """
    if path.name.lower().endswith(_TABLES) or (path / TABLE_FILE).is_file():
        return ExportSource(path, images)
    if not path.exists():
        raise HandboneError("no such file or folder", where=path, remedy="check the path")
    root, file = (path.parent, path.name) if path.is_file() else (path, None)
    return LabelSource(path, open_dataset(Data(path=str(root), annotations=file, class_map=class_map or {})))


def matched(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Each of some names to the one that means the same image, where there is one.

    A copy for an annotation tool may have another extension than its radiograph, or one more. An image that several
    names may mean is none's.
    """
    names, others = set(names), set(others)
    found = {name: name for name in names & others}
    known = ImageNames(sorted(others - found.keys()))
    guessed = {name: known.find(name) or known.find(name.rsplit(".", 1)[0]) for name in sorted(names - found.keys())}
    claims = Counter(guessed.values())
    found |= {
        name: other
        for name, other in guessed.items()
        if other is not None and claims[other] == 1 and _may_be_one(name, other)
    }
    return dict(sorted(found.items()))


def _may_be_one(name: str, other: str) -> bool:
    """Whether the folders of two names agree, as far as both have any."""
    folders, others = PurePosixPath(name).parent.parts, PurePosixPath(other).parent.parts
    depth = min(len(folders), len(others))
    return folders[len(folders) - depth :] == others[len(others) - depth :]
