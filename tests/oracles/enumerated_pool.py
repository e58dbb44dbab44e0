"""A small capped pool worked out exactly: every set of defaults, Gauss-Hermite over the economy.

Given the state z each set of defaults has a product of probabilities (Vasicek 2002); the
expectation over z is a sum over the nodes. When a cap is reached follows from counting, for each
day, only the defaults up to it: each comes by day t with its probability times the part of its life
gone by then.
Slow and obvious.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np

NORMAL = NormalDist()
NODES = 48


@dataclass(frozen=True)
class SmallPool:
    """At most a dozen guarantees under one cap; amounts in yuan."""

    probabilities: Sequence[float]
    exposures: Sequence[float]
    days: Sequence[int]
    correlation: float
    system_share: float
    room: float

    def expected(self, amount: Callable[[float], float]) -> float:
        """The expectation of a function of all that defaults."""
        return self._expected(amount, [1.0] * len(self.days))

    def paid(self, defaults: float) -> float:
        """What the system pays."""
        return min(self.system_share * defaults, self.room)

    def reached_by(self, day: int) -> float:
        """The probability that claims have reached the cap by the end of a day."""
        gone = [min(day, life) / life for life in self.days]
        return self._expected(
            lambda defaults: float(self.system_share * defaults >= self.room - 1e-6), gone
        )

    def expected_day(self, horizon: int) -> float:
        """The mean day of reaching the cap, given that it is reached within the horizon."""
        by = [self.reached_by(day) for day in range(horizon + 1)]
        return sum(day * (by[day] - by[day - 1]) for day in range(1, horizon + 1)) / by[-1]

    def _expected(self, amount: Callable[[float], float], gone: Sequence[float]) -> float:
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        total = 0.0
        for state, weight in zip(nodes, weights / math.sqrt(2 * math.pi), strict=True):
            chances = [
                conditional(p, self.correlation, state) * part
                for p, part in zip(self.probabilities, gone, strict=True)
            ]
            total += weight * sum(
                chance * amount(defaults) for chance, defaults in self._sets(chances)
            )
            if self.correlation == 0:
                return total / weight
        return total

    def _sets(self, chances: Sequence[float]) -> list[tuple[float, float]]:
        """The chance and the loss of each set of defaults."""
        found = []
        for defaulted in product((False, True), repeat=len(chances)):
            chance = math.prod(
                p if hit else 1 - p for p, hit in zip(chances, defaulted, strict=True)
            )
            found.append(
                (chance, sum(e for e, hit in zip(self.exposures, defaulted, strict=True) if hit))
            )
        return found


def conditional(probability: float, correlation: float, state: float) -> float:
    """The default probability in a state of the economy."""
    if probability in (0, 1) or correlation == 0:
        return probability
    height = NORMAL.inv_cdf(probability) - math.sqrt(correlation) * state
    return NORMAL.cdf(height / math.sqrt(1 - correlation))
