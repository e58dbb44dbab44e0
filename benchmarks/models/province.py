"""The simulated province with the shipped specifications, and the truth as the ceiling."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from benchmarks.models.rows import (
    Fold,
    Protocol,
    cases,
    known_at_end,
    with_lender,
)
from vouch.book.book import Book, Known
from vouch.domain.stage import Stage
from vouch.scoring.spec import Spec
from vouch.settings import Settings
from vouch.simulator import simulate
from vouch.simulator.ceiling import best_reachable

GUARANTEES, SEED = 240_000, 13
MOST_LEARNT, MOST_JUDGED = 300_000, 100_000
_FIRST, _LAST = date(2014, 1, 1), date(2025, 6, 30)
_FIELDS = [
    *("amount", "guaranteed_share", "product", "channel", "scheme", "repayment", "is_revolving"),
    *("has_collateral", "interest_rate", "fee_rate", "tenor_months", "jobs_supported"),
    *("borrower_kind", "industry", "years_in_business", "is_new_business", "headcount"),
    *("annual_revenue", "region", "lender_kind", "lender_region", "earlier_guarantees"),
    *("earlier_compensations", "bureau_inquiries_120d", "court_enforcements_365d"),
    *("tax_paid_change_90d", "invoice_change_90d", "insured_change_180d"),
]
_BEHAVIOUR = [
    *("days_on_book", "days_to_maturity", "balance_share", "days_past_due_now"),
    *("worst_arrears_90d", "worst_arrears_180d", "worst_arrears_365d", "months_in_arrears_180d"),
    *("months_in_arrears_365d", "days_since_arrears", "extensions_180d"),
]


def admission(data: Path, scratch: Path) -> Protocol:
    """Applications: compensated within 36 months of the start."""
    about = "simulated province: compensated within 36 months of the application"
    return _of_stage("province", about, Stage.PRE_LOAN, _FIELDS, scratch)


def review(data: Path, scratch: Path) -> Protocol:
    """Reviews: compensated within 12 months."""
    about = "simulated province: a performing guarantee compensated within 12 months of its review"
    fields = _FIELDS + _BEHAVIOUR
    return _of_stage("province-in-loan", about, Stage.IN_LOAN, fields, scratch)


def watch(data: Path, scratch: Path) -> Protocol:
    """Month ends: compensated within 180 days."""
    about = "simulated province: a guarantee in force compensated within 180 days"
    fields = _FIELDS + _BEHAVIOUR
    return _of_stage("province-post-loan", about, Stage.POST_LOAN, fields, scratch)


def _of_stage(name: str, about: str, stage: Stage, fields: list[str], scratch: Path) -> Protocol:
    book = Book(scratch / "province", create=True)
    if not book.commits():
        simulate(book, GUARANTEES, SEED, first=_FIRST, until=_LAST)
    spec = Spec.read(Settings.from_env().models / stage.value / "spec.toml")
    fold = _latest_year(known_at_end(book), spec, fields)
    judged = fold.judge.frame.spine
    ends = [spec.horizon.end(day) for day in judged.table["as_of"].to_pylist()]
    ceiling = best_reachable(book, stage, judged.cases, ends)
    return Protocol(name, about, spec, [Fold(fold.learn, fold.judge, fold.until, ceiling)])


def _latest_year(known: Known, spec: Spec, fields: list[str]) -> Fold:
    """The last twelve months whose horizon has ended, against all that was known before them.

    At most MOST_LEARNT rows learnt from, which the slowest peers allow, and MOST_JUDGED judged,
    which the ceiling allows; drawn at random.
    """
    last = spec.horizon.start(_LAST)
    first = last - timedelta(days=364)
    until = first - timedelta(days=1)
    learn = cases(known, spec, fields, _FIRST, spec.horizon.start(until), most=MOST_LEARNT)
    judge = cases(known, spec, fields, first, last, most=MOST_JUDGED)
    return Fold(with_lender(learn), with_lender(judge), until)
