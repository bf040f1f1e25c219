"""What masks and probabilities of bones have in common: each bone's pixels inside its box, compared by value."""

import numpy as np


class BoneCrops:
    """Crops of 29 bones in an image, which are equal where all their pixels are.

    size_hw: the image's height and width. boxes_xyxy: (29, 4) int32, half-open. crops: 29 arrays, inside the boxes.
    """

    size_hw: tuple[int, int]
    boxes_xyxy: np.ndarray
    crops: tuple[np.ndarray, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoneCrops) or type(other) is not type(self):
            return NotImplemented
        same_boxes = self.size_hw == other.size_hw and np.array_equal(self.boxes_xyxy, other.boxes_xyxy)
        return bool(same_boxes) and all(map(np.array_equal, self.crops, other.crops))

    def __hash__(self) -> int:
        # Where bones lie tells images apart; equal values have equal boxes.
        return hash((self.size_hw, self.boxes_xyxy.tobytes()))
