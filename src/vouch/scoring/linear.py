"""The linear part of a model: a regularised logistic base whose terms explain themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vouch.compiled import compiled
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

    def standard(self, column: Floats) -> Floats:
        """The standardised, bounded value of a numeric column."""
        # min and max rather than clip: they keep a row's value the same alone and in a batch
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

    @property
    def forms(self) -> tuple[Linear, ...]:
        """Every linear form that the margin rises with: this one."""
        return (self,)

    def margins(self, matrix: Matrix) -> Floats:
        """Margins, one per row."""
        return self.applied(self.seen(matrix), matrix.shape[1])[0]

    def contributions(self, matrix: Matrix) -> Matrix:
        """Each feature's term less its average, rows × columns of `matrix`."""
        return self.applied(self.seen(matrix), matrix.shape[1])[1]

    def seen(self, matrix: Matrix) -> Matrix:
        """What the terms read of each row: rows × terms, transformed."""
        seen = matrix[:, self._columns.position]
        for place, term in enumerate(self.terms):
            if term.transform != "none":
                seen[:, place] = TRANSFORMS[term.transform](matrix[:, term.position])
        return np.ascontiguousarray(seen)

    def applied(self, seen: Matrix, features: int) -> tuple[Floats, Matrix]:
        """Margins and contributions of rows as `seen` reads them, with so many `features`."""
        margins, parts = np.full(len(seen), self.intercept), np.zeros((len(seen), features))
        add_terms(self._columns, seen, margins, parts)
        return margins, parts

    @cached_property
    def _columns(self) -> Columns:
        codes = [term.by_code for term in self.terms]
        return Columns(
            position=np.array([term.position for term in self.terms], dtype=np.int64),
            figures=np.array(
                [(t.centre, t.spread, t.bound, t.weight, t.missing, t.average) for t in self.terms]
            ).reshape(len(self.terms), 6),
            code_start=np.cumsum([0, *map(len, codes)]),
            codes=np.array([value for some in codes for value in some], dtype=np.float64),
        )

    def body(self) -> dict[str, Any]:
        """As stored."""
        return {"intercept": self.intercept, "terms": [asdict(term) for term in self.terms]}

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Linear:
        """From what was stored."""
        terms = tuple(Term(**{**t, "by_code": tuple(t["by_code"])}) for t in body["terms"])
        return cls(float(body["intercept"]), terms)


class Columns(NamedTuple):
    """The terms as arrays: per term its column, its figures in their order, and its codes' span."""

    position: NDArray[np.int64]
    figures: Floats
    code_start: NDArray[np.int64]
    codes: Floats


@compiled
def add_terms(columns: Columns, seen: Floats, margins: Floats, parts: Floats) -> None:
    """Add every term of each row, in the order of terms, to its margin and to its feature's part.

    Args:
        seen: rows × terms, transformed.
    """
    for row in range(len(seen)):
        for term in range(len(columns.position)):
            centre, spread, bound, weight, missing, average = columns.figures[term]
            first, value = columns.code_start[term], seen[row, term]
            if np.isnan(value):
                found = missing
            elif columns.code_start[term + 1] > first:
                found = columns.codes[first + int(value)]
            else:
                found = min(max((value - centre) / spread, -bound), bound) * weight
            margins[row] += found
            parts[row, columns.position[term]] += found - average
