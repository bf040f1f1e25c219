"""A bone's contour as a sub-pixel polygon, and the distances and landmarks that can be read from it."""

from dataclasses import dataclass
from typing import Self

import contourpy
import cv2
import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.measure.nearest import close_points

# Standard deviation, in pixels, of the blur that takes the stairs out of a mask. A circle of radius r shrinks by
# sigma^2 / 2 r: by a thirtieth of a pixel at a fingertip of 10 pixels.
_SMOOTHING = 0.8
_MARGIN = 4
# Contours are refined to steps of this length, in pixels, before distances between them are taken.
_STEP = 0.25


@dataclass(frozen=True, eq=False)
class Outline:
    """The closed outline of a bone's largest part.

    Parameters
    ----------
    points: (n, 2) float64, (x, y) in units of length, without the first point repeated.
    other_share: area of the bone's other parts, relative to the largest.
    pixel: the longer side of a pixel in units of length.
    """

    points: np.ndarray
    other_share: float = 0.0
    pixel: float = 1.0

    @classmethod
    def of_bone(cls, masks: BoneMasks, index: int, pixel_xy: np.ndarray) -> Self | None:
        """The outline of one bone, at the half level of its slightly blurred mask; None where nothing is left.

        pixel_xy: (2,) width and height of a pixel in units of length.
        """
        crop = np.pad(masks.crops[index].astype(np.float32), _MARGIN)
        blurred = cv2.GaussianBlur(crop, (0, 0), _SMOOTHING)
        lines = contourpy.contour_generator(z=blurred).lines(0.5)
        polygons = [np.asarray(line)[:-1] for line in lines if len(line) > 3]
        areas = [abs(cv2.contourArea(polygon.astype(np.float32))) for polygon in polygons]
        if not polygons or max(areas) <= 0:
            return None
        largest = int(np.argmax(areas))
        corner = masks.boxes_xyxy[index, :2] - _MARGIN
        # Holes count as parts as well: they are as doubtful.
        others = (sum(areas) - areas[largest]) / areas[largest]
        return cls((polygons[largest] + corner) * pixel_xy, others, float(max(pixel_xy)))

    @property
    def moments(self) -> dict[str, float]:
        """Area moments of the polygon, about its first point to stay precise, as `cv2.moments` names them."""
        return cv2.moments((self.points - self.points[0]).astype(np.float32))

    @property
    def area(self) -> float:
        """Area inside, in squares of the unit of length."""
        return abs(self.moments["m00"])

    @property
    def centroid(self) -> np.ndarray:
        """(2,) the middle of the area."""
        m = self.moments
        return np.array([m["m10"], m["m01"]]) / m["m00"] + self.points[0]

    @property
    def principal_direction(self) -> tuple[np.ndarray, float]:
        """(2,) unit vector in which the area spreads most, whose sign means nothing, and how much more it does so.

        The second is the ratio of the spreads along and across it, as of the sides of a rectangle.
        """
        m = self.moments
        spread = np.array([[m["mu20"], m["mu11"]], [m["mu11"], m["mu02"]]]) * np.sign(m["m00"])
        (least, most), directions = np.linalg.eigh(spread)
        return directions[:, 1], float(np.sqrt(most / max(least, 1e-12)))

    def support(self, direction: np.ndarray) -> np.ndarray:
        """(2,) the point that lies farthest in a direction."""
        return self.points[np.argmax(self.points @ direction)]

    def reach(self, direction: np.ndarray) -> tuple[float, float]:
        """Least and greatest coordinate along a unit direction."""
        along = self.points @ direction
        return float(along.min()), float(along.max())

    def slices(self, direction: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Where lines across a unit direction cut the contour.

        Parameters
        ----------
        levels: (k,) coordinates along `direction`.

        Returns
        -------
        (k, 2) least and greatest coordinate along `across(direction)`; NaN where the line misses the bone.
        """
        return _cuts(self.points @ direction, self.points @ across(direction), levels)

    def crossings(self, point: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """(m,) sorted distances from a point, along a unit direction, at which that line meets the contour."""
        u, v = (self.points - point) @ direction, (self.points - point) @ across(direction)
        after_u, after_v = np.roll(u, -1), np.roll(v, -1)
        crossed = (v <= 0) != (after_v <= 0)
        share = v[crossed] / (v[crossed] - after_v[crossed])
        return np.sort(u[crossed] + share * (after_u - u)[crossed])

    def greatest_length(self) -> tuple[np.ndarray, np.ndarray]:
        """The two points (2,) of the contour that lie farthest apart."""
        hull = cv2.convexHull(self.points.astype(np.float32)).reshape(-1, 2).astype(np.float64)
        apart = np.linalg.norm(hull[:, None] - hull[None], axis=-1)
        first, second = np.unravel_index(np.argmax(apart), apart.shape)
        return hull[first], hull[second]

    def nearest_points(self, other: "Outline") -> tuple[np.ndarray, np.ndarray]:
        """The points (2,) of this contour and of another one that lie nearest to each other."""
        mine, theirs, distances = close_points(self._dense(), other._dense(), 0.0)
        nearest = int(np.argmin(distances))
        return mine[nearest], theirs[nearest]

    def joint_with(self, other: "Outline", slack: float) -> np.ndarray:
        """(2,) the middle of where two bones meet: of all places at most `slack` farther apart than the nearest.

        Bones that overlap in the projection meet where their contours run close to each other.
        """
        mine, theirs, _ = close_points(self._dense(), other._dense(), slack)
        return (mine + theirs).mean(0) / 2

    def contains(self, points: np.ndarray) -> np.ndarray:
        """(m,) whether points (m, 2) lie inside."""
        polygon = self.points.astype(np.float32)
        return np.array([cv2.pointPolygonTest(polygon, point, False) > 0 for point in points.tolist()], bool)

    def _dense(self) -> np.ndarray:
        closed = np.vstack([self.points, self.points[:1]])
        walked = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
        at = np.arange(0.0, walked[-1], _STEP * self.pixel)
        return np.stack([np.interp(at, walked, closed[:, axis]) for axis in (0, 1)], axis=1)


def across(direction: np.ndarray) -> np.ndarray:
    """(2,) the direction turned by a quarter, from x towards y."""
    return np.array([-direction[1], direction[0]])


def _cuts(u: np.ndarray, v: np.ndarray, levels: np.ndarray) -> np.ndarray:
    after_u, after_v = np.roll(u, -1), np.roll(v, -1)
    crossed = (u[:, None] <= levels) != (after_u[:, None] <= levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = v[:, None] + (levels - u[:, None]) / (after_u - u)[:, None] * (after_v - v)[:, None]
    low = np.where(crossed, at, np.inf).min(0)
    high = np.where(crossed, at, -np.inf).max(0)
    missed = ~crossed.any(0)
    low[missed] = high[missed] = np.nan
    return np.stack([low, high], axis=1)
