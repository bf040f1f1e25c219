"""Trained weights by name: those that come with handbone, those that were fetched, and how sets of them are made."""

from handbone.weights.card import CARD_FILE, STAGE_FILES, SetCard
from handbone.weights.fetching import fetch
from handbone.weights.finding import find_prior, find_weights, prior_file, stage_file
from handbone.weights.packing import pack
from handbone.weights.sets import DEFAULT, WeightsSet, find, known, names, read_set, resolve

__all__ = [
    "CARD_FILE",
    "DEFAULT",
    "STAGE_FILES",
    "SetCard",
    "WeightsSet",
    "fetch",
    "find",
    "find_prior",
    "find_weights",
    "known",
    "names",
    "pack",
    "prior_file",
    "read_set",
    "resolve",
    "stage_file",
]
