"""What a case is about besides its score: what is asked, of whom, and what stands to be lost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from vouch.domain.risk_sharing import FEN, loan_exposure
from vouch.domain.stage import Stage
from vouch.errors import NotFoundError
from vouch.features.facts import EPOCH, Cases, Views


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


def subjects(stage: Stage, cases: Cases, views: Views) -> list[Subject]:
    """The subject of each case, as visible on its date.

    The exposure is the loan behind the newest balance, or before the loan runs the amount.

    Raises:
        NotFoundError: a guarantee was not known on its date.
    """
    guarantee = views.guarantee
    asked = _asked(views)
    is_running = stage is not Stage.PRE_LOAN
    owed = views.performance.last("balance") if is_running else np.full(len(cases), np.nan)
    started = guarantee.number("start_on")
    signed = np.where(np.isnan(started), guarantee.number("event_at"), started)
    amounts = [guarantee.number(name) for name in ("amount", "guaranteed_amount")]
    texts = [guarantee.text(n) for n in ("borrower_id", "scheme", "guarantor_id", "lender_id")]
    found = []
    columns = (cases.as_of, signed, *amounts, owed, *texts)
    rows = zip(cases.guarantee_ids, asked, *(c.tolist() for c in columns), strict=True)
    for guarantee_id, wanted, day, since, amount, guaranteed, balance, *names in rows:
        as_of = _day(day)
        if wanted is None:
            raise NotFoundError(f"no guarantee {guarantee_id!r} was known on {as_of}")
        borrower_id, scheme, guarantor_id, lender_id = names
        found.append(
            Subject(
                guarantee_id,
                borrower_id,
                as_of,
                _day(since),
                scheme,
                exposure_of(amount, balance, guaranteed),
                guarantor_id,
                lender_id,
                wanted,
            )
        )
    return found


def _asked(views: Views) -> list[Asked | None]:
    """What each case asks for; None for a guarantee that was not known."""
    guarantee, borrower = views.guarantee, views.borrower
    of_loan = {"product": guarantee.text("product")}
    of_client = {n: borrower.text(n) for n in ("kind", "industry", "group_id", "region")}
    columns = of_loan | of_client
    numbers = {n: guarantee.number(n).tolist() for n in _NUMBERS}
    headcount, revenue = (borrower.number(n).tolist() for n in ("headcount", "annual_revenue"))
    place = guarantee.text("project_region")
    found: list[Asked | None] = []
    for row, known in enumerate(guarantee.is_known.tolist()):
        if not known:
            found.append(None)
            continue
        amount = _money(numbers["amount"][row])
        covered = _money(numbers["guaranteed_amount"][row])
        texts = {name: column[row] for name, column in columns.items()}
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


def _term(numbers: Mapping[str, Sequence[float]], row: int) -> int | None:
    """Days guaranteed: the months agreed, a year of them 365 days; else from first to last day."""
    months = numbers["tenor_months"][row]
    if not math.isnan(months):
        return int(365 * months / 12 + 0.5)
    days = numbers["maturity_on"][row] - numbers["start_on"][row]
    return int(days) if days >= 1 else None


def _money(value: float) -> Decimal | None:
    return None if math.isnan(value) else Decimal(repr(value)).quantize(FEN, ROUND_HALF_UP)


def _rate(value: float) -> Decimal | None:
    return None if math.isnan(value) else Decimal(repr(value))


def _whole(value: float) -> int | None:
    return None if math.isnan(value) else int(value)


def exposure_of(amount: float, balance: float, guaranteed_amount: float) -> Decimal:
    """The exposure from what the as-of engine gives, NaN where unknown."""
    known = (
        None if math.isnan(v) else Decimal(repr(float(v))) for v in (balance, guaranteed_amount)
    )
    return loan_exposure(Decimal(repr(float(amount))), *known)


def _day(days: float) -> date:
    return EPOCH + timedelta(days=days)
