"""A field that tells the outcome all by itself: by its order, its groups, its gaps, its digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.guard.limits import Limits
from training.guard.statistics import (
    Codes,
    Flags,
    Ranking,
    binned,
    information_value,
    is_missing,
    levels,
    odds_ratios,
    quantiles,
    ranking,
    surely,
)
from training.guard.suspicion import Check, Suspicion
from vouch.features.asof import Floats, Objects

# Steps in which amounts, terms and counts are usually written.
STEPS = (1, 5, 6, 10, 12, 25, 50, 100, 500, 1_000, 5_000, 10_000, 100_000)

_FEWEST = 50  # rows with a pattern, and without
_FEWEST_VALUES = 20  # below that the values themselves are looked at, and no pattern in them
_FEWEST_OF_A_VALUE = 30
_NEARLY_ALL = 0.9
_ORDER_BINS = 20
_FOLDS = 2


@dataclass(frozen=True)
class Cases:
    """What every check of association needs: outcomes, and the year and borrower of each case.

    Cases are compared within a year, so that what merely tells the era does not count.
    """

    outcome: Floats
    year: Codes  # from 0
    borrower: Objects


def of_fields(columns: Mapping[str, Any], cases: Cases, limits: Limits) -> Iterator[Suspicion]:
    """Suspicions about single fields."""
    for name, values in columns.items():
        missing = is_missing(values)
        yield from _of_order(name, values, missing, cases, limits)
        yield from _of_information(name, values, cases, limits)
        yield from _of_missing(name, missing, cases, limits)
        yield from _of_values(name, values, cases, limits)
        if values.dtype != object:
            yield from _of_rounding(name, values[~missing], _take(cases, ~missing), limits)


def _take(cases: Cases, rows: Flags) -> Cases:
    return Cases(cases.outcome[rows], cases.year[rows], cases.borrower[rows])


def _of_order(
    name: str, values: Any, missing: Flags, cases: Cases, limits: Limits
) -> Iterator[Suspicion]:
    there = _take(cases, ~missing)
    if values.dtype == object:
        found = _ranking_of_levels(values[~missing], there)
    else:
        found = ranking(values[~missing], there.outcome, there.year)
    if found.low > limits.auc:
        yield Suspicion(
            name,
            Check.AUC,
            f"alone it ranks compensated before clear cases of the same year with an AUC of "
            f"{found.auc:.3f} (at least {found.low:.3f}), plausible is {limits.auc:g}",
        )


def _ranking_of_levels(values: Objects, cases: Cases) -> Ranking:
    """Rank levels by their rate among other borrowers, so that a rare one does not tell itself."""
    codes = levels(values)
    fold = levels(cases.borrower) % _FOLDS
    rate = np.zeros(len(codes))
    for number in range(_FOLDS):
        learn = fold != number
        bad = np.bincount(codes[learn], cases.outcome[learn], minlength=codes.max(initial=0) + 1)
        seen = np.bincount(codes[learn], minlength=len(bad))
        overall = cases.outcome[learn].mean() if learn.any() else 0.0
        rate[~learn] = ((bad + overall) / (seen + 1))[codes[~learn]]
    return ranking(rate, cases.outcome, cases.year)


def _of_information(name: str, values: Any, cases: Cases, limits: Limits) -> Iterator[Suspicion]:
    found = information_value(binned(values), cases.outcome)
    if found > limits.information:
        yield Suspicion(
            name,
            Check.INFORMATION,
            f"its information value is {found:.2f}, plausible is {limits.information:g}",
        )


def _of_missing(name: str, missing: Flags, cases: Cases, limits: Limits) -> Iterator[Suspicion]:
    found = ranking(missing.astype(np.float64), cases.outcome, cases.year)
    if found.low > limits.missing_auc:
        gone, there = (cases.outcome[rows].mean() for rows in (missing, ~missing))
        yield Suspicion(
            name,
            Check.MISSING,
            f"whether it is missing tells the outcome: {gone:.1%} of the {missing.sum():,} cases "
            f"without it were compensated, {there:.1%} of the others",
        )


def _of_values(name: str, values: Any, cases: Cases, limits: Limits) -> Iterator[Suspicion]:
    """A single frequent value whose cases nearly all ended alike, against others of its year."""
    codes = levels(values) if values.dtype == object else _distinct(values)
    counts = np.bincount(codes)
    ratios = odds_ratios(codes, cases.outcome, cases.year)
    usual = (counts >= _FEWEST_OF_A_VALUE) & (counts < _NEARLY_ALL * len(codes))
    suspects = np.flatnonzero(usual & (ratios > limits.value_odds))
    sure = {
        surely(ratios[code], codes == code, cases.outcome, cases.borrower): code
        for code in suspects
    }
    if sure and (worst := max(sure)) > limits.value_odds:
        rows = codes == sure[worst]
        yield Suspicion(
            name,
            Check.VALUE,
            f"{cases.outcome[rows].mean():.1%} of the {rows.sum():,} cases with the value "
            f"{values[rows][0]} were compensated, {cases.outcome[~rows].mean():.1%} of the "
            f"others: odds at least {worst:.0f} times apart, plausible {limits.value_odds:g}",
        )


def _distinct(values: Floats) -> Codes:
    _, codes = np.unique(values, return_inverse=True)
    return np.asarray(codes, dtype=np.int64)


def _of_rounding(name: str, values: Floats, cases: Cases, limits: Limits) -> Iterator[Suspicion]:
    """Whether multiples of a step end otherwise than their neighbours of about the same size."""
    if len(np.unique(values)) < _FEWEST_VALUES:
        return
    # Bins of equally many different values: a heap stands beside its neighbours, not alone.
    edges = quantiles(np.unique(values), _ORDER_BINS)
    strata = cases.year * _ORDER_BINS + np.searchsorted(edges, values, "left")
    worst, flag, at = Ranking(), np.zeros(0, dtype=bool), 0
    for step in STEPS:
        is_multiple = np.abs(values / step - np.round(values / step)) < 1e-9
        if _FEWEST <= is_multiple.sum() <= len(values) - _FEWEST:
            found = ranking(is_multiple.astype(np.float64), cases.outcome, strata)
            if found.low > worst.low:
                worst, flag, at = found, is_multiple, step
    if worst.low > limits.rounding_auc:
        round_, other = (cases.outcome[rows].mean() for rows in (flag, ~flag))
        yield Suspicion(
            name,
            Check.ROUNDING,
            f"whether it is a multiple of {at} tells the outcome among values of the same size "
            f"(AUC {worst.auc:.3f}): {round_:.1%} of the multiples were compensated, {other:.1%} "
            "of the others; a field that is rewritten after the outcome looks like this",
        )
