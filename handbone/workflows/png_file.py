"""Pictures of results as PNG files."""

from pathlib import Path

import cv2
import numpy as np

from handbone.core.files import whole_file


def write_png(path: Path, picture: np.ndarray, *, compression: int = 2) -> None:
    """Write a picture, (h, w, 3) RGB or (h, w) grey, uint8, whole or not at all."""
    ordered = picture[..., ::-1] if picture.ndim == 3 else picture
    done, data = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    assert done
    with whole_file(path) as temporary:
        temporary.write_bytes(data.tobytes())
