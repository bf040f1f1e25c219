"""A similarity transform from the canonical pose to the bones of an image, found although some bones are wrong.

Points are complex numbers x + iy, so that turning and scaling is one multiplication: p = a t + b, with the mirror image
of the canonical pose as -conj(t).
"""

from dataclasses import dataclass

import numpy as np

from handbone.core.frame import Frame
from handbone.method.pose.canonical import CENTROIDS_XY, SPREAD, SQUARE_CENTRE_XY, SQUARE_SIDE

# Tukey's biweight: a bone that strays more than so many times its usual spread has no say.
CUTOFF = 3.5
_ROUNDS = 12
# Bones within so many pixels lie at one place, which has no direction and no size.
_ONE_PLACE = 1e-3
_SMALLEST_TURN = 1e-6


@dataclass(frozen=True)
class PoseFit:
    """How the canonical pose lies in an image.

    Parameters
    ----------
    turn: complex a of p = a t + b; its size is the unit's length in pixels, its angle the hand's direction.
    shift: complex b, the place of the canonical pose's origin in the image.
    mirrored: whether the mirror image of the canonical pose was fitted.
    inliers: indices of the bones that lie where the fit expects them.
    outliers: indices of the bones that don't.
    cost: mean of the bones' robust costs, 0 (all fit perfectly) to 1 (none fits).
    """

    turn: complex
    shift: complex
    mirrored: bool
    inliers: tuple[int, ...]
    outliers: tuple[int, ...]
    cost: float

    @property
    def mc3_length_px(self) -> float:
        """Length of the third metacarpal in pixels."""
        return abs(self.turn)

    @property
    def degrees(self) -> float:
        """Direction of the hand's axis, clockwise from the image's upward axis."""
        return float(np.rad2deg(np.angle(self.turn)))

    def place(self, points_xy: np.ndarray) -> np.ndarray:
        """Points (n, 2) of the canonical pose in the image (n, 2)."""
        placed = self.turn * _complex(points_xy, self.mirrored) + self.shift
        return np.column_stack([placed.real, placed.imag])

    def square(self, size: int, *, mirrored: bool = False) -> Frame:
        """The square of the image in which the hand stands upright.

        Parameters
        ----------
        size: side of the grid in pixels.
        mirrored: mirror the grid, too; with that of the fit, every thumb points to the left.
        """
        centre = tuple(self.place(np.array([SQUARE_CENTRE_XY]))[0])
        return Frame.around(centre, SQUARE_SIDE * self.mc3_length_px, size, degrees=self.degrees, mirrored=mirrored)


def fit_pose(centroids_xy: np.ndarray, bones: tuple[int, ...]) -> tuple[PoseFit, PoseFit] | None:
    """The fits of the canonical pose and of its mirror image, the better one first.

    None with fewer than two bones, or with all of them at one place.

    Every pair of bones proposes a transform; the one on which most bones agree is refined by reweighted least squares
    (Tukey's biweight). So a few missing, swapped or misplaced bones don't move the result.

    Parameters
    ----------
    centroids_xy: (29, 2) of the image, NaN for bones that were not found.
    bones: indices of the bones to fit.
    """
    seen = np.array([b for b in bones if np.isfinite(centroids_xy[b]).all()], int)
    if len(seen) < 2:
        return None
    points = _complex(centroids_xy[seen], False)
    if np.ptp(points.real) + np.ptp(points.imag) < _ONE_PLACE:
        return None
    fits = [_fit(seen, points, mirrored) for mirrored in (False, True)]
    fits.sort(key=lambda fit: fit.cost)
    return fits[0], fits[1]


def _complex(points_xy: np.ndarray, mirrored: bool) -> np.ndarray:
    x, y = np.asarray(points_xy, np.float64).T
    return (-x if mirrored else x) + 1j * y


def _fit(seen: np.ndarray, points: np.ndarray, mirrored: bool) -> PoseFit:
    layout, spread = _complex(CENTROIDS_XY[seen], mirrored), SPREAD[seen]
    turn, shift = _best_pair(layout, spread, points)
    for _ in range(_ROUNDS):
        weight = np.clip(1 - _strays(turn, shift, layout, spread, points) ** 2, 0, None) ** 2 / spread**2
        if np.count_nonzero(weight) < 2:
            break
        better, place = _least_squares(layout, points, weight)
        if abs(better) <= _SMALLEST_TURN:
            break
        turn, shift = better, place
    strays = _strays(turn, shift, layout, spread, points)
    return PoseFit(
        turn=complex(turn),
        shift=complex(shift),
        mirrored=mirrored,
        inliers=tuple(int(b) for b in seen[strays < 1]),
        outliers=tuple(int(b) for b in seen[strays >= 1]),
        cost=float(_cost(strays).mean()),
    )


def _best_pair(layout: np.ndarray, spread: np.ndarray, points: np.ndarray) -> tuple[complex, complex]:
    first, second = np.triu_indices(len(points), 1)
    turns = (points[second] - points[first]) / (layout[second] - layout[first])
    # Two bones at one place propose a hand without size.
    usable = np.abs(turns) > _SMALLEST_TURN
    turns = np.where(usable, turns, _SMALLEST_TURN)
    shifts = points[first] - turns * layout[first]
    strays = _strays(turns[:, None], shifts[:, None], layout, spread, points)
    best = int(np.where(usable, _cost(strays).sum(1), np.inf).argmin())
    return turns[best], shifts[best]


def _strays(
    turn: np.ndarray | complex, shift: np.ndarray | complex, layout: np.ndarray, spread: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """Distance of each bone from its expected place, in cut-offs."""
    return np.abs(points - turn * layout - shift) / (np.abs(turn) * spread * CUTOFF)


def _cost(strays: np.ndarray) -> np.ndarray:
    return 1 - np.clip(1 - strays**2, 0, None) ** 3


def _least_squares(layout: np.ndarray, points: np.ndarray, weight: np.ndarray) -> tuple[complex, complex]:
    share = weight / weight.sum()
    middle_t, middle_p = share @ layout, share @ points
    t, p = layout - middle_t, points - middle_p
    turn = (share * t.conj()) @ p / (share @ np.abs(t) ** 2)
    return turn, middle_p - turn * middle_t
