"""The banks and schemes of a book, ranked for a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from vouch.book.book import Known
from vouch.domain.advice.case import CapState
from vouch.domain.lender_fit import Application, Candidate, Rank, ranked
from vouch.errors import PolicyError
from vouch.monitoring.portfolio_state import PortfolioDay
from vouch.policy.reading import Policy
from vouch.scoring.decision import Decision
from vouch.scoring.subject import Subject

_LOOK_BACK = timedelta(days=365)


def rank_lenders(policy: Policy, day: PortfolioDay, decision: Decision) -> list[Rank]:
    """Every bank with every scheme it guaranteed under in the year before, the best first.

    Banks that the case's guarantor worked with; every bank of the book where it names none or
    worked with none. The caps are those of the case's guarantor.

    Raises:
        ValueError: the decision does not say what is asked.
    """
    subject = decision.basis.subject
    if subject.asked is None:
        raise ValueError("a decision without what is asked cannot be ranked for")
    application = Application(
        subject.asked.amount, decision.grade, subject.asked.kind, subject.asked.region
    )
    rows = _pairs(day.known, subject.guarantor_id) or _pairs(day.known, None)
    candidates = [found for row in rows if (found := _candidate(policy, day, subject, row))]
    return ranked(application, candidates, policy.lender_fit(day.known.as_of))


def _pairs(known: Known, guarantor: str | None) -> list[dict[str, Any]]:
    """Banks with the schemes under which they were guaranteed lately, in any order."""
    since = known.as_of - _LOOK_BACK
    rows: list[dict[str, Any]] = known.query(
        f"""SELECT DISTINCT g.lender_id, l.name, l.kind, l.region, g.scheme
        FROM {known.current("guarantee")} g
        LEFT JOIN {known.current("lender")} l ON l.lender_id = g.lender_id
        WHERE g.lender_id IS NOT NULL AND coalesce(g.start_on, g.event_at) > DATE '{since}'
            AND (? IS NULL OR g.guarantor_id = ?)""",
        [guarantor, guarantor],
    ).to_pylist()
    return rows


def _candidate(
    policy: Policy, day: PortfolioDay, subject: Subject, row: dict[str, Any]
) -> Candidate | None:
    """The bank under a scheme in force now; None where the scheme no longer is."""
    try:
        scheme = policy.scheme(row["scheme"], day.known.as_of)
    except PolicyError:
        return None
    cap: CapState | None = None
    if scheme.cap is not None and subject.guarantor_id is not None:
        moved = replace(
            subject,
            scheme=scheme.name,
            signed_on=day.known.as_of,
            lender_id=row["lender_id"],
        )
        cap = day.cap_state(moved, subject.guarantor_id)
    name = row["name"] or row["lender_id"]
    return Candidate(row["lender_id"], name, row["kind"], row["region"], scheme, cap)
