"""The book on one day, laid out for measures: who is guaranteed, and the events of money.

Every amount is a whole number of fen and the part that is guaranteed; sums are therefore exact and
do not depend on the order of rows. Nothing known after the day is in it, nor anything announced
for a later day.

Conventions, all of them from the book's tables: a guarantee is in force from its first day until it
is compensated or finally released. Its balance is the last month end reported less what was
released since; without a report, what was guaranteed less what was released. Where a guarantee
covers part of a loan, the loan behind an amount is amount · loan / guaranteed (see
`vouch.domain.risk_sharing.loan_exposure`). A final release without an amount releases what is
left. A client (单户) is one borrower at one guarantor, since rules bind each guarantor.
"""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa

from vouch.book.book import Known

UNKNOWN = "unknown"
RATE_STEPS = 10**8  # rates are counted in hundred-millionths, so that sums of them are exact

_LATELY = timedelta(days=100)  # a quarter and a little more: some feeds report by the quarter
_CITY = "coalesce(g.project_region, b.region)"
# The month is that of what is counted: a payment, a release, a receipt; a guarantee's first day.
GROUPINGS = {
    "guarantor": "g.guarantor_id",
    "lender": "g.lender_id",
    "city": f"CASE WHEN regexp_matches({_CITY}, '^[0-9]{{6}}$') "
    f"THEN left({_CITY}, 4) || '00' ELSE {_CITY} END",
    "scheme": "g.scheme",
    "industry": "CASE WHEN regexp_matches(b.industry, '^[0-9]') THEN left(b.industry, 2) "
    "ELSE left(b.industry, 1) END",
    "product": "g.product",
    "month": "strftime(g.started, '%Y-%m')",
}


EVENTS = ("compensations", "releases", "recoveries")
NAMES = ("guarantees", "guarantors", *EVENTS)


def guarantors(known: Known) -> pa.Table:
    """Each guarantor's net assets, in yuan, as last stated."""
    return known.rows("guarantor").select(["guarantor_id", "net_assets"])


def guarantees(known: Known, by: str | None) -> pa.Table:
    """Each guarantee with its group in `part`: null without a grouping, "unknown" without one."""
    return known.query(_guarantees(known, by))


def events(known: Known, by: str | None, name: str, among: pa.Table) -> pa.Table:
    """Compensations, releases or recoveries, each in the group of its guarantee in `among`."""
    makers = {"compensations": _compensations, "releases": _releases, "recoveries": _recoveries}
    return known.query(makers[name](known, by), given={"guarantees": among})


def _part(by: str | None) -> str:
    return f"coalesce({GROUPINGS[by]}, '{UNKNOWN}')" if by else "NULL::VARCHAR"


def _event_part(by: str | None) -> str:
    if by == "month":
        return "strftime(e.event_at, '%Y-%m')"
    return f"coalesce(g.part, '{UNKNOWN}')" if by else "NULL::VARCHAR"


def _fen(amount: str) -> str:
    return f"({amount} * 100)::BIGINT"


def _happened(known: Known, table: str) -> str:
    return f"(SELECT * FROM {known.current(table)} WHERE event_at <= DATE '{known.as_of}')"


def _guarantees(known: Known, by: str | None) -> str:
    return f"""
    WITH released AS {_happened(known, "release")},
    ended AS ({_ended(known)}), dated AS ({_dated(known)}),
    living AS (SELECT guarantee_id FROM dated WHERE in_force),
    month AS ({_last_month(known)}),
    gone AS (SELECT r.guarantee_id, sum({_fen("r.amount")}) AS fen
        FROM released r LEFT JOIN month m USING (guarantee_id)
        WHERE m.month_end IS NULL OR r.event_at > m.month_end GROUP BY 1)
    SELECT g.guarantee_id, g.borrower_id, coalesce(g.guarantor_id, '{UNKNOWN}') AS guarantor,
        {_part(by)} AS part, g.product, b.kind, b.industry, b.headcount,
        {_fen("b.annual_revenue")} AS revenue, coalesce(b.group_id, g.borrower_id) AS affiliates,
        g.started, g.was_cancelled, g.in_force, g.loan, g.covered,
        CASE WHEN g.in_force THEN greatest(0, coalesce(m.owed, g.covered)
            - coalesce(x.fen, 0))::BIGINT ELSE 0 END AS balance,
        m.days_past_due, m.month_end, g.jobs_supported AS jobs,
        round(g.interest_rate * {RATE_STEPS})::BIGINT AS interest,
        round(g.fee_rate * {RATE_STEPS})::BIGINT AS fee,
        coalesce(g.tenor_months, datediff('month', g.started, g.maturity_on)) AS tenor
    FROM dated g LEFT JOIN month m USING (guarantee_id) LEFT JOIN gone x USING (guarantee_id)
    LEFT JOIN {known.current("borrower")} b ON b.borrower_id = g.borrower_id"""


def _ended(known: Known) -> str:
    """The first day on which each guarantee was compensated or finally released."""
    return f"""SELECT guarantee_id, min(event_at) AS ended_on,
        bool_or(is_cancelled) AS was_cancelled FROM (
            SELECT guarantee_id, event_at, false AS is_cancelled
            FROM {_happened(known, "compensation")}
            UNION ALL SELECT guarantee_id, event_at, cause = 'cancelled'
            FROM released WHERE is_final)
        GROUP BY 1"""


def _dated(known: Known) -> str:
    """Guarantees with the days between which they are in force, the loan and what is covered."""
    started = "coalesce(g.start_on, g.event_at)"
    return f"""SELECT g.*, {started} AS started,
        coalesce(e.was_cancelled, false) AS was_cancelled,
        e.ended_on IS NULL AND {started} <= DATE '{known.as_of}' AS in_force,
        {_fen("g.amount")} AS loan,
        CASE WHEN g.guaranteed_amount > 0 AND g.guaranteed_amount < g.amount
            THEN {_fen("g.guaranteed_amount")} ELSE {_fen("g.amount")} END AS covered
        FROM {known.current("guarantee")} g LEFT JOIN ended e USING (guarantee_id)"""


def _last_month(known: Known) -> str:
    """Of guarantees in force: the last month end with a balance.

    Nearly all have one lately. Versions are told apart by month, so the months before are only read
    of the others: all months of a large book side by side take gigabytes.
    """
    since = max(known.as_of, date.min + _LATELY) - _LATELY
    others = "(SELECT guarantee_id FROM living ANTI JOIN lately USING (guarantee_id))"
    return f"""WITH lately AS ({_last_of(known, "living", since)})
        SELECT * FROM lately UNION ALL ({_last_of(known, others, date.min)})"""


def _last_of(known: Known, among: str, since: date) -> str:
    return f"""SELECT guarantee_id, max(event_at) AS month_end,
        arg_max({_fen("balance")}, event_at) AS owed,
        arg_max(days_past_due, event_at) AS days_past_due
        FROM {known.versions("performance", f"SELECT guarantee_id FROM {among}")}
        WHERE superseded_at IS NULL AND balance IS NOT NULL
            AND event_at BETWEEN DATE '{since}' AND DATE '{known.as_of}'
        GROUP BY 1"""


def _compensations(known: Known, by: str | None) -> str:
    amount = _fen("coalesce(e.amount, e.principal + e.interest, e.principal)")
    claim = _fen("coalesce(e.principal + e.interest, e.amount, e.principal)")
    return (
        f"SELECT e.guarantee_id, e.event_at, {amount} AS fen, {claim} AS claim, g.product, "
        f"g.loan, g.covered, {_event_part(by)} AS part FROM {_happened(known, 'compensation')} e "
        "LEFT JOIN guarantees g USING (guarantee_id)"
    )


def _releases(known: Known, by: str | None) -> str:
    stated = _fen("e.amount")
    others = f"coalesce(sum({stated}) OVER (PARTITION BY e.guarantee_id), 0)"
    amount = (
        f"CASE WHEN e.amount IS NULL AND e.is_final "
        f"THEN greatest(0, g.covered - {others})::BIGINT ELSE {stated} END"
    )
    return (
        f"SELECT e.guarantee_id, e.event_at, e.cause, {amount} AS fen, g.product, g.loan, "
        "g.covered, "
        f"e.event_at - g.started AS days, {_event_part(by)} AS part "
        f"FROM {_happened(known, 'release')} e LEFT JOIN guarantees g USING (guarantee_id)"
    )


def _recoveries(known: Known, by: str | None) -> str:
    return (
        f"SELECT e.event_at, {_fen('e.gross')} AS fen, {_fen('e.cost')} AS cost, g.loan, "
        f"{_event_part(by)} AS part FROM {_happened(known, 'recovery')} e "
        "LEFT JOIN guarantees g USING (guarantee_id)"
    )
