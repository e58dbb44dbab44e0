"""Measures of association and of shift that the guard judges by; none of them fits a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

from vouch.features.asof import Floats

Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

_BINS = 10
_HALF = 0.5  # added to every count, so that an empty cell has a finite logarithm


@dataclass(frozen=True)
class Ranking:
    """How well a value ranks compensated before clear cases of the same stratum.

    `auc` is folded, so that 0.5 says nothing and 1 everything whichever way the value points;
    `low` is the lower end of its 95 % interval (Hanley and McNeil, 1982). Both are 0.5 where no
    stratum holds both outcomes.
    """

    auc: float = 0.5
    low: float = 0.5


def ranking(values: Floats, outcome: Floats, strata: Codes) -> Ranking:
    """Rank `values` against the outcome, comparing only cases of one stratum with each other."""
    order = np.argsort(strata, kind="stable")
    values, outcome, strata = values[order], outcome[order], strata[order]
    bounds = np.flatnonzero(np.diff(strata)) + 1
    won = pairs = bad = good = 0.0
    for part, y in zip(np.split(values, bounds), np.split(outcome, bounds), strict=True):
        n_bad = float(y.sum())
        n_good = len(y) - n_bad
        if n_bad and n_good:
            won += rankdata(part)[y > 0].sum() - n_bad * (n_bad + 1) / 2
            pairs += n_bad * n_good
            bad += n_bad
            good += n_good
    if not pairs:
        return Ranking()
    auc = max(won / pairs, 1 - won / pairs)
    return Ranking(auc, max(0.5, auc - 1.96 * _standard_error(auc, bad, good)))


def _standard_error(auc: float, bad: float, good: float) -> float:
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (bad - 1) * (first - auc**2) + (good - 1) * (second - auc**2)
    return float(np.sqrt(variance / (bad * good)))


def binned(values: Any, count: int = _BINS) -> Codes:
    """Code numbers: quantile bins of numbers, levels of categories; missing is a code of its own.

    Quantiles are those of the values themselves, so that equal values share a bin.
    """
    if values.dtype == object:
        return levels(values)
    missing = np.isnan(values)
    codes = np.zeros(len(values), dtype=np.int64)
    edges = quantiles(values, count)
    codes[~missing] = 1 + np.searchsorted(edges, values[~missing], "left")
    return codes


def quantiles(values: Floats, count: int = _BINS) -> Floats:
    """Edges that cut the values that are there into about equal parts; none where none is there."""
    there = values[~np.isnan(values)]
    if not len(there):
        return np.zeros(0)
    return np.unique(np.quantile(there, np.linspace(0, 1, count + 1)[1:-1]))


def is_missing(values: Any) -> Flags:
    """Which values are None or NaN."""
    if values.dtype == object:
        return np.array([value is None for value in values], dtype=bool)
    return np.asarray(np.isnan(values), dtype=bool)


def levels(values: Any) -> Codes:
    """The number of each text among the texts, 0 for missing."""
    names = {name: n for n, name in enumerate(sorted({v for v in values if v is not None}), 1)}
    return np.array([names.get(value, 0) for value in values], dtype=np.int64)


def information_value(codes: Codes, outcome: Floats) -> float:
    """Information value over the codes, less what chance alone gives so many codes.

    Under independence a table of k codes has an expected value of about
    (k - 1) · (1 / compensated + 1 / clear).
    """
    bad = np.bincount(codes, weights=outcome) + 0.0
    good = np.bincount(codes, weights=1 - outcome) + 0.0
    seen = bad + good > 0
    bad, good = bad[seen] + _HALF, good[seen] + _HALF
    by_chance = (seen.sum() - 1) * (1 / bad.sum() + 1 / good.sum())
    share_bad, share_good = bad / bad.sum(), good / good.sum()
    value = np.sum((share_bad - share_good) * np.log(share_bad / share_good))
    return max(0.0, float(value - by_chance))


def stability_index(before: Codes, after: Codes) -> float:
    """Population stability index of codes, less what chance alone gives so many of them."""
    count = int(max(before.max(), after.max())) + 1
    first, second = (np.bincount(codes, minlength=count) + 0.0 for codes in (before, after))
    seen = first + second > 0
    by_chance = (seen.sum() - 1) * (1 / len(before) + 1 / len(after))
    share, other = ((n[seen] + _HALF) / (n[seen] + _HALF).sum() for n in (first, second))
    return max(0.0, float(np.sum((share - other) * np.log(share / other)) - by_chance))


def table(rows: Codes, columns: Codes, shape: tuple[int, int]) -> Floats:
    """How often each pair of codes stands together."""
    flat = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.float64)


def residuals(counts: Floats) -> Floats:
    """Pearson residuals of a table against independence of its rows and columns."""
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1.0)
    found: Floats = np.divide(
        counts - expected, np.sqrt(expected), out=np.zeros_like(counts), where=expected > 0
    )
    return found


def association(counts: Floats) -> float:
    """Cramér's V of a table, corrected for its size (Bergsma, 2013): 0 none, 1 complete."""
    total = counts.sum()
    rows, columns = (int((counts.sum(axis=axis) > 0).sum()) for axis in (1, 0))
    if min(rows, columns) < 2 or total < 2:
        return 0.0
    squared = float((residuals(counts) ** 2).sum()) / total
    corrected = max(0.0, squared - (rows - 1) * (columns - 1) / (total - 1))
    most = min(n - (n - 1) ** 2 / (total - 1) for n in (rows, columns)) - 1
    return float(np.sqrt(corrected / most)) if most > 0 else 0.0


def odds_ratios(codes: Codes, outcome: Floats, strata: Codes) -> Floats:
    """For each code the odds of its cases against the others of their stratum.

    Mantel-Haenszel odds ratios, whichever way they point, so at least 1.
    """
    shape = int(codes.max()) + 1, int(strata.max()) + 1
    n_in = table(codes, strata, shape)
    bad_in = table(codes[outcome > 0], strata[outcome > 0], shape)
    n, bad = n_in.sum(axis=0) - n_in, bad_in.sum(axis=0) - bad_in
    total = np.maximum(n_in + n, 1)
    more = (bad_in * (n - bad) / total).sum(axis=1) + _HALF
    less = ((n_in - bad_in) * bad / total).sum(axis=1) + _HALF
    return np.asarray(np.maximum(more / less, less / more), dtype=np.float64)


def surely(ratio: float, flag: Flags, outcome: Floats, member: Any) -> float:
    """How far apart the odds of flagged and other cases are at least, given a ratio of them.

    The ratio less what chance can do to either side: the odds at the 0.5 % point of the rate's
    Jeffreys posterior over those at its mean. Members are counted, not cases: a borrower seen month
    after month says the same thing again.
    """
    inside, outside = (
        [_members(rows, outcome, member, y) for y in (1.0, 0.0)] for rows in (flag, ~flag)
    )
    if inside[0] * outside[1] < inside[1] * outside[0]:
        inside.reverse()
    else:
        outside.reverse()
    return float(ratio * _cautious(*inside) * _cautious(*outside))


def _members(rows: Flags, outcome: Floats, member: Any, y: float) -> float:
    return len(set(member[rows & (outcome == y)].tolist())) + _HALF


def _cautious(hits: float, misses: float) -> float:
    low = float(beta.ppf(0.005, hits, misses))
    return low / (1 - low) * misses / hits
