"""The base of a model as two causes of failure: strain, and whatever else fails a borrower.

A sum of log-odds cannot say that a borrower who is surely strained fails alike whatever was known
when it applied, and that one who is surely well hardly fails before maturity. Here failure comes
about in two ways whose odds add up:

    odds = σ(strain) · exp(cost) + exp(otherwise)

`strain` is the log-odds of being strained, `cost` the log-odds of failing once strained,
`otherwise` those of failing without; each is a linear form of the same standardised features. The
margin log(odds) rises with all three, so a weight that keeps its sign in each keeps it in all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouch.compiled import compiled
from vouch.features.asof import Floats
from vouch.scoring.encode import Matrix
from vouch.scoring.linear import Linear

FORMS = ("one", "two_causes")

_DRAWN = 16  # orders in which features come to be known; with their reverses twice as many

# In log-odds: what may be multiplied so often, and twice, and still be a number.
_LONGEST_STEP, _FARTHEST = 18.0, 300.0
_NOTHING = Linear(0.0, ())

Parts = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Causes:
    """log(σ(strain) · exp(cost) + exp(otherwise)) + beside.

    `strain`, `cost` and `otherwise` have the same terms in one order, apart from what these are
    worth; `beside` are terms that add to the margin as they are.
    """

    strain: Linear
    cost: Linear
    otherwise: Linear
    beside: Linear = _NOTHING

    @property
    def forms(self) -> tuple[Linear, ...]:
        """Every linear form that the margin rises with."""
        return self.strain, self.cost, self.otherwise, self.beside

    @property
    def base(self) -> float:
        """The margin before any feature speaks: that of the forms' averages."""
        return log_odds(self.strain.base, self.cost.base, self.otherwise.base) + self.beside.base

    def margins(self, matrix: Matrix) -> Floats:
        """Margins, one per row."""
        strain, cost, otherwise = (margins for margins, _ in self._applied(matrix))
        found = np.empty(len(matrix))
        join_forms(strain, cost, otherwise, found)
        return found + self.beside.margins(matrix)

    def contributions(self, matrix: Matrix) -> Matrix:
        """What each feature adds to `base`, rows × columns of `matrix`.

        In a given order features go one by one from their averages to their values, and what the
        margin moves by meanwhile is theirs; the mean over the orders of `orders_of` is the
        contribution. The sum over features is the margin less the base; a larger value of a signed
        feature, all else equal, never moves its contribution against the sign.
        """
        strain, cost, otherwise = (parts for _, parts in self._applied(matrix))
        bases = np.array([form.base for form in self.forms[:3]])
        found = np.empty(matrix.shape)
        add_in_orders(strain, cost, otherwise, bases, orders_of(matrix.shape[1]), found)
        return found + self.beside.contributions(matrix)

    def _applied(self, matrix: Matrix) -> list[tuple[Floats, Matrix]]:
        seen = self.strain.seen(matrix)  # the other forms read the same
        return [form.applied(seen, matrix.shape[1]) for form in self.forms[:3]]

    def body(self) -> dict[str, Any]:
        """As stored."""
        return {"form": "two_causes"} | {name: form.body() for name, form in vars(self).items()}

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Causes:
        """From what was stored."""
        parts = ("strain", "cost", "otherwise", "beside")
        return cls(**{name: Linear.of(body[name]) for name in parts})


Form = Linear | Causes


def form_of(body: Mapping[str, Any]) -> Form:
    """A base from what was stored; one sum of terms has no name of its form.

    Raises:
        ValueError: the form is unknown.
    """
    form = body.get("form", "one")
    if form not in FORMS:
        raise ValueError(f"a base of the form {form!r}")
    return Linear.of(body) if form == "one" else Causes.of(body)


@lru_cache(16)
def orders_of(features: int) -> NDArray[np.uint32]:
    """Turns × orders, each column one of a few orders of the features, drawn once and for all.

    The second half are the first half's reverses. The mean over an order and its reverse is that
    over all orders (the Shapley value) wherever the margin is quadratic in the terms. Each feature
    stands about once in every part of the order.
    """
    random = Random(1)  # noqa: S311 - a draw to keep, not a secret; its stream is promised
    keys = np.empty((features, _DRAWN))
    for feature in range(features):
        parts = sorted(range(_DRAWN), key=lambda _: random.random())
        keys[feature] = [part + random.random() for part in parts]
    orders = np.argsort(keys, axis=0, kind="stable")
    return np.hstack([orders, orders[::-1]]).astype(np.uint32)


@compiled
def log_odds(strain: float, cost: float, otherwise: float) -> float:
    """log(σ(strain) · exp(cost) + exp(otherwise)), exact however far apart they are."""
    strained = cost + min(strain, 0.0) - math.log1p(math.exp(-abs(strain)))
    apart = abs(strained - otherwise)
    return max(strained, otherwise) + math.log1p(math.exp(-apart))


@compiled
def join_forms(strain: Floats, cost: Floats, otherwise: Floats, found: Floats) -> None:
    """`log_odds` of each row."""
    for row in range(len(found)):
        found[row] = log_odds(strain[row], cost[row], otherwise[row])


@compiled
def add_in_orders(
    strain: Matrix,
    cost: Matrix,
    otherwise: Matrix,
    bases: Floats,
    orders: NDArray[np.uint32],
    found: Matrix,
) -> None:
    """The mean over orders of what each feature moves the log-odds by.

    Args:
        strain, cost, otherwise: rows × features, each feature's terms less their averages.
        bases: the three forms where every feature is at its average.
    """
    features, count = orders.shape
    factors, moved = np.empty((3, features)), np.empty(features)
    # arrays of their own: of parts of one the compiler holds that they might overlap
    odds = (np.empty(count), np.empty(count), np.empty(count))
    space = (np.empty(count), np.empty(count), np.empty(count))
    for row in range(len(found)):
        parts = (strain[row], cost[row], otherwise[row])
        if is_far(parts, bases):
            add_in_logarithms(parts, bases, orders, found[row])
            continue
        for form in range(3):
            for i in range(features):
                factors[form, i] = math.exp(parts[form][i])
        go_through(factors, bases, orders, odds, space, moved)
        for i in range(features):
            found[row, i] = math.log(moved[i]) / count


@compiled
def is_far(parts: Parts, bases: Floats) -> bool:
    """Whether products of odds could leave the range of numbers on the way to this row."""
    whole = abs(bases[0]) + abs(bases[1]) + abs(bases[2])
    longest = 0.0
    for i in range(len(parts[0])):
        step = abs(parts[0][i]) + abs(parts[1][i]) + abs(parts[2][i])
        longest = max(longest, step)
        whole += step
    return bool(longest > _LONGEST_STEP or whole > _FARTHEST)


@compiled
def go_through(
    factors: Matrix,
    bases: Floats,
    orders: NDArray[np.uint32],
    odds: Parts,
    space: Parts,
    moved: Floats,
) -> None:
    """The product over orders of what each feature multiplies the odds by when its turn comes.

    The odds are fractions (strain · cost + otherwise · (1 + strain)) / (1 + strain); all orders go
    side by side, which a processor can do at once, and one division a turn is enough.
    """
    strain, cost, otherwise = odds
    below, above, change = space
    for k in range(orders.shape[1]):
        strain[k], cost[k] = math.exp(bases[0]), math.exp(bases[1])
        otherwise[k] = math.exp(bases[2])
        below[k] = 1.0 + strain[k]
        above[k] = strain[k] * cost[k] + otherwise[k] * below[k]
    moved[:] = 1.0
    for turn in orders:
        for k in range(len(turn)):
            i = turn[k]
            strain[k] *= factors[0, i]
            cost[k] *= factors[1, i]
            otherwise[k] *= factors[2, i]
        for k in range(len(turn)):
            next_below = 1.0 + strain[k]
            next_above = strain[k] * cost[k] + otherwise[k] * next_below
            change[k] = (next_above * below[k]) / (next_below * above[k])
            below[k], above[k] = next_below, next_above
        for k in range(len(turn)):
            moved[turn[k]] *= change[k]


@compiled
def add_in_logarithms(
    parts: Parts, bases: Floats, orders: NDArray[np.uint32], found: Floats
) -> None:
    """The same for one row that `is_far`: slower."""
    found[:] = 0.0
    for order in orders.T:
        strain, cost, otherwise = bases
        before = log_odds(strain, cost, otherwise)
        for i in order:
            strain += parts[0][i]
            cost += parts[1][i]
            otherwise += parts[2][i]
            after = log_odds(strain, cost, otherwise)
            found[i] += (after - before) / orders.shape[1]
            before = after
