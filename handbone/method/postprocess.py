"""A bone is one piece without holes: specks on borders and markers are taken away, holes filled."""

import cv2
import numpy as np

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box

# A growth plate parts a child's bone in two, a cropped or covered one falls into more; a speck is smaller and farther.
_LEAST_SHARE = 0.07
_REACH = 0.6
_SEEN = 128  # of 255


def postprocess(probabilities: BoneProbabilities) -> BoneProbabilities:
    """Keep, of each bone, its largest piece and what lies near it, and fill holes, which no outlined bone has.

    What was below one half stays, apart from the faint rim around what goes.
    """
    parts = []
    for crop, box in zip(probabilities.crops, probabilities.boxes_xyxy.tolist(), strict=True):
        parts.append((crop if _is_one_piece(crop) else _filled(_largest(crop)), Box(*box)))
    return BoneProbabilities.from_crops(parts, probabilities.size_hw)


def _is_one_piece(crop: np.ndarray) -> bool:
    """Whether there is at most one piece, and no hole in it, as in most masks."""
    if not crop.size:
        return True
    seen = cv2.compare(crop, _SEEN, cv2.CMP_GE)
    contours, _ = cv2.findContours(seen, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return len(contours) <= 1


def _largest(crop: np.ndarray) -> np.ndarray:
    if not crop.size:
        return crop
    count, labels, stats, _ = cv2.connectedComponentsWithStats((crop >= _SEEN).astype(np.uint8), connectivity=8)
    if count <= 2:
        return crop
    areas = stats[1:, cv2.CC_STAT_AREA]
    main = 1 + int(areas.argmax())
    reach = _REACH * np.sqrt(areas.max())
    kept = np.array([k == main or (k > 0 and _belongs(stats[k], stats[main], reach)) for k in range(count)])
    lost = ~kept[labels] & (labels > 0)
    if not lost.any():
        return crop
    rim = cv2.dilate(lost.astype(np.uint8), np.ones((5, 5), np.uint8), iterations=2).astype(bool)
    return np.where(rim & ~kept[labels], 0, crop).astype(np.uint8)


def _filled(crop: np.ndarray) -> np.ndarray:
    seen = (crop >= _SEEN).astype(np.uint8)
    contours, inner = cv2.findContours(seen, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE) if crop.size else ((), None)
    if inner is None or (inner[0, :, 3] < 0).all():
        return crop
    outer = [o for o, (_, _, _, parent) in zip(contours, inner[0], strict=True) if parent < 0]
    whole = cv2.drawContours(np.zeros_like(seen), outer, -1, 1, -1).astype(bool)
    return np.where(whole, np.maximum(crop, _SEEN), crop).astype(np.uint8)


def _belongs(part: np.ndarray, main: np.ndarray, reach: float) -> bool:
    """Whether a piece, by its box and area (cv2 statistics), is large enough and near enough to the main one."""
    if part[cv2.CC_STAT_AREA] < _LEAST_SHARE * main[cv2.CC_STAT_AREA]:
        return False
    gaps = []
    for start, length in ((cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH), (cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT)):
        gaps.append(max(part[start] - main[start] - main[length], main[start] - part[start] - part[length], 0))
    return float(np.hypot(*gaps)) <= reach
