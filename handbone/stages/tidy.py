"""A bone is one piece of a plausible place: specks on borders and markers are taken away."""

import cv2
import numpy as np

from handbone.masks.probabilities import BoneProbabilities

# A growth plate parts a child's bone in two, a cropped or covered one falls into more; a speck is smaller and farther.
_LEAST_SHARE = 0.04
_REACH = 0.6
_SEEN = 128  # of 255


def tidy(probabilities: BoneProbabilities) -> BoneProbabilities:
    """Keep, of each bone, its largest piece and what lies near it; what was below one half stays around those."""
    parts = []
    for crop, box in zip(probabilities.crops, probabilities.boxes_xyxy.tolist(), strict=True):
        parts.append((_largest(crop), tuple(box)))
    return BoneProbabilities.from_crops(parts, probabilities.size_hw)


def _largest(crop: np.ndarray) -> np.ndarray:
    if not crop.size:
        return crop
    count, labels, stats, _ = cv2.connectedComponentsWithStats((crop >= _SEEN).astype(np.uint8), connectivity=8)
    if count <= 2:
        return crop
    areas = stats[1:, cv2.CC_STAT_AREA]
    main = 1 + int(areas.argmax())
    reach = _REACH * np.sqrt(areas.max())
    kept = [k for k in range(1, count) if k == main or _belongs(stats[k], stats[main], reach)]
    lost = np.isin(labels, [k for k in range(1, count) if k not in kept])
    if not lost.any():
        return crop
    # The faint rim around a speck goes with it.
    rim = cv2.dilate(lost.astype(np.uint8), np.ones((5, 5), np.uint8), iterations=2).astype(bool)
    rim &= ~np.isin(labels, kept)
    return np.where(lost | rim, 0, crop).astype(np.uint8)


def _belongs(part: np.ndarray, main: np.ndarray, reach: float) -> bool:
    """Whether a piece, by its box and area (cv2 statistics), is large enough and near enough to the main one."""
    if part[cv2.CC_STAT_AREA] < _LEAST_SHARE * main[cv2.CC_STAT_AREA]:
        return False
    gaps = []
    for start, length in ((cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH), (cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT)):
        gaps.append(max(part[start] - main[start] - main[length], main[start] - part[start] - part[length], 0))
    return float(np.hypot(*gaps)) <= reach
