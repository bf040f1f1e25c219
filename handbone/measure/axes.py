"""Long axes: of tubular bones through the middle of their shaft, of the forearm's bones through what is seen of it.

An axis is the line through the shaft's centres (as Radius and Ulna are measured in Eur Radiol Exp 2021;5:15), not the
principal axis of the whole bone, which asymmetric ends would turn.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from handbone.measure.outline import Outline, across

_LEVELS = 25
_ROUNDS = 4
# Part of a tubular bone's length that counts as its shaft.
_SHAFT = (0.3, 0.7)
# Where the shaft of a forearm bone begins and ends, from its distal end, in widths of that end: 3 to 6 cm in an adult's
# Radius, whose end is 3 cm wide, and 2.5 to 5.5 cm in an Ulna, whose end is 17 mm wide.
RADIUS_SHAFT = (1.0, 2.0)
ULNA_SHAFT = (1.4, 3.2)
# For a rough direction, by what an image of the hand alone shows.
ROUGH_SHAFT = (0.5, 1.0)
# Two centimetres have to be seen for a direction.
_LEAST_SHAFT = 0.66
# A bone is long whose area spreads so much more along its direction than across, with the hand within 60 degrees of it.
_ELONGATED, _NEAR = 1.8, 0.5


@dataclass(frozen=True, eq=False)
class LongAxis:
    """A bone's long axis.

    Parameters
    ----------
    point: (2,) on the axis. direction: (2,) unit vector towards the fingertip.
    low, high: how far the bone reaches along the direction from `point`, towards the elbow and towards the fingertip.
    """

    point: np.ndarray
    direction: np.ndarray
    low: float
    high: float

    @property
    def length(self) -> float:
        """Extent of the bone along its axis."""
        return self.high - self.low

    @property
    def base(self) -> np.ndarray:
        """(2,) the axis' point level with the bone's end towards the elbow."""
        return self.at(0.0)

    @property
    def tip(self) -> np.ndarray:
        """(2,) the axis' point level with the bone's end towards the fingertip."""
        return self.at(1.0)

    def at(self, share: float) -> np.ndarray:
        """(2,) the axis' point at a share of the length, from the base."""
        return self.point + (self.low + share * self.length) * self.direction

    def along(self, points: np.ndarray) -> np.ndarray:
        """Distance of points (..., 2) from `point`, along the axis."""
        return (points - self.point) @ self.direction

    def width_at(self, outline: Outline, share: float) -> tuple[np.ndarray, np.ndarray]:
        """The two points (2,) of the contour across the axis, at a share of the length."""
        centre = self.at(share)
        side = across(self.direction)
        low, high = outline.slices(self.direction, np.array([centre @ self.direction]))[0]
        middle = centre @ side
        return centre + (low - middle) * side, centre + (high - middle) * side

    @classmethod
    def of_tubular(cls, outline: Outline, towards: np.ndarray) -> Self:
        """Of a metacarpal or phalanx, which is seen whole.

        towards: (2,) any vector that points roughly to the fingertip.
        """
        point, direction = outline.centroid, _towards(outline.principal_direction[0], towards)
        for _ in range(_ROUNDS):
            low, high = outline.reach(direction)
            levels = low + np.linspace(*_SHAFT, _LEVELS) * (high - low)
            point, direction = _line_through_centres(outline, direction, levels, (point, direction))
        low, high = outline.reach(direction)
        start = point @ direction
        return cls(point, direction, low - start, high - start)

    @classmethod
    def of_forearm(
        cls, outline: Outline, towards: np.ndarray, shaft: tuple[float, float], cut: np.ndarray
    ) -> Self | None:
        """Of Radius or Ulna, whose shaft the image cuts; None where too little of it is seen.

        Parameters
        ----------
        towards: (2,) any vector that points roughly to the hand.
        shaft: where it begins and ends, in widths of the distal end.
        cut: (n,) bool, which points of the outline lie at the image's edge. Beyond the first of them the bone is not
            seen whole.
        """
        principal, longer = outline.principal_direction
        way = towards / np.linalg.norm(towards)
        # What is seen of a short forearm may be wider than long: then the way to the hand is the better start.
        along = longer > _ELONGATED and abs(principal @ way) > _NEAR
        point, direction = outline.centroid, _towards(principal, towards) if along else way
        for _ in range(_ROUNDS):
            low, high = outline.reach(direction)
            width = width_of_end(outline, direction)
            reached = float((outline.points[cut] @ direction).max(initial=low))
            seen = high - reached - 2 * outline.pixel
            if seen < (shaft[0] + _LEAST_SHAFT * (shaft[1] - shaft[0])) * width:
                return None
            levels = high - np.linspace(shaft[0] * width, min(shaft[1] * width, seen), _LEVELS)
            point, direction = _line_through_centres(outline, direction, levels, (point, direction))
        low, high = outline.reach(direction)
        offset = point @ direction
        return cls(point, direction, low - offset, high - offset)


def width_of_end(outline: Outline, direction: np.ndarray) -> float:
    """Greatest width, across a direction towards the hand, of a forearm bone's end."""
    low, high = outline.reach(direction)
    depths = np.linspace(0.0, high - low, 120)[1:-1]
    cuts = outline.slices(direction, high - depths)
    widths = cuts[:, 1] - cuts[:, 0]
    # The end is the third of what an image shows, which keeps a whole forearm's elbow out, but as deep as it is wide.
    end = depths <= max(0.35 * (high - low), np.nanmax(widths))
    return float(np.nanmax(widths[end]))


def _line_through_centres(
    outline: Outline, direction: np.ndarray, levels: np.ndarray, known: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """A point (2,) and a direction (2,) of the line that fits the centres of slices; what is known without two."""
    cuts = outline.slices(direction, levels)
    seen = ~np.isnan(cuts[:, 0])
    if seen.sum() < 2:
        return known
    # A least-squares line of the centre over the level: levels are exact, centres are not.
    slope, offset = np.polyfit(levels[seen], cuts[seen].mean(1), 1)
    fitted = direction + slope * across(direction)
    middle = levels[seen].mean()
    return middle * direction + (offset + slope * middle) * across(direction), fitted / np.linalg.norm(fitted)


def _towards(direction: np.ndarray, towards: np.ndarray) -> np.ndarray:
    return direction if direction @ towards >= 0 else -direction
