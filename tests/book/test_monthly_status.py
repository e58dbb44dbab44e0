from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from vouch.book.book import Book
from vouch.errors import SourceError

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parent / "samples" / "monthly-status"
STATUS, APPLICATIONS = SAMPLES / "status.csv", SAMPLES / "applications.csv"
REAL = Path(__file__).parents[3] / "shared" / "data"
ANCHOR = date(2019, 12, 31)
LATER = date(2020, 6, 1)


def facts(book: Book, table: str) -> list[dict]:
    return book.known(ANCHOR).rows(table).drop_columns(["source", "batch"]).to_pylist()


def month(client: str, back: str, status: str) -> dict[str, str]:
    return {"ID": client, "MONTHS_BALANCE": back, "STATUS": status}


@pytest.fixture
def imported(run):
    return run("monthly-status", APPLICATIONS, STATUS, today=LATER)


def test_months_count_back_from_the_declared_end(book, imported) -> None:
    assert (imported.rows, imported.accepted, imported.quarantined) == (8, 8, [])
    months = {
        (row["guarantee_id"], row["event_at"]): (row["days_past_due"], row["balance"])
        for row in facts(book, "performance")
    }
    one, nothing = Decimal("1.00"), Decimal("0.00")
    assert months == {
        ("CARD-7", date(2019, 10, 31)): (1, one),
        ("CARD-7", date(2019, 11, 30)): (60, one),
        ("CARD-7", date(2019, 12, 31)): (90, one),
        ("CARD-8", date(2019, 11, 30)): (1, one),
        ("CARD-8", date(2019, 12, 31)): (0, nothing),
        ("CARD-9", date(2019, 9, 30)): (0, nothing),
    }


def test_a_client_is_one_guarantee_from_its_first_month_on(book, imported) -> None:
    found = {row["guarantee_id"]: row for row in facts(book, "guarantee")}
    assert set(found) == {"CARD-7", "CARD-8", "CARD-9"}
    first = found["CARD-7"]
    assert first["start_on"] == first["event_at"] == first["known_at"] == date(2019, 10, 31)
    assert (first["amount"], first["borrower_id"]) == (Decimal("1.00"), "CARD-B-7")


def test_the_first_month_ninety_days_past_due_is_the_compensation(book, run, write_csv) -> None:
    months = [month("1", f"-{back}", status) for back, status in enumerate("C5034320")]
    run("monthly-status", write_csv("a.csv", *months), today=LATER)
    (loss,) = facts(book, "compensation")
    # oldest first: 0 2 3 4 3 0 5 C; 3 is seen first in month -5
    assert loss["event_at"] == loss["known_at"] == date(2019, 7, 31)
    assert (loss["guarantee_id"], loss["amount"]) == ("CARD-1", Decimal("1.00"))
    assert len(facts(book, "performance")) == 8  # what follows is kept


def test_applications_are_known_from_the_first_month_and_hold_no_sex(book, imported) -> None:
    found = {row["borrower_id"]: row for row in facts(book, "borrower")}
    assert set(found) == {"CARD-B-7", "CARD-B-8"}
    person = {name: value for name, value in found["CARD-B-7"].items() if value is not None}
    assert person == {
        "borrower_id": "CARD-B-7",
        "kind": "person",
        "annual_revenue": Decimal("427500.00"),
        "event_at": date(2019, 10, 31),
        "known_at": date(2019, 10, 31),
    }


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"STATUS": "9"}, "STATUS", "'9' is unknown; known are 0, 1, 2, 3, 4, 5, C, X"),
        ({"STATUS": ""}, "STATUS", "an empty cell is unknown"),
        ({"MONTHS_BALANCE": "1"}, "MONTHS_BALANCE", "'1' is no whole number of months back"),
        ({"MONTHS_BALANCE": "-1.5"}, "MONTHS_BALANCE", "is no whole number of months back"),
        ({"MONTHS_BALANCE": "-9999"}, "MONTHS_BALANCE", "is no whole number of months back"),
        ({"MONTHS_BALANCE": "inf"}, "MONTHS_BALANCE", "is no whole number of months back"),
        ({"MONTHS_BALANCE": "May"}, "MONTHS_BALANCE", "'May' is not a number"),
        ({"MONTHS_BALANCE": ""}, "MONTHS_BALANCE", "is missing"),
        ({"ID": ""}, "ID", "is missing"),
        ({"ID": "9" * 61}, "ID", "is longer than 60"),
    ],
)
def test_a_faulty_month_is_refused_and_the_others_go_in(
    book, run, write_csv, changes, column, reason
) -> None:
    path = write_csv("a.csv", month("1", "-2", "0") | changes, month("1", "-1", "0"))
    report = run("monthly-status", path, today=LATER)
    assert {fault.row for fault in report.quarantined} == {2}
    assert any(f.column == column and reason in f.reason for f in report.quarantined)
    assert facts(book, "guarantee")[0]["start_on"] == date(2019, 11, 30)


def test_a_month_given_twice(book, run, write_csv) -> None:
    rows = [month("1", "0", "C"), month("1", "-1", "0"), month("1", "-1", "0")]
    report = run("monthly-status", write_csv("a.csv", *rows), today=LATER)
    assert [(fault.row, "duplicate" in fault.reason) for fault in report.quarantined] == [(4, True)]


def test_months_that_contradict_each_other_are_both_refused(book, run, write_csv) -> None:
    rows = [month("1", "0", "C"), month("1", "-1", "0"), month("1", "-1", "5")]
    report = run("monthly-status", write_csv("a.csv", *rows), today=LATER)
    assert [fault.row for fault in report.quarantined] == [3, 4]
    assert facts(book, "compensation") == []


def test_applications_need_the_status_file_beside_them(run) -> None:
    with pytest.raises(SourceError, match="name the file with MONTHS_BALANCE and STATUS as well"):
        run("monthly-status", APPLICATIONS)


def test_an_applicant_without_months_is_refused(run, write_csv) -> None:
    path = write_csv("a.csv", month("8", "0", "C"))
    report = run("monthly-status", path, APPLICATIONS, today=LATER)
    (fault,) = report.quarantined
    assert (fault.file, fault.row) == ("applications.csv", 2)
    assert "'7' has no month in the status file" in fault.reason


def test_another_layout_is_told(run, write_csv, national_loan) -> None:
    with pytest.raises(SourceError, match="missing ID, MONTHS_BALANCE, STATUS; this looks like"):
        run("monthly-status", write_csv("a.csv", national_loan))


@pytest.mark.slow
@pytest.mark.skipif(
    not (REAL / "card_monthly_status.csv.gz").exists(),
    reason="the card panel is not beside the project",
)
def test_the_card_panel(book, run) -> None:
    files = [REAL / "card_monthly_status.csv.gz", REAL / "card_applications.csv.gz"]
    report = run("monthly-status", *files, today=LATER)
    assert (report.rows, report.accepted, report.quarantined) == (812_937, 812_937, [])
    assert report.facts == {
        "performance": 785_600,
        "guarantee": 34_427,
        "compensation": 252,
        "borrower": 27_337,
    }
    again = run("monthly-status", *files, today=LATER)
    assert (again.accepted, again.already_known, again.batch) == (0, 812_937, None)
