"""The engine against slow obvious second implementations in plain Python."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vouch.book.book import Book
from vouch.features.describe import describe
from vouch.features.facts import EPOCH, Cases, Facts, compute, to_days
from vouch.features.portfolio import OBSERVED_DAYS, PRIOR_COMPENSATIONS, PortfolioIndex, Tracks
from vouch.features.registry import named
from vouch.features.spine import in_force

DAY = date(2024, 3, 31)


def arrears_by_hand(
    months: list[tuple[date, date, int]], as_of: date, window: int
) -> list[tuple[date, int]]:
    """(month, days past due) as visible: the latest version known of each month in the window."""
    seen: dict[date, tuple[date, int]] = {}
    for month, known, arrears in sorted(months, key=lambda m: m[1]):
        if known <= as_of and month <= as_of and (as_of - month).days < window:
            seen[month] = (known, arrears)
    return [(month, arrears) for month, (_, arrears) in sorted(seen.items())]


month_rows = st.lists(
    st.tuples(
        st.integers(0, 23),  # months before DAY
        st.integers(0, 60),  # days until known
        st.integers(0, 120),  # days past due
    ),
    max_size=30,
    unique_by=lambda row: (row[0], row[1]),
)


@settings(max_examples=150, deadline=None)
@given(month_rows, st.integers(-40, 400))
def test_windows_of_arrears(rows: list[tuple[int, int, int]], shift: int) -> None:
    months = []
    for back, lag, arrears in rows:
        month = (DAY.replace(day=1) - timedelta(days=30 * back)).replace(day=1) - timedelta(days=1)
        months.append((month, month + timedelta(days=lag), arrears))
    as_of = DAY - timedelta(days=shift)
    facts = Facts.of_case(
        {
            "guarantee": [
                {
                    "guarantee_id": "G",
                    "borrower_id": "B",
                    "amount": 1,
                    "event_at": date(2020, 1, 1),
                    "known_at": date(2020, 1, 1),
                }
            ],
            "performance": [
                {"guarantee_id": "G", "event_at": m, "known_at": k, "days_past_due": a}
                for m, k, a in {(m, k): (m, k, a) for m, k, a in months}.values()
            ],
        }
    )
    case = Cases(["G"], np.array([to_days(as_of)]))
    names = ["worst_arrears_180d", "months_in_arrears_365d", "days_past_due_now", "months_seen"]
    found = compute(named(names), case, facts, None)
    unique = list({(m, k): (m, k, a) for m, k, a in months}.values())
    half, year, ever = (arrears_by_hand(unique, as_of, n) for n in (180, 365, 10_000))
    expected = [
        max((a for _, a in half), default=np.nan),
        float(sum(a > 0 for _, a in year)),
        ever[-1][1] if ever else np.nan,
        float(len(ever)),
    ]
    np.testing.assert_array_equal([found[name][0] for name in names], expected)


GROUPS = ("north", "south", None)


def loans_of_groups() -> Any:
    group, start = st.sampled_from(GROUPS), st.integers(-900, 3000)
    loan = st.tuples(group, start, st.one_of(st.none(), st.integers(1, 2500)))
    return st.lists(loan, max_size=25)


@settings(max_examples=300, deadline=None)
@given(
    loans_of_groups(),
    st.sampled_from(("north", "south", "never seen")),
    st.integers(-1000, 3500),
    st.integers(1, 2000),
)
def test_exposure_and_compensations_of_a_group(
    loans: list[tuple[str | None, int, int | None]], group: str, until: int, days: int
) -> None:
    known = np.array([float(start) for _, start, _ in loans])
    called = np.array([np.nan if age is None else float(s + age) for _, s, age in loans])
    names = np.array([name for name, _, _ in loans], dtype=object)
    amounts = np.array([1000.0 + start for _, start, _ in loans])
    tracks = Tracks.of(names, known, called, amounts)
    since = until - days
    at_risk = exposed = seen = 0
    logs = 0.0
    for name, start, age in loans:
        if name != group:
            continue
        end = start + min(OBSERVED_DAYS, age if age is not None else OBSERVED_DAYS)
        at_risk += max(0, min(end, until) - max(start, since))
        exposed += since <= start < until
        logs += np.log(1000.0 + start) if since <= start < until else 0.0
        seen += age is not None and age <= OBSERVED_DAYS and since <= start + age < until
    asked = tracks.number(np.array([group], dtype=object))
    window = asked, np.array([float(since)]), np.array([float(until)])
    assert tracks.exposure(*window)[0] == at_risk
    assert tracks.guarantees(*window)[0] == exposed
    assert tracks.compensations(*window)[0] == seen
    assert tracks.log_amount(*window)[0] == pytest.approx(logs, abs=1e-4)


def test_relative_rate_of_lenders_by_hand(small_book: Book) -> None:
    known = small_book.known(DAY)
    cases = in_force(known, [DAY]).take(np.arange(25)).cases
    history = PortfolioIndex.of(known)
    found = describe(known, cases, ["lender_relative_rate_5y"], history)["lender_relative_rate_5y"]
    rows = history.table.to_pylist()
    until, since = to_days(DAY), to_days(DAY) - 1826

    def sums(wanted: Any) -> tuple[float, float]:
        called = exposure = 0.0
        for row in rows:
            if not wanted(row):
                continue
            start, end = row["known_day"], row["known_day"] + OBSERVED_DAYS
            if row["called_day"] is not None:
                called += row["called_day"] <= end and since <= row["called_day"] < until
                end = min(end, row["called_day"])
            exposure += max(0.0, min(end, until) - max(start, since))
        return called, exposure

    by_id = {row["guarantee_id"]: row["lender"] for row in rows}
    called, exposure = sums(lambda row: True)
    for guarantee_id, value in zip(cases.guarantee_ids, found, strict=True):
        mine = sums(lambda row, lender=by_id[guarantee_id]: row["lender"] == lender)
        expected = called / exposure * mine[1]
        assert value == (mine[0] + PRIOR_COMPENSATIONS) / (expected + PRIOR_COMPENSATIONS)


def test_the_index_of_a_later_day_gives_the_same_rates(small_book: Book) -> None:
    known = small_book.known(DAY)
    cases = in_force(known, [DAY]).take(np.arange(40)).cases
    names = ["lender_volume_2y", "lender_typical_amount_2y", "terms_relative_rate_5y"]
    then = describe(known, cases, names, PortfolioIndex.of(known))
    now = describe(known, cases, names, PortfolioIndex.of(small_book.known(date(2025, 6, 30))))
    for name in names:
        np.testing.assert_array_equal(then[name], now[name])


def test_a_borrowers_other_guarantees_leave_out_its_own(small_book: Book) -> None:
    known = small_book.known(DAY)
    cases = in_force(known, [DAY]).cases
    found = describe(known, cases, ["earlier_guarantees"], PortfolioIndex.of(known))
    rows = known.rows("guarantee").to_pylist()
    borrower = {row["guarantee_id"]: row["borrower_id"] for row in rows}
    for guarantee_id, count in zip(cases.guarantee_ids, found["earlier_guarantees"], strict=True):
        others = [r for r in rows if r["borrower_id"] == borrower[guarantee_id]]
        assert count == len(others) - 1


def test_days_are_counted_from_1970() -> None:
    assert EPOCH + timedelta(days=int(to_days(DAY))) == DAY


def test_an_unknown_feature_is_refused() -> None:
    from vouch.errors import SpecError

    with pytest.raises(SpecError, match="no feature is called wealth"):
        named(["amount", "wealth"])
