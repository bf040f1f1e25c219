"""Power spectra of bone and soft tissue, and how drawn images agree with real ones in them.

Networks that never saw grain or trabeculae take them for edges, so a drawn image's power is held to that of real
radiographs, octave by octave. `assets/spectra.json` holds aggregates of real radiographs and nothing else.
"""

import json
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks

_REFERENCE = Path(__file__).parent / "assets" / "spectra.json"
_UNIT = anatomy.INDEX["finger-11"]
_LENGTH = 420  # pixels of the third metacarpal in an image as it is measured
_PATCH = 42
#: Cycles per length of the third metacarpal at which each octave begins and ends.
BANDS = ((15, 30), (30, 60), (60, 120), (120, 200))
#: Rows of what `band_levels` measures.
LEVELS = tuple((tissue, f"{low}-{high}") for tissue in ("bone", "soft") for low, high in BANDS)


def band_levels(image: np.ndarray, masks: BoneMasks) -> pd.Series:
    """Log10 of the power density in each octave, inside bones and in the soft tissue between the metacarpals.

    The radially averaged periodogram (Hann window, plane removed) of square patches of a tenth of the third
    metacarpal's length; the median over the patches counts, so that a growth plate or a skin fold decides nothing.
    Grey values are relative to the range between the 5th and 95th percentile of the bones and what lies between them:
    a window's width, gamma and inversion shift no level by much.

    Parameters
    ----------
    image: (H, W) grey values of any range. masks: of its bones.

    Returns
    -------
    Indexed as `LEVELS`; NaN where the image is too coarse for an octave, or shows too little of a tissue.
    """
    levels = pd.Series(np.nan, index=pd.MultiIndex.from_tuples(LEVELS))
    if not masks.present()[_UNIT]:
        return levels
    length = _length(masks.crops[_UNIT])
    grey, bones, between = _normalised(image, masks, _LENGTH / length)
    inside = grey[bones | between]
    low, high = np.percentile(inside, [5, 95])
    grey = (grey - low) / max(1e-6, high - low)
    for tissue, region in (("bone", bones), ("soft", between)):
        patches = _patches(grey, region)
        if len(patches) >= 4:
            levels[tissue] = _octaves(patches)
    fine = [2 * high <= 1.05 * length for _, high in BANDS]
    return levels.where(np.tile(fine, 2))


def _length(mask: np.ndarray) -> float:
    """The longer side in pixels of the smallest rectangle around a mask (h, w)."""
    return max(cv2.minAreaRect(cv2.findNonZero(mask.view(np.uint8)))[1]) + 1


def _normalised(image: np.ndarray, masks: BoneMasks, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The image at the measured size, (h, w) float32, where its bones are, and where soft tissue is between them."""
    bones, palm = np.zeros(masks.size_hw, np.uint8), []
    for index in np.flatnonzero(masks.present()).tolist():
        left, top, right, bottom = masks.boxes_xyxy[index]
        bones[top:bottom, left:right] |= masks.crops[index].view(np.uint8)
        if index in anatomy.METACARPALS[1:]:
            palm.append(cv2.findNonZero(masks.crops[index].view(np.uint8)) + np.array([left, top], np.int32))
    between = np.zeros_like(bones)
    cv2.fillConvexPoly(between, cv2.convexHull(np.concatenate(palm)), 1)
    between[cv2.dilate(bones, np.ones((3, 3), np.uint8), iterations=max(1, round(5 / scale))) > 0] = 0
    size = tuple(max(1, round(side * scale)) for side in reversed(masks.size_hw))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    grey = cv2.resize(image.astype(np.float32), size, interpolation=how)
    bones = cv2.erode(cv2.resize(bones, size, interpolation=cv2.INTER_NEAREST), np.ones((5, 5), np.uint8))
    return grey, bones > 0, cv2.resize(between, size, interpolation=cv2.INTER_NEAREST) > 0


def _patches(grey: np.ndarray, region: np.ndarray) -> np.ndarray:
    """(n, 42, 42): all patches on a grid of 8 pixels of which at least nine tenths lie in the region (h, w)."""
    counts = cv2.boxFilter(
        region.astype(np.float32), -1, (_PATCH, _PATCH), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT
    )
    height, width = grey.shape
    rows, columns = np.nonzero(counts[: height - _PATCH : 8, : width - _PATCH : 8] >= 0.9)
    corners = zip((8 * rows).tolist(), (8 * columns).tolist(), strict=True)
    return np.array([grey[y : y + _PATCH, x : x + _PATCH] for y, x in corners])


def _octaves(patches: np.ndarray) -> np.ndarray:
    """Log10 of the patches' median power density in every band."""
    y, x = np.mgrid[:_PATCH, :_PATCH] / _PATCH - 0.5
    plane = np.stack([np.ones(_PATCH**2), x.ravel(), y.ravel()], 1)
    flat = patches.reshape(len(patches), -1).T
    flat = flat - plane @ np.linalg.lstsq(plane, flat, rcond=None)[0]
    window = np.outer(np.hanning(_PATCH), np.hanning(_PATCH))
    power = np.abs(np.fft.fft2(flat.T.reshape(patches.shape) * window)) ** 2 / (window**2).sum()
    across = np.fft.fftfreq(_PATCH, 1 / _LENGTH)
    radius = np.hypot(across[:, None], across)
    rings = [power[:, (radius >= low) & (radius < high)].mean(1) for low, high in BANDS]
    return np.log10(np.median(rings, axis=1) + 1e-12)


@lru_cache(maxsize=1)
def reference() -> pd.DataFrame:
    """Real radiographs: rows as `LEVELS`, columns mean and std of the levels over images."""
    table = json.loads(_REFERENCE.read_text(encoding="utf-8"))["levels"]
    rows = {(tissue, band): table[tissue][band] for tissue, band in LEVELS}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "std"])
