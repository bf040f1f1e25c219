"""The built-in reader: PNG, JPEG or TIFF, 8 or 16 bit, grey or colour, also inverted ones."""

import struct
from pathlib import Path

import cv2
import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph
from handbone.formats.inversion import is_inverted

_PNG = b"\x89PNG\r\n\x1a\n"


def read_raster(path: Path) -> Radiograph:
    """Decode an image.

    It keeps the orientation in which it is stored, so that contours and masks fit it. Values of 8 bits are taken as
    they are; more bits are scaled from their own range, since files of 10 or 12 bits are stored as 16.

    Raises
    ------
    HandboneError: the file does not exist, is cut, or is no image; names the file.
    """
    values = _decode(path)
    grey = _grey(values)
    bits = values.dtype.itemsize * 8
    image = grey / np.float32(255) if bits == 8 else _stretch(grey)
    inverted = is_inverted(image)
    if inverted:
        image = 1 - image
    return Radiograph(image, inverted, bits)


def raster_size_hw(path: Path) -> tuple[int, int]:
    """Height and width of an image; of a PNG from its header alone.

    Raises
    ------
    HandboneError: the file does not exist or is no image.
    """
    with _opened(path) as file:
        head = file.read(24)
    if head.startswith(_PNG) and len(head) == 24:
        width, height = struct.unpack(">II", head[16:])
        return height, width
    return _decode(path).shape[:2]


def _opened(path: Path):
    try:
        return path.open("rb")
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise HandboneError(what, where=path, remedy="check the path and its permissions") from None


def _decode(path: Path) -> np.ndarray:
    with _opened(path) as file:
        data = file.read()
    remedy = "copy it again from its source, or leave it out"
    if data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        # OpenCV fills the missing rest of a JPEG with grey and says nothing: an end has to follow the last scan.
        raise HandboneError("the JPEG file is cut", where=path, remedy=remedy)
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        values = None
    if values is None and data[128:132] == b"DICM":
        raise HandboneError("this is a DICOM file", where=path, remedy="pip install handbone-dicom, which reads them")
    if values is None:
        raise HandboneError(f"not a whole PNG, JPEG or TIFF file ({len(data)} bytes)", where=path, remedy=remedy)
    return values


def _grey(values: np.ndarray) -> np.ndarray:
    """float32 (H, W) from (H, W) or (H, W, C) in OpenCV's order of channels; transparent parts are black."""
    if values.ndim == 2:
        return values.astype(np.float32)
    colour = values[..., :3] if values.shape[2] >= 3 else values[..., :1]
    if (colour == colour[..., :1]).all():
        grey = colour[..., 0].astype(np.float32)
    else:
        grey = colour.astype(np.float32) @ np.array([0.114, 0.587, 0.299], np.float32)
    if values.shape[2] in (2, 4) and np.issubdtype(values.dtype, np.integer):
        grey *= values[..., -1].astype(np.float32) / np.iinfo(values.dtype).max
    return grey


def _stretch(grey: np.ndarray) -> np.ndarray:
    grey = np.nan_to_num(grey, posinf=0, neginf=0)
    # A few dead or burnt-in pixels must not set the range; a thousandth is less than any bone.
    low, high = np.percentile(grey[::4, ::4], (0.1, 99.9))
    if high <= low:
        low, high = float(grey.min()), max(float(grey.max()), float(grey.min()) + 1)
    return np.clip((grey - np.float32(low)) / np.float32(high - low), 0, 1).astype(np.float32)
