"""How much of the business is small, agricultural, and in small tickets; jobs."""

from __future__ import annotations

from vouch.errors import PolicyError
from vouch.monitoring.measures.catalogue import Numbers
from vouch.monitoring.measures.classes import CLASSES, is_small_or_agricultural
from vouch.monitoring.measures.registry import Parts, measure
from vouch.monitoring.measures.view import View, fen

_BASIS = ("basis", "period")


def business(view: View, numbers: Numbers) -> str:
    """The guarantees counted, with `counted` (guaranteed) and `lent` (the loan behind it) in fen.

    Basis "new": begun in the period and not cancelled; "in_force": in force on the day.

    Raises:
        PolicyError: there is no such basis.
    """
    if numbers["basis"] == "in_force":
        lent = "(2 * balance::HUGEINT * loan + covered) // (2 * covered)"
        return (
            f"(SELECT *, balance AS counted, ({lent})::BIGINT AS lent "
            "FROM guarantees WHERE in_force)"
        )
    if numbers["basis"] != "new":
        raise PolicyError(f"basis is {numbers['basis']!r}; write new or in_force")
    begun = view.period(numbers["period"]).sql
    return (
        "(SELECT *, covered AS counted, loan AS lent FROM guarantees "
        f"WHERE started BETWEEN {begun} AND NOT was_cancelled)"
    )


@measure(*_BASIS, *CLASSES)
def small_and_agri_share(view: View, numbers: Numbers) -> Parts:
    """Amount guaranteed for small and agricultural clients over all."""
    counted = business(view, numbers)
    return (
        view.money(counted, "counted", is_small_or_agricultural(numbers)),
        view.money(counted, "counted"),
    )


@measure(*_BASIS, *CLASSES, "client_limit", "limit_on", "small_and_agri_only")
def client_limit_share(view: View, numbers: Numbers) -> Parts:
    """Amount guaranteed for clients of the limit or less, the limit included, over all.

    The numerator is small and agricultural business only where the denominator is.
    """
    if numbers["limit_on"] not in ("loan", "guaranteed"):
        raise PolicyError(f"limit_on is {numbers['limit_on']!r}; write loan or guaranteed")
    measured = "lent" if numbers["limit_on"] == "loan" else "counted"
    client = f"sum({measured}) OVER (PARTITION BY guarantor, borrower_id)"
    clients = f"(SELECT *, {client} AS client FROM {business(view, numbers)})"
    among = is_small_or_agricultural(numbers) if numbers["small_and_agri_only"] else "true"
    within = f"client <= {fen(numbers['client_limit'])} AND {among}"
    return view.money(clients, "counted", within), view.money(clients, "counted", among)


@measure(*_BASIS)
def jobs_supported(view: View, numbers: Numbers) -> Parts:
    """Jobs kept or made over the loans guaranteed."""
    counted = business(view, numbers)
    return view.total(counted, "coalesce(jobs, 0)"), view.money(counted, "lent")
