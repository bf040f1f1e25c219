"""Anyone's masks by image name: a contest CSV, a folder of `handbone predict`, a run, COCO, or PNG files."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.rle import Cells
from handbone.core.rle_reading import RleReading
from handbone.formats.coco_file import CocoFile, declared_size, is_coco
from handbone.formats.coco_masks import mask_of
from handbone.formats.rle_recognition import refuse_if_suspected
from handbone.recipe.class_map import ClassMap
from handbone.workflows.outputs import TABLE_FILE
from handbone.workflows.prediction_file import FileMember

_KINDS = "a CSV in the contest format, a COCO file, a folder of 'handbone predict', a run, or a folder of NAME/BONE.png"


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
    return CocoMasks(files[0], class_map or ClassMap()) if files else PngMasks(path, class_map or ClassMap())


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
        _refuse_other_size(self.path, name, stated, size_hw)
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


class _Classes:
    """Bones by the names that a file gives them."""

    def __init__(self, class_map: ClassMap):
        self._map = class_map

    def bone(self, name: str, where: Path) -> int | None:
        """The bone, or the first of a merged class; None for a class that is left out.

        Raises
        ------
        UnknownNameError: neither a bone nor a class of the map.
        """
        if name in self._map.classes:
            return next(iter(self._map.classes[name]), None)
        if name not in anatomy.INDEX:
            raise UnknownNameError("class", name, (*anatomy.NAMES, *self._map.classes), where=where)
        return anatomy.INDEX[name]


class CocoMasks:
    """Masks of a COCO file; several annotations of a class are one mask."""

    recorded: Mapping[str, Mapping[str, Any]] = {}

    def __init__(self, path: Path, class_map: ClassMap):
        self.path = path
        self._file, self._classes = CocoFile(path, path.name), _Classes(class_map)
        self._entries = {str(entry["file_name"]): entry for entry in self._file.images}
        self.names = list(self._entries)

    def size_hw(self, name: str) -> tuple[int, int] | None:
        return declared_size(self._entries[name])

    def masks(self, name: str, size_hw: tuple[int, int]) -> BoneMasks:
        _refuse_other_size(self.path, name, self.size_hw(name), size_hw)
        gathered = _Gathered(size_hw)
        for annotation in self._file.of_image(self._entries[name]):
            label = self._file.class_of(annotation)
            bone = self._classes.bone(label, self.path)
            if bone is None:
                continue
            try:
                gathered.add(bone, *mask_of(annotation.get("segmentation"), size_hw))
            except HandboneError as error:
                what = f"{name}: a segmentation of {label} cannot be read: {error.what}"
                raise HandboneError(what, where=self.path, remedy="export it again") from None
        return gathered.masks()

    def check(self, sizes: Iterable[tuple[str, tuple[int, int]]]) -> None:
        """Nothing: COCO says how its masks are written."""


class PngMasks:
    """Masks of a folder for each image with a PNG file for each bone, in which anything but black is bone."""

    recorded: Mapping[str, Mapping[str, Any]] = {}

    def __init__(self, path: Path, class_map: ClassMap):
        self.path, self._classes, self._map = path, _Classes(class_map), class_map
        if not self._folders:
            remedy = f"give {_KINDS}"
            raise HandboneError("there are no masks in this folder", where=path, remedy=remedy)
        self.names = list(self._folders)

    @cached_property
    def _folders(self) -> dict[str, dict[str, Path]]:
        known = {*anatomy.NAMES, *self._map.classes}
        found: dict[str, dict[str, Path]] = {}
        for file in sorted(self.path.rglob("*.png")):
            folder = file.parent.relative_to(self.path).as_posix()
            if file.stem in known and folder != ".":
                found.setdefault(folder, {})[file.stem] = file
        return found

    def size_hw(self, name: str) -> tuple[int, int] | None:
        return _read_mask(next(iter(self._folders[name].values()))).shape

    def masks(self, name: str, size_hw: tuple[int, int]) -> BoneMasks:
        gathered = _Gathered(size_hw)
        for label, file in self._folders[name].items():
            bone = self._classes.bone(label, file)
            if bone is not None:
                mask = _read_mask(file)
                _refuse_other_size(file, name, mask.shape, size_hw)
                gathered.add(bone, mask, (0, 0))
        return gathered.masks()

    def check(self, sizes: Iterable[tuple[str, tuple[int, int]]]) -> None:
        """Nothing: images say how they are written."""


class _Gathered:
    """Parts of an image's masks; several of one bone are joined."""

    def __init__(self, size_hw: tuple[int, int]):
        self._size_hw = size_hw
        self._parts: dict[int, list[tuple[np.ndarray, tuple[int, int]]]] = {}

    def add(self, bone: int, mask: np.ndarray, corner_xy: tuple[int, int]) -> None:
        self._parts.setdefault(bone, []).append((mask, corner_xy))

    def masks(self) -> BoneMasks:
        return BoneMasks.from_crops({bone: self._joined(parts) for bone, parts in self._parts.items()}, self._size_hw)

    def _joined(self, parts: list[tuple[np.ndarray, tuple[int, int]]]) -> tuple[np.ndarray, tuple[int, int]]:
        if len(parts) == 1:
            return parts[0]
        whole = np.zeros(self._size_hw, bool)
        for mask, (left, top) in parts:
            whole[top : top + mask.shape[0], left : left + mask.shape[1]] |= mask.astype(bool)
        return whole, (0, 0)


def _read_mask(path: Path) -> np.ndarray:
    """A PNG as (H, W), of any depth; of a colour image, whether any colour is there."""
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise HandboneError("this is not a PNG image", where=path, remedy="export it again")
    return pixels[..., :3].any(-1) if pixels.ndim == 3 else pixels


def _refuse_other_size(path: Path, name: str, stated: tuple[int, int] | None, size_hw: tuple[int, int]) -> None:
    if stated not in (None, size_hw) and stated is not None:
        sizes = f"masks of {stated[1]} x {stated[0]} pixels, but the labels are of {size_hw[1]} x {size_hw[0]}"
        remedy = "check that it is the same image, or export the masks in the labels' size"
        raise HandboneError(f"{name}: {sizes}", where=path, remedy=remedy)
