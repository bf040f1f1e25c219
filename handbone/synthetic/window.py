"""Which part of a drawn scene becomes the image, and what of the bones can be seen in it."""

import numpy as np

from handbone import anatomy

Crop = tuple[np.ndarray, tuple[int, int]]


def crop_window(skin: np.ndarray, ends_px: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A half-open window (left, top, right, bottom): the whole scene, upright formats, or cut close around the hand.

    Parameters
    ----------
    skin: (H, W) distance to the skin, negative inside.
    ends_px: (29, 2, 2) ends of the bones, by which the hand is told from the forearm.
    """
    height, width = skin.shape
    kind = rng.random()
    if kind < 0.3:
        return 0, 0, width, height
    points = ends_px[:27].reshape(-1, 2)
    reach = 0.03 * height
    low, high = points.min(0) - reach, points.max(0) + reach
    close = 0.12 if kind > 0.65 else 0.45
    # Now and then the edge cuts a fingertip off.
    least = -0.04 if rng.random() < 0.12 else 0.0
    margins = rng.uniform(least, close, 4) * height
    left, top = low - margins[:2]
    right, bottom = high + margins[2:]
    if rng.random() < 0.5:
        bottom += rng.uniform(0, 0.5) * height
    box = np.clip([left, top, right, bottom], 0, [width, height, width, height]).astype(int)
    # A hand that lies mostly outside of the scene keeps the scene.
    if min(box[2] - box[0], box[3] - box[1]) < 0.3 * height:
        return 0, 0, width, height
    left, top, right, bottom = box.tolist()
    return left, top, right, bottom


def visible(masks: dict[int, Crop], field: np.ndarray | None, window: tuple[int, int, int, int]) -> dict[int, Crop]:
    """What of the masks (crop and corner, by bone) lies in the collimated field and in the window, in its pixels."""
    left, top, right, bottom = window
    seen = {}
    for bone in range(anatomy.COUNT):
        if bone not in masks:
            continue
        mask, (x, y) = masks[bone]
        if field is not None:
            mask = mask & (field[y : y + mask.shape[0], x : x + mask.shape[1]] > 0.5)
        x0, y0 = max(left, x), max(top, y)
        x1, y1 = max(x0, min(right, x + mask.shape[1])), max(y0, min(bottom, y + mask.shape[0]))
        part = mask[y0 - y : y1 - y, x0 - x : x1 - x]
        if part.size:
            seen[bone] = part, (x0 - left, y0 - top)
    return seen
