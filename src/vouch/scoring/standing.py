"""How the portfolio stood towards a case, as plain JSON and back, exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from vouch.domain.advice.case import CapState, Missing, PortfolioState
from vouch.domain.burden import Burden, Step

Standing = PortfolioState | Missing


def written(standing: Standing) -> str | dict[str, Any]:
    """As plain JSON: amounts and shares as texts; a text alone says why it is not known."""
    if isinstance(standing, Missing):
        return standing.value
    cap = standing.cap
    return {
        "as_of": standing.as_of.isoformat(),
        "guarantor": standing.guarantor,
        "own_funds": _text(standing.own_funds),
        "client": _steps(standing.client),
        "group": _steps(standing.group),
        "whole": _steps(standing.whole),
        "client_loans": str(standing.client_loans),
        "small_balance": _text(standing.small_balance),
        "small_clients": _text(standing.small_clients),
        "cap": {"amount": str(cap.amount), "claims": str(cap.claims)} if cap else None,
    }


def read(body: str | Mapping[str, Any]) -> Standing:
    """From plain JSON.

    Raises:
        KeyError, ValueError: it was not written by `written`.
    """
    if isinstance(body, str):
        return Missing(body)
    cap, own_funds = body["cap"], body["own_funds"]
    return PortfolioState(
        as_of=date.fromisoformat(body["as_of"]),
        guarantor=body["guarantor"],
        own_funds=None if own_funds is None else Decimal(own_funds),
        client=_burden(body["client"]),
        group=_burden(body["group"]),
        whole=_burden(body["whole"]),
        client_loans=Decimal(body["client_loans"]),
        small_balance=_share(body["small_balance"]),
        small_clients=_share(body["small_clients"]),
        cap=CapState(Decimal(cap["amount"]), Decimal(cap["claims"])) if cap else None,
    )


def _text(value: Decimal | Fraction | None) -> str | None:
    return None if value is None else str(value)


def _share(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _steps(burden: Burden) -> list[list[str | None]]:
    return [[_text(s.up_to), str(s.others), str(s.weight)] for s in burden.steps]


def _burden(steps: Sequence[Sequence[str | None]]) -> Burden:
    return Burden(
        tuple(
            Step(None if up_to is None else Decimal(up_to), Decimal(str(others)), Decimal(str(w)))
            for up_to, others, w in steps
        )
    )
