"""In which frame labels were drawn, where a file declares another size than its image has."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# A declared size that differs in shape by no more is a scaled image.
_SAME_SHAPE = 0.01
_LARGEST = 1 << 20
#: Of an image with labels: some masks are unpacked whole in the size that they were drawn in.
MOST_PIXELS = 1 << 28
_SEVERAL = 4  # contours; Radius and Ulna alone may run out of an image


@dataclass(frozen=True)
class LabelFrame:
    """How labels come to the image's own pixels.

    Parameters
    ----------
    scale_xy: what their points are multiplied by; None where they belong to no frame that fits the image.
    reason: what was found, as a clause; empty where the sizes agree.
    """

    scale_xy: tuple[float, float] | None = (1.0, 1.0)
    reason: str = ""


def whole_size(height: object, width: object) -> tuple[int, int] | None:
    """Height and width that a file states; None where these are not two whole numbers of pixels, or are too many."""
    if type(height) is not int or type(width) is not int or not (0 < height < _LARGEST and 0 < width < _LARGEST):
        return None
    return None if height * width > MOST_PIXELS else (height, width)


def label_frame(
    declared_hw: tuple[int, int] | None,
    size_hw: tuple[int, int],
    contours: Iterable[np.ndarray],
    *,
    believed: bool = True,
) -> LabelFrame:
    """The frame that contours were drawn in, by where they lie.

    Contours that leave the image but not the declared size were drawn in the declared size; those that leave the
    declared size but not the image, in the image. Where both hold them nothing is known.

    Parameters
    ----------
    declared_hw: height and width that the file says; None where it says nothing.
    size_hw: of the image as it is read.
    contours: (n, 2) points (x, y), as they stand in the file.
    believed: whether the declared size is usually right. Where it is not, it counts only if several contours leave the
        image.
    """
    if declared_hw is None or declared_hw == size_hw:
        return LabelFrame()
    sizes = f"the file says {declared_hw[1]} x {declared_hw[0]}, the image has {size_hw[1]} x {size_hw[0]}"
    contours, least = list(contours), 1 if believed else _SEVERAL
    out_of_image, out_of_declared = (_outside(contours, size) >= least for size in (size_hw, declared_hw))
    if not out_of_image and (out_of_declared or not believed):
        return LabelFrame(reason=f"{sizes}, and the contours fit the image")
    if declared_hw == size_hw[::-1]:
        return LabelFrame(None, f"{sizes}: the contours were drawn on the image turned by 90 degrees")
    scale = size_hw[1] / declared_hw[1], size_hw[0] / declared_hw[0]
    if abs(scale[0] / scale[1] - 1) > _SAME_SHAPE:
        return LabelFrame(None, f"{sizes}, which has another shape")
    if out_of_image and not out_of_declared:
        return LabelFrame(scale, f"{sizes}, and the contours leave the image: they are scaled by {scale[0]:.3g}")
    return LabelFrame(None, f"{sizes}, and the contours would fit either")


def _outside(contours: Iterable[np.ndarray], size_hw: tuple[int, int]) -> int:
    """How many contours leave an image by more than a pixel and a hundredth of its side."""
    margin = 1 + 0.01 * max(size_hw)
    limit = np.array(size_hw[::-1]) - 1 + margin
    known = [points for points in contours if points.size and points.shape[1:] == (2,)]
    return sum(bool((points > limit).any() or (points < -margin).any()) for points in known)
