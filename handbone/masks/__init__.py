"""Overlapping masks of 29 bones as values: outlines, run lengths, quantised probabilities and anti-aliased targets."""

from handbone.masks.bone_masks import BoneMasks

__all__ = ["BoneMasks"]
