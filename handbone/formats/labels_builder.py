"""Contours from annotations of any format, gathered with what is odd about each."""

from collections.abc import Callable, Iterable

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.findings import Finding, Severity
from handbone.core.labels import Labels
from handbone.core.polygons import Polygons, checked_points, contours_of_mask
from handbone.formats.label_frames import MOST_PIXELS, LabelFrame
from handbone.recipe.class_map import bones_of


class LabelsBuilder:
    """Gathers the contours of one image from annotations and notes what is odd about each.

    Parameters
    ----------
    file: the annotation file's path as findings shall name it.
    size_hw: size of the image.
    class_map: foreign class names to bones, as `data.class_map` has them.

    Raises
    ------
    HandboneError: an image that claims more pixels than any radiograph has.
    """

    def __init__(self, file: str, size_hw: tuple[int, int], class_map: dict[str, str]):
        if size_hw[0] * size_hw[1] > MOST_PIXELS:
            what = f"its image claims {size_hw[1]} x {size_hw[0]} pixels, more than any radiograph has"
            raise HandboneError(what, where=file, remedy="copy the image again, or remove it")
        self._file, self._size_hw, self._class_map = file, size_hw, class_map
        self._polygons: Polygons = {}
        self._outlined: Polygons = {}
        self._masks: dict[int, list[tuple[np.ndarray, tuple[int, int]]]] = {}
        self._order: list[int] = []
        self._problems: list[Finding] = []
        self._scale_xy = np.ones(2)
        self._frame_hw = size_hw
        self._merged: dict[int, tuple[str, tuple[int, ...]]] = {}

    def note(self, severity: Severity, rule: str, message: str, remedy: str) -> None:
        """Record a finding about this image's annotation."""
        self._problems.append(Finding(severity, rule, self._file, message, remedy))

    def use_frame(self, frame: LabelFrame) -> bool:
        """Bring contours that follow to the image's pixels; False (and a finding) where no frame fits it."""
        if frame.scale_xy is None:
            remedy = "export the labels again for this image; until then they are left out"
            self.note("error", "other-size", frame.reason, remedy)
            return False
        if frame.scale_xy != (1.0, 1.0):
            remedy = "check them with 'handbone data check --labels', and correct the size that the file says"
            self.note("warning", "scaled-labels", frame.reason, remedy)
        elif frame.reason:
            self.note("note", "metadata-size", frame.reason, "no action needed: they are read in its pixels")
        self._scale_xy = np.array(frame.scale_xy)
        if frame.scale_xy != (1.0, 1.0):  # masks lie on the grid that they were drawn on
            height, width = self._size_hw
            self._frame_hw = round(height / frame.scale_xy[1]), round(width / frame.scale_xy[0])
        return True

    def bone(self, label: object) -> int | None:
        """The bone index of a class name: of a merged class the first of its bones.

        None for a class that is left out, and (with a finding) for an unknown one.
        """
        name = self._class_map.get(str(label), str(label))
        if str(label) in self._class_map:
            first, *others = bones_of(name) or (None,)
            if first is not None and others:
                self._merged[first] = str(label), (first, *others)
            return first
        if name in anatomy.INDEX:
            return anatomy.INDEX[name]
        error = UnknownNameError("label", str(label), anatomy.NAMES)
        known = f"{error.remedy}{'' if str(error.remedy).endswith('?') else '.'}"
        remedy = f"{known} Correct it, or map it in [data.class_map]; until then this annotation is ignored"
        self.note("error", "unknown-label", error.what, remedy)
        return None

    def add_mask(self, bone: int, mask: np.ndarray, corner_xy: tuple[int, int]) -> None:
        """Add a mask of a bone: bool (h, w) with the place (x, y) of its first pixel; what lies outside is cut off."""
        (left, top), (height, width) = corner_xy, self._frame_hw
        mask = mask[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
        corner = max(left, 0), max(top, 0)
        if not mask.any():
            return
        contours = contours_of_mask(mask)
        outlined = BoneMasks.from_polygons({bone: contours}, mask.shape)
        add: Callable[[int, np.ndarray], object] = self.add
        if outlined != BoneMasks.from_crops({bone: (mask, (0, 0))}, mask.shape):  # it has holes
            self._masks.setdefault(bone, []).append((mask, corner))
            add = self._add
        for contour in contours:
            add(bone, contour + np.array(corner, np.float32))

    def add(self, bone: int, polygon: np.ndarray) -> None:
        """Add one contour (n, 2) of a bone."""
        if (added := self._add(bone, polygon)) is not None:
            self._outlined.setdefault(bone, []).append(added)

    def _add(self, bone: int, polygon: np.ndarray) -> np.ndarray | None:
        """The contour in the image's pixels; None (and a finding) where it is broken."""
        name = anatomy.NAMES[bone]
        try:
            polygon = checked_points(polygon, self._size_hw) if (self._scale_xy == 1).all() else self._scaled(polygon)
        except HandboneError as error:
            message = f"a contour of {name} {error.what}"
            self.note("error", "broken-outline", message, "draw it again; until then this contour is ignored")
            return None
        low, high = polygon.min(0), polygon.max(0)
        height, width = self._size_hw
        if high[0] < 0 or high[1] < 0 or low[0] > width - 1 or low[1] > height - 1:
            message = f"a contour of {name} lies wholly outside the image of {width} x {height}"
            self.note("error", "outside-image", message, "check that the contour belongs to this image and its size")
        elif (low < -1).any() or high[0] > width or high[1] > height:
            message = f"points of {name} are outside the image of {width} x {height}"
            self.note("warning", "points-outside", message, "no action needed: the contour is clipped at the edge")
        self._order.append(bone)
        self._polygons.setdefault(bone, []).append(polygon := polygon.astype(np.float32))
        return polygon

    def _scaled(self, polygon: np.ndarray) -> np.ndarray:
        """A contour in the image's pixels: pixel centres are whole numbers in either frame."""
        return checked_points((polygon + 0.5) * self._scale_xy - 0.5 if polygon.ndim == 2 else polygon, self._size_hw)

    def finish(self, expected: Iterable[int] = range(anatomy.COUNT)) -> Labels:
        """The labels, with findings about the annotations as a whole."""
        for first, (label, bones) in self._merged.items():
            message = f"{label!r} merges {' and '.join(anatomy.NAMES[bone] for bone in bones)}"
            remedy = (
                f"no action needed: read as {anatomy.NAMES[first]}; 'handbone evaluate' compares it with their union"
            )
            self.note("note", "merged-class", message, remedy)
        known = {*self._polygons, *(bone for _, bones in self._merged.values() for bone in bones)}
        missing = [anatomy.NAMES[b] for b in expected if b not in known]
        if missing:
            message = f"no contour for {', '.join(missing)}"
            remedy = "outline them if they are visible; in training they count as absent"
            self.note("warning", "missing-bones", message, remedy)
        several = [anatomy.NAMES[b] for b in sorted(self._polygons) if len(self._polygons[b]) > 1]
        if several:
            message = f"several contours for {', '.join(several)}"
            self.note(
                "note", "several-contours", message, "they are joined to one mask; check that none is mislabelled"
            )
        if self._order != sorted(self._order):
            message = "annotations are not in the order of the bones"
            self.note("note", "unordered", message, "no action needed: labels count, not positions")
        polygons = dict(sorted(self._polygons.items()))
        return Labels(self._size_hw, polygons, tuple(self._problems), self._exact())

    def _exact(self) -> BoneMasks | None:
        """The masks with their holes; None where contours say the same, and where they had to be scaled."""
        if not self._masks or (self._scale_xy != 1).any():
            return None
        outlined, canvases = BoneMasks.from_polygons(self._outlined, self._size_hw), {}
        for bone, parts in self._masks.items():
            canvas = canvases[bone] = outlined.mask(bone)
            for mask, (left, top) in parts:
                canvas[top : top + mask.shape[0], left : left + mask.shape[1]] |= mask
        exact = outlined.replace(canvases)
        return None if exact == BoneMasks.from_polygons(self._polygons, self._size_hw) else exact
