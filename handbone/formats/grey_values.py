"""Grey values of an image that Pillow decodes, of any mode: as shown, with what is transparent told apart."""

from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from handbone.core.orientation import to_shown
from handbone.formats import tiff_tags


def grey_values(image: Image.Image, orientation: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Values (H, W) as shown, and where they are transparent, bool (H, W) or None.

    orientation: how the stored rows are turned, see `handbone.core.orientation`.
    """
    values, clear = _values(image)
    if isinstance(image, TiffImageFile):  # which Pillow turns as it loads it
        return values, clear
    return to_shown(values, orientation), None if clear is None else to_shown(clear, orientation)


def _values(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    tags: Any = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    sample_format, bits, photometric = (
        tags.get(tag) for tag in (tiff_tags.SAMPLE_FORMAT, tiff_tags.BITS, tiff_tags.PHOTOMETRIC)
    )
    image.load()
    key = image.info.get("transparency")
    if image.mode in ("PA", "LA", "La", "RGBA", "RGBa") or (key is not None and image.mode in ("1", "L", "P", "RGB")):
        return _on_black(image.convert("RGBA"))
    if image.mode == "LAB":
        image = image.getchannel("L")
    elif image.mode in ("CMYK", "YCbCr", "HSV", "P"):
        image = image.convert("RGB")
    values = np.asarray(image.convert("L") if image.mode in ("RGB", "1") else image)
    clear = values == key if key is not None and values.dtype.itemsize > 1 else None
    if sample_format and sample_format[0] == 2 and values.dtype.itemsize * 8 == bits[0]:
        values = values.view(values.dtype.str.replace("u", "i"))
    elif sample_format == (1,) and values.dtype == np.int32:
        values = values.view(np.uint32)
    if photometric == 0 and image.mode.startswith("I"):  # white is zero; of 8 bits Pillow turns them
        values = values.max() - values
    return values, clear


def _on_black(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Grey values (H, W) of an RGBA image, and where nothing of it is seen."""
    alpha = np.asarray(image.getchannel("A"))
    values = np.asarray(image.convert("RGB").convert("L"))
    if alpha.min() < 255:
        values = (values * (alpha / np.float32(255))).astype(np.float32)
        return values, alpha == 0
    return values, None
