"""Labels in any layout as masks, read as training reads them."""

from pathlib import Path

from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.data.dataset import Dataset
from handbone.formats.image_files import size_of
from handbone.formats.working_copies import name_before
from handbone.workflows.masks.source import MaskSource, refuse_other_size


class LabelMasks(MaskSource):
    """The labels of a data set, named as the images were before an export numbered and copied them."""

    def __init__(self, path: Path, dataset: Dataset):
        self.path, self.layout, self._dataset = path, dataset.layout, dataset
        self._samples = {name_before(sample.key_in(dataset.root)): sample for sample in dataset.labelled()}
        self.names = list(self._samples)

    @property
    def problem(self) -> str | None:
        """The first error of listing the labels, as a clause."""
        return next((f"{p.file}: {p.message}" for p in self._dataset.problems if p.severity == "error"), None)

    def radiograph(self, name: str) -> Path | None:
        return self._samples[name].image

    def size_hw(self, name: str) -> tuple[int, int] | None:
        return size_of(self._samples[name].image)

    def masks(self, name: str, size_hw: tuple[int, int]) -> BoneMasks:
        """The masks of an image; errors of its labels are errors here, as nothing may be lost in silence."""
        labels = self._dataset.read_labels(self._samples[name])
        if error := next((p for p in labels.problems if p.severity == "error"), None):
            raise HandboneError(error.message, where=error.file, remedy=error.remedy)
        refuse_other_size(self.path, name, labels.size_hw, size_hw)
        return labels.masks()
