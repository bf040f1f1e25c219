"""A synthetic hand as one record of fixed size: images, label bits and the frames through which networks see it.

The prior reads masks alone: where nothing else is trained, no radiograph is drawn.

Labels are bits: bit b of a pixel says whether bone b covers it, so that 29 overlapping masks take four bytes.
Every frame maps points of a network's grid (side x side) to one of the images; NaN where the hand has no such frame.
"""

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.method.pose.registration import fit_pose
from handbone.method.prior.canonical import SIZE, canonical_coverage, canonical_frame
from handbone.method.roi_placement import place_roi
from handbone.recipe import schema
from handbone.synthetic import draw_hand
from handbone.synthetic.contours import hand_contours
from handbone.synthetic.patients import Variety, draw_patient, draw_pose
from handbone.synthetic.posture import personal_pose

#: Draws a hand into a record; `adult_share` is a keyword that it takes.
Draw = Callable[..., None]

#: Fields with an entry for every pixel; the others are small.
PLANES = ("full", "full_bits", "crop", "crop_bits", "canonical")
# What the prior needs, and the side at which masks are drawn for it: a metacarpal is no shorter than on its grid.
_OF_MASKS, _MASKS_SIDE = ("canonical", "has_canonical"), 512

# Sides of the images that are drawn, as shares of the network's grid, and how often each is.
_SIDES, _ODDS = (4.0, 2.75, 2.0, 1.375), (0.3, 0.2, 0.35, 0.15)
# Wrists that are bent, of upright adults and of hands of any kind.
_BENT_ADULTS, _BENT_OTHERS = 0.5, 0.3
# The crop around the wrist is larger than the refiner's ROI, so that the ROI can move.
_ROOM = 1.375
# Bones that have to agree on a pose, and to be there, before a hand is seen close or in the canonical pose.
_AGREEING, _PRESENT = 8, 12


def record_type(side: int) -> np.dtype:
    """The fields of a synthetic hand for networks with grids of side x side pixels.

    full, full_bits: the whole image and its labels, letterboxed to 2 side x 2 side.
    crop, crop_bits: the wrist and its labels as fine as they were drawn, 1.375 side x 1.375 side.
    canonical: coverage (29, 256, 256) in the canonical pose, 255 where a bone covers the whole pixel.
    letterbox, close: (2, 3) from the grid to `full`: the whole image, and the square around the upright hand.
    wrist, wrist_full: (2, 3) from the refiner's grid to `crop` and to `full`.
    centroids_xy: (29, 2) in `full`; NaN for absent bones.
    has_canonical: whether `canonical` holds anything.
    """
    full, crop, frame = (2 * side,) * 2, (round(_ROOM * side),) * 2, (np.float32, (2, 3))
    return np.dtype(
        [
            ("full", np.uint8, full),
            ("full_bits", np.int32, full),
            ("crop", np.uint8, crop),
            ("crop_bits", np.int32, crop),
            ("canonical", np.uint8, (anatomy.COUNT, SIZE, SIZE)),
            *((name, *frame) for name in ("letterbox", "close", "wrist", "wrist_full")),
            ("centroids_xy", np.float32, (anatomy.COUNT, 2)),
            ("has_canonical", np.bool_),
        ],
        align=True,
    )


def drawing(networks: Sequence[str], side: int, adult_share: float) -> tuple[np.dtype, Draw]:
    """The type of the records that networks learn from, and what draws a hand into one of them.

    Parameters
    ----------
    side: of the networks' grids.
    adult_share: share of upright adults; the others are hands of any age, turn, crop and look.
    """
    kind = record_type(side)
    if "prior" not in networks:
        return _only(kind, [name for name in kind.names if name not in _OF_MASKS]), partial(
            fill, adult_share=adult_share
        )
    if set(networks) != {"prior"}:
        return kind, partial(fill, adult_share=adult_share)
    return _only(kind, _OF_MASKS), partial(fill_masks, adult_share=adult_share)


def _only(kind: np.dtype, names: Sequence[str]) -> np.dtype:
    return np.dtype([(name, kind[name]) for name in names], align=True)


def fill_masks(record: np.void, rng: np.random.Generator, adult_share: float) -> None:
    """Draw a hand without its radiograph, in a tenth of the time; for `adult_share` see `drawing`."""
    variety, bent = _kind_of_hand(rng, adult_share)
    patient = draw_patient(rng, variety)
    pose = personal_pose(rng, draw_pose(rng, variety, bent=bent), patient)
    _fill_canonical(record, hand_contours(patient, pose, rng, size=_MASKS_SIDE, variety=variety))


def fill(record: np.void, rng: np.random.Generator, adult_share: float) -> None:
    """Draw a hand into a record of `record_type`, also without canonical pose; for `adult_share` see `drawing`."""
    full_hw = record["full"].shape
    side = full_hw[0] // 2
    variety, bent = _kind_of_hand(rng, adult_share)
    hand = draw_hand(rng, size=round(side * rng.choice(_SIDES, p=_ODDS)), variety=variety, bent=bent)
    bits, full = label_bits(hand.masks), Frame.letterbox(hand.image.shape, full_hw)
    record["full"], record["full_bits"] = _seen(hand.image, bits, full)
    centroids_xy = hand.masks.centroids_xy()
    record["centroids_xy"] = full.to_grid(centroids_xy)
    record["letterbox"] = Frame.letterbox(full_hw, (side, side)).inverse_matrix
    fits = fit_pose(centroids_xy, tuple(range(anatomy.COUNT)))
    close = fits is not None and len(fits[0].inliers) >= _AGREEING
    record["close"] = _between(fits[0].square(side), full) if close else np.nan
    _fill_wrist(record, hand.image, hand.masks, bits, full)
    if "canonical" in record.dtype.names:
        _fill_canonical(record, hand.masks)


def _kind_of_hand(rng: np.random.Generator, adult_share: float) -> tuple[Variety, bool]:
    """The variety of the next hand, and whether its wrist is bent."""
    if rng.random() < adult_share:
        return "upright_adult", bool(rng.random() < _BENT_ADULTS)
    return "diverse", bool(rng.random() < _BENT_OTHERS)


def label_bits(masks: BoneMasks) -> np.ndarray:
    """int32 (H, W), bit b set where bone b lies."""
    bits = np.zeros(masks.size_hw, np.int32)
    for bone, (crop, (left, top, right, bottom)) in enumerate(zip(masks.crops, masks.boxes_xyxy.tolist(), strict=True)):
        bits[top:bottom, left:right] |= crop.astype(np.int32) << bone
    return bits


def _seen(image: np.ndarray, bits: np.ndarray, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Image and label bits on the frame's grid."""
    labels = cv2.warpAffine(bits, frame.matrix, frame.size_hw[::-1], flags=cv2.INTER_NEAREST)
    return frame.warp(image), labels


def _between(source: Frame, target: Frame) -> np.ndarray:
    """(2, 3) from the grid of one frame to that of another, both of the same image."""
    return Frame(source.inverse_matrix, source.size_hw).then(target.matrix).matrix


def _fill_wrist(record: np.void, image: np.ndarray, masks: BoneMasks, bits: np.ndarray, full: Frame) -> None:
    crop_side, side = record["crop"].shape[0], record["full"].shape[0] // 2
    placed = place_roi(masks, schema.Roi(), side)
    if placed.fallback != "none":
        record["wrist"] = record["wrist_full"] = np.nan
        return
    centre_xy = placed.frame.to_image(np.full((1, 2), (side - 1) / 2))[0]
    # No finer than the image is: what is finer comes from interpolation later.
    width = max(crop_side, _ROOM * side / placed.frame.scale)
    roi = Frame.around(tuple(centre_xy), width, crop_side)
    if width == crop_side:  # on whole pixels: the grain stays as it is
        roi = Frame(np.rint(roi.matrix), roi.size_hw)
    record["crop"], record["crop_bits"] = _seen(image, bits, roi)
    record["wrist"], record["wrist_full"] = _between(placed.frame, roi), _between(placed.frame, full)


def _fill_canonical(record: np.void, masks: BoneMasks) -> None:
    """Coverage in the canonical pose; nothing where too few bones tell it."""
    frame = canonical_frame(masks) if masks.present().sum() >= _PRESENT else None
    record["has_canonical"] = frame is not None
    record["canonical"] = 0
    if frame is not None:
        record["canonical"] = np.rint(255 * canonical_coverage(BoneProbabilities.from_masks(masks), frame))
