"""Values that Pillow cuts or does not know, decoded by OpenCV: colour of 16 bits a channel, floats of 64 bits."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.orientation import to_shown
from handbone.formats import tiff_tags

_BGR = np.array([0.114, 0.587, 0.299], np.float32)  # BT.601
_FLOATS, _UNCOMPRESSED = 3, 1


def is_deep_colour(image: Any) -> bool:
    """Whether an image of Pillow, whose header was read, has several channels of 16 bits."""
    if image.format == "TIFF":
        bits = image.tag_v2.get(tiff_tags.BITS, (1,))
        return len(bits) > 1 and max(bits) > 8
    # Of a PNG Pillow tells the depth only by how it unpacks the values.
    raw = image.tile[0][3] if image.format == "PNG" and image.tile else ""
    return isinstance(raw, str) and ";16" in raw and image.mode in ("RGB", "RGBA", "LA")


def float_tiff_header(path: Path) -> tuple[tuple[int, int], int] | None:
    """Height and width as stored, and orientation, of an uncompressed TIFF of floating-point values; else None.

    OpenCV takes compressed values that it cannot decode for black, and nobody would be told.
    """
    tags = tiff_tags.first_directory(path)
    try:
        formats, bits = set(tags.get(tiff_tags.SAMPLE_FORMAT, (1,))), max(tags.get(tiff_tags.BITS, (1,)))
        if formats != {_FLOATS} or bits < 32 or tags.get(tiff_tags.COMPRESSION) != _UNCOMPRESSED:
            return None
        if tiff_tags.is_apart(tags) or tiff_tags.is_sparse(tags):  # which OpenCV does not heed
            return None
        orientation = int(tags.get(tiff_tags.ORIENTATION, 1))
        size_hw = int(tags[tiff_tags.HEIGHT]), int(tags[tiff_tags.WIDTH])
        return size_hw, orientation if 1 <= orientation <= 8 else 1
    except (LookupError, TypeError, ValueError):
        return None


def decode_by_opencv(
    path: Path, *, page: int = 0, orientation: int = 1, alpha: bool = True
) -> tuple[np.ndarray, np.ndarray | None]:
    """Grey values (H, W) as shown, and where they are transparent, bool (H, W) or None.

    alpha: whether a channel after the colours says what is transparent; else it has no say.

    Raises
    ------
    HandboneError: OpenCV cannot decode the file.
    """
    data = np.fromfile(path, np.uint8)
    try:
        if data[:4].tobytes() == b"\x89PNG":
            values = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        else:
            values = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(page, page + 1))[1][0]
    except (cv2.error, IndexError):
        values = None
    if values is None or values.dtype == np.uint8:
        what = "its colours or values cannot be decoded"
        raise HandboneError(what, where=path, remedy="save it as grey of 8 or 16 bits")
    grey, opacity = _grey(values if alpha or values.ndim == 2 else values[..., : 3 if values.shape[2] > 3 else 1])
    if data[:4].tobytes() == b"\x89PNG":  # of TIFF files OpenCV turns them
        grey, opacity = to_shown(grey, orientation), None if opacity is None else to_shown(opacity, orientation)
    return (grey, None) if opacity is None or opacity.min() > 0 else (grey, opacity == 0)


def _grey(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Grey (H, W) on black and opacity (H, W) of values in OpenCV's order of channels."""
    if values.ndim == 2:
        return values, None
    grey = values[..., :3].astype(np.float32) @ _BGR if values.shape[2] >= 3 else values[..., 0].astype(np.float32)
    if values.shape[2] not in (2, 4) or values.dtype.kind == "f":
        return grey, None
    alpha = values[..., -1].astype(np.float32) / np.iinfo(values.dtype).max
    return grey * alpha, alpha
