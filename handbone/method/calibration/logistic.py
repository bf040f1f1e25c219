"""Logistic regression with a ridge and Platt's targets (Platt 1999): from evidence to a probability."""

from collections.abc import Sequence

import numpy as np

_ROUNDS = 200


def probability(coefficients: Sequence[float], table: np.ndarray) -> np.ndarray:
    """The probability (n,) of each row of a table (n, k), from k + 1 coefficients, the intercept first."""
    intercept, *slopes = coefficients
    value = intercept + np.asarray(table) @ np.array(slopes)
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))


def fit(
    table: np.ndarray, happened: np.ndarray, ridge: np.ndarray | float = 1.0, *, counts: np.ndarray | float = 1.0
) -> tuple[float, ...]:
    """The coefficients, the intercept first, for a table (n, k) and what happened (n,) bool.

    Parameters
    ----------
    ridge: positive L2 penalty of each of the k slopes, in rows' worth; the intercept is free.
    counts: how many rows each row stands for.
    """
    # Late: whoever only predicts does not wait for it.
    from sklearn.linear_model import LogisticRegression

    # Platt's targets keep the fit finite where all rows or none happened: each row counts in part as its opposite.
    no, yes = np.count_nonzero(~happened), np.count_nonzero(happened)
    target = np.where(happened, (yes + 1) / (yes + 2), 1 / (no + 2))
    # A column that is divided by the root of its ridge has a slope that is pulled by 1, as scikit-learn pulls all.
    root = np.sqrt(np.broadcast_to(np.asarray(ridge, float), table.shape[1]))
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-9, max_iter=_ROUNDS)
    model.fit(
        np.vstack([table / root] * 2),
        np.repeat([True, False], len(table)),
        sample_weight=np.concatenate([counts * target, counts * (1 - target)]),
    )
    return tuple(round(float(w), 6) for w in (model.intercept_[0], *(model.coef_[0] / root)))
