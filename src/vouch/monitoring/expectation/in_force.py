"""The guarantees of a book in force on a day, and how likely each is claimed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from vouch.book.book import Known
from vouch.domain.risk_sharing import loan_exposure
from vouch.features.describe import Progress, partitions, silent
from vouch.features.facts import Cases, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.monitoring.expectation.pool import FloatArray
from vouch.monitoring.expectation.timing import Lives
from vouch.monitoring.measures.view import View
from vouch.scoring.bundle import Bundle
from vouch.scoring.score import score_cases

_USUAL_TENOR_DAYS = 365
_MONTH = 365 / 12
INSTALMENTS = ("equal_instalment", "equal_principal")


@dataclass(frozen=True)
class Terms:
    """What tells the portfolio of a guarantee: its scheme, when it was signed, and its parties."""

    guarantee_id: str
    scheme: str | None
    signed_on: date
    lender: str | None
    guarantor: str
    product: str | None


@dataclass(frozen=True)
class Guarantee:
    """A guarantee in force; `exposure` is the whole loan still owed, in yuan.

    `days_unseen` have passed since the last report on it; a missed payment of that time, or before
    a first report, is not known.
    """

    terms: Terms
    borrower_id: str
    exposure: Decimal
    maturity_on: date | None
    tenor_days: int
    is_in_instalments: bool
    days_past_due: int
    days_unseen: int


def guarantees_in_force(view: View) -> list[Guarantee]:
    """Every guarantee in force, ordered by id."""
    return list(each_in_force(view))


def each_in_force(view: View) -> Iterator[Guarantee]:
    """The same one by one; days past due are counted on from the last report.

    Without a maturity it follows from the tenor, and without either the tenor is a year.
    """
    rows = view.each(
        f"""SELECT {_TERMS}, m.balance, m.loan, m.covered, m.days_past_due, m.month_end, m.tenor,
        g.borrower_id, g.maturity_on, g.repayment
        FROM guarantees m JOIN {view.known.current("guarantee")} g USING (guarantee_id)
        WHERE m.in_force ORDER BY m.guarantee_id"""
    )
    for row in rows:
        yield _guarantee(row, view.known.as_of)


_TERMS = (
    "m.guarantee_id, g.scheme, m.started, g.lender_id AS lender, m.guarantor, m.product AS sold_as"
)


def terms_of(row: Mapping[str, Any]) -> Terms:
    """The terms in a row of a query that asked for them."""
    return Terms(
        row["guarantee_id"],
        row["scheme"],
        row["started"],
        row["lender"],
        row["guarantor"],
        row["sold_as"],
    )


def _guarantee(row: Mapping[str, Any], as_of: date) -> Guarantee:
    loan, balance, covered = (
        Decimal(row[name]).scaleb(-2) for name in ("loan", "balance", "covered")
    )
    maturity, tenor = row["maturity_on"], row["tenor"]
    if maturity is not None and maturity > row["started"]:
        days = (maturity - row["started"]).days
    else:
        days = round(tenor * _MONTH) if tenor and tenor > 0 else _USUAL_TENOR_DAYS
        maturity = row["started"] + timedelta(days=days) if tenor and tenor > 0 else None
    late = row["days_past_due"] or 0
    unseen = (as_of - (row["month_end"] or row["started"])).days
    return Guarantee(
        terms=terms_of(row),
        borrower_id=row["borrower_id"],
        exposure=loan_exposure(loan, balance, covered),
        maturity_on=maturity,
        tenor_days=days,
        is_in_instalments=row["repayment"] in INSTALMENTS,
        days_past_due=late + unseen if late else 0,
        days_unseen=late + unseen,
    )


def lives(guarantees: Sequence[Guarantee], as_of: date) -> Lives:
    """Where the guarantees stand on a day."""
    columns = [
        ((as_of - g.terms.signed_on).days, max(g.tenor_days, 1), g.days_past_due, g.days_unseen)
        for g in guarantees
    ]
    return Lives(*np.array(columns, dtype=np.float64).reshape(len(columns), 4).T)


def events(view: View, name: str, since: date) -> Iterator[dict[str, Any]]:
    """Releases or compensations from a day on, each with the terms of its guarantee."""
    known = view.known.current("guarantee")
    return view.each(
        f"""SELECT e.*, {_TERMS} FROM {name} e JOIN guarantees m USING (guarantee_id)
        JOIN {known} g USING (guarantee_id)
        WHERE e.event_at >= DATE '{since}' ORDER BY e.event_at, guarantee_id"""
    )


@dataclass(frozen=True)
class Probabilities:
    """How likely each guarantee is claimed within a horizon from the day asked about.

    `source` says where that comes from, for people.
    """

    values: Mapping[str, float]
    horizon_days: int
    source: str

    def of(self, guarantees: Iterable[Guarantee]) -> FloatArray:
        """The probabilities in the order of the guarantees."""
        return np.array([self.values[g.terms.guarantee_id] for g in guarantees], dtype=np.float64)


def scored(
    known: Known, bundle: Bundle, guarantees: Sequence[Guarantee], progress: Progress = silent
) -> Probabilities:
    """The probabilities that a model gives the guarantees on the day of `known`."""
    ids = [g.terms.guarantee_id for g in guarantees]
    cases = Cases(ids, np.full(len(ids), to_days(known.as_of), dtype=np.float64))
    history = PortfolioIndex.of(known)
    values: dict[str, float] = {}
    for part, facts in partitions(known, cases):
        scores = score_cases(bundle, part, facts, history)
        values |= zip(part.guarantee_ids, scores.default_probabilities.tolist(), strict=True)
        progress(len(values), len(ids))
    horizon = (bundle.spec.horizon.end(known.as_of) - known.as_of).days
    return Probabilities(values, horizon, f"{bundle.stage.model_name} {bundle.version}")


def assumed(rate: float, guarantees: Sequence[Guarantee]) -> Probabilities:
    """The same yearly rate for every guarantee, where no model is at hand.

    Raises:
        ValueError: the rate is outside [0, 1].
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"the yearly rate is {rate}, must lie in [0, 1]; write 2 % as 0.02")
    values = {g.terms.guarantee_id: rate for g in guarantees}
    return Probabilities(values, 365, f"assumed: {rate:.4%} a year for every guarantee")
