"""One patient's hand in one pose: bones are scaled, deformed, attached to their joints and turned to the detector."""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from handbone import anatomy
from handbone.synthetic.deformation import Deformation, Margin, blunt_base, bone_sizes, with_margins
from handbone.synthetic.physis import growing_end, physis_share, young_end
from handbone.synthetic.rigid import about, after, rotation
from handbone.synthetic.skeleton import CAPITATE, FOREARM, PLACED, PROXIMAL_ROW, load_skeleton
from handbone.synthetic.vertex_kernels import grown


@dataclass(frozen=True, eq=False)
class Shape:
    """A patient's deviations from the reference skeleton.

    Parameters
    ----------
    scale: (29, 3) width, length and depth, relative to the skeleton.
    shift: (29, 3) where bones lie, in millimetres: the place of placed bones, the joint space of the others.
    waves: (29, 4) shares by which the width changes along the bone (two cosines), and its bow sideways and in depth.
    roll: (29,) degrees about the bone's own long axis. turn: (29,) degrees in the detector's plane, towards the thumb.
    drift: (29, 5) what a bent wrist changes, per degree of bend: ln(width), ln(length), x and y in millimetres, turn.
    epiphysis, cap: (29,) width and height of the growing end relative to a grown one; 1 in adults.
    roundness: (29,) of carpals: 0 as in the skeleton, 1 an ellipsoid. spurs: (29,) how far worn joints' rims stand out,
        as a share of the width.
    blunt: (29,) how far the base has lost its facets, as in an infant, whose bases are cartilage: 0 to 1.
    deformation: of every bone's surface; None for none. margins: erosions and osteophytes.
    """

    scale: np.ndarray
    shift: np.ndarray
    waves: np.ndarray = field(default_factory=lambda: np.zeros((anatomy.COUNT, 4)))
    roll: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))
    turn: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))
    drift: np.ndarray = field(default_factory=lambda: np.zeros((anatomy.COUNT, 5)))
    epiphysis: np.ndarray = field(default_factory=lambda: np.ones(anatomy.COUNT))
    cap: np.ndarray = field(default_factory=lambda: np.ones(anatomy.COUNT))
    roundness: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))
    spurs: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))
    blunt: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))
    deformation: Deformation | None = None
    margins: tuple[Margin, ...] = ()


@dataclass(frozen=True, eq=False)
class Pose:
    """Joint angles in degrees.

    Parameters
    ----------
    flexion, abduction: (29,) of each bone against its parent; abduction is positive away from the thumb.
    sway: (29,) of each bone against its parent in the detector's plane, positive towards the thumb.
    bend: the hand against the forearm, positive away from the thumb. extension: the same towards the back of the hand.
    pronation: Radius and Ulna about the forearm's axis. tilt, turn: the whole limb out of the detector's plane,
        about the image's x axis and about its y axis.
    """

    flexion: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))
    abduction: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))
    sway: np.ndarray = field(default_factory=lambda: np.zeros(anatomy.COUNT))
    bend: float = 0.0
    extension: float = 0.0
    pronation: float = 0.0
    tilt: float = 0.0
    turn: float = 0.0


@dataclass(frozen=True, eq=False)
class Body:
    """Posed bones in millimetres, axes as in `Skeleton`.

    vertices: per bone (n, 3). ends: (29, 2, 3) each bone's end towards the fingertip and its end towards the elbow.
    along: per bone (n,) share of the way from the first end to the second. physis: (29,) the growth plate's place as
        such a share, NaN for carpals.
    """

    vertices: tuple[np.ndarray, ...]
    ends: np.ndarray
    along: tuple[np.ndarray, ...]
    physis: np.ndarray


@lru_cache(maxsize=anatomy.COUNT)
def _at_rest(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A bone of the skeleton: points (n + 2, 3) in its own frame, its two ends last, and shares (n + 2,) along it."""
    skeleton = load_skeleton()
    local = (skeleton.vertices[index] - skeleton.base[index]) @ skeleton.frame[index].T
    low, high = local[:, 1].min(), local[:, 1].max()
    share = (local[:, 1] - low) / (high - low)
    found = np.vstack([local, [[0.0, low, 0.0], [0.0, high, 0.0]]]), np.append(share, [0.0, 1.0])
    for each in found:
        each.setflags(write=False)
    return found


def pose_body(shape: Shape, pose: Pose) -> Body:
    """The bones of a patient of this shape in this pose."""
    skeleton = load_skeleton()
    shape = bent_shape(shape, pose.bend)
    places = _places(shape)
    jointed = skeleton.axes.reshape(anatomy.COUNT, -1).any(1, keepdims=True)
    motion = _motions(shape, pose, places + np.where(jointed, skeleton.anchor - skeleton.base, 0.0))
    vertices, along, ends = [], [], np.empty((anatomy.COUNT, 2, 3))
    for index in range(anatomy.COUNT):
        local, share = _at_rest(index)
        turn, shift = motion[index, :, :3], motion[index, :, 3]
        points = _deform(index, local, share, shape) @ (skeleton.frame[index] @ turn.T) + (turn @ places[index] + shift)
        vertices.append(points[:-2])
        along.append(share[:-2])
        ends[index] = points[-2:]
    return Body(tuple(vertices), ends, tuple(along), np.array([physis_share(i, c) for i, c in enumerate(shape.cap)]))


def bent_shape(shape: Shape, bend_degrees: float) -> Shape:
    """The shape as it looks when the wrist is bent: carpals tip and slide, the Scaphoid is drawn out, fingers fan.

    Real hands follow straight lines between -15 and 60 degrees; beyond, nothing more changes.
    """
    change = shape.drift * np.clip(bend_degrees, -15.0, 60.0)
    scale, shift = shape.scale.copy(), shape.shift.copy()
    scale[:, :2] *= np.exp(change[:, :2])
    shift[:, :2] += change[:, 2:4]
    return replace(shape, scale=scale, shift=shift, turn=shape.turn + change[:, 4])


def _places(shape: Shape) -> np.ndarray:
    """(29, 3) where each bone's base lies before the joints move."""
    skeleton = load_skeleton()
    places = np.empty((anatomy.COUNT, 3))
    for index in range(anatomy.COUNT - 1, -1, -1):
        # Parents come later in anatomy's order than the bones that hang on them.
        if index in PLACED:
            places[index] = skeleton.base[index] + shape.shift[index]
            continue
        parent = skeleton.parent[index]
        local = (skeleton.anchor[index] - skeleton.base[parent]) @ skeleton.frame[parent].T
        share = np.array([0.0])
        joint = _deform(parent, local[None], share, shape)[0] @ skeleton.frame[parent] + places[parent]
        space = shape.shift[index] @ skeleton.frame[index]
        places[index] = joint + (skeleton.base[index] - skeleton.anchor[index]) + space
    return places


def _deform(index: int, local: np.ndarray, share: np.ndarray, shape: Shape) -> np.ndarray:
    """Points (n, 3) in the bone's own frame, grown to a patient's shape."""
    local = with_margins(index, local, shape.margins)
    narrow = np.ones(len(share))
    if shape.spurs[index]:
        narrow += shape.spurs[index] * np.exp(-(((1 - share) / 0.05) ** 2))
    if growing_end(index) >= 0 and (shape.epiphysis[index] != 1 or shape.cap[index] != 1):
        local, young = young_end(index, local, share, epiphysis=shape.epiphysis[index], cap=shape.cap[index])
        narrow *= young
    if shape.blunt[index]:
        local = blunt_base(index, local, share, shape.blunt[index])
    if shape.roundness[index]:
        local = _rounded(local, shape.roundness[index])
    reach = load_skeleton().length[index] if index not in FOREARM else 60.0
    moved = grown(local, share, narrow, shape.scale[index], shape.waves[index], reach, np.deg2rad(shape.roll[index]))
    if shape.deformation is not None:
        size_mm = float(bone_sizes()[index] * np.exp(np.log(shape.scale[index]).mean()))
        moved += shape.deformation.displacement(index, moved, size_mm)
    return moved


def _rounded(local: np.ndarray, roundness: float) -> np.ndarray:
    """Points (n, 3) of a small bone drawn towards the ellipsoid that fills its box."""
    radius = np.linalg.norm(local / np.abs(local).max(0).clip(1e-6), axis=1, keepdims=True)
    return local * (1 - roundness + 0.95 * roundness / radius.clip(0.2))


def _motions(shape: Shape, pose: Pose, pivots: np.ndarray) -> np.ndarray:
    """(29, 3, 4) rigid motion of each bone; pivots: (29, 3) its joint, or its base where it has none."""
    skeleton = load_skeleton()
    pivot = skeleton.base[CAPITATE] + shape.shift[CAPITATE] + [0.0, 4.0 * shape.scale[CAPITATE, 1], 0.0]
    view = about(np.zeros(3), rotation([0, 1, 0], pose.turn) @ rotation([1, 0, 0], pose.tilt))

    def wrist(share: float) -> np.ndarray:
        turn = rotation([0, 0, 1], share * pose.bend) @ rotation([1, 0, 0], -share * pose.extension)
        return after(view, about(pivot, turn))

    hand = wrist(1.0)
    ulna = skeleton.base[FOREARM[1]] + shape.shift[FOREARM[1]]
    arm = after(view, about(ulna, rotation([0, 1, 0], pose.pronation)))
    motion = np.empty((anatomy.COUNT, 3, 4))
    for index in range(anatomy.COUNT - 1, -1, -1):
        parent = skeleton.parent[index]
        if index in FOREARM:
            start = arm
        elif index in PROXIMAL_ROW:
            start = wrist(PROXIMAL_ROW[index])
        else:
            start = hand if parent < 0 else motion[parent]
        turn = rotation([0, 0, -1], shape.turn[index] + pose.sway[index])
        flex, spread = skeleton.axes[index]
        if flex.any():
            flex, spread = (_rolled(index, axis, shape) for axis in (flex, spread))
            turn = turn @ rotation(flex, pose.flexion[index]) @ rotation(spread, -pose.abduction[index])
        motion[index] = after(start, about(pivots[index], turn))
    return motion


def _rolled(index: int, axis: np.ndarray, shape: Shape) -> np.ndarray:
    """A joint's axis, turned as its bone is about itself; bones without a second axis get the image's normal."""
    if not axis.any():
        return np.array([0.0, 0.0, -1.0])
    frame = load_skeleton().frame[index]
    return rotation(frame[1], shape.roll[index]) @ axis
