"""Radiographs as the page of a prediction folder shows them."""

from pathlib import Path

import numpy as np

from handbone.core.files import atomic_file
from handbone.report.cases import fit_view, jpeg
from handbone.report.overlay import as_grey

PAGE_PX = 1024  # of a radiograph's longer side


def write_page_image(path: Path, image: np.ndarray) -> None:
    """Write an image (H, W), float32 in [0, 1] or uint8, as the page shows it."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(jpeg(fit_view(image.shape, PAGE_PX).warp(as_grey(image))))
