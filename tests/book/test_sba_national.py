from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from vouch.book.book import Book
from vouch.errors import SourceError

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parent / "samples" / "sba-national" / "loans.csv"
REAL = Path(__file__).parents[3] / "shared" / "data" / "sba_national_sample.csv.gz"


def facts(book: Book, table: str) -> dict[str, dict]:
    rows = book.known(date(2016, 1, 1)).rows(table).to_pylist()
    return {row.get("guarantee_id", row.get("borrower_id", "")): row for row in rows}


def test_money_dates_and_flags_of_the_layout(book, run) -> None:
    report = run("sba-national", SAMPLE)
    assert (report.accepted, report.quarantined) == (4, [])
    loan = facts(book, "guarantee")["SBA-N-1000014003"]
    assert loan["amount"] == Decimal("60000.00")
    assert loan["guaranteed_amount"] == Decimal("48000.00")
    assert loan["start_on"] == loan["event_at"] == loan["known_at"] == date(1997, 2, 28)
    assert (loan["lender_id"], loan["channel"]) == ("fifth-third-bank-oh", "LowDoc")
    assert (loan["is_revolving"], loan["is_franchise"]) == (False, False)


def test_two_digit_years_turn_at_sixty(book, run, write_csv, national_loan) -> None:
    days = ["1-Jan-60", "31-Dec-59", "7-Jun-2006"]
    loans = [
        national_loan | {"LoanNr_ChkDgt": f"{n}", "ApprovalDate": day, "ChgOffDate": ""}
        for n, day in enumerate(days)
    ]
    report = run("sba-national", write_csv("a.csv", *loans), today=date(2026, 1, 1))
    found = {name: row["start_on"] for name, row in facts(book, "guarantee").items()}
    assert found == {"SBA-N-0": date(1960, 1, 1), "SBA-N-2": date(2006, 6, 7)}
    (fault, *_) = report.quarantined  # 2059 is still to come
    assert (fault.row, fault.reason) == (3, "2059-12-31 lies after 2026-01-01")


def test_flags_that_mean_nothing_are_missing(book, run) -> None:
    run("sba-national", SAMPLE)
    loan = facts(book, "guarantee")["SBA-N-1000034009"]  # RevLineCr 0, LowDoc C
    assert (loan["is_revolving"], loan["channel"]) == (None, None)
    assert (loan["is_franchise"], loan["jobs_supported"]) == (True, 7)
    borrowers = facts(book, "borrower")
    assert borrowers["Bthree"]["industry"] is None  # NAICS 0
    assert {name: row["is_new_business"] for name, row in borrowers.items()} == {
        "Bone": True,
        "Btwo": False,
        "Bthree": False,
        "Bfour": None,
    }
    assert (borrowers["Btwo"]["headcount"], borrowers["Btwo"]["region"]) == (2, "IN-46526")
    assert facts(book, "guarantee")["SBA-N-1000044001"]["lender_id"] is None


def test_charge_offs_and_no_releases(book, run) -> None:
    run("sba-national", SAMPLE)
    loss = facts(book, "compensation")["SBA-N-1000024006"]
    assert loss["amount"] == Decimal("31250.50")
    assert loss["event_at"] == loss["known_at"] == date(2008, 6, 24)
    assert set(facts(book, "compensation")) == {"SBA-N-1000024006", "SBA-N-1000034009"}
    assert facts(book, "release") == {}


def test_a_paid_loan_with_a_charge_off_date_keeps_its_status(
    book, run, write_csv, national_loan
) -> None:
    report = run("sba-national", write_csv("a.csv", national_loan | {"ChgOffDate": "1-Feb-99"}))
    assert facts(book, "compensation") == {}
    assert "1 paid-in-full loans bear a charge-off date; their status is taken" in report.notes


@pytest.mark.parametrize(
    ("bank", "guaranteed", "is_refused"),
    [
        ("BUSINESS DEVEL CORP", "$60,000.00 ", True),
        ("EVERGREEN BUSINESS CAPITAL", "$60,000.00 ", True),
        ("", "$60,000.00 ", True),
        ("EVERGREEN BUSINESS CAPITAL", "$45,000.00 ", False),
        ("WELLS FARGO BANK NATL ASSOC", "$60,000.00 ", False),
        ("ELGA CU", "$60,000.00 ", False),
    ],
)
def test_loans_of_development_companies_are_refused(
    run, write_csv, national_loan, bank, guaranteed, is_refused
) -> None:
    path = write_csv("a.csv", national_loan | {"Bank": bank, "SBA_Appv": guaranteed})
    report = run("sba-national", path)
    assert report.quarantined_rows == is_refused
    assert all("development company" in fault.reason for fault in report.quarantined)


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"MIS_Status": "LOST"}, "MIS_Status", "'LOST' is unknown; known are P I F, CHGOFF"),
        ({"MIS_Status": "CHGOFF", "ChgOffDate": ""}, "ChgOffDate", "though MIS_Status is CHGOFF"),
        ({"ApprovalDate": "1997-02-28"}, "ApprovalDate", "is not a date such as 28-Feb-97"),
        ({"ApprovalDate": "30-Feb-97"}, "ApprovalDate", "is not a date such as 28-Feb-97"),
        ({"GrAppv": "($60,000.00)"}, "amount", "'(60,000.00)' is not an amount"),
        ({"GrAppv": "$6,00 "}, "amount", "'6,00' is not an amount"),
        ({"NoEmp": "-1"}, "headcount", "-1 is below 0"),
        ({"CreateJob": "some"}, "CreateJob", "'some' is not a number"),
    ],
)
def test_a_faulty_row_is_refused_and_the_others_go_in(
    run, write_csv, national_loan, changes, column, reason
) -> None:
    other = national_loan | {"LoanNr_ChkDgt": "2"}
    report = run("sba-national", write_csv("a.csv", other, national_loan | changes))
    assert {fault.row for fault in report.quarantined} == {3}
    assert any(f.column == column and reason in f.reason for f in report.quarantined)
    assert report.accepted == 1


def test_duplicates_and_contradictions_of_one_loan_number(run, write_csv, national_loan) -> None:
    same = run("sba-national", write_csv("a.csv", national_loan, national_loan))
    assert [(fault.row, "duplicate" in fault.reason) for fault in same.quarantined] == [(3, True)]
    other = national_loan | {"NoEmp": "40"}
    both = run("sba-national", write_csv("b.csv", national_loan, other))
    assert [fault.row for fault in both.quarantined] == [2, 3]
    assert "contradict each other" in both.quarantined[0].reason


def test_a_file_of_the_other_layout_says_which(run, write_csv, foia_loan) -> None:
    with pytest.raises(SourceError, match="looks like the sba-foia layout"):
        run("sba-national", write_csv("a.csv", foia_loan))


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="the national SBA file is not beside the project")
def test_the_national_file(book, run) -> None:
    report = run("sba-national", REAL)
    assert report.rows == 47570
    assert report.accepted + report.quarantined_rows == 47570
    refused = [fault.reason for fault in report.quarantined]
    assert sum("development company" in reason for reason in refused) == 2271
    assert sum("though MIS_Status is CHGOFF" in reason for reason in refused) == 4
    assert report.quarantined_rows == 2275
    # 23,205 charged off, 4 of them undated and 1 lent by a development company
    assert report.facts["compensation"] == 23200
    again = run("sba-national", REAL)
    assert (again.accepted, again.already_known, again.batch) == (0, 45295, None)
