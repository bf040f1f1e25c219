"""Images of results as PNG files."""

from pathlib import Path

import cv2
import numpy as np

from handbone.core.files import atomic_file


def write_png(path: Path, image: np.ndarray, *, compression: int = 2) -> None:
    """Write an image, (h, w, 3) RGB or (h, w) grey, uint8, whole or not at all."""
    ordered = image[..., ::-1] if image.ndim == 3 else image
    done, data = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    assert done
    with atomic_file(path) as temporary:
        temporary.write_bytes(data.tobytes())
