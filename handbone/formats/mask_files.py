"""Which image files of a folder are masks that somebody drew, and no radiographs.

A mask is flat: few values, which hardly ever change from one pixel to the next, and then by more than the next value.
A radiograph of few grey values changes everywhere (noise, dithering), or from one value to the next.
"""

import re
import warnings
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

_READ = ("PNG", "TIFF", "BMP", "GIF", "WEBP")  # a JPEG's values are never exact
# Of folders, and of files without their extension: masks, a_mask, seg-3, my labels.
_NAMED = re.compile(
    r"(.*[-_. ])?(masks?|segs?|segmentations?|labels?|labelmaps?|annotations?|gt|ground[-_ ]?truth)([-_. ]*\d+)?",
    re.IGNORECASE,
)
# Bytes a pixel: drawn masks take a hundredth, radiographs that are compressed without loss a third and more.
_FLAT = 1 / 16
_MOST_VALUES = 64
_MOST_CHANGES = 0.05  # of neighbouring pixels; 1-bit scans, which are dithered, have .1 and more
_FEW_NAMED = 8  # values that a file may have which is named a mask
_MOST_PIXELS = 50_000_000


def is_mask(path: Path, folder: PurePath) -> bool:
    """Whether a file that was found in a folder is a mask.

    Parameters
    ----------
    folder: what was searched; only names of folders below it, and its own, tell anything.
    """
    folders = path.relative_to(folder).parent.parts
    named = any(map(_NAMED.fullmatch, (path.stem, folder.name, *folders)))
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=_READ) as image:
            pixels = image.width * image.height
            if pixels > _MOST_PIXELS or not (named or path.stat().st_size < _FLAT * pixels):
                return False
            return _is_flat(image, named=named)
    except Exception:  # whatever is wrong with it, reading it says
        return False


def _is_flat(image: Image.Image, *, named: bool) -> bool:
    if getattr(image, "n_frames", 1) > 1 or image.mode not in ("1", "L", "P", "PA", "RGB", "RGBA", "I;16", "I"):
        return False
    if image.mode in ("P", "PA"):
        image = image.convert("RGB")
    if image.mode in ("1", "L", "RGB", "RGBA") and image.getcolors(_MOST_VALUES) is None:
        return False
    values = np.asarray(image)
    grey = values[..., 0] if values.ndim == 3 else values
    if values.ndim == 3 and not (values[..., :3] == grey[..., None]).all():
        coded = values[..., 0].astype(np.int32) << 16 | values[..., 1].astype(np.int32) << 8 | values[..., 2]
        return _share_of_changes(coded) <= _MOST_CHANGES  # colours, of which a radiograph has none
    known = np.unique(grey)
    if len(known) > _MOST_VALUES or _share_of_changes(grey) > _MOST_CHANGES:
        return False
    if len(known) == 2 or (named and len(known) <= _FEW_NAMED):
        return True
    left, right = grey[:, :-1], grey[:, 1:]
    changed = left != right
    steps = np.abs(np.searchsorted(known, left[changed]) - np.searchsorted(known, right[changed]))
    return bool((steps > 1).sum() > (steps == 1).sum())


def _share_of_changes(values: np.ndarray) -> float:
    """The share of pixels whose neighbour, to the right or below, has another value; the larger one."""
    across, down = values[:, 1:] != values[:, :-1], values[1:] != values[:-1]
    return float(max(across.mean(), down.mean())) if across.size and down.size else 1.0
