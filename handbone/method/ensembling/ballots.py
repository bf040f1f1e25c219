"""What a vote is, for masks and run lengths alike: members' weights as whole numbers, and how many of them it takes."""

from collections.abc import Iterable

import numpy as np

# Shares of all weights are counted in steps of 1e-12: sums are exact in any order, and decimal weights still tie.
_STEPS = 2**40


def ballots_of(weights: Iterable[float]) -> list[int]:
    """Each member's share of all weights in whole steps; a member whose weight is not 0 has at least one.

    Parameters
    ----------
    weights: none negative, and not all of them 0.

    >>> ballots_of([1, 3]) == [2**38, 3 * 2**38]
    True
    """
    weights = np.array(list(weights), float)
    steps = np.rint(weights / weights.sum() * _STEPS)
    return np.maximum(steps, weights > 0).astype(np.int64).tolist()


def needed(at_least: float, ballots: list[int]) -> int:
    """How many ballots make bone: a share `at_least` of all, ties included; no ballot at all is never bone.

    >>> needed(0.5, ballots_of([1, 1])) <= 2**39 and needed(0.0, ballots_of([1, 1]))
    1
    """
    # Rounding took up to half a step from each member.
    return max(1, int(np.ceil(at_least * sum(ballots))) - len(ballots))
