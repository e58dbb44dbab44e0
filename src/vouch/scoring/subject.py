"""What a case is about besides its score: what is asked, of whom, and what stands to be lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np

from vouch.domain.risk_sharing import FEN, loan_exposure
from vouch.domain.stage import Stage
from vouch.errors import NotFoundError
from vouch.features.facts import EPOCH, Cases, Facts, Views


@dataclass(frozen=True)
class Asked:
    """What a guarantee asks for and of whom; amounts in yuan, None where not stated."""

    amount: Decimal
    covered: Decimal
    kind: str | None = None
    industry: str | None = None
    headcount: int | None = None
    revenue: Decimal | None = None
    group_id: str | None = None
    region: str | None = None
    product: str | None = None
    fee_rate: Decimal | None = None
    days: int | None = None
    is_revolving: bool = False


@dataclass(frozen=True)
class Subject:
    """What a decision says about a guarantee besides its score."""

    guarantee_id: str
    borrower_id: str | None
    as_of: date
    signed_on: date
    scheme: str | None
    exposure: Decimal
    guarantor_id: str | None = None
    lender_id: str | None = None
    asked: Asked | None = None


def subjects(stage: Stage, cases: Cases, facts: Facts) -> list[Subject]:
    """The subject of each case, as visible on its date.

    The exposure is the loan behind the newest balance, or before the loan runs the amount.

    Raises:
        NotFoundError: a guarantee was not known on its date.
    """
    views = Views(facts, cases, None)
    guarantee = views.guarantee
    asked = _asked(views)
    amounts, guaranteed = guarantee.number("amount"), guarantee.number("guaranteed_amount")
    owed = views.performance.last("balance")
    balances = np.full(len(cases), np.nan) if stage is Stage.PRE_LOAN else owed
    texts = {
        name: guarantee.text(name)
        for name in ("borrower_id", "scheme", "guarantor_id", "lender_id")
    }
    applied, started = guarantee.number("event_at"), guarantee.number("start_on")
    signed = np.where(np.isnan(started), applied, started)
    found = []
    for row, guarantee_id in enumerate(cases.guarantee_ids):
        as_of = _day(float(cases.as_of[row]))
        if guarantee.rows[row] < 0:
            raise NotFoundError(f"no guarantee {guarantee_id!r} was known on {as_of}")
        found.append(
            Subject(
                guarantee_id=guarantee_id,
                **{name: values[row] for name, values in texts.items()},
                as_of=as_of,
                signed_on=_day(float(signed[row])),
                exposure=exposure_of(amounts[row], balances[row], guaranteed[row]),
                asked=asked[row],
            )
        )
    return found


def _asked(views: Views) -> list[Asked | None]:
    """What each case asks for; None for a guarantee that was not known."""
    guarantee, borrower = views.guarantee, views.borrower
    of_loan = {"product": guarantee.text("product")}
    of_client = {n: borrower.text(n) for n in ("kind", "industry", "group_id", "region")}
    numbers = {n: guarantee.number(n) for n in _NUMBERS}
    headcount, revenue = borrower.number("headcount"), borrower.number("annual_revenue")
    place = guarantee.text("project_region")
    found: list[Asked | None] = []
    for row, known in enumerate((guarantee.rows >= 0).tolist()):
        if not known:
            found.append(None)
            continue
        amount = _money(numbers["amount"][row])
        covered = _money(numbers["guaranteed_amount"][row])
        texts = {name: column[row] for name, column in (of_loan | of_client).items()}
        found.append(
            Asked(
                **texts | {"region": place[row] or texts["region"]},
                amount=amount or Decimal(0),
                covered=covered
                if covered and amount and covered < amount
                else amount or Decimal(0),
                headcount=_whole(headcount[row]),
                revenue=_money(revenue[row]),
                fee_rate=_rate(numbers["fee_rate"][row]),
                days=_term(numbers, row),
                is_revolving=bool(numbers["is_revolving"][row] == 1),
            )
        )
    return found


_NUMBERS = (
    "amount",
    "guaranteed_amount",
    "fee_rate",
    "tenor_months",
    "start_on",
    "maturity_on",
    "is_revolving",
)


def _term(numbers: Mapping[str, np.ndarray[Any, Any]], row: int) -> int | None:
    """Days guaranteed: the months agreed, a year of them 365 days; else from first to last day."""
    months = numbers["tenor_months"][row]
    if not np.isnan(months):
        return int(365 * months / 12 + 0.5)
    days = numbers["maturity_on"][row] - numbers["start_on"][row]
    return int(days) if days >= 1 else None


def _money(value: float) -> Decimal | None:
    return None if np.isnan(value) else Decimal(repr(float(value))).quantize(FEN, ROUND_HALF_UP)


def _rate(value: float) -> Decimal | None:
    return None if np.isnan(value) else Decimal(repr(float(value)))


def _whole(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def exposure_of(amount: float, balance: float, guaranteed_amount: float) -> Decimal:
    """The exposure from what the as-of engine gives, NaN where unknown."""
    known = (None if np.isnan(v) else Decimal(repr(float(v))) for v in (balance, guaranteed_amount))
    return loan_exposure(Decimal(repr(float(amount))), *known)


def _day(days: float) -> date:
    return EPOCH + timedelta(days=days)
