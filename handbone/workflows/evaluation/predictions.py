"""Anyone's masks by image name: a contest CSV, a folder of `handbone predict`, a run, COCO, or PNG files."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.rle import Cells
from handbone.core.rle_reading import RleReading
from handbone.data.dataset import open_dataset
from handbone.formats.coco_file import is_coco
from handbone.formats.rle_recognition import refuse_if_suspected
from handbone.recipe.class_map import ClassMap
from handbone.recipe.schema import Data
from handbone.workflows.evaluation.mask_files import CocoMasks, LabelMasks, PngMasks, refuse_other_size
from handbone.workflows.outputs import TABLE_FILE
from handbone.workflows.prediction_file import FileMember

_KINDS = (
    "a CSV in the contest format, a COCO file, a folder of 'handbone predict', a run, a folder of NAME/BONE.png, or a "
    "data set with labels"
)


class MaskSource(Protocol):
    """Masks of many images, read one at a time.

    path: where they are. names: of the images, as the source writes them.
    recorded: what `handbone predict` wrote of each; empty for masks of others.
    """

    path: Path
    names: list[str]

    @property
    def recorded(self) -> Mapping[str, Mapping[str, Any]]: ...

    def size_hw(self, name: str) -> tuple[int, int] | None:
        """The height and width of an image, where the source says it."""
        ...

    def masks(self, name: str, size_hw: tuple[int, int]) -> BoneMasks:
        """The masks of an image of that size; HandboneError where they cannot be read, or are of another size."""
        ...

    def check(self, sizes: Iterable[tuple[str, tuple[int, int]]]) -> None:
        """Refuse masks that seem to be written in another way than they are read; HandboneError says how."""
        ...


def open_masks(path: Path, *, class_map: ClassMap | None = None, reading: RleReading | None = None) -> MaskSource:
    """Open masks of any kind.

    Parameters
    ----------
    class_map: for classes of COCO files, and PNG files, that are not called as bones are.
    reading: how a CSV's run lengths are meant; unset for the contest's way, from which they must not seem to differ.

    Raises
    ------
    HandboneError: there are no masks, or they cannot be read.
    """
    if path.is_file():
        if path.suffix.lower() == ".json":
            return CocoMasks(path, class_map or ClassMap())
        return TableMasks(path, reading=reading)
    if (path / TABLE_FILE).is_file():
        return TableMasks(path / TABLE_FILE, own=True)
    if not path.is_dir():
        raise HandboneError("no such file or folder", where=path, remedy=f"give {_KINDS}")
    files = [file for file in sorted(path.glob("*.json")) if is_coco(file)]
    if len(files) > 1:
        raise HandboneError(f"there are {len(files)} COCO files", where=path, remedy="give one of them")
    if files:
        return CocoMasks(files[0], class_map or ClassMap())
    images = PngMasks(path, class_map or ClassMap())
    return images if images.names else _labels(path, class_map or ClassMap())


def _labels(path: Path, class_map: ClassMap) -> MaskSource:
    """A folder of none of the other kinds may be a data set with labels."""
    try:
        found = LabelMasks(open_dataset(Data(path=str(path), class_map=class_map.table())))
    except HandboneError:
        found = None
    if found is None or not found.names:
        raise HandboneError("there are no masks in this folder", where=path, remedy=f"give {_KINDS}")
    return found


class TableMasks:
    """Masks of a CSV in the contest format.

    own: whether handbone wrote it, so that its run lengths are what they say.
    """

    def __init__(self, path: Path, *, reading: RleReading | None = None, own: bool = False):
        self.path = path
        self._member = FileMember(path.stem, path, reading=reading)
        self._insists = own or reading is not None
        self.names = list(self._member.names)

    @property
    def recorded(self) -> Mapping[str, Mapping[str, Any]]:
        return self._member.recorded

    def size_hw(self, name: str) -> tuple[int, int] | None:
        return self._member.size_hw(name)

    def masks(self, name: str, size_hw: tuple[int, int]) -> BoneMasks:
        stated = self._member.size_hw(name) if self._member.says_size(name) else None
        refuse_other_size(self.path, name, stated, size_hw)
        return self._member.masks(name, size_hw)

    def check(self, sizes: Iterable[tuple[str, tuple[int, int]]]) -> None:
        if not self._insists:
            refuse_if_suspected(self.path, self._unsized(sizes))

    def _unsized(
        self, sizes: Iterable[tuple[str, tuple[int, int]]]
    ) -> Iterator[tuple[str, Cells, tuple[int, int], None]]:
        for name, size_hw in sizes:
            try:
                if not self._member.says_size(name):
                    yield name, self._member.texts(name), size_hw, None
            except HandboneError:  # what cannot be read is said of its image later on
                continue
