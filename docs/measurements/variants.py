"""The same hand once more: larger, smaller, turned, brighter, darker, compressed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame

#: A network's masks of an image (H, W) in [0, 1], and the bones among them that are doubtful, with the reason.
Outlining = Callable[[np.ndarray], tuple[BoneMasks, dict[int, str]]]


@dataclass(frozen=True, eq=False)
class Variant:
    """An image of a hand, its exact masks, and its scale relative to the first image's."""

    name: str
    image: np.ndarray
    masks: BoneMasks
    scale: float = 1.0


def variants(image: np.ndarray, masks: BoneMasks) -> Iterator[Variant]:
    """Eight further images of a hand.

    Parameters
    ----------
    image: (H, W) float32 in [0, 1]. masks: exact.
    """
    for scale in (0.75, 1.4):
        yield _warped(f"scale {scale}", image, masks, scale, 0.0)
    for degrees in (10.0, -25.0):
        yield _warped(f"turn {degrees:+.0f}", image, masks, 1.0, degrees)
    for gamma in (0.7, 1.4):
        yield Variant(f"gamma {gamma}", image**gamma, masks)
    for quality in (30, 70):
        yield Variant(f"JPEG {quality}", _compressed(image, quality), masks)


def _warped(name: str, image: np.ndarray, masks: BoneMasks, scale: float, degrees: float) -> Variant:
    height, width = image.shape
    size = round(height * scale), round(width * scale)
    # About the middle of the lower edge: the forearm keeps leaving the image there.
    around = ((width - 1) / 2, height - 1.0)
    turn = cv2.getRotationMatrix2D(around, degrees, 1.0)
    frame = Frame(turn, image.shape).then(np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]]), size)
    warped = [frame.warp(masks.mask(bone).astype(np.float32)) > 0.5 for bone in range(len(masks.crops))]
    return Variant(name, frame.warp(image), BoneMasks.from_dense(np.stack(warped)), scale)


def _compressed(image: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", np.round(image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
