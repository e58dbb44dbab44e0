"""Capped portfolios of a book, every figure of it derived beside it."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from vouch.book.book import Book, Known
from vouch.book.ingest import write_batch
from vouch.book.tables import TABLES
from vouch.domain.risk_sharing import Party
from vouch.errors import PolicyError
from vouch.monitoring.expectation import Assumptions
from vouch.monitoring.expectation.book import BookForecast, Portfolio, forecast_book
from vouch.monitoring.expectation.guarantees import expected_by_guarantee, table, totals
from vouch.monitoring.expectation.in_force import Probabilities, assumed, guarantees_in_force
from vouch.monitoring.measures.view import View
from vouch.policy.reading import SHIPPED, Policy

TODAY = date(2025, 6, 30)
FEW = Assumptions(0.08, 4_000, 1)


def fact(day: date, **values: Any) -> dict[str, Any]:
    return {"event_at": day, "known_at": day, **values}


def guarantee(
    name: str, start: date, end: date | None, loan: str, scheme: str = "总对总", **more: Any
) -> dict[str, Any]:
    """A loan of which 80 % are guaranteed."""
    amounts = {
        "amount": Decimal(loan),
        "guaranteed_amount": (Decimal(loan) * Decimal("0.8")).quantize(Decimal("0.01")),
    }
    parties = {"borrower_id": "B", "lender_id": "L1", "guarantor_id": "C1", "product": "batch"}
    terms = {"guarantee_id": name, "scheme": scheme, "start_on": start, "maturity_on": end}
    return fact(start) | parties | amounts | terms | more


def ended(name: str, day: date, amount: str, cause: str = "repaid") -> dict[str, Any]:
    body = {"guarantee_id": name, "release_no": 1, "cause": cause, "is_final": True}
    return fact(day, amount=Decimal(amount), **body)


def book(path: Path, **tables: list[dict[str, Any]]) -> Known:
    arrow = {
        name: pa.Table.from_pylist(
            [{c.name: row.get(c.name) for c in TABLES[name].columns} for row in rows],
            schema=pa.schema([(c.name, c.arrow_type) for c in TABLES[name].columns]),
        )
        for name, rows in tables.items()
        if rows
    }
    write_batch(Book(path, create=True), "b1", "made", arrow, [])
    return Book(path).known(TODAY)


@pytest.fixture
def known(tmp_path: Path) -> Known:
    """One portfolio with a past, one with nothing released, and guarantees outside any cap."""
    return book(
        tmp_path / "book",
        lender=[fact(date(2024, 1, 1), lender_id="L1", name="晋商银行")],
        guarantee=[
            guarantee("G1", date(2024, 6, 30), date(2025, 6, 30), "1000000.00"),
            guarantee("G2", date(2024, 5, 10), date(2025, 5, 10), "500000.00"),
            guarantee("G3", date(2024, 10, 1), date(2025, 10, 1), "2000000.00"),
            guarantee("G4", date(2025, 1, 1), date(2027, 1, 1), "1000000.00")
            | {"repayment": "equal_instalment"},
            guarantee("G5", date(2025, 1, 1), date(2026, 1, 1), "1000000.00", "8:2"),
            guarantee("G6", date(2025, 1, 1), date(2026, 6, 1), "300000.00", guarantor_id="C2"),
            guarantee("G7", date(2025, 1, 1), date(2026, 6, 1), "700000.00", "7:3"),
        ],
        release=[
            ended("G1", date(2025, 3, 31), "800000.00"),
            ended("G2", date(2025, 5, 10), "400000.00", "compensated"),
        ],
        compensation=[
            fact(date(2025, 5, 10), guarantee_id="G2", compensation_no=1)
            | {"amount": Decimal("406000.00")}  # with a cost that no cap counts
            | {"principal": Decimal("400000.00"), "interest": Decimal("5000.00")}
        ],
    )


def chances(known: Known, rate: float = 0.02) -> Probabilities:
    return assumed(rate, guarantees_in_force(View(known)))


def found(known: Known, rate: float = 0.02, **options: Any) -> BookForecast:
    return forecast_book(known, Policy(), chances(known, rate), assumptions=FEW, **options)


def portfolio(forecast: BookForecast, guarantor: str) -> Portfolio:
    (one,) = (p for p in forecast.portfolios if p.key.guarantor == guarantor)
    return one


def test_guarantees_count_together_by_the_scope_of_their_cap(known: Known) -> None:
    forecast = found(known)
    keys = [(p.key.scheme, p.key.lender, p.key.guarantor) for p in forecast.portfolios]
    assert keys == [("总对总", "L1", "C1"), ("总对总", "L1", "C2")]
    assert [p.guarantees for p in forecast.portfolios] == [2, 1]
    assert any("scheme '7:3' is not known" in note for note in forecast.notes)


def test_the_cap_today_as_worked(known: Known) -> None:
    """Loans behind what was released: 1,000,000 for 274 days, 500,000 for 365.

    (1,000,000·274 + 500,000·365) / 365 = 1,250,684.93; · 0.03 · 0.80 = 30,016.44. Of 405,000 paid
    in principal and interest the loan is 506,250, the system's 80 % of it 405,000.
    """
    today = portfolio(found(known), "C1").today
    assert (today.first, today.last) == (date(2025, 1, 1), date(2025, 12, 31))
    assert today.released == Decimal("1250684.93")
    assert today.cap_amount == Decimal("30016.44")
    assert today.claims == Decimal("405000.00")
    assert today.burn == pytest.approx(405_000 / 30_016.44)


def test_the_cap_grows_by_what_schedules_release(known: Known) -> None:
    """G3 releases 2,000,000 after 365 days. G4 has 550 days left and releases, in 184 of them,
    1,000,000·184/550 = 334,545.45, guaranteed for 180 + 184 days:
    (274,000,000 + 182,500,000 + 730,000,000 + 334,545.45·364) / 365 = 3,584,313.82.
    """
    (period,) = portfolio(found(known), "C1").periods
    assert period.released == Decimal("3584313.82")
    assert period.forecast.period.cap_amount == Decimal("86023.53")
    assert period.forecast.period.claims_so_far == Decimal("405000.00")


def test_a_cap_already_reached_leaves_all_to_the_bank(known: Known) -> None:
    (period,) = portfolio(found(known), "C1").periods
    assert period.forecast.with_cap.system.expected == 0
    assert period.cap_reached is not None
    assert (period.cap_reached.probability, period.cap_reached.expected_on) == (1.0, TODAY)
    free = period.forecast.without_cap
    assert period.forecast.with_cap.bank.expected == pytest.approx(
        free.system.expected + free.bank.expected
    )


def test_claims_follow_curve_and_grace(known: Known) -> None:
    """G6: 180 of 516 days old, a claim by year's end is a default by age 180 + 184 - 90 = 274.
    No report on it is in the book, so a default of the last 90 days would not have shown.

    On the curve of twelve months that is month 274/516·12 = 6.372, and today less grace, age 90,
    month 2.093; a year ahead, age 455, month 10.581. By month: 2.5 % by 2, 4.5 % by 3; 16.5 % by
    6, 22.5 % by 7; 45 % by 10, 53.5 % by 11.
    """
    low = 0.025 + 0.093023 * 0.02
    high, year = 0.165 + 0.372093 * 0.06, 0.45 + 0.581395 * 0.085
    chance = 1 - 0.98 ** ((high - low) / (year - low))

    (period,) = portfolio(found(known), "C2").periods
    assert period.forecast.check.expected == pytest.approx(chance * 300_000, rel=1e-4)


def test_nothing_released_is_no_burn_and_no_cap_to_reach(known: Known) -> None:
    """C2's only guarantee matures next June."""
    one = portfolio(found(known), "C2")
    assert (one.today.cap_amount, one.today.burn) == (Decimal("0.00"), None)
    assert one.periods[0].cap_reached is None
    assert one.periods[0].forecast.with_cap.system.expected == 0


def test_several_years_are_forecast_period_by_period(known: Known) -> None:
    periods = portfolio(found(known, until=date(2026, 2, 1)), "C2").periods
    assert [(p.first, p.last) for p in periods] == [
        (date(2025, 1, 1), date(2025, 12, 31)),
        (date(2026, 1, 1), date(2026, 12, 31)),
    ]
    # 300,000 released on 2026-06-01 after 516 days: 424,109.59; · 0.024 = 10,178.63
    assert periods[1].released == Decimal("424109.59")
    assert periods[1].forecast.period.cap_amount == Decimal("10178.63")
    assert periods[1].forecast.period.claims_so_far == 0
    # the two years part the claims between them
    both = sum(p.forecast.check.expected for p in periods)
    whole = chances(known).values["G6"] * 300_000
    assert periods[0].forecast.check.expected < both
    assert both > whole  # more than a year ahead


def test_on_the_last_day_of_a_period_the_next_is_forecast(tmp_path: Path) -> None:
    start = date(2025, 3, 1)
    rows = [guarantee("G1", start, date(2026, 3, 1), "1000.00")]
    year_end = Book(book(tmp_path / "b", guarantee=rows)._book.path).known(date(2025, 12, 31))
    (period,) = found(year_end).portfolios[0].periods
    assert (period.first, period.last) == (date(2026, 1, 1), date(2026, 12, 31))


def test_an_empty_book_has_no_portfolio(tmp_path: Path) -> None:
    lender = [fact(date(2024, 1, 1), lender_id="L1")]
    forecast = found(book(tmp_path / "book", lender=lender))
    assert forecast.portfolios == []
    assert forecast.answer()["portfolios"] == []


def test_a_portfolio_whose_guarantees_have_all_ended(tmp_path: Path) -> None:
    rows = [guarantee("G1", date(2024, 7, 1), date(2025, 7, 1), "365.00")]
    past = [ended("G1", date(2025, 2, 1), "292.00")]
    (one,) = found(book(tmp_path / "book", guarantee=rows, release=past)).portfolios
    assert (one.guarantees, one.today.released) == (0, Decimal("215.00"))  # 215 days of 365
    assert one.periods[0].forecast.without_cap.system.expected == 0


def test_one_scheme_alone(known: Known) -> None:
    assert found(known, only="8:2").portfolios == []
    with pytest.raises(PolicyError, match="no risk-sharing scheme is called '9:9'; known are"):
        found(known, only="9:9")


@pytest.mark.parametrize(
    ("scope", "whom"),
    [
        ("bank_and_province", [("L1", None, None)]),
        ("product", [(None, None, "batch")]),
    ],
)
def test_other_scopes(
    known: Known, tmp_path: Path, scope: str, whom: list[tuple[str | None, ...]]
) -> None:
    folder = tmp_path / "policy"
    shutil.copytree(SHIPPED, folder)
    path = folder / "risk_sharing" / "batch.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("bank_and_guarantor", scope))
    forecast = forecast_book(known, Policy(folder), chances(known), assumptions=FEW)
    keys = [p.key for p in forecast.portfolios]
    assert [(key.lender, key.guarantor, key.product) for key in keys] == whom
    assert forecast.portfolios[0].guarantees == 3


@pytest.mark.parametrize(
    ("period", "first", "last", "so_far"),
    [
        ("rolling_365_days", date(2025, 7, 1), date(2026, 6, 30), "0.00"),
        # the book holds no agreements: years count from the version's first day, 1 January 2020
        ("agreement_year", date(2025, 1, 1), date(2025, 12, 31), "405000.00"),
    ],
)
def test_other_periods(
    known: Known, tmp_path: Path, period: str, first: date, last: date, so_far: str
) -> None:
    folder = tmp_path / "policy"
    shutil.copytree(SHIPPED, folder)
    path = folder / "risk_sharing" / "batch.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("calendar_year", period))
    forecast = forecast_book(known, Policy(folder), chances(known), assumptions=FEW)
    (found_period,) = portfolio(forecast, "C1").periods
    assert (found_period.first, found_period.last) == (first, last)
    assert found_period.forecast.period.claims_so_far == Decimal(so_far)
    assert portfolio(forecast, "C1").today.claims == Decimal("405000.00")


def test_the_answer_is_plain_json(known: Known) -> None:
    answer = json.loads(json.dumps(found(known).answer(), allow_nan=False))
    one = answer["portfolios"][0]
    assert one["lender_name"] == "晋商银行"
    assert one["today"]["cap_amount"] == "30016.44"
    assert set(one["periods"][0]["by_party"]) == {
        "bank",
        "city_guarantor",
        "province",
        "national_fund",
    }
    assert answer["probabilities"].startswith("assumed: 2.0000% a year")


def test_each_guarantee_by_party_and_totals_to_the_fen(known: Known) -> None:
    """3 % · 60 % of each loan; G7's scheme is not known, so its 12,600 stay unshared."""
    guarantees = guarantees_in_force(View(known))
    given = assumed(0.03, guarantees)
    each = expected_by_guarantee(Policy(), guarantees, given, TODAY)
    of = {row.guarantee.terms.guarantee_id: row.compensation for row in each}
    assert of["G3"].total == Decimal("36000.00")  # 2,000,000 · 3 % · 60 %
    assert of["G3"].by_party is not None
    assert of["G3"].by_party[Party.NATIONAL_FUND] == Decimal("10800.00")  # 30 %
    assert of["G7"].by_party is None
    sums = totals(each)
    assert sums == {
        "bank": Decimal("15480.00"),  # 4,300,000 · 1.8 % = 77,400, and 20 % of that
        "city_guarantor": Decimal("25020.00"),  # 59,400 · 30 % + 18,000 · 40 %
        "province": Decimal("15480.00"),
        "national_fund": Decimal("21420.00"),  # 59,400 · 30 % + 18,000 · 20 %
        "unshared": Decimal("12600.00"),
        "total": Decimal("90000.00"),
    }
    rows = table(each, given).to_pylist()
    for name in ("bank", "city_guarantor", "province", "national_fund", "total"):
        assert sum(row[name] or 0 for row in rows) == sums[name]


def test_a_rate_written_as_a_percentage_is_refused(known: Known) -> None:
    with pytest.raises(ValueError, match=r"write 2 % as 0\.02"):
        chances(known, 2.0)
