"""Images of results as PNG files."""

from pathlib import Path

import numpy as np

from handbone.core.files import atomic_file
from handbone.formats.own_png import encode_png


def write_png(path: Path, image: np.ndarray, *, compression: int = 1) -> None:
    """Write an image, (h, w, 3) RGB or (h, w) grey, uint8, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(encode_png(image, compression=compression, one_filter=True))
