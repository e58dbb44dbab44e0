"""How well probabilities ranked and levelled the outcomes, each figure with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vouch.features.asof import Floats

RESAMPLES = 200
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Figure:
    """A measured figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class _Sorted:
    """Outcomes by ascending probability, with the positions where tied probabilities end."""

    outcome: Floats
    probability: Floats
    ends: Any
    weight: Floats

    @classmethod
    def of(cls, outcome: Floats, probability: Floats) -> _Sorted:
        order = np.argsort(probability, kind="stable")
        ranked = probability[order]
        ends = np.flatnonzero(np.append(np.diff(ranked) > 0, True))
        return cls(outcome[order], ranked, ends, np.ones(len(order)))

    def drawn(self, random: np.random.Generator) -> _Sorted:
        count = len(self.outcome)
        weight = np.bincount(random.integers(0, count, count), minlength=count)
        return _Sorted(self.outcome, self.probability, self.ends, weight.astype(np.float64))

    def cumulated(self) -> tuple[Floats, Floats]:
        bad = np.cumsum(self.weight * self.outcome)[self.ends]
        good = np.cumsum(self.weight * (1 - self.outcome))[self.ends]
        return bad, good


def _auc(s: _Sorted) -> float:
    bad, good = s.cumulated()
    bad_here, good_here = np.diff(bad, prepend=0.0), np.diff(good, prepend=0.0)
    wins = np.sum(bad_here * (good - good_here / 2))
    return float(wins / (bad[-1] * good[-1])) if bad[-1] * good[-1] else float("nan")


def _ks(s: _Sorted) -> float:
    bad, good = s.cumulated()
    if not bad[-1] * good[-1]:
        return float("nan")
    return float(np.max(np.abs(bad / bad[-1] - good / good[-1])))


def _mean(values: Floats, s: _Sorted) -> float:
    return float(np.sum(s.weight * values) / np.sum(s.weight))


def _log_loss(s: _Sorted) -> float:
    p = np.clip(s.probability, _SMALLEST, 1 - _SMALLEST)
    return _mean(-(s.outcome * np.log(p) + (1 - s.outcome) * np.log1p(-p)), s)


FIGURES: Mapping[str, Callable[[_Sorted], float]] = {
    "auc": _auc,
    "ks": _ks,
    "brier": lambda s: _mean((s.probability - s.outcome) ** 2, s),
    "log_loss": _log_loss,
    "mean_predicted": lambda s: _mean(s.probability, s),
    "observed": lambda s: _mean(s.outcome, s),
}


def measure(outcome: Floats, probability: Floats, seed: int = 0) -> dict[str, Figure]:
    """AUC, KS, Brier, log loss, mean predicted and observed rate, with intervals.

    Args:
        outcome: 1 compensated, 0 not, one per case.
        probability: predicted, in [0, 1].
        seed: of the bootstrap, so that a report can be repeated.
    """
    ranked = _Sorted.of(outcome, probability)
    random = np.random.default_rng(seed)
    draws: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(RESAMPLES):
        drawn = ranked.drawn(random)
        for name, figure in FIGURES.items():
            draws[name].append(figure(drawn))
    return {
        name: Figure(figure(ranked), *_interval(draws[name])) for name, figure in FIGURES.items()
    }


def _interval(draws: list[float]) -> tuple[float, float]:
    found = np.asarray(draws)
    found = found[~np.isnan(found)]
    if not len(found):
        return float("nan"), float("nan")
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True)
class GradeLevel:
    """Predicted against observed in one grade; the interval is of the observed rate."""

    grade: str
    rows: int
    compensated: int
    predicted: float
    observed: Figure


def by_grade(
    outcome: Floats, probability: Floats, grade: list[str], names: list[str]
) -> list[GradeLevel]:
    """Calibration by grade, in the order of `names`; the interval is Jeffreys' (beta)."""
    from scipy.stats import beta

    labels = np.asarray(grade)
    levels = []
    for name in names:
        here = labels == name
        rows, bad = int(here.sum()), int(outcome[here].sum())
        if not rows:
            continue
        low = float(beta.ppf(0.025, bad + 0.5, rows - bad + 0.5)) if bad else 0.0
        high = float(beta.ppf(0.975, bad + 0.5, rows - bad + 0.5)) if bad < rows else 1.0
        observed = Figure(bad / rows, low, high)
        levels.append(GradeLevel(name, rows, bad, float(probability[here].mean()), observed))
    return levels


@dataclass(frozen=True)
class PeriodLevel:
    """Predicted against observed among the cases of one period, such as 2024-05 or 2024Q2."""

    period: str
    rows: int
    compensated: int
    predicted: float
    observed: float


def by_month(as_of: Floats, outcome: Floats, probability: Floats) -> list[PeriodLevel]:
    """The level month by month, oldest first; `as_of` in days since 1970-01-01."""
    months = as_of.astype("datetime64[D]").astype("datetime64[M]")
    return _by_period(np.array([str(month) for month in months]), outcome, probability)


def by_quarter(as_of: Floats, outcome: Floats, probability: Floats) -> list[PeriodLevel]:
    """The level quarter by quarter, oldest first; `as_of` in days since 1970-01-01."""
    months = as_of.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    quarters = [f"{1970 + month // 12}Q{month % 12 // 3 + 1}" for month in months.tolist()]
    return _by_period(np.array(quarters), outcome, probability)


def _by_period(periods: Any, outcome: Floats, probability: Floats) -> list[PeriodLevel]:
    names, index = np.unique(periods, return_inverse=True)
    rows, bad = np.bincount(index), np.bincount(index, outcome)
    predicted = np.bincount(index, probability)
    return [
        PeriodLevel(str(name), int(n), int(b), float(p / n), float(b / n))
        for name, n, b, p in zip(names, rows, bad, predicted, strict=True)
    ]


def flat(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Figures as JSON: the value by name, the interval as `<name>_interval`."""
    values: dict[str, Any] = {name: figure.value for name, figure in figures.items()}
    return values | {f"{name}_interval": [f.low, f.high] for name, f in figures.items()}
