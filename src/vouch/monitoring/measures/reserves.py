"""The three reserves of a guarantor (准备金), from figures that a book does not hold."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from vouch.monitoring.measures.catalogue import Numbers
from vouch.monitoring.measures.classes import WEIGHT_STEPS, WEIGHTS, weighted
from vouch.monitoring.measures.registry import Parts, measure
from vouch.monitoring.measures.view import Sums, View


def unearned(fees: Fraction, rate: Fraction) -> Fraction:
    """未到期责任准备金: a share of the year's guarantee fees.

    >>> unearned(Fraction(1200), Fraction(1, 2))
    Fraction(600, 1)
    """
    return rate * fees


def for_compensation(
    liability: Fraction, existing: Fraction, yearly_rate: Fraction, ceiling_rate: Fraction
) -> Fraction:
    """担保赔偿准备金: a share of the liability, until the reserve reaches its ceiling.

    From there on only the difference to the ceiling is set aside, never less than nothing.

    >>> for_compensation(Fraction(100_000), Fraction(9_500), Fraction(1, 100), Fraction(1, 10))
    Fraction(500, 1)
    """
    return max(Fraction(0), min(yearly_rate * liability, ceiling_rate * liability - existing))


def general(net_profit: Fraction, rate: Fraction) -> Fraction:
    """一般风险准备金: a share of the net profit, nothing of a loss.

    >>> general(Fraction(-5), Fraction(1, 10))
    Fraction(0, 1)
    """
    return max(Fraction(0), rate * net_profit)


@measure("rate")
def unearned_reserve(view: View, numbers: Numbers) -> Parts:
    """A share of the year's guarantee fees; the figure `fees_of_year`."""
    rate = _rate(numbers, "rate")
    fees = {g: view.given(g, "fees_of_year") for g in view.guarantors}
    set_aside: Sums = {g: None if fee is None else unearned(fee, rate) for g, fee in fees.items()}
    return view.of_guarantors(set_aside), None


@measure(*WEIGHTS, "yearly_rate", "ceiling_rate")
def compensation_reserve(view: View, numbers: Numbers) -> Parts:
    """A share of weighted liability up to a ceiling; the figure `compensation_reserve`."""
    rates = _rate(numbers, "yearly_rate"), _rate(numbers, "ceiling_rate")
    rows = view.query(
        f"SELECT guarantor, sum(liability)::HUGEINT AS owed FROM {weighted(numbers)} GROUP BY 1"
    )
    owed = {row["guarantor"]: Fraction(int(row["owed"])) / (100 * WEIGHT_STEPS) for row in rows}
    existing = {g: view.given(g, "compensation_reserve") for g in view.guarantors}
    set_aside: Sums = {
        g: None if have is None else for_compensation(owed.get(g, Fraction(0)), have, *rates)
        for g, have in existing.items()
    }
    return view.of_guarantors(set_aside), None


@measure("rate")
def general_reserve(view: View, numbers: Numbers) -> Parts:
    """A share of net profit; the figure `net_profit`."""
    rate = _rate(numbers, "rate")
    profits = {g: view.given(g, "net_profit") for g in view.guarantors}
    set_aside: Sums = {g: None if won is None else general(won, rate) for g, won in profits.items()}
    return view.of_guarantors(set_aside), None


def _rate(numbers: Numbers, name: str) -> Fraction:
    return Fraction(Decimal(str(numbers[name])))
