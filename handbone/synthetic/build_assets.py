"""Makes `assets/hand.npz` from the MyoHand model of `myo-sim` (`python -m handbone.synthetic.build_assets`).

Nobody who uses handbone needs this or `myo-sim`: the file that it writes is part of handbone. Coordinates are those
of a right hand on the detector as its image shows it: x to the right (towards the little finger), y down (towards
the elbow), z towards the X-ray tube (dorsal), millimetres, origin at the centre of the capitate, all joints at zero.

Taken as they are: 25 meshes and the finger joints. Mended: the pisiform (inner surfaces: its outermost surface is
kept), the little finger's distal phalanx (holes: the ring finger's, scaled to its size), and Radius and Ulna (a few
hundred triangles with open seams: lofted anew, see `forearm`).
"""

import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file
from handbone.synthetic.forearm import loft_radius, loft_ulna, sphere_faces

ASSET = Path(__file__).parent / "assets" / "hand.npz"

_FINGERS = {"index": "2", "middle": "3", "ring": "4", "little": "5"}
_PARTS = {"distal phalanx": "distph", "middle phalanx": "midph", "proximal phalanx": "proxph", "metacarpal": "mc"}
_THUMB = {"distal phalanx": "thumbdist", "proximal phalanx": "thumbprox", "metacarpal": "1mc"}

# The image's x points away from the thumb: one axis changes sign, and of rotation axes (pseudovectors) the others.
_TO_IMAGE = np.array([-1.0, 1.0, 1.0])
_AXIS_TO_IMAGE = np.array([1.0, -1.0, -1.0])


def mesh_name(bone: anatomy.Bone) -> str:
    """The MyoHand mesh of a bone."""
    digit, _, part = bone.title.partition(" ")
    if digit == "thumb":
        return _THUMB[part]
    return _FINGERS[digit] + _PARTS[part] if digit in _FINGERS else bone.name.lower()


def read_stl(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Welded vertices (n, 3) in millimetres and faces (m, 3) of a binary STL file in metres."""
    data = path.read_bytes()
    count = int.from_bytes(data[80:84], "little")
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    corners = np.frombuffer(data[84 : 84 + record.itemsize * count], record)["corners"].reshape(-1, 3) * 1000.0
    vertices, inverse = np.unique(np.round(corners, 3), axis=0, return_inverse=True)
    faces = inverse.reshape(-1, 3)
    distinct = (faces != np.roll(faces, 1, axis=1)).all(1)
    return vertices, faces[distinct]


def outermost(vertices: np.ndarray, faces: np.ndarray, *, rings: int = 36) -> tuple[np.ndarray, np.ndarray]:
    """The outer surface of a star-shaped mesh, as a closed sphere of (rings, 2 rings) points moved out to it."""
    centre = (vertices.min(0) + vertices.max(0)) / 2
    latitude = (np.arange(1, rings) / rings) * np.pi
    longitude = np.arange(2 * rings) / (2 * rings) * 2 * np.pi
    ring = np.stack(
        [
            np.outer(np.sin(latitude), np.cos(longitude)),
            np.outer(np.cos(latitude), np.ones_like(longitude)),
            np.outer(np.sin(latitude), np.sin(longitude)),
        ],
        -1,
    )
    directions = np.vstack([[[0.0, 1.0, 0.0]], ring.reshape(-1, 3), [[0.0, -1.0, 0.0]]])
    far = np.array([_hits(centre, d, vertices, faces).max(initial=0.0) for d in directions])
    # Rays that graze an inner fold leave steps, which the bone does not have.
    grid = np.pad(far[1:-1].reshape(rings - 1, 2 * rings), ((0, 0), (8, 8)), mode="wrap")
    grid = gaussian_filter(grid, 2.0, mode="nearest")[:, 8:-8]
    far = np.concatenate([[grid[0].mean()], grid.ravel(), [grid[-1].mean()]])
    return centre + directions * far[:, None], sphere_faces(rings - 1, 2 * rings)


def _hits(origin: np.ndarray, direction: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Distances (k,) along a ray at which it meets faces (Moeller and Trumbore, 1997)."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    e1, e2 = b - a, c - a
    p = np.cross(direction, e2)
    det = (e1 * p).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = origin - a
        u = (t * p).sum(1) / det
        q = np.cross(t, e1)
        v = q @ direction / det
        distance = (e2 * q).sum(1) / det
        inside = (np.abs(det) > 1e-12) & (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (distance > 1e-6)
    return distance[inside]


def outward(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The faces turned so that the enclosed volume is positive."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return faces if (a * np.cross(b, c)).sum() > 0 else faces[:, ::-1]


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (n, 3), weighted by area, pointing out of an outward mesh."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, faces[:, i], face)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def thickness(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Millimetres (n,) from each vertex straight through the bone to the other side; bounds the cortex."""
    normals = vertex_normals(vertices, faces)
    return np.array(
        [_hits(v - 1e-3 * n, -n, vertices, faces).min(initial=40.0) for v, n in zip(vertices, normals, strict=True)]
    )


def read_chain(path: Path) -> dict[str, dict]:
    """Mesh name to its body's origin, joints and parent mesh, for the arm's bodies below the elbow; neutral pose."""
    found: dict[str, dict] = {}

    def walk(body: ElementTree.Element, origin: np.ndarray, parent: str | None) -> None:
        meshes = [geom.attrib["mesh"] for geom in body.findall("geom") if geom.get("mesh")]
        mesh = meshes[0].removesuffix("_r")
        joints = [
            (_numbers(joint.attrib["axis"]) * _AXIS_TO_IMAGE, np.degrees(_numbers(joint.attrib["range"])))
            for joint in body.findall("joint")
        ]
        found[mesh] = {"origin": origin, "joints": joints, "parent": parent}
        for child in body.findall("body"):
            walk(child, origin + 1000 * _numbers(child.attrib["pos"]), mesh)

    forearm = next(b for b in ElementTree.parse(path).getroot().iter("body") if b.get("name") == "ulna_r")
    walk(forearm, np.zeros(3), None)
    return found


def _numbers(text: str) -> np.ndarray:
    return np.array([float(part) for part in text.split()])


def build(models: Path) -> dict[str, np.ndarray]:
    """All arrays of the asset, from the folder `models` of `myo_sim`."""
    chain = read_chain(models / "arm/assets/myoarm_r_chain.xml")
    names = [mesh_name(bone) for bone in anatomy.BONES]
    meshes = {n: read_stl(models / f"meshes/{n}.stl") for n in names[:27]}
    meshes["pisiform"] = outermost(*meshes["pisiform"])
    ring, little = meshes["4distph"], meshes["5distph"]
    size = (np.ptp(little[0], axis=0) / np.ptp(ring[0], axis=0))[None]
    low = [m[0].min(0) for m in (ring, little)]
    meshes["5distph"] = ((ring[0] - low[0]) * size + low[1], ring[1])

    centre = chain["capitate"]["origin"] + meshes["capitate"][0].mean(0)
    placed = {n: ((v + chain[n]["origin"] - centre) * _TO_IMAGE, f) for n, (v, f) in meshes.items()}
    placed["radius"], placed["ulna"] = loft_radius(), loft_ulna()

    arrays: dict[str, list] = {k: [] for k in ("vertices", "faces", "depth", "scale", "counts")}
    for name in names:
        vertices, faces = placed[name]
        faces = outward(vertices, faces)
        middle, reach = vertices.mean(0), np.abs(vertices - vertices.mean(0)).max()
        step = reach / 32767
        arrays["scale"].append([*middle, step])
        arrays["vertices"].append(np.round((vertices - middle) / step).astype(np.int16))
        arrays["faces"].append(faces.astype(np.uint16))
        arrays["depth"].append(np.clip(np.round(thickness(vertices, faces) * 8), 1, 255).astype(np.uint8))
        arrays["counts"].append([len(vertices), len(faces)])

    anchor = np.zeros((29, 3))
    axes, limits = np.zeros((29, 2, 3)), np.zeros((29, 2, 2))
    parent = np.full(29, -1)
    for index, name in enumerate(names[:27]):
        anchor[index] = (chain[name]["origin"] - centre) * _TO_IMAGE
        for k, (axis, bounds) in enumerate(chain[name]["joints"] if index < 19 else ()):
            axes[index, k], limits[index, k] = axis, bounds
        if chain[name]["parent"] in names and index < 19:
            parent[index] = names.index(chain[name]["parent"])
    return {
        "vertices": np.vstack(arrays["vertices"]),
        "faces": np.vstack(arrays["faces"]),
        "depth": np.concatenate(arrays["depth"]),
        "scale": np.array(arrays["scale"], np.float64),
        "counts": np.array(arrays["counts"], np.int32),
        "anchor": anchor,
        "axes": axes,
        "limits": limits,
        "parent": parent.astype(np.int32),
    }


def main() -> None:
    """Write the asset into the package."""
    spec = importlib.util.find_spec("myo_sim")
    if spec is None or spec.origin is None:
        raise HandboneError("the package myo-sim is not installed", remedy="pip install myo-sim")
    arrays: dict[str, Any] = build(Path(spec.origin).parent / "models")
    with atomic_file(ASSET) as temporary:
        np.savez_compressed(temporary, **arrays)


if __name__ == "__main__":
    main()
