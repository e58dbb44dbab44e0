"""Performance by slice of the judged cases: where a model that is good on the whole is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from training.gates import level
from vouch.features.asof import Flags, Floats
from vouch.monitoring.performance import Figure, measure

# Features by whose values cases are sliced; the book keeps neither sex nor age of a natural person.
BY_NAME = ("region", "lender_kind", "borrower_kind", "legal_form")
BY_SIZE: Mapping[str, tuple[float, ...]] = {
    "amount": (1_000_000, 5_000_000),  # yuan
    "headcount": (20, 100),
    "years_in_business": (3, 10),
}
SLICED = (*BY_NAME, *BY_SIZE)

FEWEST_COMPENSATIONS = 20  # fewer say nothing, and are not shown


@dataclass(frozen=True)
class Slice:
    """The judged cases that share a value, or a band, of a feature."""

    by: str
    name: str
    rows: int
    compensated: int
    predicted: float
    observed: float
    figures: Mapping[str, Figure]


def slices(columns: Mapping[str, Any], outcome: Floats, probability: Floats) -> list[Slice]:
    """Every slice with enough compensations to say something, by feature and value."""
    return [
        _slice(by, name, outcome[here], probability[here])
        for by in SLICED
        if by in columns
        for name, here in _parts(by, columns[by])
        if FEWEST_COMPENSATIONS <= outcome[here].sum() < here.sum()
    ]


def _slice(by: str, name: str, outcome: Floats, probability: Floats) -> Slice:
    figures = measure(outcome, probability) | {"level": level(outcome, probability)}
    return Slice(
        by=by,
        name=name,
        rows=len(outcome),
        compensated=int(outcome.sum()),
        predicted=float(probability.mean()),
        observed=float(outcome.mean()),
        figures=figures,
    )


def _parts(by: str, values: Any) -> Iterator[tuple[str, Flags]]:
    if by in BY_NAME:
        for name in sorted({value for value in values if value is not None}):
            yield str(name), np.array([value == name for value in values])
        return
    edges = (-np.inf, *BY_SIZE[by], np.inf)
    for low, high in pairwise(edges):
        yield _band(low, high), (values >= low) & (values < high)


def _band(low: float, high: float) -> str:
    if np.isinf(low):
        return f"below {high:,.0f}"
    return f"from {low:,.0f}" if np.isinf(high) else f"{low:,.0f} to {high:,.0f}"
