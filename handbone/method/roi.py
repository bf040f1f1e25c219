"""The ROIs that a refiner reads: the one of [roi], further regions, and one for whatever bones are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handbone.anatomy import NAMES, select
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.method.roi_placement import RoiPlacement, place_roi
from handbone.recipe import schema

_MARGIN = 0.15


@dataclass(frozen=True)
class RegionOfInterest:
    """Where a refiner looks, and for which bones.

    Parameters
    ----------
    name: for records and tables.
    bones: indices of the bones in its middle, in anatomy order; returned: those that may change.
    roi: what places it. size: side of its grid. fineness: pixels of its grid beside one of the first ROI's.
    margin: room around the bones where these set its size; None where the roi's ROI does.
    """

    name: str
    bones: tuple[int, ...]
    returned: tuple[int, ...]
    roi: schema.Roi
    size: int
    margin: float | None = None
    fineness: float = 1.0

    def place(self, masks: BoneMasks) -> RoiPlacement:
        """The ROI in an image of which coarse masks are known."""
        return place_roi(masks, self.roi, self.size, bones=self.bones, margin=self.margin)


def rois(
    roi: schema.Roi, bones: Sequence[str], extra_rois: Sequence[schema.ExtraRoi], size: int
) -> tuple[RegionOfInterest, ...]:
    """The ROIs of a recipe, that of [roi] first."""
    first = RegionOfInterest(",".join(bones), select(bones), select(bones), roi, size)
    return first, *(_extra_roi(extra, roi, size) for extra in extra_rois)


def _extra_roi(extra: schema.ExtraRoi, roi: schema.Roi, size: int) -> RegionOfInterest:
    own = {key: value for key in ("anchors", "turn", "mirror", "rescale") if (value := getattr(extra, key)) is not None}
    bones, fineness = select(extra.bones), 1.0
    margin: float | None = extra.margin
    if extra.size_px is not None:
        # As fine as the first ROI, unless the recipe says otherwise.
        as_fine = size * extra.size_px / roi.size_px
        size, margin = extra.size or 32 * max(1, round(as_fine / 32)), None
        own["size_px"], fineness = extra.size_px, size / as_fine
    return RegionOfInterest(extra.name, bones, bones, roi.model_copy(update=own), size, margin, fineness)


def asked(
    known: Sequence[RegionOfInterest], bones: Sequence[int], *, random_rois: bool
) -> tuple[RegionOfInterest, ...]:
    """The ROIs for some bones: each in its own extra, and one more around those that belong to none.

    Parameters
    ----------
    known: the refiner's ROIs. bones: indices. random_rois: whether it has learned ROIs around any bone.

    Raises
    ------
    HandboneError: bones outside of all ROIs, of a refiner that knows only those.
    """
    rest = tuple(bone for bone in bones if not any(bone in roi.returned for roi in known))
    if rest and not random_rois:
        has = ", ".join(NAMES[bone] for roi in known for bone in roi.returned)
        raise HandboneError(
            f"the refiner was trained on ROIs around {has} only, not around {', '.join(NAMES[b] for b in rest)}",
            remedy="choose other bones, or weights trained with refine.random_roi_probability",
        )
    kept = [replace(roi, returned=tuple(b for b in roi.returned if b in bones)) for roi in known]
    found = [roi for roi in kept if roi.returned]
    if rest:
        found.append(RegionOfInterest("asked for", rest, rest, known[0].roi, known[0].size, _MARGIN))
    return tuple(found)
