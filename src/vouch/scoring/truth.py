"""Whether reasons are true: points against scores, scores against probabilities, signs kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vouch.features.asof import Floats
from vouch.features.facts import Cases
from vouch.scoring.bundle import Bundle
from vouch.scoring.encode import Matrix
from vouch.scoring.points import whole_points
from vouch.scoring.score import Scores, score_features

_NOISE = 1e-9  # of a sum of a few hundred floats, in points
_NOISE_OF_MARGIN = 1e-12  # of a logarithm of sums; sums alone have none


@dataclass(frozen=True)
class Truth:
    """What was counted on so many rows; all but `rows` and `raised` have to be zero.

    Attributes:
        points_off: rows whose base and points do not sum to the score.
        scores_off: rows whose score is not the rounded score of the probability.
        inversions: neighbours by probability of which the riskier has the higher score.
        raised: values of signed features that were raised, all else equal.
        turned: raised values that moved the score, or the feature's exact points, against the sign.
        beyond_rounding: raised values that moved its whole points against it by more than one.
    """

    rows: int
    points_off: int
    scores_off: int
    inversions: int
    raised: int
    turned: int
    beyond_rounding: int

    @property
    def faults(self) -> list[str]:
        """What is not zero and should be, in words."""
        return [
            f"{name.replace('_', ' ')}: {count:,} of {self.rows:,} rows"
            for name, count in vars(self).items()
            if name not in ("rows", "raised") and count
        ]


def truth(bundle: Bundle, cases: Cases, features: Mapping[str, Any], seed: int = 0) -> Truth:
    """Hold the reasons of these cases to what they promise.

    Each signed feature is raised on every row that has it, to the value of another row, with all
    else equal: its contribution and the score may move in its declared direction only.
    """
    scores = score_features(bundle, cases, features)
    told = bundle.base_points + scores.points.sum(axis=1)
    rounded = [bundle.scale.score(float(p)) for p in scores.default_probabilities]
    ranked = scores.scores[np.argsort(scores.default_probabilities, kind="stable")]
    raised, turned, beyond = _raised(bundle, scores, bundle.encoder.matrix(features), seed)
    return Truth(
        rows=len(scores),
        points_off=int((told != scores.scores).sum()),
        scores_off=int((np.asarray(rounded) != scores.scores).sum()),
        inversions=int((np.diff(ranked) > 0).sum()),
        raised=raised,
        turned=turned,
        beyond_rounding=beyond,
    )


def _raised(bundle: Bundle, scores: Scores, matrix: Matrix, seed: int) -> tuple[int, int, int]:
    """How many values were raised, and what `turned` and `beyond_rounding` count."""
    random = np.random.default_rng(seed)
    before, margins = _exact_points(bundle, matrix), bundle.raw_margins(matrix)
    raised = turned = beyond = 0
    for place, sign in signs(bundle).items():
        higher = matrix.copy()
        higher[:, place] = np.fmax(matrix[:, place], random.permutation(matrix[:, place]))
        rows = np.flatnonzero(higher[:, place] > matrix[:, place])
        if not len(rows):
            continue
        after, margin = _exact_points(bundle, higher[rows]), bundle.raw_margins(higher[rows])
        worth = -bundle.scale.points_per_log_odds
        zero = bundle.scale.exact_score(bundle.intercept) - bundle.base_points
        totals = np.rint(zero + worth * bundle.slope * margin).astype(np.int64)
        whole = whole_points(after, totals)[:, place]
        is_turned = sign * (margin - margins[rows]) < -_NOISE_OF_MARGIN
        is_turned |= sign * (after[:, place] - before[rows, place]) > _NOISE
        raised, turned = raised + len(rows), turned + int(is_turned.sum())
        beyond += int((sign * (whole - scores.points[rows, place]) > 1).sum())
    return raised, turned, beyond


def _exact_points(bundle: Bundle, matrix: Matrix) -> Floats:
    """Points of each feature before rounding; more are better, so they fall as the risk rises."""
    worth = -bundle.scale.points_per_log_odds * bundle.slope
    return bundle.contributions(matrix) * worth


def signs(bundle: Bundle) -> dict[int, int]:
    """The declared sign of each signed feature, by its position; categories have no order."""
    declared = [bundle.spec.signs[name] for name in bundle.encoder.names]
    ordered = (place for place in range(len(declared)) if place not in bundle.encoder.categories)
    return {place: declared[place] for place in ordered if declared[place]}


def against_sign(bundle: Bundle) -> list[str]:
    """The signed features whose reasons could go against their sign, proven without any row.

    None is named where every split of the trees on it keeps its sides apart (`Forest.keeps_sign`),
    its weights in all linear forms have its sign, and the calibration's slope is positive. Then,
    with all else equal, a larger value moves its exact points, and the score, in the declared
    direction only (of two causes up to the last digits of a logarithm). A missing value has no
    place in the order; whole points may differ by the one that rounding moves.
    """
    declared = signs(bundle)
    terms = [term for form in bundle.linear.forms for term in form.terms] if bundle.linear else []
    turned = {t.position for t in terms if t.weight * declared.get(t.position, 0) < 0}
    return [
        bundle.encoder.names[place]
        for place, sign in declared.items()
        if bundle.slope <= 0 or place in turned or not bundle.forest.keeps_sign(place, sign)
    ]
