"""The weights of two causes of failure, by gradient descent within the bounds of their signs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from vouch.features.asof import Floats
from vouch.scoring.encode import Matrix

_LIMITS = {0: (None, None), 1: (0.0, None), -1: (None, 0.0)}

# Where the three forms begin: shares of the one sum's weights, with the intercepts of a borrower
# that is rarely strained, and then fails with odds of one to three.
_SHARES = np.array([1.0, 0.3, 0.3])
_RARELY_STRAINED, _ONCE_STRAINED, _LESS_OTHERWISE = -3.0, -1.0, -0.5


def bounds(signs: Sequence[int]) -> list[tuple[float | None, float | None]]:
    """Of an intercept, which has none, and of weights with these signs."""
    return [(None, None)] + [_LIMITS[sign] for sign in signs]


def solve_causes(
    design: Matrix,
    outcome: Floats,
    strength: float,
    signs: Sequence[int],
    one: Floats,
    offset: Floats | None = None,
) -> Matrix:
    """Intercept and weights of strain, cost and otherwise: 3 × (1 + columns of the design).

    Args:
        one: intercept and weights of the one sum of terms, where the search begins.
    """
    start = _SHARES[:, None] * one
    start[:, 0] = _RARELY_STRAINED, _ONCE_STRAINED, one[0] + _LESS_OTHERWISE
    apart = np.zeros(len(outcome)) if offset is None else offset
    found = minimize(
        loss,
        start.ravel(),
        args=(design, outcome, strength, apart),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds(signs) * 3,
        # a thousandfold closer takes three times as long and ranks no better
        options={"maxiter": 400, "ftol": 1e-6, "gtol": 1e-6},
    )
    return np.asarray(found.x).reshape(start.shape)


def loss(
    flat: Floats, design: Matrix, outcome: Floats, strength: float, offset: Floats
) -> tuple[float, Floats]:
    """strength · log loss + half the squares of the weights, and its gradient."""
    weights = flat.reshape(3, -1)
    strain, cost, otherwise = (design @ weights[:, 1:].T + weights[:, 0]).T
    strained = log_expit(strain) + cost
    margin = np.logaddexp(strained, otherwise) + offset
    fault, by_strain = expit(margin) - outcome, expit(strained - otherwise)
    # of the margin by each form
    slopes = np.stack([by_strain * expit(-strain), by_strain, 1 - by_strain], axis=1)
    slopes *= strength * fault[:, None]
    gradient = np.column_stack([slopes.sum(axis=0), (design.T @ slopes).T + weights[:, 1:]])
    value = strength * np.sum(np.logaddexp(0, margin) - outcome * margin)
    return float(value + np.sum(weights[:, 1:] ** 2) / 2), gradient.ravel()
