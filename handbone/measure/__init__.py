"""Measurements of a hand's bones from their masks: lengths, ratios, angles, the wrist, radiogrammetry."""

from handbone.measure.hand import Hand, Refused
from handbone.measure.measuring import Measurement, Measurements, flagged_bones, measure_hand
from handbone.measure.registry import MEASURES
from handbone.measure.scale import Scale

__all__ = [
    "MEASURES",
    "Hand",
    "Measurement",
    "Measurements",
    "Refused",
    "Scale",
    "flagged_bones",
    "measure_hand",
]
