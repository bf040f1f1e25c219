"""Logistic regression with a ridge (Platt 1999), fitted by Newton's method: from evidence to a probability."""

from collections.abc import Sequence

import numpy as np

_ROUNDS = 50


def probability(coefficients: Sequence[float], table: np.ndarray) -> np.ndarray:
    """The probability (n,) of each row of a table (n, k), from k + 1 coefficients, the intercept first."""
    intercept, *slopes = coefficients
    return _sigmoid(intercept + np.asarray(table) @ np.array(slopes))


def fit(table: np.ndarray, happened: np.ndarray, ridge: np.ndarray | float = 1.0) -> tuple[float, ...]:
    """The coefficients, the intercept first, for a table (n, k) and what happened (n,) bool.

    Parameters
    ----------
    ridge: L2 penalty of each of the k slopes, in rows' worth; the intercept is free.
    """
    rows = np.column_stack([np.ones(len(table)), table])
    # Platt's targets keep the fit finite where all rows or none happened.
    no, yes = np.count_nonzero(~happened), np.count_nonzero(happened)
    target = np.where(happened, (yes + 1) / (yes + 2), 1 / (no + 2))
    l2_penalty = np.diag(np.concatenate([[0.0], np.broadcast_to(ridge, table.shape[1])]))
    weights = np.zeros(rows.shape[1])
    for _ in range(_ROUNDS):
        p = _sigmoid(rows @ weights)
        gradient = rows.T @ (p - target) + l2_penalty @ weights
        hessian = (rows * (p * (1 - p))[:, None]).T @ rows + l2_penalty + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return tuple(round(float(w), 6) for w in weights)


def _sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))
