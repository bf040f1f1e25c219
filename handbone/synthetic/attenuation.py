"""From ray lengths to attenuation: cortex, marrow with trabeculae, growth plates."""

from dataclasses import dataclass

import cv2
import numpy as np

from handbone import anatomy
from handbone.synthetic.body import Body
from handbone.synthetic.bone_kernels import add_bone
from handbone.synthetic.physis import growing_end
from handbone.synthetic.render import box_of, ray_lengths
from handbone.synthetic.skeleton import FOREARM, bone_edges, load_skeleton
from handbone.synthetic.texture import CELLS, PATTERNS, Looks, grain, trabecular_pattern
from handbone.synthetic.vertex_kernels import surfaces, walls
from handbone.synthetic.window import Crop

_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Tissue:
    """What X-rays meet, per millimetre and in excess of soft tissue for bone.

    cortex: share of the local thickness that the shaft's wall takes. openness: half the width of an open growth plate
    in millimetres. gap: how dark it is. calcified: how much denser the bone beside it is. scar: how dense the line is
    where a growth plate has closed.
    """

    soft: float = 0.022
    cortical: float = 0.11
    marrow: float = 0.020
    cortex: float = 0.22
    trabeculae: float = 0.5
    openness: float = 0.5
    gap: float = 0.85
    calcified: float = 0.25
    scar: float = 0.0
    porosity: float = 0.03
    rough: float = 0.08
    vary: float = 0.06
    slope: float = 0.0
    flesh: float = 0.02
    flesh_exponent: float = 0.95
    looks: Looks = "training"


def add_skeleton(
    total: np.ndarray,
    body: Body,
    ends_px: np.ndarray,
    px_per_mm: float,
    tissue: Tissue,
    growth: float,
    rng: np.random.Generator,
    *,
    plates: np.ndarray,
    mirrored: bool = False,
    absent: tuple[int, ...] = (),
) -> tuple[dict[int, Crop], dict[int, Crop]]:
    """Add every bone's attenuation to `total` (H, W) float32.

    Returns each bone's mask and its corner in the image, and the same of the cavity that its wall encloses.

    ends_px: (29, 2, 2) the bones' two ends. growth: size of the hand relative to an adult's.
    plates: (29,) how open the growth plates are. mirrored: whether it is a left hand. absent: bones to leave out.
    """
    # As fine as the image: a finer pattern, read at each pixel's centre, would turn into white noise.
    level = int(np.clip(np.floor(np.log2(CELLS / px_per_mm) + 0.5), 0, 4))
    long, web = (
        trabecular_pattern(int(rng.integers(PATTERNS // 2)) + first, tissue.looks, level)
        for first in (0, PATTERNS // 2)
    )
    cells_per_mm = CELLS / 2**level * rng.uniform(0.8, 1.25)
    masks, cavities = {}, {}
    for index in range(anatomy.COUNT):
        # Struts run along long bones; in the cube-shaped carpals, and in many a shaft's end, they form a web.
        pattern = web if index in anatomy.CARPALS or rng.random() < 0.3 else long
        shift = rng.uniform(0, len(pattern), 2)
        vary, slopes = np.exp(rng.normal(0, tissue.vary)), rng.normal(0, tissue.slope, 2)
        box = box_of(body.vertices[index][:, :2] * px_per_mm, total.shape)
        if box[2] <= box[0] or index in absent:
            continue
        thick = _walls(index, body, tissue, growth, pattern, shift, rng)
        # A mirrored bone's faces are turned inwards.
        outer, inner = _lengths(index, body.vertices[index], -thick if mirrored else thick, px_per_mm, box)
        masks[index], cavities[index] = (_solid(outer > 0), box[:2]), (inner > 0, box[:2])
        tip, root = ends_px[index]
        span = float(np.linalg.norm(root - tip)) / px_per_mm
        direction = (root - tip) / max(1e-6, span * px_per_mm)
        hollow = 0.0 if index in anatomy.CARPALS else 0.62
        densities = [tissue.cortical * vary, tissue.marrow * vary, hollow, tissue.trabeculae, tissue.porosity]
        values = np.array([*densities, *slopes, cells_per_mm])
        plate = _plate(index, span, body.physis[index], plates[index], tissue)
        add_bone(total, outer, inner, *box[:2], tip, direction, span, px_per_mm, pattern, shift, values, plate)
    return masks, cavities


def _walls(
    index: int,
    body: Body,
    tissue: Tissue,
    growth: float,
    pattern: np.ndarray,
    shift: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Cortical thickness (n,) in millimetres: thick in the middle of a shaft, a thin shell at joints and in carpals."""
    low, high, rise, most = 0.12, 0.9, 0.26, 0.4
    if index in anatomy.CARPALS:
        low, most = 2.0, 0.3
    elif index in FOREARM:
        low, high, rise = 0.09, 2.0, 0.2
    wall = np.array([low, high, rise, tissue.cortex, most, 0.45 * growth])
    wave = np.array([*rng.normal(0, 0.25, 3), rng.uniform(0, 2 * np.pi), rng.normal(0, 1.5)])
    depth, vertices = load_skeleton().depth[index], body.vertices[index]
    return walls(body.along[index], depth, vertices, wall, pattern, shift, wave, tissue.rough)


def _lengths(
    index: int, vertices: np.ndarray, wall: np.ndarray, px_per_mm: float, box_xyxy: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of rays in a bone and in its cavity, in millimetres (h, w)."""
    faces, edges = load_skeleton().faces[index], bone_edges(index)
    outer, inner = surfaces(vertices, faces, wall, px_per_mm)
    return ray_lengths(outer, faces, box_xyxy, edges), ray_lengths(inner, faces, box_xyxy, edges)


def flesh(thickness: np.ndarray, tissue: Tissue, rng: np.random.Generator) -> np.ndarray:
    """Attenuation (H, W) float32 of soft tissue from its ray lengths in millimetres: fat, fibres and vessels in it."""
    texture = grain(thickness.shape, tissue.flesh_exponent, rng)
    texture *= np.float32(tissue.flesh)
    texture += 1
    texture *= thickness
    texture *= np.float32(tissue.soft)
    return texture


def _solid(mask: np.ndarray) -> np.ndarray:
    """A mask (h, w) without pinholes, hair-thin clefts and crumbs."""
    closed = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_CLOSE, _NEIGHBOURS)
    contours, inner = cv2.findContours(closed, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if len(contours) < 2:
        return closed.view(bool)
    outlines = [outline for outline, (*_, parent) in zip(contours, inner[0], strict=True) if parent < 0]
    areas = [cv2.contourArea(outline) for outline in outlines]
    kept = [outline for outline, area in zip(outlines, areas, strict=True) if area >= 0.02 * max(areas)]
    return cv2.drawContours(np.zeros_like(closed), kept, -1, 1, -1).view(bool)


def _plate(index: int, span: float, share: float, opened: float, tissue: Tissue) -> np.ndarray:
    """A growth plate's place from the tip and half width in millimetres, how dark it is, how bright either side's rim.

    Bone that has just calcified (the zone of provisional calcification) makes the shaft's rim the brighter one.
    """
    end = growing_end(index)
    if end < 0 or (opened <= 0 and tissue.scar <= 0):
        return np.zeros(5)
    place = share * span
    if opened <= 0:
        return np.array([place, 0.6, -tissue.scar, 0.0, 0.0])
    room = min(place, span - place)
    width = min(tissue.openness * (0.5 + 0.5 * opened), 0.32 * room)
    shaft, cap = tissue.calcified, 0.5 * tissue.calcified
    return np.array([place, width, tissue.gap * opened**0.5, *((cap, shaft) if end == 0 else (shaft, cap))])
