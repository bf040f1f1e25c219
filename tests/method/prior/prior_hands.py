"""Toy hands in the canonical frame: an ellipse for every bone, where the canonical pose has it."""

import numpy as np
import torch

from handbone import anatomy
from handbone.data.plausible import REFERENCE_AREAS
from handbone.method.pose.canonical import CENTROIDS_XY, SQUARE_CENTRE_XY, SQUARE_SIDE
from handbone.method.prior.canonical import SIZE


def toy_hand(*, absent=(), size=SIZE) -> torch.Tensor:
    """(29, size, size) float32 of 0 and 1."""
    unit = size / SQUARE_SIDE
    rows, columns = np.mgrid[:size, :size]
    hand = np.zeros((anatomy.COUNT, size, size), np.float32)
    for bone in set(range(anatomy.COUNT)) - set(absent):
        x, y = (CENTROIDS_XY[bone] - SQUARE_CENTRE_XY) * unit + (size - 1) / 2
        # Phalanges and metacarpals stand upright and are three times as long as wide.
        tall = 1.0 if bone in anatomy.CARPALS else 3**0.5
        radius = unit * np.sqrt(REFERENCE_AREAS[bone] / np.pi)
        hand[bone] = ((columns - x) * tall / radius) ** 2 + ((rows - y) / tall / radius) ** 2 < 1
    return torch.from_numpy(hand)
