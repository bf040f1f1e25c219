"""Values that Pillow cuts or does not know, decoded by OpenCV: colour of 16 bits a channel, floats of 64 bits."""

import struct
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from handbone.core.errors import HandboneError
from handbone.core.orientation import to_shown

_BGR = np.array([0.114, 0.587, 0.299], np.float32)  # BT.601
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _ORIENTATION, _SAMPLE_FORMAT = 256, 257, 258, 259, 274, 339
_FLOATS, _UNCOMPRESSED = 3, 1


def is_deep_colour(image: Any) -> bool:
    """Whether an image of Pillow, whose header was read, has several channels of 16 bits."""
    if image.format == "TIFF":
        bits = image.tag_v2.get(_BITS, (1,))
        return len(bits) > 1 and max(bits) > 8
    # Of a PNG Pillow tells the depth only by how it unpacks the values.
    raw = image.tile[0][3] if image.format == "PNG" and image.tile else ""
    return isinstance(raw, str) and ";16" in raw and image.mode in ("RGB", "RGBA", "LA")


def float_tiff_header(path: Path) -> tuple[tuple[int, int], int] | None:
    """Height and width as stored, and orientation, of an uncompressed TIFF of floating-point values; else None.

    OpenCV takes compressed values that it cannot decode for black, and nobody would be told.
    """
    tags = _first_directory(path)
    try:
        formats, bits = set(tags.get(_SAMPLE_FORMAT, (1,))), max(tags.get(_BITS, (1,)))
        if formats != {_FLOATS} or bits < 32 or tags.get(_COMPRESSION) != _UNCOMPRESSED:
            return None
        orientation = int(tags.get(_ORIENTATION, 1))
        return (int(tags[_HEIGHT]), int(tags[_WIDTH])), orientation if 1 <= orientation <= 8 else 1
    except (LookupError, TypeError, ValueError):
        return None


def tiff_compression(path: Path) -> int | None:
    """The number of a TIFF's compression; None of anything else."""
    compression = _first_directory(path).get(_COMPRESSION)
    return compression if isinstance(compression, int) else None


def _first_directory(path: Path) -> dict[int, Any]:
    """Tags of the first page of a TIFF; none of anything else."""
    try:
        # Pillow warns of odd tags.
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            directory = ImageFileDirectory_v2(file.read(8))
            file.seek(directory.next)
            directory.load(file)
            return dict(directory)
    except (OSError, SyntaxError, LookupError, TypeError, ValueError, struct.error):
        return {}


def decode_by_opencv(path: Path, *, page: int = 0, orientation: int = 1) -> tuple[np.ndarray, np.ndarray | None]:
    """Grey values (H, W) as shown, and where they are transparent, bool (H, W) or None.

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
    grey, alpha = _grey(values)
    if data[:4].tobytes() == b"\x89PNG":  # of TIFF files OpenCV turns them
        grey, alpha = to_shown(grey, orientation), None if alpha is None else to_shown(alpha, orientation)
    return (grey, None) if alpha is None or alpha.min() > 0 else (grey, alpha == 0)


def _grey(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Grey (H, W) on black and opacity (H, W) of values in OpenCV's order of channels."""
    if values.ndim == 2:
        return values, None
    grey = values[..., :3].astype(np.float32) @ _BGR if values.shape[2] >= 3 else values[..., 0].astype(np.float32)
    if values.shape[2] not in (2, 4) or values.dtype.kind == "f":
        return grey, None
    alpha = values[..., -1].astype(np.float32) / np.iinfo(values.dtype).max
    return grey * alpha, alpha
