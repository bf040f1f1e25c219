"""The windows that a refiner reads: the one of [crop], further regions, and one for whatever bones are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handbone.anatomy import NAMES, select
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.method.roi_placement import FrameDecision, wrist_frame
from handbone.recipe import schema

_MARGIN = 0.15


@dataclass(frozen=True)
class Window:
    """Where a refiner looks, and for which bones.

    Parameters
    ----------
    name: for records and tables.
    bones: indices of the bones in its middle, in anatomy order; returned: those that may change.
    crop: what places it. size: side of its grid. fineness: pixels of its grid beside one of the first window's.
    margin: room around the bones where these set its size; None where the crop's window does.
    """

    name: str
    bones: tuple[int, ...]
    returned: tuple[int, ...]
    crop: schema.Crop
    size: int
    margin: float | None = None
    fineness: float = 1.0

    def place(self, masks: BoneMasks) -> FrameDecision:
        """The window in a picture of which coarse masks are known."""
        return wrist_frame(masks, self.crop, self.size, bones=self.bones, margin=self.margin)


def windows(crop: schema.Crop, bones: Sequence[str], regions: Sequence[schema.Region], size: int) -> tuple[Window, ...]:
    """The windows of a recipe, that of [crop] first."""
    first = Window(",".join(bones), select(bones), select(bones), crop, size)
    return first, *(_region(region, crop, size) for region in regions)


def _region(region: schema.Region, crop: schema.Crop, size: int) -> Window:
    own = {
        key: value for key in ("anchors", "turn", "mirror", "rescale") if (value := getattr(region, key)) is not None
    }
    bones, margin, fineness = select(region.bones), region.margin, 1.0
    if region.window is not None:
        # As fine as the first window, unless the recipe says otherwise.
        as_fine = size * region.window / crop.window
        size, margin = region.size or 32 * max(1, round(as_fine / 32)), None
        own["window"], fineness = region.window, size / as_fine
    return Window(region.name, bones, bones, crop.model_copy(update=own), size, margin, fineness)


def asked(known: Sequence[Window], bones: Sequence[int], *, roams: bool) -> tuple[Window, ...]:
    """The windows for some bones: each in its own region, and one more around those that belong to none.

    Parameters
    ----------
    known: the refiner's windows. bones: indices. roams: whether it has learned windows around any bone.

    Raises
    ------
    HandboneError: bones outside of all windows, of a refiner that knows only those.
    """
    rest = tuple(bone for bone in bones if not any(bone in window.returned for window in known))
    if rest and not roams:
        has = ", ".join(NAMES[bone] for window in known for bone in window.returned)
        raise HandboneError(
            f"the refiner knows windows around {has} only, not around {', '.join(NAMES[b] for b in rest)}",
            remedy="ask for those that it knows, or give weights whose recipe has refine.roam",
        )
    kept = [replace(window, returned=tuple(b for b in window.returned if b in bones)) for window in known]
    found = [window for window in kept if window.returned]
    if rest:
        found.append(Window("asked for", rest, rest, known[0].crop, known[0].size, _MARGIN))
    return tuple(found)
