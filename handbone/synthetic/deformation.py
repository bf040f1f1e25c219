"""Smooth free-form deformation of bones, and local changes: joints' margins in arthritis, infants' blunt bases.

The field is a Gaussian process with a squared-exponential kernel, sampled by random Fourier features (Rahimi and
Recht 2007, "Random features for large-scale kernel machines"). One field covers the whole hand, so that neighbours
change together and their joint stays a joint; each bone has a second one of its own.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from handbone import anatomy
from handbone.synthetic.skeleton import FOREARM, PLACED, load_skeleton
from handbone.synthetic.vertex_kernels import sum_of_waves

_MODES = 8
_SHARED_LENGTH_MM = 25.0  # length scale of the field that covers the hand
_OWN_LENGTH = 0.4  # length scale of a round bone's own field, relative to the bone's size
_SHARED_SIZE_MM = 15.0  # the field that covers the hand has the amplitude that suits a carpal of this size
_SHARED_PART, _OWN_PART = 0.9, 0.9  # so that both together give the share asked for
_VISIBLE_FOREARM_MM = 60.0


@dataclass(frozen=True, eq=False)
class Modes:
    """A smooth vector field with a root mean square length of 1.

    Parameters
    ----------
    frequencies: (k, 3) radians per unit of length. phases: (k,). amplitudes: (k, 3).
    """

    frequencies: np.ndarray
    phases: np.ndarray
    amplitudes: np.ndarray

    def at(self, points: np.ndarray) -> np.ndarray:
        """Vectors (n, 3) at points (n, 3)."""
        return sum_of_waves(points, self.frequencies, self.phases, self.amplitudes)


@dataclass(frozen=True, eq=False)
class Deformation:
    """How a patient's bones are bent out of the skeleton's shape.

    Parameters
    ----------
    share: root mean square displacement of a bone's surface, relative to the bone's size (see `bone_sizes`).
    shared: field over the hand, in millimetres. own: a field for each bone, in units of the bone's size.
    centres: (29, 3) means of the bones' own fields, which move no bone as a whole.
    """

    share: float
    shared: Modes
    own: tuple[Modes, ...]
    centres: np.ndarray

    def displacement(self, index: int, points: np.ndarray, size_mm: float) -> np.ndarray:
        """Vectors (n, 3) in millimetres, in the bone's frame, at points (n, 3) in millimetres from the bone's base.

        A bone that hangs on a joint stays there: its displacement is relative to its base.
        """
        both = self._both(index, size_mm)
        if index not in PLACED:
            return both.at(points) - both.at(np.zeros((1, 3)))
        return both.at(points) - _OWN_PART * self.share * size_mm * self.centres[index]

    def _both(self, index: int, size_mm: float) -> Modes:
        """The field over the hand and the bone's own, in millimetres and in the bone's frame."""
        frame, base = load_skeleton().frame[index].astype(np.float32), load_skeleton().base[index]
        shared, own = self.shared, self.own[index]
        strengths = np.float32(self.share) * np.array([_SHARED_PART * _SHARED_SIZE_MM, _OWN_PART * size_mm], np.float32)
        return Modes(
            np.vstack([shared.frequencies @ frame.T, own.frequencies / np.float32(size_mm)]),
            np.concatenate([shared.phases + (shared.frequencies @ base).astype(np.float32), own.phases]),
            np.vstack([strengths[0] * shared.amplitudes @ frame.T, strengths[1] * own.amplitudes]),
        )


@dataclass(frozen=True)
class Margin:
    """A change of a joint's margin: an erosion where `depth_mm` is positive, an osteophyte where it is negative.

    Parameters
    ----------
    bone: index. place_mm: point of the skeleton's surface in the bone's frame. depth_mm: at that point, towards the
        bone's axis. radius_mm: standard deviation of the change over the surface.
    """

    bone: int
    place_mm: tuple[float, float, float]
    depth_mm: float
    radius_mm: float


@lru_cache(maxsize=1)
def bone_sizes() -> np.ndarray:
    """(29,) millimetres: geometric mean of a bone's three extents; of Radius and Ulna, the distal 60 mm count."""
    extents = np.array([np.ptp(_visible(index), axis=0) for index in range(anatomy.COUNT)])
    return np.exp(np.log(extents).mean(1))


@lru_cache(maxsize=anatomy.COUNT)
def _visible(index: int) -> np.ndarray:
    """(n, 3) vertices in the bone's frame, in millimetres from its base; of the forearm, those an image shows."""
    skeleton = load_skeleton()
    local = (skeleton.vertices[index] - skeleton.base[index]) @ skeleton.frame[index].T
    return local[local[:, 1] < local[:, 1].min() + _VISIBLE_FOREARM_MM] if index in FOREARM else local


@lru_cache(maxsize=anatomy.COUNT)
def _sample(index: int) -> np.ndarray:
    """(n, 3) some of the bone's vertices in units of its size, by which the strength of a field is told."""
    return _visible(index)[::32] / bone_sizes()[index]


@lru_cache(maxsize=1)
def _own_lengths() -> np.ndarray:
    """(29, 3) length scales of the bones' own fields: along a shaft longer than across it, so that it bows in one."""
    skeleton = load_skeleton()
    extents = np.array([np.ptp(v @ f.T, axis=0) for v, f in zip(skeleton.vertices, skeleton.frame, strict=True)])
    return _OWN_LENGTH * np.sqrt(extents / bone_sizes()[:, None])


def draw_deformation(rng: np.random.Generator, share: float) -> Deformation:
    """A random deformation whose displacements are about `share` of each bone's size."""
    shared = _draw_modes(rng, _SHARED_LENGTH_MM)
    own, centres = [], np.empty((anatomy.COUNT, 3), np.float32)
    for index in range(anatomy.COUNT):
        modes = _draw_modes(rng, _own_lengths()[index])
        values = modes.at(_sample(index))
        mean = values.mean(0)
        # A bone spans few waves: without this, some bones would hardly change and others twice as much.
        strength = np.sqrt(((values - mean) ** 2).sum(1).mean())
        own.append(Modes(modes.frequencies, modes.phases, modes.amplitudes / strength))
        centres[index] = mean / strength
    return Deformation(share, shared, tuple(own), centres)


def _draw_modes(rng: np.random.Generator, length: float | np.ndarray) -> Modes:
    """A field of this length scale: one for all axes, or one each, (3,)."""
    amplitudes = rng.standard_normal((_MODES, 3))
    amplitudes /= np.sqrt((amplitudes**2).sum() / 2)
    return Modes(
        (rng.standard_normal((_MODES, 3)) / length).astype(np.float32),
        rng.uniform(0, 2 * np.pi, _MODES).astype(np.float32),
        amplitudes.astype(np.float32),
    )


def draw_margin(
    rng: np.random.Generator, bone: int, shares: tuple[float, float], depth_mm: float, radius_mm: float
) -> Margin:
    """A change at a random point of the surface between two shares of the bone's length, on the side or nearly so.

    Parameters
    ----------
    shares: of the way from the end towards the fingertip to the end towards the elbow.
    """
    local = _visible(bone)
    low, high = np.quantile(local[:, 1], [0.0, 1.0])
    place = (local[:, 1] - low) / (high - low)
    middle = (local[:, 0].min() + local[:, 0].max()) / 2
    sideways = np.abs(local[:, 0] - middle)
    chosen = np.flatnonzero((place >= shares[0]) & (place <= shares[1]))
    # The outline shows what happens at a bone's sides.
    chosen = chosen[sideways[chosen] >= np.quantile(sideways[chosen], 0.8)]
    return Margin(bone, tuple(local[rng.choice(chosen)].tolist()), depth_mm, radius_mm)


def with_margins(index: int, local: np.ndarray, margins: tuple[Margin, ...]) -> np.ndarray:
    """Points (n, 3) in the bone's frame, in millimetres of the skeleton, moved by the margins of this bone."""
    for margin in margins:
        if margin.bone != index:
            continue
        place = np.array(margin.place_mm)
        inwards = -place * [1.0, 0.0, 1.0]
        inwards /= max(1e-6, np.linalg.norm(inwards))
        near = np.exp(-((local - place) ** 2).sum(1) / (2 * margin.radius_mm**2))
        local = local + (margin.depth_mm * near)[:, None] * inwards
    return local


def blunt_base(index: int, local: np.ndarray, share: np.ndarray, blunt: float) -> np.ndarray:
    """Points (n, 3) of a long bone in its frame; its last tenth towards the elbow becomes flat and narrow.

    Parameters
    ----------
    share: (n,) of the way from the end towards the fingertip to the end towards the elbow. blunt: 0 to 1.
    """
    near = np.exp(-(((1 - share) / 0.12) ** 2))
    moved = local * (1 - 0.22 * blunt * near)[:, None]
    moved[:, 1] = local[:, 1] - 0.75 * blunt * np.maximum(share - 0.9, 0) * load_skeleton().length[index]
    return moved
