"""Bending a hand at the wrist in a radiograph: the hand's sector turns about the wrist, the forearm's stays.

In polar coordinates about the wrist a point (r, phi) goes to (r, g(phi)), with g continuous, monotone and linear in
four
pieces: the identity in the forearm's sector, a turn in the hand's sector, and in between a stretch on one side and a
    squeeze on the other. The inverse has the same form, so that an image and its contours move alike, without a gap or
    a fold.
"""

import math
from dataclasses import dataclass

import numpy as np

from handbone.anatomy import CARPALS, INDEX

#: Half the sector in which everything stays with the forearm, and half the one in which everything turns with the hand.
FOREARM_HALF = math.radians(25)
HAND_HALF = math.radians(50)
#: A sector between hand and forearm keeps at least this share of its width, so that no bone in it is squeezed flat.
_LEAST_REST = 0.4
_HAND = [INDEX[name] for name in ("finger-7", "finger-11", "finger-15", "finger-19")]
_FOREARM = [INDEX[name] for name in ("Radius", "Ulna")]


@dataclass(frozen=True)
class Wrist:
    """Where a hand can bend.

    Parameters
    ----------
    pivot_xy: the centre of the carpals.
    hand, forearm: directions from the pivot in radians, clockwise from the x axis as images have it.
    away: sign of the turn that takes the fingers away from the thumb; 0 where that is not known.
    """

    pivot_xy: tuple[float, float]
    hand: float
    forearm: float
    away: int = 0

    @classmethod
    def find(cls, centroids_xy: np.ndarray) -> "Wrist | None":
        """The wrist from the centroids (29, 2) of the bones, NaN where absent; None where too few are present."""
        carpals, hand, forearm = (_present(centroids_xy[list(i)]) for i in (CARPALS, _HAND, _FOREARM))
        if len(carpals) < 3 or len(hand) < 2 or not len(forearm):
            return None
        pivot = carpals.mean(0)
        hand_x, hand_y = hand.mean(0) - pivot
        arm_x, arm_y = forearm.mean(0) - pivot
        across_x, across_y = centroids_xy[_HAND[0]] - centroids_xy[_HAND[-1]]
        # From the little to the index finger, clockwise of the hand's axis: then away from the thumb is the other way.
        turn = np.nan_to_num(hand_x * across_y - hand_y * across_x)
        directions = float(np.arctan2(hand_y, hand_x)), float(np.arctan2(arm_y, arm_x))
        return cls(tuple(pivot.tolist()), *directions, away=-int(np.sign(turn)))


def _present(points_xy: np.ndarray) -> np.ndarray:
    return points_xy[~np.isnan(points_xy[:, 0])]


@dataclass(frozen=True)
class Bend:
    """A turn of the hand against the forearm.

    Parameters
    ----------
    wrist: where it bends.
    angle: radians, clockwise positive; limited to what leaves the sectors between hand and forearm wide enough, and 0
        where the hand's sector reaches into the forearm's.
    shift_x: pixels by which everything then moves, to keep a turned hand in the image.
    """

    wrist: Wrist
    angle: float
    shift_x: float = 0.0

    def __post_init__(self) -> None:
        start, end = self._hand_sector()
        room_before, room_after = start - 2 * FOREARM_HALF, 2 * math.pi - end
        # A hand that lies on its forearm, as only wrong labels say, is not bent: the image would be folded.
        share = 1 - _LEAST_REST if min(room_before, room_after) > 0 else 0.0
        object.__setattr__(self, "angle", float(np.clip(self.angle, -share * room_before, share * room_after)))

    def _hand_sector(self) -> tuple[float, float]:
        """Where the hand's sector starts and ends, counted from the start of the forearm's sector."""
        middle = (self.wrist.hand - self.wrist.forearm + FOREARM_HALF) % (2 * math.pi)
        return middle - HAND_HALF, middle + HAND_HALF

    def _turn_at(self, dx: np.ndarray, dy: np.ndarray, after: bool) -> np.ndarray:
        """By how much a point turns, found from where it was, or (`after`) from where it is once turned."""
        if not self.angle:
            return np.zeros_like(dx)
        start, end = self._hand_sector()
        if after:
            start, end = start + self.angle, end + self.angle
        phi = np.arctan2(dy, dx)
        phi -= phi.dtype.type(self.wrist.forearm - FOREARM_HALF)
        phi[phi < 0] += phi.dtype.type(2 * math.pi)
        np.subtract(phi, phi.dtype.type(2 * math.pi), out=phi, where=phi >= 2 * math.pi)
        rise = np.clip((phi - 2 * FOREARM_HALF) / (start - 2 * FOREARM_HALF), 0, 1)
        fall = np.clip((phi - end) / (2 * math.pi - end), 0, 1)
        rise -= fall
        rise *= phi.dtype.type(self.angle)
        return rise

    def move(self, points_xy: np.ndarray) -> np.ndarray:
        """Points (n, 2) of the image where the bend takes them."""
        dx, dy = (np.asarray(points_xy, np.float64) - self.wrist.pivot_xy).T
        turn = self._turn_at(dx, dy, after=False)
        cos, sin = np.cos(turn), np.sin(turn)
        moved = np.column_stack([cos * dx - sin * dy, sin * dx + cos * dy])
        return moved + self.wrist.pivot_xy + (self.shift_x, 0)

    def sources(self, size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """For every pixel of the bent image, where in the straight one it comes from: x and y, each float32 (h,
        w)."""
        pivot_x, pivot_y = self.wrist.pivot_xy
        x = np.arange(size_hw[1], dtype=np.float32) - np.float32(pivot_x + self.shift_x)
        y = np.arange(size_hw[0], dtype=np.float32) - np.float32(pivot_y)
        dx, dy = np.meshgrid(x, y)
        turn = self._turn_at(dx, dy, after=True)
        cos, sin = np.cos(turn), np.sin(turn)
        return cos * dx + sin * dy + np.float32(pivot_x), cos * dy - sin * dx + np.float32(pivot_y)

    def kept_inside(self, points_xy: np.ndarray, width: int) -> "Bend":
        """The same bend with the sideways shift that brings back points it turned out of the image."""
        before, after = points_xy[:, 0], self.move(points_xy)[:, 0]
        out_left = max(0.0, -after.min()) - max(0.0, -before.min())
        out_right = max(0.0, after.max() - width + 1) - max(0.0, before.max() - width + 1)
        shift = max(out_left, 0) - max(out_right, 0)
        return Bend(self.wrist, self.angle, float(shift))
