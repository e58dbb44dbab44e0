"""An invoice ledger becomes monthly and quarterly figures; every figure here is worked by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import SHARED_DATA
from vouch.book.book import Book
from vouch.book.ingest import ingest
from vouch.book.sources import SOURCES
from vouch.errors import SourceError
from vouch.features.describe import describe
from vouch.features.facts import Cases, to_days
from vouch.features.portfolio import PortfolioIndex

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parent / "samples" / "vat-invoices" / "invoices.csv"
LATER = date(2020, 1, 1)


def invoice(number: str, **changes: str) -> dict[str, str]:
    plain = {"firm": "F1", "date": "2019-01-05", "counterparty": "A", "amount": "100.00"}
    return plain | {"invoice_no": number, "side": "out", "void": "false"} | changes


def figures(book: Book, kind: str, borrower: str = "F1") -> dict[date, float]:
    rows = book.known(LATER).rows("signal").to_pylist()
    assert all(row["event_at"] == row["known_at"] for row in rows)
    return {
        row["event_at"]: row["value"]
        for row in rows
        if (row["kind"], row["borrower_id"]) == (kind, borrower)
    }


@pytest.fixture
def imported(run):
    return run("vat-invoices", SAMPLE, today=LATER)


def test_sales_of_each_month_without_the_voided_and_less_the_reversed(book, imported) -> None:
    assert (imported.rows, imported.accepted, imported.quarantined) == (9, 9, [])
    sales = figures(book, "invoice_out")
    # the newest invoice is of 2019-06-30, so June has ended; nothing was sold from April on
    assert sales == {
        date(2019, 1, 31): 400.0,
        date(2019, 2, 28): 0.0,
        date(2019, 3, 31): 400.0,
        date(2019, 4, 30): 0.0,
        date(2019, 5, 31): 0.0,
        date(2019, 6, 30): 0.0,
    }


def test_figures_of_the_quarter(book, imported) -> None:
    first, second = date(2019, 3, 31), date(2019, 6, 30)
    assert figures(book, "invoice_in") == {first: 250.0, second: 0.0}
    # of 100 + 300 + 200 + 500 + 100 = 1200 invoiced, 200 were voided and 100 taken back
    assert figures(book, "invoice_red_share") == {first: pytest.approx(100 / 1200)}
    assert figures(book, "invoice_void_share") == {first: pytest.approx(300 / 1200)}
    # A bought 100 + 500 - 100 = 500, B 300
    assert figures(book, "top_buyer_share") == {first: pytest.approx(500 / 800)}
    assert figures(book, "invoice_buyers") == {first: 2.0, second: 0.0}
    # F2 began in April, the first month of a quarter: the quarter is whole
    assert figures(book, "invoice_buyers", "F2") == {second: 1.0}


def test_days_since_the_last_invoice(book, imported) -> None:
    gaps = figures(book, "invoice_gap")
    assert gaps[date(2019, 1, 31)] == 11  # since the 20th
    assert gaps[date(2019, 2, 28)] == 39  # the voided one does not count
    assert gaps[date(2019, 6, 30)] == 106  # since March 16
    assert figures(book, "invoice_gap", "F2")[date(2019, 6, 30)] == 0


def test_a_leading_buyer_is_lost_after_three_months_without_it(book, imported) -> None:
    # B bought last in January, when it was first with 300 to A's 100: by the end of April it is
    # lost; A bought last in March, when it was first with 500 to 300: by the end of June
    assert figures(book, "buyer_lost") == {date(2019, 4, 30): 1.0, date(2019, 6, 30): 1.0}
    assert figures(book, "buyer_lost", "F2") == {}


def test_a_quarter_begun_before_the_first_invoice_is_left_out(book, run, write_csv) -> None:
    rows = [invoice("1", date="2019-02-01"), invoice("2", date="2019-03-31")]
    run("vat-invoices", write_csv("a.csv", *rows), today=LATER)
    assert figures(book, "invoice_out") == {date(2019, 2, 28): 100.0, date(2019, 3, 31): 100.0}
    assert figures(book, "invoice_buyers") == {}


def test_a_month_that_has_not_ended_waits_for_a_later_ledger(book, run, write_csv) -> None:
    january, february = invoice("1"), invoice("2", date="2019-02-10")
    report = run("vat-invoices", write_csv("a.csv", january, february), today=LATER)
    assert list(figures(book, "invoice_out")) == [date(2019, 1, 31)]
    assert any("1 of a month that had not ended on 2019-02-10" in note for note in report.notes)
    longer = [january, february, invoice("3", date="2019-03-01")]
    again = run("vat-invoices", write_csv("b.csv", *longer), today=LATER)
    assert (again.accepted, again.quarantined) == (1, [])
    assert figures(book, "invoice_out") == {date(2019, 1, 31): 100.0, date(2019, 2, 28): 100.0}


def test_nothing_but_an_unfinished_month_is_refused(run, write_csv) -> None:
    with pytest.raises(SourceError, match="no sound invoice of a month that had ended by 2019-01"):
        run("vat-invoices", write_csv("a.csv", invoice("1")), today=LATER)


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"side": "sideways"}, "side", "'sideways' is unknown; known are in, out"),
        ({"date": "05/01/2019"}, "date", "is not a date written YYYY-MM-DD"),
        ({"date": ""}, "date", "is missing"),
        ({"amount": "much"}, "amount", "'much' is not a number"),
        ({"amount": "inf"}, "amount", "is absurd for an invoice"),
        ({"amount": "-1e13"}, "amount", "is absurd for an invoice"),
        ({"void": "perhaps"}, "void", "is neither yes nor no"),
        ({"firm": ""}, "firm", "is missing"),
        ({"counterparty": ""}, "counterparty", "is missing"),
        ({"invoice_no": ""}, "invoice_no", "is missing"),
    ],
)
def test_a_faulty_invoice_is_refused_and_the_others_count(
    book, run, write_csv, changes, column, reason
) -> None:
    rows = [invoice("1"), invoice("2", **changes), invoice("3", date="2019-01-31")]
    report = run("vat-invoices", write_csv("a.csv", *rows), today=LATER)
    assert {fault.row for fault in report.quarantined} == {3}
    assert any(f.column == column and reason in f.reason for f in report.quarantined)
    assert figures(book, "invoice_out") == {date(2019, 1, 31): 200.0}


def test_an_invoice_given_twice_counts_once_and_contradictions_not_at_all(
    book, run, write_csv
) -> None:
    rows = [
        invoice("1"),
        invoice("1"),
        invoice("2", amount="7.00"),
        invoice("2", amount="8.00"),
        invoice("3", amount="40.00", date="2019-01-31"),
    ]
    report = run("vat-invoices", write_csv("a.csv", *rows), today=LATER)
    assert [fault.row for fault in report.quarantined] == [3, 4, 5]
    assert figures(book, "invoice_out") == {date(2019, 1, 31): 140.0}


REAL = SHARED_DATA / "cn_sme_invoices.parquet"
needs_the_ledger = pytest.mark.skipif(not REAL.exists(), reason=f"no real invoices at {REAL}")


@needs_the_ledger
def test_a_million_real_invoices_make_features(book, run, write_csv, shared_data: Path) -> None:
    report = run("vat-invoices", REAL, today=date(2026, 1, 1))
    assert report.rows == 1_099_441
    assert report.quarantined_rows == 11_675  # 11,665 given twice, 10 that contradict each other
    assert (report.accepted, report.already_known) == (1_085_898, 1_868)  # of February 2020
    again = run("vat-invoices", REAL, today=date(2026, 1, 1))
    assert (again.accepted, again.batch) == (0, None)
    firms = pd.read_csv(shared_data / "cn_sme_firms.csv")
    rows = [
        {"guarantee_id": f"G-{firm}", "borrower_id": firm, "amount": "500000", "event_at": day}
        for firm, day in [(firm, "2019-12-31") for firm in firms["firm"]]
    ]
    given = [row | {"known_at": row["event_at"]} for row in rows]
    ingest(book, SOURCES["vouch"], [write_csv("guarantee.csv", *given)], date(2026, 1, 1))
    day = date(2020, 1, 31)
    cases = Cases([row["guarantee_id"] for row in rows], np.full(len(rows), to_days(day)))
    names = ["invoiced_sales_365d", "invoice_void_share_365d", "top_buyer_share_now"]
    names += ["longest_invoice_gap_365d", "purchases_to_sales_365d", "invoice_change_90d"]
    known = book.known(day)
    found = describe(known, cases, names, PortfolioIndex.of(known))
    for name in names:
        assert np.isfinite(found[name]).mean() > 0.8, name
    defaulted = firms["default"].to_numpy() == 1
    gap, sales = found["longest_invoice_gap_365d"], found["invoiced_sales_365d"]
    print(f"\nmedian gap {np.nanmedian(gap[defaulted])} of failed, {np.nanmedian(gap[~defaulted])}")
    assert np.nanmedian(gap[defaulted]) > np.nanmedian(gap[~defaulted])
    assert np.nanmedian(sales[defaulted]) < np.nanmedian(sales[~defaulted])
    ledger = pd.read_parquet(REAL)  # one firm's sales of 2019-02-01 to 2020-01-31 once more
    mine = ledger[(ledger["firm"] == "E1") & (ledger["side"] == "out") & ~ledger["void"]]
    mine = mine.drop_duplicates(["invoice_no", "date", "counterparty"])
    year = mine["date"].between("2019-02-01", "2020-01-31")
    assert sales[list(firms["firm"]).index("E1")] == pytest.approx(mine["amount"][year].sum())
