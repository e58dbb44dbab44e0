"""Every registered feature a second time: one case, one loop, plain Python, straight from the rows.

Nothing of the engine is used: versions are told apart here, windows are cut here, the portfolio is
walked through guarantee by guarantee. `ORACLE` names a function for every feature.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

Row = Mapping[str, Any]
Value = float | str | None

KEYS = {
    "guarantee": ("guarantee_id",),
    "borrower": ("borrower_id",),
    "lender": ("lender_id",),
    "performance": ("guarantee_id", "event_at"),
    "signal": ("borrower_id", "kind", "event_at"),
}
EXPOSED = 1096
YEAR, FIVE_YEARS = 365, 1826


@dataclass(frozen=True)
class Loan:
    """A guarantee as it was when it became known, for the portfolio's record."""

    guarantee_id: str
    borrower_id: str
    groups: Mapping[str, str | None]
    amount: float
    known: date
    called: date | None
    late: date | None


@dataclass(frozen=True)
class Case:
    """One guarantee on one day, with all rows of the book by table, of whatever day."""

    book: Mapping[str, Sequence[Row]]
    loans: Sequence[Loan]
    guarantee_id: str
    day: date

    def seen(self, table: str, entity: str, name: Any) -> list[Row]:
        """The newest version known of each fact of an entity, oldest event first."""
        newest: dict[Any, Row] = {}
        rows = [row for row in self.book[table] if row[entity] == name]
        for row in sorted(rows, key=lambda row: row["known_at"]):
            if row["known_at"] <= self.day:
                newest[tuple(row[key] for key in KEYS[table])] = row
        happened = [row for row in newest.values() if row["event_at"] <= self.day]
        return sorted(happened, key=lambda row: row["event_at"])

    def last(self, table: str, entity: str, name: Any) -> Row:
        found = self.seen(table, entity, name)
        return found[-1] if found else {}

    @cached_property
    def guarantee(self) -> Row:
        return self.last("guarantee", "guarantee_id", self.guarantee_id)

    @cached_property
    def borrower(self) -> Row:
        return self.last("borrower", "borrower_id", self.guarantee.get("borrower_id"))

    @cached_property
    def lender(self) -> Row:
        return self.last("lender", "lender_id", self.guarantee.get("lender_id"))

    @cached_property
    def months(self) -> list[Row]:
        return self.seen("performance", "guarantee_id", self.guarantee_id)

    @cached_property
    def signals(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.seen("signal", "borrower_id", self.guarantee.get("borrower_id")):
            found.setdefault(row["kind"], []).append(row)
        return found

    @cached_property
    def others(self) -> list[Loan]:
        """The borrower's other guarantees known by then, oldest first."""
        mine = self.guarantee.get("borrower_id")
        found = [
            loan
            for loan in self.loans
            if loan.borrower_id == mine
            and loan.guarantee_id != self.guarantee_id
            and loan.known <= self.day
        ]
        return sorted(found, key=lambda loan: loan.known)

    @cached_property
    def called_others(self) -> list[date]:
        mine = self.guarantee.get("borrower_id")
        return sorted(
            loan.called
            for loan in self.loans
            if loan.borrower_id == mine
            and loan.guarantee_id != self.guarantee_id
            and loan.called is not None
            and loan.called <= self.day
        )

    @cached_property
    def groups(self) -> Mapping[str, str | None]:
        return groups_of(self.guarantee, self.borrower)

    def age(self, row: Row) -> int:
        return (self.day - row["event_at"]).days

    def kind(self, name: str, older: float = math.inf, newer: float = -math.inf) -> list[float]:
        """Values of a signal whose age lies in [newer, older), oldest first."""
        rows = self.signals.get(name, [])
        return [float(r["value"]) for r in rows if newer <= self.age(r) < older]

    def month(self, name: str, older: float = math.inf, newer: float = -math.inf) -> list[float]:
        """A column of the months whose age lies in [newer, older), oldest first; 0 where none."""
        rows = [row for row in self.months if newer <= self.age(row) < older]
        return [float(row[name] or 0) for row in rows]


def book_loans(book: Mapping[str, Sequence[Row]], day: date) -> list[Loan]:
    """The portfolio's record as known on a day."""
    first: dict[str, Row] = {}
    for row in sorted(book["guarantee"], key=lambda row: row["known_at"]):
        if row["known_at"] <= day:
            first.setdefault(row["guarantee_id"], row)
    calls = _earliest(row for row in book["compensation"] if row["known_at"] <= day)
    late = _earliest(
        row
        for row in book["performance"]
        if row["known_at"] <= day
        and row["days_past_due"] is not None
        and row["days_past_due"] >= 60
    )
    people: dict[str, list[Row]] = {}
    for row in book["borrower"]:
        people.setdefault(row["borrower_id"], []).append(row)
    found = []
    for name, row in first.items():
        then = [p for p in people.get(row["borrower_id"], ()) if p["known_at"] <= row["known_at"]]
        who = max(then, key=lambda p: p["known_at"], default={})
        known = max(row["known_at"], row["event_at"])
        groups = groups_of(row, who)
        amount = float(row["amount"])
        found.append(
            Loan(name, row["borrower_id"], groups, amount, known, calls.get(name), late.get(name))
        )
    return found


def _earliest(rows: Iterable[Row]) -> dict[str, date]:
    found: dict[str, date] = {}
    for row in rows:
        name = row["guarantee_id"]
        found[name] = min(row["known_at"], found.get(name, row["known_at"]))
    return found


def section(code: str | None) -> str | None:
    if not code:
        return None
    return code[:2] if code[0].isdigit() else code[0]


def groups_of(guarantee: Row, borrower: Row) -> dict[str, str | None]:
    lender = guarantee.get("lender_id")
    amount = float(guarantee["amount"])
    band = math.floor(2 * math.log10(amount) + 1e-12)
    share = float(guarantee["guaranteed_amount"]) / amount
    return {
        "everything": "",
        "lender": lender,
        "lender_band": None if lender is None else f"{lender}/{band}",
        "terms": f"{guarantee.get('channel')}/{round(share * 20)}",
        "industry": section(borrower.get("industry")),
        "product": guarantee.get("product"),
        "scheme": guarantee.get("scheme"),
        "region": guarantee.get("project_region") or borrower.get("region"),
    }


def volume(case: Case, group: str, days: int) -> float:
    since = case.day - timedelta(days=days)
    return float(len([loan for loan in _of(case, group) if since <= loan.known < case.day]))


def _of(case: Case, group: str) -> list[Loan]:
    mine = case.groups[group]
    return [loan for loan in case.loans if mine is not None and loan.groups[group] == mine]


def exposure(case: Case, group: str, days: int) -> float:
    """Days that the group's guarantees were at risk in the window before the case's day."""
    since, total = case.day - timedelta(days=days), 0
    for loan in _of(case, group):
        end = loan.known + timedelta(days=EXPOSED)
        if loan.called is not None:
            end = min(end, loan.called)
        total += max(0, (min(end, case.day) - max(loan.known, since)).days)
    return float(total)


def calls(case: Case, group: str, days: int) -> float:
    since = case.day - timedelta(days=days)
    return float(
        sum(
            loan.called is not None
            and since <= loan.called < case.day
            and (loan.called - loan.known).days <= EXPOSED
            for loan in _of(case, group)
        )
    )


def relative(group: str, days: int) -> Callable[[Case], Value]:
    def value(case: Case) -> Value:
        at_risk = exposure(case, "everything", days)
        rate = calls(case, "everything", days) / at_risk if at_risk else 0.0
        return (calls(case, group, days) + 2) / (rate * exposure(case, group, days) + 2)

    return value


def yearly(case: Case, days: int) -> float | None:
    at_risk = exposure(case, "everything", days)
    return calls(case, "everything", days) * 365 / at_risk if at_risk else None


def typical(case: Case) -> Value:
    since = case.day - timedelta(days=2 * YEAR)
    logs = [math.log(x.amount) for x in _of(case, "lender") if since <= x.known < case.day]
    return math.exp((sum(logs) + 5 * 12.0) / (len(logs) + 5))


def level(case: Case) -> Value:
    from tests.oracles import vintage_level

    loans = sorted(case.loans, key=lambda loan: loan.known)
    start = date(1970, 1, 1)
    known = [float((loan.known - start).days) for loan in loans]
    called = [None if x.called is None else float((x.called - start).days) for x in loans]
    signs = [
        min((float((d - start).days) for d in (x.called, x.late) if d), default=None) for x in loans
    ]
    return vintage_level.level(known, called, signs, float((case.day.replace(day=1) - start).days))


def mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def over(above: float | None, below: float | None, less: float = 0.0) -> float | None:
    return None if above is None or below is None or below <= 0 else above / below - less


def newest(values: Sequence[float]) -> float | None:
    return values[-1] if values else None


def less(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else above - below


def field(table: str, name: str) -> Callable[[Case], Value]:
    """A column of guarantee, borrower or lender as last known."""

    def value(case: Case) -> Value:
        found = getattr(case, table).get(name)
        return found if found is None or isinstance(found, str) else float(found)

    return value


def days_since(table: str, name: str, sign: int = 1, unit: float = 1.0) -> Callable[[Case], Value]:
    def value(case: Case) -> Value:
        day = getattr(case, table).get(name)
        return None if day is None else sign * (case.day - day).days / unit

    return value


def months_where(test: Callable[[float], bool], name: str, days: float) -> Callable[[Case], Value]:
    return lambda case: float(sum(test(v) for v in case.month(name, days)))


def changed(kind: str, recent: float, older: float, newer: float) -> Callable[[Case], Value]:
    """Mean of the last `recent` days against those whose age is in [newer, older)."""
    return lambda c: over(mean(c.kind(kind, recent)), mean(c.kind(kind, older, newer)), 1.0)


def newest_changed(kind: str, older: float, newer: float) -> Callable[[Case], Value]:
    return lambda c: over(newest(c.kind(kind)), mean(c.kind(kind, older, newer)), 1.0)


def to_usual(kind: str, recent: float, settled: float = 180) -> Callable[[Case], Value]:
    """Mean of the last `recent` days over that of all reports `settled` days old or older."""
    return lambda c: over(mean(c.kind(kind, recent)), mean(c.kind(kind, math.inf, settled)))


def invoiced_to_revenue(case: Case) -> Value:
    monthly, revenue = mean(case.kind("invoice_out", 190)), case.borrower.get("annual_revenue")
    yearly_sales = None if monthly is None else 12.0 * monthly
    return over(yearly_sales, None if revenue is None else float(revenue))


def account_cover(case: Case) -> Value:
    guaranteed = float(case.guarantee["guaranteed_amount"])
    return over(newest(case.kind("account_balance", 45)), guaranteed)


def falls_due(days: int) -> Callable[[Case], Value]:
    def value(case: Case) -> Value:
        left = days_since("guarantee", "maturity_on", sign=-1)(case)
        return None if left is None else float(left <= days)  # type: ignore[operator]

    return value


def days_to_run(days: int) -> Callable[[Case], Value]:
    def value(case: Case) -> Value:
        left = days_since("guarantee", "maturity_on", sign=-1)(case)
        return None if left is None else float(max(-60, min(days, left)))  # type: ignore[type-var]

    return value


def now(kind: str, days: float = math.inf) -> Callable[[Case], Value]:
    return lambda case: newest(case.kind(kind, days))


def events(days: float, *kinds: str) -> Callable[[Case], Value]:
    return lambda case: float(sum(len(case.kind(kind, days)) for kind in kinds))


def if_seen(kind: str, value: Callable[[Case], Value]) -> Callable[[Case], Value]:
    return lambda case: value(case) if case.kind(kind) else None


def worst(days: float) -> Callable[[Case], Value]:
    return lambda case: max(case.month("days_past_due", days), default=None)


def arrears_since(case: Case) -> Value:
    ages = [case.age(row) for row in case.months if row["days_past_due"] > 0]
    return float(min(ages)) if ages else None


def local(case: Case) -> Value:
    theirs, home = case.lender.get("region"), case.borrower.get("region")
    return None if theirs is None or home is None else float(theirs[:2] == home[:2])


def region(case: Case) -> str | None:
    return case.guarantee.get("project_region") or case.borrower.get("region")


def ratio(above: str, below: tuple[str, str]) -> Callable[[Case], Value]:
    """A column of the guarantee over one of a table."""

    def value(case: Case) -> Value:
        return over(field("guarantee", above)(case), field(*below)(case))  # type: ignore[arg-type]

    return value


def balance_change(case: Case) -> Value:
    recent, whole = case.month("balance", 180), case.month("balance")
    return over(newest(whole), recent[0], 1.0) if recent else None


def arrears_change(case: Case) -> Value:
    before = max(case.month("days_past_due", 180, 90), default=0.0)
    return less(newest(case.month("days_past_due")), before)


def half_years(case: Case) -> Value:
    recent, before = case.month("days_past_due", 180), case.month("days_past_due", 360, 180)
    return float(sum(v > 0 for v in recent) - sum(v > 0 for v in before))


def per_job(case: Case) -> Value:
    jobs = case.guarantee.get("jobs_supported")
    return None if jobs is None else float(case.guarantee["amount"]) / max(float(jobs), 1.0)


def growth(case: Case) -> Value:
    recent = volume(case, "lender", YEAR)
    return (recent + 1) / (volume(case, "lender", 2 * YEAR) - recent + 1)


def since_other(of: Callable[[Sequence[Any]], Any], days: Callable[[Case], list[date]]) -> Any:
    return lambda case: float((case.day - of(days(case))).days) if days(case) else None


def known_days(case: Case) -> list[date]:
    return [loan.known for loan in case.others]


def amount_change(case: Case) -> Value:
    if not case.others:
        return None
    return float(case.guarantee["amount"]) / case.others[-1].amount - 1


def year_of(kind: str) -> Callable[[Case], Value]:
    return lambda case: sum(case.kind(kind, YEAR))


def sales_ratio(case: Case) -> Value:
    return over(float(case.guarantee["amount"]), sum(case.kind("invoice_out", YEAR)))


def purchases(case: Case) -> Value:
    return over(sum(case.kind("invoice_in", YEAR)), sum(case.kind("invoice_out", YEAR)))


def against_the_year_before(kind: str) -> Callable[[Case], Value]:
    return lambda c: less(newest(c.kind(kind)), mean(c.kind(kind, YEAR + 100, 100)))


ADVERSE = (
    *("tax_arrears", "social_security_gap", "housing_fund_gap", "bureau_overdue", "bureau_class"),
    *("court_claim", "court_enforcement", "dishonest_debtor", "insolvency", "asset_seizure"),
    *("abnormal_listing", "serious_violation", "equity_frozen", "equity_pledged"),
    *("fund_diversion", "unreachable", "controller_incident", "negative_news", "buyer_lost"),
)

ORACLE: dict[str, Callable[[Case], Value]] = {
    # what is asked for
    **{
        name: field("guarantee", name)
        for name in (
            *("amount", "interest_rate", "fee_rate", "tenor_months", "product", "channel"),
            *("repayment", "is_revolving", "has_collateral", "is_franchise", "jobs_supported"),
            "scheme",
        )
    },
    "guaranteed_share": ratio("guaranteed_amount", ("guarantee", "amount")),
    "amount_per_job": per_job,
    # who asks
    "borrower_kind": field("borrower", "kind"),
    "legal_form": field("borrower", "legal_form"),
    "industry": lambda case: section(case.borrower.get("industry")),
    "years_in_business": days_since("borrower", "established_on", unit=365.25),
    "is_new_business": field("borrower", "is_new_business"),
    "headcount": field("borrower", "headcount"),
    "annual_revenue": field("borrower", "annual_revenue"),
    "amount_to_revenue": ratio("amount", ("borrower", "annual_revenue")),
    "region": region,
    "province": lambda case: None if region(case) is None else str(region(case))[:2],
    "lender_name": lambda case: case.lender.get("name") or case.guarantee.get("lender_id"),
    "lender_kind": field("lender", "kind"),
    "lender_region": field("lender", "region"),
    "is_local_lender": local,
    "earlier_guarantees": lambda case: float(len(case.others)),
    "earlier_compensations": lambda case: float(len(case.called_others)),
    "days_since_earlier_guarantee": since_other(max, known_days),
    "days_since_first_guarantee": since_other(min, known_days),
    "earlier_guarantees_1y": lambda case: float(
        sum((case.day - day).days < YEAR for day in known_days(case))
    ),
    "amount_change_from_earlier": amount_change,
    "days_since_earlier_compensation": since_other(max, lambda case: case.called_others),
    # how the guarantee behaves
    "days_past_due_now": lambda case: newest(case.month("days_past_due")),
    "worst_arrears_90d": worst(90),
    "worst_arrears_180d": worst(180),
    "worst_arrears_365d": worst(365),
    "months_in_arrears_90d": months_where(lambda v: v > 0, "days_past_due", 95),
    "months_in_arrears_180d": months_where(lambda v: v > 0, "days_past_due", 180),
    "months_in_arrears_365d": months_where(lambda v: v > 0, "days_past_due", 365),
    "months_late_365d": months_where(lambda v: v >= 30, "days_past_due", 365),
    "days_since_arrears": arrears_since,
    "arrears_change_90d": arrears_change,
    "months_seen": lambda case: float(len(case.months)),
    "months_without_balance_365d": months_where(lambda v: v == 0, "balance", 365),
    "balance_share": lambda case: over(
        newest(case.month("balance")), float(case.guarantee["amount"])
    ),
    "extensions_180d": lambda case: sum(case.month("is_extended", 180)),
    "days_on_book": days_since("guarantee", "start_on"),
    "days_to_maturity": days_since("guarantee", "maturity_on", sign=-1),
    "falls_due_270d": falls_due(270),
    "days_to_run_270d": days_to_run(270),
    "falls_due_90d": falls_due(90),
    "days_to_run_90d": days_to_run(90),
    "months_in_arrears_change_180d": half_years,
    "balance_change_180d": balance_change,
    # what others see
    "tax_paid_change_90d": changed("tax_paid", 90, 455, 365),
    "invoice_change_90d": changed("invoice_out", 90, 455, 365),
    "insured_change_180d": newest_changed("insured_headcount", 365, 180),
    "court_enforcements_365d": year_of("court_enforcement"),
    "bureau_inquiries_120d": if_seen(
        "bureau_inquiries", lambda case: sum(case.kind("bureau_inquiries", 120))
    ),
    "social_security_gap_now": now("social_security_gap", 100),
    "housing_fund_gap_now": now("housing_fund_gap", 100),
    "tax_arrears_now": now("tax_arrears", 190),
    "bureau_overdue_now": now("bureau_overdue", 130),
    "bureau_class_now": now("bureau_class", 130),
    "tax_grade_now": now("tax_grade", 400),
    "power_change_60d": changed("power_used", 75, 440, 365),
    "debt_change_180d": newest_changed("bureau_debt", 300, 150),
    "limit_change_90d": newest_changed("bureau_limit", 200, 80),
    "late_payments_180d": events(180, "late_payment"),
    "interest_arrears_60d": lambda case: max(case.kind("interest_arrears", 60), default=0.0),
    "court_events_180d": events(
        180, "court_claim", "dishonest_debtor", "insolvency", "asset_seizure"
    ),
    "registry_events_180d": events(
        180,
        *("abnormal_listing", "serious_violation", "equity_frozen", "equity_pledged"),
        "control_change",
    ),
    "business_events_180d": events(
        180,
        *("fund_diversion", "unreachable", "controller_incident", "negative_news", "buyer_lost"),
    ),
    **{f"adverse_events_{days}d": events(days, *ADVERSE) for days in (100, 365)},
    # against the usual level
    "insured_to_usual": to_usual("insured_headcount", 120),
    "declared_sales_to_usual": to_usual("tax_declared", 120),
    "tax_paid_to_usual": to_usual("tax_paid", 200, 270),
    "invoice_to_usual": to_usual("invoice_out", 100),
    "invoice_to_revenue": invoiced_to_revenue,
    "purchases_to_usual": to_usual("invoice_in", 120),
    "top_buyer_share_to_usual": to_usual("top_buyer_share", 120),
    "power_to_usual": to_usual("power_used", 100),
    "debt_to_usual": to_usual("bureau_debt", 110),
    "limit_to_usual": to_usual("bureau_limit", 110),
    "account_cover_45d": account_cover,
    # invoices
    "invoiced_sales_365d": if_seen("invoice_out", year_of("invoice_out")),
    "amount_to_invoiced_sales_365d": sales_ratio,
    "invoice_change_180d": changed("invoice_out", 180, 360, 180),
    "months_without_invoices_365d": if_seen(
        "invoice_out", lambda case: float(sum(v <= 0 for v in case.kind("invoice_out", YEAR)))
    ),
    "days_without_invoices": now("invoice_gap"),
    "longest_invoice_gap_365d": lambda case: max(case.kind("invoice_gap", YEAR), default=None),
    "invoice_void_share_365d": lambda case: mean(case.kind("invoice_void_share", YEAR)),
    "invoice_void_share_rise": against_the_year_before("invoice_void_share"),
    "invoice_red_share_365d": lambda case: mean(case.kind("invoice_red_share", YEAR)),
    "top_buyer_share_now": now("top_buyer_share"),
    "top_buyer_share_change_365d": against_the_year_before("top_buyer_share"),
    "buyers_lost_365d": if_seen("invoice_out", events(YEAR, "buyer_lost")),
    "buyers_now": now("invoice_buyers"),
    "buyers_change_365d": newest_changed("invoice_buyers", YEAR + 100, 100),
    "purchases_to_sales_365d": if_seen("invoice_in", purchases),
    # the portfolio's own record
    "book_compensation_rate_1y": lambda case: yearly(case, YEAR),
    "book_vintage_level": level,
    "book_rate_change_1y": lambda case: over(yearly(case, YEAR), yearly(case, FIVE_YEARS)),
    **{
        f"{group}_relative_rate_5y": relative(group, FIVE_YEARS)
        for group in (
            *("lender", "lender_band", "industry", "terms", "region", "product", "scheme"),
        )
    },
    **{
        f"{group}_relative_rate_1y": relative(group, YEAR)
        for group in ("lender", "industry", "region")
    },
    "lender_volume_2y": lambda case: volume(case, "lender", 2 * YEAR),
    "lender_typical_amount_2y": typical,
    "lender_growth_1y": growth,
    "industry_volume_1y": lambda case: volume(case, "industry", YEAR),
    "region_volume_1y": lambda case: volume(case, "region", YEAR),
}
