"""Balances in force, weighted liability, leverage, concentration."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from vouch.monitoring.measures.catalogue import Numbers
from vouch.monitoring.measures.classes import WEIGHT_STEPS, WEIGHTS, weighted
from vouch.monitoring.measures.registry import Parts, measure
from vouch.monitoring.measures.view import Group, Sums, View


@measure()
def balance_in_force(view: View, numbers: Numbers) -> Parts:
    """Principal still guaranteed."""
    return view.money("guarantees", "balance", "in_force"), None


@measure(*WEIGHTS)
def liability_balance(view: View, numbers: Numbers) -> Parts:
    """Balance in force times its weight; weights by product, else by the client's size and kind."""
    return liabilities(view, numbers), None


def liabilities(view: View, numbers: Numbers) -> Sums:
    """Weighted liability by group, in yuan."""
    found = view.total(weighted(numbers), "liability")
    return {group: (total or Fraction(0)) / (100 * WEIGHT_STEPS) for group, total in found.items()}


@measure(*WEIGHTS, "deduct_equity")
def leverage(view: View, numbers: Numbers) -> Parts:
    """Weighted liability over the net assets of the guarantors that bear it.

    By another group than guarantor: what the group adds to the leverage of the whole.
    """
    owed = liabilities(view, numbers)
    bearing = view.query("SELECT DISTINCT guarantor FROM guarantees WHERE in_force")
    own = {row["guarantor"]: _own_funds(view, numbers, row["guarantor"]) for row in bearing}
    if view.by == "guarantor":
        return owed, {group: own.get(str(group)) for group in owed}
    values = [value for value in own.values() if value is not None]
    whole = sum(values, Fraction(0)) if len(values) == len(own) else None
    return owed, dict.fromkeys(owed, whole)


def _own_funds(view: View, numbers: Numbers, guarantor: str) -> Fraction | None:
    """Net assets, less equity in other guarantors where that is given and to be deducted."""
    equity = view.figures.get(guarantor, {}).get("equity_in_guarantors", Decimal(0))
    return own_funds(view.net_assets.get(guarantor), equity, bool(numbers["deduct_equity"]))


def own_funds(net_assets: Fraction | None, equity: Decimal, deduct_equity: bool) -> Fraction | None:
    """What limits are measured against, in yuan; None where net assets are not known.

    >>> own_funds(Fraction(2000), Decimal(200), True)
    Fraction(1800, 1)
    """
    if net_assets is None:
        return None
    return net_assets - Fraction(equity) if deduct_equity else net_assets


@measure(*WEIGHTS, "deduct_equity")
def client_concentration(view: View, numbers: Numbers) -> Parts:
    """Largest liability to one client over the net assets of its guarantor."""
    return _largest(view, numbers, "borrower_id")


@measure(*WEIGHTS, "deduct_equity")
def group_concentration(view: View, numbers: Numbers) -> Parts:
    """Largest liability to one group of affiliated clients over the net assets of its guarantor."""
    return _largest(view, numbers, "affiliates")


def _largest(view: View, numbers: Numbers, client: str) -> Parts:
    """The worst ratio of any guarantor; one without known net assets only where none has them."""
    rows = view.query(
        f"SELECT part, guarantor, max(owed) AS owed FROM (SELECT part, guarantor, "
        f"sum(liability)::HUGEINT AS owed FROM {weighted(numbers)} "
        f"GROUP BY part, guarantor, {client}) GROUP BY part, guarantor ORDER BY part, guarantor"
    )
    owed: Sums = {}
    own: Sums = {}
    worst: dict[Group, tuple[bool, Fraction]] = {}
    for row in rows:
        amount = Fraction(int(row["owed"])) / (100 * WEIGHT_STEPS)
        funds, part = _own_funds(view, numbers, row["guarantor"]), row["part"]
        rank = (True, amount / funds) if funds is not None and funds > 0 else (False, amount)
        if part not in worst or rank > worst[part]:
            worst[part], owed[part], own[part] = rank, amount, funds
    return owed, own
