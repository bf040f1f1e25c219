"""Small hands of blobs, and strategies for masks and polygons."""

import cv2
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handbone.anatomy import COUNT

sides = st.integers(1, 14)


@st.composite
def small_masks(draw) -> np.ndarray:
    """A bool mask (H, W) of any content, full rows and empty ones included."""
    shape = draw(st.tuples(sides, sides))
    return draw(hnp.arrays(bool, shape, elements=st.booleans(), fill=st.booleans()))


@st.composite
def dense_masks(draw) -> np.ndarray:
    """Bool (29, H, W), most bones absent."""
    shape = draw(st.tuples(sides, sides))
    dense = np.zeros((COUNT, *shape), bool)
    for index in draw(st.sets(st.integers(0, COUNT - 1), max_size=4)):
        dense[index] = draw(hnp.arrays(bool, shape, elements=st.booleans(), fill=st.booleans()))
    return dense


def blob(centre_xy, radius: float, rng: np.random.Generator, vertices: int = 40) -> np.ndarray:
    """A smooth, slightly concave closed outline with whole-numbered points, as annotators draw."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    reach = radius * (1 + 0.25 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.1 * np.sin(5 * angle))
    turn = rng.uniform(0, np.pi)
    x, y = reach * np.cos(angle), 1.6 * reach * np.sin(angle)
    turned = np.column_stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)])
    return np.rint(turned + centre_xy)


def hand_of_blobs(size: int, seed: int = 0) -> dict[int, list[np.ndarray]]:
    """29 overlapping blobs of about the sizes that bones have in an image of `size`."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.12 * size, 0.88 * size, (COUNT, 2))
    return {i: [blob(places[i], rng.uniform(0.018, 0.04) * size, rng)] for i in range(COUNT)}


def contest_mask(polygons, size_hw) -> np.ndarray:
    """What the contest's own code makes of a bone's polygons, bool (H, W)."""
    mask = np.zeros(size_hw, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.asarray(polygon).astype(np.int32)], 1)
    return mask.astype(bool)
