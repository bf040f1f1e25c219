"""One hand as measures see it: contours and axes in units of length, its side, and what may not be measured."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from handbone import anatomy
from handbone.anatomy import SHORT_NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import ShapeError
from handbone.data.plausible import hand_unit
from handbone.measure.axes import RADIUS_SHAFT, ROUGH_SHAFT, ULNA_SHAFT, LongAxis
from handbone.measure.outline import Outline, across
from handbone.measure.scale import Scale

Key = TypeVar("Key")
Made = TypeVar("Made")

#: Short name (MC3, Capitate) to the bone's index.
BONE: dict[str, int] = {name: index for index, name in enumerate(SHORT_NAMES)}
_FOREARM = {BONE["Radius"]: RADIUS_SHAFT, BONE["Ulna"]: ULNA_SHAFT}
_FIRST_OF_FOREARM = min(_FOREARM)
_CARPUS_AND_FOREARM = (*anatomy.CARPALS, *_FOREARM)
# Bones on the thumb's side and on the little finger's; the first of a pair lies nearer the thumb in every hand.
_THUMBWARDS = [
    (BONE[a], BONE[b])
    for a, b in (
        ("MC2", "MC5"),
        ("MC2", "MC4"),
        ("MC3", "MC5"),
        ("PP2", "PP5"),
        ("Scaphoid", "Triquetrum"),
        ("Trapezium", "Hamate"),
        ("Radius", "Ulna"),
    )
]
# A bone whose other parts are larger than this is not one bone.
_PARTS = 0.1
# Pixels of a contour that lie nearer to the image's edge than this are cut by it.
_EDGE = 1.5


class Refused(Exception):
    """A measure that cannot be taken; its text is the reason, a clause."""


class Hand:
    """The bones of one radiograph.

    Parameters
    ----------
    masks: of all bones. image: (H, W) float32 in [0, 1], bones bright, for measures of grey values; None where it is
        not at hand. scale: how large a pixel is.
    flagged: bone index to why its mask is not to be trusted.

    Raises
    ------
    ShapeError: an image that is not of the masks' size.
    """

    def __init__(
        self,
        masks: BoneMasks,
        *,
        image: np.ndarray | None = None,
        scale: Scale | None = None,
        flagged: Mapping[int, str] | None = None,
    ):
        if image is not None and image.shape != masks.size_hw:
            raise ShapeError("the image of a hand", f"{masks.size_hw} of its masks", image.shape)
        self.masks, self.image, self.scale = masks, image, scale or Scale()
        self.pixel_xy = self.scale.pixel_xy
        self._flagged = dict(flagged or {})
        self._centroids = masks.centroids_xy() * self.pixel_xy
        self._known: dict[tuple[str, Any], Any] = {}

    @property
    def side(self) -> str:
        """ "left" or "right", of a palm-down radiograph that is not mirrored.

        Raises
        ------
        Refused: too few bones are seen.
        """
        return "left" if self._handedness() > 0 else "right"

    def outline(self, name: str) -> Outline:
        """A bone's contour, by its short name.

        Raises
        ------
        Refused: the bone is missing, flagged, in parts, or (but for Radius and Ulna) cut by the image's edge.
        """
        return self._once("outline", BONE[name], self._outline)

    def axis(self, name: str) -> LongAxis:
        """The long axis of a tubular bone, Radius or Ulna.

        Raises
        ------
        Refused: as `outline`, or too little of a forearm bone's shaft is seen.
        """
        return self._once("axis", BONE[name], self._axis)

    def rough_axis(self, name: str) -> LongAxis:
        """The long axis; of Radius or Ulna from what is seen of the shaft, where that is too little to measure along.

        Raises
        ------
        Refused: as `axis`, or hardly anything of the shaft is seen.
        """
        try:
            return self.axis(name)
        except Refused:
            if BONE[name] not in _FOREARM:
                raise
            return self._forearm_axis(BONE[name], ROUGH_SHAFT)

    def thumbwards(self, direction: np.ndarray) -> np.ndarray:
        """(2,) the unit vector across a direction towards the fingertips that points to the thumb's side."""
        return across(direction) * self._handedness()

    def wrist_angle(self) -> float:
        """Degrees of MC3's axis against the Radius', positive where the hand is bent away from the thumb."""
        return -self.turn(self.axis("Radius").direction, self.axis("MC3").direction)

    def turn(self, start: np.ndarray, end: np.ndarray) -> float:
        """Degrees from one unit direction to another, positive towards the thumb."""
        return float(np.degrees(np.arctan2(end @ self.thumbwards(start), end @ start)))

    def need_straight(self, limit_degrees: float) -> None:
        """Refuse a bent wrist.

        Raises
        ------
        Refused: the wrist is bent by more than that.
        """
        angle = -self.turn(self.rough_axis("Radius").direction, self.axis("MC3").direction)
        if abs(angle) > limit_degrees:
            side = "away from" if angle > 0 else "towards"
            raise Refused(
                f"the wrist is bent by {abs(angle):.0f} degrees {side} the thumb; defined up to {limit_degrees:.0f}"
            )

    def centroid(self, name: str) -> np.ndarray:
        """(2,) the middle of a bone's contour."""
        return self.outline(name).centroid

    def corners(self, index: int) -> np.ndarray:
        """(4, 2) corners of a bone's box."""
        left, top, right, bottom = self.masks.boxes_xyxy[index].tolist()
        return np.array([[left, top], [right, top], [left, bottom], [right, bottom]]) * self.pixel_xy

    def expected_unit(self) -> float:
        """The length that the third metacarpal should have, by the areas of all bones.

        Raises
        ------
        Refused: no bone is seen.
        """
        unit = hand_unit(self.masks.areas() * np.prod(self.pixel_xy))
        if not unit > 0:
            raise Refused("no bone is seen that tells the hand's size")
        return unit

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) in pixels of the image."""
        return np.asarray(points) / self.pixel_xy

    def _outline(self, index: int) -> Outline:
        name = SHORT_NAMES[index]
        if index in self._flagged:
            raise Refused(f"{name} is doubtful: {self._flagged[index]}")
        outline = Outline.of_bone(self.masks, index, self.pixel_xy)
        if outline is None:
            raise Refused(f"{name} is missing")
        if outline.other_share > _PARTS:
            raise Refused(f"the mask of {name} is in parts")
        if index not in _FOREARM and self._on_edge(outline).any():
            raise Refused(f"{name} is cut by the image's edge")
        return outline

    def _axis(self, index: int) -> LongAxis:
        name = SHORT_NAMES[index]
        outline = self.outline(name)
        if index not in _FOREARM:
            return LongAxis.of_tubular(outline, outline.centroid - self._start_of(index))
        return self._forearm_axis(index, _FOREARM[index])

    def _forearm_axis(self, index: int, shaft: tuple[float, float]) -> LongAxis:
        outline = self.outline(SHORT_NAMES[index])
        towards = self._mean(range(_FIRST_OF_FOREARM)) - outline.centroid
        axis = LongAxis.of_forearm(outline, towards, shaft, self._on_edge(outline))
        if axis is None:
            raise Refused(f"too little of the shaft of {SHORT_NAMES[index]} is seen for its axis")
        return axis

    def _start_of(self, index: int) -> np.ndarray:
        """(2,) the middle of what lies before a tubular bone: its neighbour towards the wrist, or the wrist."""
        before = index + 1
        if index not in anatomy.METACARPALS and np.isfinite(self._centroids[before]).all():
            return self._centroids[before]
        return self._mean(_CARPUS_AND_FOREARM)

    def _mean(self, bones: Iterable[int]) -> np.ndarray:
        """(2,) mean of the middles of those bones that are there."""
        middles = self._centroids[[bone for bone in bones if np.isfinite(self._centroids[bone]).all()]]
        if not len(middles):
            raise Refused("too few bones are seen to tell which way the hand lies")
        return middles.mean(0)

    def _handedness(self) -> float:
        """1 where the thumb lies a quarter turn from x towards y of the fingertips' direction, else -1."""
        return self._once("handedness", None, lambda _: self._find_handedness())

    def _find_handedness(self) -> float:
        up = self._mean(range(19)) - self._mean(_CARPUS_AND_FOREARM)
        pairs = np.array([self._centroids[a] - self._centroids[b] for a, b in _THUMBWARDS])
        pairs = pairs[np.isfinite(pairs).all(1)]
        # Every pair has one vote, however far apart its bones are.
        votes = (pairs @ across(up)) / np.linalg.norm(pairs, axis=1).clip(1e-9)
        if not votes.sum():
            raise Refused("too few bones are seen to tell the thumb's side")
        return 1.0 if votes.sum() > 0 else -1.0

    def _on_edge(self, outline: Outline) -> np.ndarray:
        """(n,) which points of a contour lie at the image's edge."""
        height, width = self.masks.size_hw
        points = self.pixels(outline.points)
        return np.any((points < _EDGE - 0.5) | (points > np.array([width, height]) - 0.5 - _EDGE), axis=1)

    def _once(self, what: str, key: Key, make: Callable[[Key], Made]) -> Made:
        """What `make` gives for a key, made once; a refusal is kept as well."""
        if (what, key) not in self._known:
            try:
                self._known[what, key] = make(key)
            except Refused as refusal:
                self._known[what, key] = refusal
        known = self._known[what, key]
        if isinstance(known, Refused):
            raise known
        return known
