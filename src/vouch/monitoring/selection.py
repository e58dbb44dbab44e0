"""What is not seen because it was not granted: how large it is, and how far it could move a rate.

A model is learnt from and judged on guarantees. Applicants that were decided on and are in no book
have no outcome and never will. No outcome is made up for them; what their outcomes could do to the
rate is stated instead, from none of them failing to all of them, with the model's own word between
(bounds without an assumption: Manski 1989; refused at a multiple of the predicted: parcelling).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from vouch.store.decisions import Verdict

# Refused applicants do worse than a model of the granted says: seven times as often fail on the
# simulated province (docs/decisions/0007-level-across-the-cycle.md).
FACTORS = {"as predicted": 1, "twice as predicted": 2, "eight times as predicted": 8}
DECLINE = "decline"

_NOTHING_KNOWN = (
    "selection: the store knows of no applicant outside the book; nothing is known of those who "
    "were refused"
)


@dataclass(frozen=True)
class Bound:
    """The rate of all applicants if those not granted failed at `refused`."""

    assumption: str
    refused: float
    everybody: float


@dataclass(frozen=True)
class Selection:
    """Applicants decided on that are in no book, beside the granted whose outcome is known.

    `advised_against` counts those whom the advice declined; the others were refused by people, went
    elsewhere or are not signed yet.
    """

    granted: int
    observed: float
    refused: int
    advised_against: int
    predicted: float

    @classmethod
    def of(
        cls,
        verdicts: Sequence[Verdict],
        in_the_book: Collection[str],
        granted: int,
        observed: float,
    ) -> Selection:
        """From the newest verdict on each applicant and the guarantees of the book.

        Args:
            granted: cases with a known outcome.
            observed: share of them that was compensated.
        """
        left = [v for v in verdicts if v.guarantee_id not in in_the_book]
        mean = sum(v.default_probability for v in left) / len(left) if left else 0.0
        against = sum(v.decision == DECLINE for v in left)
        return cls(granted, observed, len(left), against, mean)

    @property
    def share_refused(self) -> float:
        """Share of all applicants."""
        return self.refused / (self.refused + self.granted)

    @property
    def bounds(self) -> list[Bound]:
        """From the least to the most that the refused could do to the rate."""
        rates = [(word, min(k * self.predicted, 1.0)) for word, k in FACTORS.items()]
        return [
            Bound(word, rate, self._everybody(rate))
            for word, rate in [("none fails", 0.0), *rates, ("all fail", 1.0)]
        ]

    def _everybody(self, refused: float) -> float:
        share = self.share_refused
        return (1 - share) * self.observed + share * refused

    def summary(self) -> dict[str, Any]:
        """As `vouch evaluate --json` prints it."""
        return {
            "refused": self.refused,
            "advised_against": self.advised_against,
            "share_refused": self.share_refused,
            "predicted_of_refused": self.predicted if self.refused else None,
            "rate_of_everybody": [vars(bound) for bound in self.bounds] if self.refused else [],
        }

    def lines(self) -> list[str]:
        """As `vouch evaluate` prints it."""
        if not self.refused:
            return [_NOTHING_KNOWN]
        rates = ", ".join(f"{b.everybody:.2%} if {b.assumption}" for b in self.bounds)
        return [
            f"selection: {self.refused:,} of {self.refused + self.granted:,} applicants are in no "
            f"book ({self.share_refused:.1%}; {self.advised_against:,} advised against), predicted "
            f"{self.predicted:.2%}",
            f"  observed of the granted {self.observed:.2%}; of all applicants {rates}",
        ]
