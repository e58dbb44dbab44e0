"""Scores and exact integer points, for one case or many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouch.features.asof import Floats, Objects
from vouch.features.facts import Cases, Facts, Views, described
from vouch.features.portfolio import PortfolioIndex
from vouch.scoring.bundle import Bundle


@dataclass(frozen=True)
class Scores:
    """Scored cases: arrays of one value per case, `points` of cases × features.

    base_points + points.sum(axis=1) == scores, and scores are the rounded scores of
    default_probabilities, always.
    """

    bundle: Bundle
    cases: Cases
    features: Mapping[str, Floats | Objects]
    default_probabilities: Floats
    scores: NDArray[np.int64]
    points: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of cases."""
        return len(self.cases)


def score_cases(
    bundle: Bundle, cases: Cases, facts: Facts, portfolio: PortfolioIndex | None
) -> Scores:
    """Describe, score and explain cases.

    Args:
        facts: everything known about the cases' guarantees; later facts do no harm.
        portfolio: the book's history; the bundle's own is used where None.
    """
    return score_views(bundle, cases, views_for(bundle, cases, facts, portfolio))


def views_for(
    bundle: Bundle, cases: Cases, facts: Facts, portfolio: PortfolioIndex | None
) -> Views:
    """What a bundle's features see of cases; the bundle's own history where no other is given."""
    return Views(facts, cases, portfolio if portfolio is not None else bundle.history)


def score_views(bundle: Bundle, cases: Cases, views: Views) -> Scores:
    """Describe, score and explain cases of which something was asked already."""
    return score_features(bundle, cases, described(bundle.features, views))


def score_features(bundle: Bundle, cases: Cases, features: Mapping[str, Any]) -> Scores:
    """Score and explain cases whose features are given."""
    if not len(cases):
        nothing = np.zeros(0, dtype=np.int64)
        shape = (0, len(bundle.encoder.names))
        return Scores(bundle, cases, features, np.zeros(0), nothing, nothing.reshape(shape))
    matrix = bundle.encoder.matrix(features)
    probabilities = bundle.probabilities(matrix)
    scores = np.array([bundle.scale.score(float(p)) for p in probabilities], dtype=np.int64)
    points = bundle.points(bundle.contributions(matrix), scores)
    return Scores(bundle, cases, features, probabilities, scores, points)
