"""Radiographs from files: PNG, JPEG or TIFF, 8 or 16 bit, grey or colour, also inverted ones, as grey in [0, 1]."""

import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from handbone.errors import HandboneError

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded radiograph.

    Parameters
    ----------
    image: float32 (H, W) in [0, 1], bones bright on a dark background.
    inverted: whether the file showed bones dark, so that its values were turned round.
    bits: bits a value in the file (8 or 16; 32 for floating point).
    """

    image: np.ndarray
    inverted: bool
    bits: int

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width as stored."""
        return self.image.shape


def is_picture(path: Path) -> bool:
    """Whether a path is a file with a picture's extension."""
    return path.suffix.lower() in EXTENSIONS and path.is_file()


def read_picture(path: str | Path) -> Picture:
    """Decode a radiograph.

    The picture keeps the orientation in which it is stored, so that outlines and masks fit it. Values of 8 bits are
    taken as they are; more bits are scaled from their own range, since files of 10 or 12 bits are stored as 16.

    Raises
    ------
    HandboneError: the file does not exist, is cut, or is no picture; names the file.
    """
    values = _decode(Path(path))
    grey = _grey(values)
    bits = values.dtype.itemsize * 8
    image = grey / np.float32(255) if bits == 8 else _stretch(grey)
    inverted = is_inverted(image)
    if inverted:
        image = 1 - image
    return Picture(image, inverted, bits)


def picture_size_hw(path: str | Path) -> tuple[int, int]:
    """Height and width of a picture; of a PNG from its header alone.

    Raises
    ------
    HandboneError: the file does not exist or is no picture.
    """
    with _opened(Path(path)) as file:
        head = file.read(24)
    if head.startswith(_PNG) and len(head) == 24:
        width, height = struct.unpack(">II", head[16:])
        return height, width
    return _decode(Path(path)).shape[:2]


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


def is_inverted(image: np.ndarray) -> bool:
    """Whether a radiograph (H, W) in [0, 1] shows bones dark on a bright background.

    The background reaches the left and right edges; the hand, which attenuates, fills the middle. Bands along both
    sides are compared with the middle, each column by its median, so that a bright strip, a plate's frame or a side
    marker does not decide.
    """
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    columns = np.median(small[8:56], axis=0)
    # The outermost columns may be the frame of a scanned film.
    sides = np.concatenate([columns[2:12], columns[-12:-2]])
    middle = float(np.median(columns[24:40]))
    return float(np.median(sides)) > max(middle, 0.5)
