"""Masks of COCO files and of PNG files, by image name, to the pixel and without the radiographs."""

from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.formats.coco_file import CocoFile, declared_size
from handbone.formats.coco_masks import mask_of
from handbone.recipe.class_map import ClassMap
from handbone.workflows.masks.source import MaskSource, refuse_other_size


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


class CocoMasks(MaskSource):
    """Masks of a COCO file; several annotations of a class are one mask."""

    layout = "coco"

    def __init__(self, path: Path, class_map: ClassMap):
        self.path = path
        self._file, self._classes = CocoFile(path, path.name), _Classes(class_map)
        self._entries = {str(entry["file_name"]): entry for entry in self._file.images}
        self.names = list(self._entries)

    def size_hw(self, name: str) -> tuple[int, int] | None:
        return declared_size(self._entries[name])

    def masks(self, name: str, size_hw: tuple[int, int]) -> BoneMasks:
        refuse_other_size(self.path, name, self.size_hw(name), size_hw)
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


class PngMasks(MaskSource):
    """Masks of a folder for each image with a PNG file for each bone, in which anything but black is bone."""

    layout = "png"

    def __init__(self, path: Path, class_map: ClassMap):
        self.path, self._classes, self._map = path, _Classes(class_map), class_map
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
                refuse_other_size(file, name, mask.shape, size_hw)
                gathered.add(bone, mask, (0, 0))
        return gathered.masks()


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
