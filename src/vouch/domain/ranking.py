"""Which alert is worth telling first: by the chance, learnt from outcomes, that it is right."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

INPUTS = {
    "level": "how far the score lies below 600, in doublings of the odds",
    "high": "the same above 600 counts as nothing: bad scores have a weight of their own",
    "fallen": "doublings of the odds by which the score fell since the look before, else nothing",
    "risen": "doublings by which it rose, as a negative number, else nothing",
    "late": "one where a payment is past due",
    "late_30": "one where it is 30 days past due or more",
    "late_60": "one where it is 60 days past due or more",
    "months_late": "days past due over 30, at most three",
    "blue": "rules that see it blue; the model's own rules are left out here and below",
    "yellow": "rules that see it yellow",
    "orange": "rules that see it orange",
    "red": "rules that see it red",
    "sources": "sources beside repayment of which a rule fires",
    "any_source": "one where there is such a source",
}


@dataclass(frozen=True)
class Ranking:
    """A version of the weights, and how chance and worth make the order.

    Args:
        intercept: log-odds of compensation within the horizon where every input is nothing.
        weights: of each of `INPUTS`, in log-odds.
        money_power: how much severity, expected compensation and chance to act count beside the
            chance: nothing at 0, in proportion at 1.
        again_after_days: a guarantee told of less long ago comes behind the others …
        again_from: … unless its chance has grown to so many times what it was when told.
    """

    effective_from: date
    effective_until: date | None
    source: str
    intercept: float
    weights: Mapping[str, float]
    money_power: float
    again_after_days: int
    again_from: float

    def value(self, chance: float, worth: float) -> float:
        """What telling comes to: chance · worth ** `money_power`; `worth` is `Terms.value`."""
        return chance * float(max(worth, 1.0) ** self.money_power)

    def is_repeat(self, chance: float, told: float | None) -> bool:
        """Whether it says little new after a mail that told of `told` (None: there was none)."""
        return told is not None and chance < self.again_from * told
