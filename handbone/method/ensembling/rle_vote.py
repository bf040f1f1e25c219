"""A vote on run lengths alone: where members are files, no pixel has to be decoded."""

from collections.abc import Sequence

import numpy as np

from handbone.core import rle
from handbone.method.ensembling.ballots import ballots_of, needed


def vote_runs(texts: Sequence[str], weights: Sequence[float], at_least: float, size_hw: tuple[int, int]) -> str:
    """The run lengths of the pixels that members with at least a share `at_least` of all weights call bone.

    The same as `handbone.method.ensembling.methods.vote` on decoded masks: runs begin and end at few places, and
    between two of these places the count of votes stays the same.

    Parameters
    ----------
    texts: one mask's run lengths of each member, in an image of size_hw. weights: of the members, as `ballots_of`.

    Raises
    ------
    HandboneError: for malformed run lengths.

    >>> vote_runs(["1 3", "3 2"], [1, 1], 1.0, (1, 5))
    '3 1'
    """
    ballots = ballots_of(weights)
    places, steps = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    for text, count in zip(texts, ballots, strict=True):
        starts, ends = rle.runs(text, size_hw)
        places += [starts, ends]
        steps += [np.full(len(starts), count), np.full(len(ends), -count)]
    at, order = np.unique(np.concatenate(places), return_inverse=True)
    changes = np.zeros(len(at), np.int64)
    np.add.at(changes, order, np.concatenate(steps))
    bone = np.cumsum(changes) >= needed(at_least, ballots)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], bone, [False]]).astype(np.int8)))
    return rle.text_of(at[edges[::2]], at[edges[1::2]])
