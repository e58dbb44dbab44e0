"""The score scale: odds of good to bad in points (points to double the odds, PDO).

Source: the usual scorecard scaling, Siddiqi, *Credit Risk Scorecards*, ch. 6.
"""

import math
from dataclasses import dataclass

_CERTAIN = 1e-15


@dataclass(frozen=True)
class ScoreScale:
    """score = round(anchor_score + points_to_double · log2(odds / anchor_odds)), odds = good : bad.

    >>> scale = ScoreScale(anchor_score=600, anchor_odds=50, points_to_double=40)
    >>> scale.score(1 / 51)        # odds 50 : 1
    600
    >>> scale.score(1 / 101)       # odds doubled
    640
    """

    anchor_score: float
    anchor_odds: float
    points_to_double: float

    @property
    def points_per_log_odds(self) -> float:
        """Points that one unit of log-odds of good to bad is worth."""
        return self.points_to_double / math.log(2)

    def exact_score(self, log_odds_bad: float) -> float:
        """The unrounded score of a margin, in log-odds of bad to good."""
        return self.anchor_score - self.points_per_log_odds * (
            log_odds_bad + math.log(self.anchor_odds)
        )

    def score(self, default_probability: float) -> int:
        """The rounded score of a default probability in [0, 1].

        Certainty has no odds: probabilities closer to 0 or 1 than 1e-15 are scored as that.
        """
        probability = min(max(default_probability, _CERTAIN), 1.0 - _CERTAIN)
        odds = (1.0 - probability) / probability
        return round(self.anchor_score + self.points_to_double * math.log2(odds / self.anchor_odds))
