"""Overlapping masks of 29 bones as values: outlines, run lengths, quantised probabilities and anti-aliased targets."""

from handbone.masks.bone_masks import BoneMasks
from handbone.masks.probabilities import BoneProbabilities

__all__ = ["BoneMasks", "BoneProbabilities"]
