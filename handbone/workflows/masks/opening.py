"""What masks there are at a path: a run, predictions, a CSV, COCO or PNG files, or labels in any layout."""

from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.data.dataset import open_dataset
from handbone.formats.coco_file import is_coco
from handbone.recipe.class_map import ClassMap
from handbone.recipe.schema import Data
from handbone.workflows.masks.files import CocoMasks, PngMasks
from handbone.workflows.masks.labels import LabelMasks
from handbone.workflows.masks.source import MaskSource
from handbone.workflows.masks.table import TableMasks
from handbone.workflows.outputs import TABLE_FILE

_KINDS = (
    "a CSV in the contest format, a COCO file, a folder of 'handbone predict', a run, a folder of NAME/BONE.png, or a "
    "data set with labels"
)
_LABEL_FILES = (".json", ".xml")


def open_masks(
    path: Path,
    *,
    images: Path | None = None,
    class_map: ClassMap | None = None,
    reading: RleReading | None = None,
    radiographs: bool = False,
) -> MaskSource:
    """Open masks of any kind.

    Parameters
    ----------
    images: where the radiographs of predictions are.
    class_map: for classes of labels, and of COCO and PNG files, that are not called as bones are.
    reading: how a CSV's run lengths are meant; unset for the contest's way, from which they must not seem to differ.
    radiographs: whether they are wanted, too. A COCO file among its radiographs is then read as training reads it;
        without them it is read to the pixel, with the holes that contours fill.

    Raises
    ------
    HandboneError: there are no masks, or they cannot be read.
    """
    names = class_map or ClassMap()
    if (path / TABLE_FILE).is_file() or (path.is_file() and path.suffix.lower() not in _LABEL_FILES):
        return TableMasks(path, images, reading=reading, radiographs=radiographs)
    if not path.exists():
        raise HandboneError("no such file or folder", where=path, remedy=f"give {_KINDS}")
    if not radiographs:
        return _mask_files(path, names) or _labels(path, names)
    try:
        return _labels(path, names)
    except HandboneError:
        if (found := _mask_files(path, names)) is None:
            raise
        return found


def _mask_files(path: Path, class_map: ClassMap) -> MaskSource | None:
    """Masks that need no radiographs: a COCO file, the one of a folder, or PNG files."""
    if path.is_file():
        return CocoMasks(path, class_map) if is_coco(path) else None
    files = [file for file in sorted(path.glob("*.json")) if is_coco(file)]
    if len(files) > 1:
        raise HandboneError(f"there are {len(files)} COCO files", where=path, remedy="give one of them")
    if files:
        return CocoMasks(files[0], class_map)
    images = PngMasks(path, class_map)
    return images if images.names else None


def _labels(path: Path, class_map: ClassMap) -> LabelMasks:
    """The labels of a folder, or its one file of labels with the radiographs beside it."""
    root, file = (path.parent, path.name) if path.is_file() else (path, None)
    try:
        found = LabelMasks(path, open_dataset(Data(path=str(root), annotations=file, class_map=class_map.table())))
        why = found.problem
    except HandboneError as error:
        if path.is_file():
            raise
        found, why = None, error.what
    if found is None or not found.names:
        said = f"there are no masks in this folder{f': {why}' if why else ''}"
        raise HandboneError(said, where=path, remedy=f"give {_KINDS}")
    return found
