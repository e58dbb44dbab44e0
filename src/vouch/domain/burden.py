"""What a new guarantee adds to a weighted liability, and how much fits under a limit.

A client's weight may change with what it is guaranteed in all (75 % to 5 million, 100 % above), so
the liability is a line in pieces: others + weight · amount, piece by piece.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

_FEN = Decimal("0.01")


@dataclass(frozen=True)
class Step:
    """One piece: up to `up_to` yuan newly guaranteed, that included; any amount where None."""

    up_to: Decimal | None
    others: Decimal
    weight: Decimal


@dataclass(frozen=True)
class Burden:
    """Liability by the amount newly guaranteed, in yuan; the last step has no end.

    >>> client = Burden((Step(Decimal(5000), Decimal(0), Decimal("0.75")),
    ...                  Step(None, Decimal(0), Decimal(1))))
    >>> client.at(Decimal(4000)), client.at(Decimal(6000))
    (Decimal('3000.00'), Decimal('6000'))
    >>> client.most_within(Decimal(4500))  # 0.75 · 5000 fits, 1 · 5000.01 does not
    Decimal('5000.00')
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        ends = [step.up_to for step in self.steps]
        if not ends or ends[-1] is not None or None in ends[:-1]:
            raise ValueError("a burden needs steps of which the last, and only that, has no end")
        if any(step.weight < 0 or step.others < 0 for step in self.steps):
            raise ValueError("weights and liabilities must be zero or more")

    def at(self, amount: Decimal) -> Decimal:
        """The liability with `amount` newly guaranteed."""
        for step in self.steps:
            if step.up_to is None or amount <= step.up_to:
                return step.others + step.weight * amount
        raise AssertionError("the last step has no end")

    def most_within(self, limit: Decimal) -> Decimal | None:
        """The largest amount up to which the liability never passes `limit`; None: any amount."""
        found = Decimal("0.00")
        for step in self.steps:
            room = limit - step.others
            if room < 0 or step.others + step.weight * found > limit:
                return found
            reach = _reach(room, step.weight)
            if step.up_to is None or (reach is not None and reach < step.up_to):
                return reach if reach is None else max(found, reach)
            found = max(found, step.up_to.quantize(_FEN, ROUND_DOWN))
        return found

    def plus(self, others: Decimal) -> "Burden":
        """The same with a fixed liability of others beside it."""
        return Burden(tuple(Step(s.up_to, s.others + others, s.weight) for s in self.steps))


def _reach(room: Decimal, weight: Decimal) -> Decimal | None:
    """The largest amount to the fen with weight · amount ≤ room."""
    if not weight:
        return None
    fen = Fraction(room) / Fraction(weight) * 100
    return Decimal(fen.numerator // fen.denominator).scaleb(-2)
