from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from vouch.book.book import Book
from vouch.errors import SourceError

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parent / "samples" / "sba-foia" / "loans.csv"
REAL = Path(__file__).parents[3] / "shared" / "data" / "sba_foia_sf_1991_2016.csv.gz"
DAY = date(2016, 9, 30)


def facts(book: Book, table: str, as_of: date = DAY) -> list[dict]:
    return book.known(as_of).rows(table).drop_columns(["source", "batch"]).to_pylist()


def test_a_charged_off_loan_fact_by_fact(book, run, write_csv, foia_loan) -> None:
    path = write_csv(
        "a.csv",
        foia_loan
        | {
            "LoanStatus": "CHGOFF",
            "ChargeOffDate": "02/20/2010",
            "GrossChargeOffAmount": "20125.5",
            "InitialInterestRate": "5.75",
            "FranchiseCode": "78760",
            "RevolverStatus": "1",
        },
    )
    report = run("sba-foia", path)
    assert (report.rows, report.accepted, report.quarantined) == (1, 1, [])
    (loan,) = facts(book, "guarantee")
    approved = date(2004, 3, 15)
    assert loan.pop("guarantee_id").startswith("SBA-")
    assert {name: value for name, value in loan.items() if value is not None} == {
        "borrower_id": "Bone",
        "lender_id": "first-bank-ca",
        "guarantor_id": "SBA",
        "product": "7(a)/Guaranty",
        "channel": "PLP",
        "start_on": approved,
        "amount": Decimal("60000.00"),
        "guaranteed_amount": Decimal("45000.00"),
        "interest_rate": 0.0575,
        "is_revolving": True,
        "is_franchise": True,
        "jobs_supported": 4,
        "project_region": "ALAMEDA",
        "event_at": approved,
        "known_at": approved,
    }
    (loss,) = facts(book, "compensation")
    assert loss["amount"] == Decimal("20125.50")
    assert loss["event_at"] == loss["known_at"] == date(2010, 2, 20)
    assert facts(book, "release") == []
    (borrower,) = facts(book, "borrower")
    assert (borrower["industry"], borrower["region"]) == ("722110", "CA-94601")
    assert (borrower["kind"], borrower["legal_form"]) == ("enterprise", "CORPORATION")
    assert [row["name"] for row in facts(book, "lender")] == ["First Bank"]
    assert [row["guarantor_id"] for row in facts(book, "guarantor")] == ["SBA"]


def test_how_each_status_ends_a_guarantee(book, run) -> None:
    run("sba-foia", SAMPLE)
    borrowers = {row["guarantee_id"]: row["borrower_id"] for row in facts(book, "guarantee")}
    ends = {
        borrowers[row["guarantee_id"]]: (row["cause"], row["event_at"], row["known_at"])
        for row in facts(book, "release")
    }
    assert ends == {
        "Bone": ("repaid", DAY, DAY),
        "Bfour": ("cancelled", date(2007, 8, 8), date(2007, 8, 8)),
        "Bsix": ("cancelled", date(2010, 9, 1), date(2010, 9, 1)),
    }


def test_a_loan_cancelled_within_the_last_year_is_known_on_the_day_of_the_file(
    book, run, write_csv, foia_loan
) -> None:
    changes = {"LoanStatus": "NOT FUNDED", "ApprovalDate": "02/29/2016"}
    run("sba-foia", write_csv("a.csv", foia_loan | changes))
    assert facts(book, "release")[0]["known_at"] == DAY


def test_a_504_loan_has_no_guaranteed_amount_and_no_industry(book, run) -> None:
    run("sba-foia", SAMPLE)
    (loan,) = [row for row in facts(book, "guarantee") if row["borrower_id"] == "Bthree"]
    assert (loan["guaranteed_amount"], loan["is_revolving"], loan["channel"]) == (None, None, "504")
    (borrower,) = [row for row in facts(book, "borrower") if row["borrower_id"] == "Bthree"]
    assert borrower["industry"] is None


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"LoanStatus": "XYZ"}, "LoanStatus", "'XYZ' is unknown; known are PIF, CHGOFF, CANCLD"),
        ({"LoanStatus": ""}, "LoanStatus", "an empty cell is unknown"),
        ({"LoanStatus": "CHGOFF"}, "ChargeOffDate", "an empty cell though LoanStatus is CHGOFF"),
        (
            {"LoanStatus": "CHGOFF", "ChargeOffDate": "01/01/2004"},
            "ChargeOffDate",
            "'01/01/2004' lies before ApprovalDate",
        ),
        ({"GrossApproval": "-500"}, "amount", "-500 is below 0.01"),
        ({"GrossApproval": "0"}, "amount", "0 is below 0.01"),
        ({"GrossApproval": "9e15"}, "amount", "9e+15 is above 1e+12, absurd for amount"),
        ({"GrossApproval": "lots"}, "amount", "'lots' is not an amount such as 60000.00"),
        ({"GrossApproval": ""}, "amount", "is missing"),
        ({"ApprovalDate": "03/15/2024"}, "event_at", "2024-03-15 lies after 2016-09-30"),
        ({"ApprovalDate": "2004-03-15"}, "ApprovalDate", "is not a date written MM/DD/YYYY"),
        ({"ApprovalDate": "02/30/2004"}, "ApprovalDate", "is not a date written MM/DD/YYYY"),
        ({"ApprovalDate": ""}, "start_on", None),
        ({"InitialInterestRate": "575"}, "interest_rate", "5.75 is above 1, absurd"),
        ({"InitialInterestRate": "low"}, "InitialInterestRate", "'low' is not a number"),
        ({"JobsSupported": "2.5"}, "jobs_supported", "2.5 is not a whole number"),
        ({"RevolverStatus": "T"}, "RevolverStatus", "'T' is neither 0 nor 1"),
        ({"BorrName": ""}, "borrower_id", "is missing"),
    ],
)
def test_a_faulty_row_is_refused_with_its_number_and_the_others_go_in(
    book, run, write_csv, foia_loan, changes, column, reason
) -> None:
    other = foia_loan | {"BorrName": "Bother"}
    report = run(
        "sba-foia", write_csv("a.csv", other, foia_loan | changes, other | {"BorrZip": "1"})
    )
    assert report.quarantined_rows == 1
    assert {(fault.file, fault.row) for fault in report.quarantined} == {("a.csv", 3)}
    if reason:
        reasons = [fault.reason for fault in report.quarantined if fault.column == column]
        assert any(reason in text for text in reasons), report.quarantined
    assert len(facts(book, "guarantee")) == 2
    assert report.accepted == 2


def test_a_row_equal_in_every_field_is_a_duplicate(book, run, write_csv, foia_loan) -> None:
    report = run("sba-foia", write_csv("a.csv", foia_loan, foia_loan))
    (fault,) = report.quarantined
    assert fault.row == 3
    assert "'Bone' is a duplicate: every field read equals an earlier row's" in fault.reason
    assert len(facts(book, "guarantee")) == 1


def test_unread_columns_do_not_tell_duplicates_apart(run, write_csv, foia_loan) -> None:
    report = run("sba-foia", write_csv("a.csv", foia_loan, foia_loan | {"TermInMonths": "83"}))
    assert report.quarantined_rows == 1


def test_loans_alike_at_approval_with_another_outcome_are_two_loans(
    book, run, write_csv, foia_loan
) -> None:
    report = run("sba-foia", write_csv("a.csv", foia_loan, foia_loan | {"LoanStatus": "EXEMPT"}))
    assert report.quarantined == []
    first, second = sorted(row["guarantee_id"] for row in facts(book, "guarantee"))
    assert second == f"{first}-2"


def test_a_refused_first_row_does_not_take_its_lender_along(
    book, run, write_csv, foia_loan
) -> None:
    run("sba-foia", write_csv("a.csv", foia_loan | {"GrossApproval": "-1"}, foia_loan))
    assert len(facts(book, "lender")) == len(facts(book, "borrower")) == 1


def test_files_of_two_days_are_refused(run, write_csv, foia_loan) -> None:
    path = write_csv("a.csv", foia_loan, foia_loan | {"AsOfDate": "09/30/2015"})
    with pytest.raises(SourceError, match=r"AsOfDate must be one date .* in every row"):
        run("sba-foia", path)


def test_missing_columns_are_named(run, write_csv, foia_loan) -> None:
    kept = {name: value for name, value in foia_loan.items() if name not in ("BankName", "Program")}
    with pytest.raises(SourceError, match="missing Program, BankName; the sba-foia layout needs"):
        run("sba-foia", write_csv("a.csv", kept))


def test_unread_columns_may_be_missing(run, write_csv, foia_loan) -> None:
    kept = {k: v for k, v in foia_loan.items() if k not in ("TermInMonths", "BorrCity")}
    assert run("sba-foia", write_csv("a.csv", kept)).accepted == 1


def test_a_file_of_the_other_layout_says_which(run, write_csv, national_loan) -> None:
    with pytest.raises(
        SourceError, match=r"looks like the sba-national layout; use `vouch import sba-national`"
    ):
        run("sba-foia", write_csv("a.csv", national_loan))


def test_lenders_that_the_file_does_not_name_are_missing(book, run, write_csv, foia_loan) -> None:
    run("sba-foia", write_csv("a.csv", foia_loan | {"BankName": "MISSINGMAINBANKID"}))
    assert facts(book, "guarantee")[0]["lender_id"] is None
    assert facts(book, "lender") == []


@pytest.mark.slow
@pytest.mark.skipif(
    not REAL.exists(), reason="the San Francisco FOIA file is not beside the project"
)
def test_the_san_francisco_file(book, run) -> None:
    report = run("sba-foia", REAL)
    assert report.rows == 32741
    assert report.accepted + report.quarantined_rows == 32741
    # 36 rows equal in every field read, 3 without a status
    assert report.quarantined_rows == 39
    assert report.facts["guarantee"] == 32702
    assert report.facts["compensation"] == 3659
    assert report.facts["release"] == 32702 - 3659 - 7214
    again = run("sba-foia", REAL)
    assert (again.accepted, again.already_known, again.batch) == (0, 32702, None)
