"""The skeleton as the asset holds it: 29 meshes of a right hand, each in its own frame, and the joints between."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from handbone import anatomy
from handbone.synthetic.render import edges_of

_ASSET = Path(__file__).parent / "assets" / "hand.npz"

FOREARM = (anatomy.INDEX["Radius"], anatomy.INDEX["Ulna"])
CAPITATE = anatomy.INDEX["Capitate"]
#: Bones between forearm and hand, and the share of the wrist's bend that each takes part in.
PROXIMAL_ROW = {
    anatomy.INDEX[name]: share
    for name, share in {"Scaphoid": 0.68, "Lunate": 0.68, "Triquetrum": 0.88, "Pisiform": 0.88}.items()
}
#: Bones whose place is part of the hand's layout; every other bone hangs on the joint of its parent.
PLACED = (*anatomy.METACARPALS, *anatomy.CARPALS, *FOREARM)


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Millimetres; x away from the thumb, y towards the elbow, z dorsal; the capitate's centre is the origin.

    Parameters
    ----------
    vertices, faces: per bone (n, 3) float64 and (m, 3) int32, closed and turned outwards.
    depth: per bone (n,) millimetres from each vertex straight through to the other side.
    anchor: (29, 3) the joint towards the wrist. axes, limits: (29, 2, 3) and (29, 2, 2) flexion and abduction in
        degrees; zero where there is no joint. parent: (29,) the bone it hangs on, -1 for placed bones.
    frame: (29, 3, 3) rows are the bone's own side, long (towards the elbow) and depth directions.
    base: (29, 3) the point about which a bone grows: its end towards the wrist, or its centre. length: (29,).
    """

    vertices: tuple[np.ndarray, ...]
    faces: tuple[np.ndarray, ...]
    depth: tuple[np.ndarray, ...]
    anchor: np.ndarray
    axes: np.ndarray
    limits: np.ndarray
    parent: np.ndarray
    frame: np.ndarray
    base: np.ndarray
    length: np.ndarray


@lru_cache(maxsize=1)
def load_skeleton() -> Skeleton:
    """The skeleton in the package."""
    with np.load(_ASSET, allow_pickle=False) as asset:
        arrays = dict(asset)
    vertex_ends, face_ends = arrays["counts"].cumsum(0).T
    vertices = tuple(
        part * scale[3] + scale[:3]
        for part, scale in zip(np.split(arrays["vertices"], vertex_ends[:-1]), arrays["scale"], strict=True)
    )
    faces = tuple(np.ascontiguousarray(part, np.int32) for part in np.split(arrays["faces"], face_ends[:-1]))
    depth = tuple(part / 8.0 for part in np.split(arrays["depth"], vertex_ends[:-1]))
    frame = np.array([_frame_of(index, v) for index, v in enumerate(vertices)])
    along = [(v @ f[1]) for v, f in zip(vertices, frame, strict=True)]
    base = np.array([_base_of(i, v, a, f) for i, (v, a, f) in enumerate(zip(vertices, along, frame, strict=True))])
    parent = arrays["parent"].copy()
    parent[list(PLACED)] = -1
    return Skeleton(
        vertices,
        faces,
        depth,
        arrays["anchor"],
        arrays["axes"],
        arrays["limits"],
        parent,
        frame,
        base,
        np.array([np.ptp(a) for a in along]),
    )


@lru_cache(maxsize=anatomy.COUNT)
def bone_edges(index: int) -> np.ndarray:
    """Edges (e, 4) of a bone's mesh, see `edges_of`."""
    return edges_of(load_skeleton().faces[index])


def _frame_of(index: int, vertices: np.ndarray) -> np.ndarray:
    """(3, 3) rows side, long, depth. Carpals lie in the image's plane, long bones follow their shaft."""
    centred = vertices - vertices.mean(0)
    if index in FOREARM:
        return np.eye(3)
    if index in anatomy.CARPALS:
        centred = centred * [1.0, 1.0, 0.0]
    long = np.linalg.eigh(centred.T @ centred)[1][:, 2]
    long = long * (np.sign(long[1]) or 1.0)
    depth = np.array([0.0, 0.0, 1.0]) - long * long[2]
    depth /= np.linalg.norm(depth)
    return np.array([np.cross(long, depth), long, depth])


def _base_of(index: int, vertices: np.ndarray, along: np.ndarray, frame: np.ndarray) -> np.ndarray:
    centre = (vertices.min(0) + vertices.max(0)) / 2
    if index in anatomy.CARPALS:
        return centre
    end = along.min() if index in FOREARM else along.max()
    near = vertices[np.abs(along - end) < 0.1 * np.ptp(along) if index not in FOREARM else along < end + 20]
    middle = near.mean(0)
    return middle + frame[1] * (end - middle @ frame[1])
