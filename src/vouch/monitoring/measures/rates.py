"""Compensation rates, arrears, recovery."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from vouch.monitoring.measures.catalogue import Numbers
from vouch.monitoring.measures.registry import Parts, measure
from vouch.monitoring.measures.view import Sums, View, combined, literal, scaled

_RELEASED = ("period", "release_causes", "compensation_counts_as_release")


@measure(*_RELEASED)
def compensation_rate(view: View, numbers: Numbers) -> Parts:
    """Compensation paid in the period over guarantees released in it.

    A compensation that ends a guarantee stands in the book as a release with cause "compensated";
    it counts once, as that release, or not at all.
    """
    happened = f"event_at BETWEEN {view.period(numbers['period']).sql}"
    return view.money("compensations", "fen", happened), released(view, numbers)


@measure(*_RELEASED)
def loss_rate(view: View, numbers: Numbers) -> Parts:
    """Losses proved in the period over guarantees released in it.

    Losses need a judgment or other proof and are not in a book: the figure `losses_of_year`.
    """
    return view.figure("losses_of_year"), released(view, numbers)


def released(view: View, numbers: Numbers) -> Sums:
    """Guarantees released in the period, in yuan."""
    return view.money("releases", "fen", _counts(view, numbers))


def _counts(view: View, numbers: Numbers) -> str:
    causes = list(numbers["release_causes"])
    if numbers["compensation_counts_as_release"]:
        causes.append("compensated")
    happened = f"event_at BETWEEN {view.period(numbers['period']).sql}"
    return f"{happened} AND list_contains({literal(causes)}, cause)"


@measure(*_RELEASED, "products", "share", "annualise_beyond_one_year")
def cap_rate(view: View, numbers: Numbers) -> Parts:
    """Compensated principal and normal interest over annualised released loans · share.

    Annualised: loan released · days it ran / 365, half fen up; the loan is the amount released ·
    loan / guaranteed.
    """
    batch = f"list_contains({literal(numbers['products'])}, product)"
    happened = f"event_at BETWEEN {view.period(numbers['period']).sql}"
    days = "greatest(days, 0)" if numbers["annualise_beyond_one_year"] else "least(days, 365)"
    below = "(covered::HUGEINT * 365)"
    yearly = f"((2 * fen::HUGEINT * loan * {days} + {below}) // (2 * {below}))"
    loans = view.money("releases", yearly, f"{batch} AND {_counts(view, numbers)}")
    share = Fraction(Decimal(str(numbers["share"])))
    return view.money("compensations", "claim", f"{batch} AND {happened}"), scaled(loans, share)


@measure("grace_days")
def overdue_not_compensated(view: View, numbers: Numbers) -> Parts:
    """Balance in force that is past due for the days of grace or longer, over all in force."""
    overdue = f"days_past_due >= {int(numbers['grace_days'])}"
    return (
        view.money("guarantees", "balance", f"in_force AND {overdue}"),
        view.money("guarantees", "balance", "in_force"),
    )


@measure("less_cost")
def recovery_rate(view: View, numbers: Numbers) -> Parts:
    """All that was recovered over all that was compensated."""
    expression = "fen - coalesce(cost, 0)" if numbers["less_cost"] else "fen"
    return view.money("recoveries", expression), view.money("compensations", "fen")


@measure()
def compensation_balance(view: View, numbers: Numbers) -> Parts:
    """Compensated less recovered less lost; the figure `losses_in_all`, nothing where not given."""
    recovered = scaled(view.money("recoveries", "fen"), Fraction(-1))
    terms = [view.money("compensations", "fen"), recovered]
    if any("losses_in_all" in given for given in view.figures.values()):
        terms.append(scaled(view.figure("losses_in_all"), Fraction(-1)))
    return combined(*terms), None


@measure()
def return_rate(view: View, numbers: Numbers) -> Parts:
    """Recoveries handed back to re-guarantors over compensation received from them.

    Neither is in a book: the figures `returned_to_reguarantor`, `received_from_reguarantor`.
    """
    return view.figure("returned_to_reguarantor"), view.figure("received_from_reguarantor")
