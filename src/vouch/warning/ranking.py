"""What the ranking of alerts looks at, of every guarantee at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from vouch.domain.alert import Severity, Signal
from vouch.domain.combination import subject
from vouch.domain.ranking import INPUTS, Ranking
from vouch.features.asof import Floats
from vouch.warning.rule import rules

_USUAL_SCORE = 600.0  # the anchor of the scale's usual risks; only a unit of the inputs
_REPAYMENT, _MODEL = "RP", "MD"


@dataclass(frozen=True)
class Standing:
    """Guarantees with their scores now and before (NaN: not in force then) and days past due."""

    guarantee_ids: Sequence[str]
    scores: Floats
    scores_before: Floats
    days_past_due: Floats
    points_to_double: float

    def inputs(self, signals: Sequence[Signal]) -> Mapping[str, Floats]:
        """`INPUTS`, one value per guarantee.

        Args:
            signals: as the rules see them, before two sources make a red of them.
        """
        late = np.nan_to_num(self.days_past_due)
        level = (_USUAL_SCORE - self.scores) / self.points_to_double
        change = np.nan_to_num((self.scores_before - self.scores) / self.points_to_double)
        found = {
            "level": level,
            "high": np.maximum(level, 0),
            "fallen": np.maximum(change, 0),
            "risen": np.minimum(change, 0),
            "late": (late > 0) * 1.0,
            "late_30": (late >= 30) * 1.0,
            "late_60": (late >= 60) * 1.0,
            "months_late": np.minimum(late / 30, 3),
            **self._counts([s for s in signals if subject(s.rule) != _MODEL]),
        }
        return {name: found[name] for name in INPUTS}

    def _counts(self, signals: Sequence[Signal]) -> dict[str, Floats]:
        row_of = {name: row for row, name in enumerate(self.guarantee_ids)}
        rows = np.array([row_of[s.guarantee_id] for s in signals], dtype=np.int64)
        size = len(self.guarantee_ids)
        colours = np.array([s.severity for s in signals], dtype=np.int64)
        counts = {
            severity.slug: np.bincount(rows[colours == severity], minlength=size) * 1.0
            for severity in Severity
        }
        subjects = sorted({subject(code) for code in rules()} - {_REPAYMENT, _MODEL})
        number = {name: n for n, name in enumerate(subjects)}
        fired = np.zeros((size, len(subjects)), dtype=np.bool_)
        for row, signal in zip(rows.tolist(), signals, strict=True):
            if subject(signal.rule) in number:
                fired[row, number[subject(signal.rule)]] = True
        sources = fired.sum(axis=1) * 1.0
        return counts | {"sources": sources, "any_source": np.minimum(sources, 1)}


def chances(ranking: Ranking, inputs: Mapping[str, Floats]) -> Floats:
    """The chance of compensation within the horizon of each guarantee, in [0, 1]."""
    margin = ranking.intercept + sum(w * inputs[name] for name, w in ranking.weights.items())
    found: Floats = expit(margin)
    return found
