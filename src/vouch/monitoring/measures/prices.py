"""What guarantees and the loans behind them cost."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from vouch.monitoring.measures.catalogue import Numbers
from vouch.monitoring.measures.layout import RATE_STEPS
from vouch.monitoring.measures.registry import Parts, measure
from vouch.monitoring.measures.shares import business
from vouch.monitoring.measures.view import View, combined, scaled


@measure("basis", "period")
def average_fee(view: View, numbers: Numbers) -> Parts:
    """Fees over the whole tenor over amount · years; guarantees without fee or tenor left out."""
    counted, where = business(view, numbers), "fee IS NOT NULL AND tenor > 0"
    fees = view.money(counted, "counted::HUGEINT * fee * tenor", where)
    yearly = view.money(counted, "counted::HUGEINT * tenor", where)
    return scaled(fees, Fraction(1, 12 * RATE_STEPS)), scaled(yearly, Fraction(1, 12))


@measure("basis", "period", "other_charges_rate")
def financing_cost(view: View, numbers: Numbers) -> Parts:
    """Interest, fee and other charges of a year over loans; left out where a rate is not known."""
    counted, where = business(view, numbers), "fee IS NOT NULL AND interest IS NOT NULL"
    lent = view.money(counted, "lent", where)
    rates = view.money(counted, "lent::HUGEINT * (interest + fee)", where)
    other = Fraction(Decimal(str(numbers["other_charges_rate"])))
    return combined(scaled(rates, Fraction(1, RATE_STEPS)), scaled(lent, other)), lent
