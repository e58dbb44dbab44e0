"""The linear part of a model: a regularised logistic base whose terms explain themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vouch.features.asof import Floats
from vouch.scoring.encode import Matrix

TRANSFORMS: Mapping[str, Callable[[Floats], Floats]] = {
    "none": lambda x: x,
    "log": lambda x: np.log(np.maximum(x, 1e-9)),
    "log1p": lambda x: np.log1p(np.maximum(x, 0.0)),
}


@dataclass(frozen=True)
class Term:
    """One feature's term, in margin.

    Numeric: `weight` · clip((f(x) - centre) / spread, ±bound), f as TRANSFORMS names it; `missing`
    where x is missing. Category: `by_code[code]`, `missing` where missing.
    `average` is the term's mean over the training rows.
    """

    position: int
    transform: str = "none"
    centre: float = 0.0
    spread: float = 1.0
    bound: float = 5.0
    weight: float = 0.0
    missing: float = 0.0
    by_code: tuple[float, ...] = ()
    average: float = 0.0

    def values(self, column: Floats) -> Floats:
        """The term for each row."""
        absent = np.isnan(column)
        if self.by_code:
            codes = np.where(absent, 0, column).astype(np.int64)
            return np.where(absent, self.missing, np.asarray(self.by_code)[codes])
        # min and max rather than clip: they keep a row's value the same alone and in a batch
        seen = self.standard(column) * self.weight
        return np.where(absent, self.missing, seen)

    def standard(self, column: Floats) -> Floats:
        """The standardised, bounded value of a numeric column."""
        scaled = (TRANSFORMS[self.transform](column) - self.centre) / self.spread
        return np.minimum(np.maximum(scaled, -self.bound), self.bound)


@dataclass(frozen=True)
class Linear:
    """intercept + sum of terms, summed in a fixed order so that a row is the same in any batch."""

    intercept: float
    terms: tuple[Term, ...]

    @property
    def base(self) -> float:
        """The margin before any feature speaks: intercept and the terms' averages."""
        return self.intercept + sum(term.average for term in self.terms)

    def margins(self, matrix: Matrix) -> Floats:
        """Margins, one per row."""
        total = np.full(len(matrix), self.intercept)
        for term in self.terms:
            total += term.values(matrix[:, term.position])
        return total

    def contributions(self, matrix: Matrix) -> Matrix:
        """Each feature's term less its average, rows × columns of `matrix`."""
        found = np.zeros(matrix.shape)
        for term in self.terms:
            found[:, term.position] += term.values(matrix[:, term.position]) - term.average
        return found

    def body(self) -> dict[str, Any]:
        """As stored."""
        return {"intercept": self.intercept, "terms": [asdict(term) for term in self.terms]}

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Linear:
        """From what was stored."""
        terms = tuple(Term(**{**t, "by_code": tuple(t["by_code"])}) for t in body["terms"])
        return cls(float(body["intercept"]), terms)
