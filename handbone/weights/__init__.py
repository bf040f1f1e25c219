"""Trained weights by name: those that come with handbone, those that were fetched, and how sets of them are made."""

from handbone.weights.card import CARD_FILE, SetCard
from handbone.weights.fetching import fetch
from handbone.weights.packing import pack
from handbone.weights.sets import DEFAULT, WeightsSet, find, known, names, read_set, resolve

__all__ = [
    "CARD_FILE",
    "DEFAULT",
    "SetCard",
    "WeightsSet",
    "fetch",
    "find",
    "known",
    "names",
    "pack",
    "read_set",
    "resolve",
]
