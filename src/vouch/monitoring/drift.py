"""Whether a model still sees what it was made on: the stability of its scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from vouch.book.book import Known
from vouch.features.asof import Floats
from vouch.features.describe import describe
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import in_force
from vouch.scoring.bundle import Bundle

SAMPLE = 2_000
_BINS = 10
_LEAST = 1e-4  # a bin that nobody is in has this share, as is usual, so that its logarithm exists


def population_stability(then: Floats, now: Floats) -> float:
    """The population stability index over tenths of `then`: Σ (now - then) · ln(now / then).

    NaN where either is empty. 0.1 is usually taken as a shift, 0.25 as a large one.
    """
    if not len(then) or not len(now):
        return float("nan")
    edges = np.unique(np.quantile(then, np.arange(1, _BINS) / _BINS))
    shares = []
    for values in (then, now):
        counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
        shares.append(np.maximum(counts / len(values), _LEAST))
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


@dataclass(frozen=True)
class Drift:
    """Scores of what is in force today beside those of the day of the model's last case."""

    psi: float
    scored: int
    mean_score: float
    mean_score_then: float


def score_drift(known: Known, bundle: Bundle) -> Drift:
    """How far the scores of a model have moved since it was made; at most `SAMPLE` on each day.

    Both days are scored by this model from the facts known on them.
    """
    history = PortfolioIndex.of(known)
    days = (bundle.training.last_case, known.as_of)
    then, now = (_scores(known, bundle, history, day) for day in days)
    means = [float(scores.mean()) if len(scores) else float("nan") for scores in (now, then)]
    return Drift(population_stability(then, now), min(len(then), len(now)), *means)


def _scores(known: Known, bundle: Bundle, history: PortfolioIndex, day: date) -> Floats:
    cases = in_force(known, [day]).cases
    evenly = np.linspace(0, max(len(cases) - 1, 0), min(SAMPLE, len(cases)))
    some = cases.take(np.unique(evenly.astype(np.int64)))
    features = describe(known, some, list(bundle.encoder.names), history)
    probabilities = bundle.probabilities(bundle.encoder.matrix(features))
    return np.array([bundle.scale.score(p) for p in probabilities.tolist()], dtype=np.float64)
