"""Whole or not at all, the same again changes nothing, later files correct from their day on."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vouch.book.book import Book
from vouch.book.checks import FILE, ROW, Draft, Reading, check
from vouch.book.ingest import arrow_rows, ingest
from vouch.book.schema import Table
from vouch.book.sources import SOURCES
from vouch.book.tables import GUARANTEE
from vouch.errors import BookError, SourceError

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parent / "samples" / "sba-foia" / "loans.csv"
TODAY = date(2026, 1, 1)
EARLIER, LATER = date(2015, 9, 30), date(2016, 9, 30)


def content(book: Book) -> dict[str, str]:
    """Every file of the book with its hash."""
    return {
        str(path.relative_to(book.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(book.path.rglob("*"))
        if path.is_file()
    }


def rows(book: Book, table: str, as_of: date = TODAY) -> list[dict]:
    return book.known(as_of).rows(table).to_pylist()


def snapshot(loan: dict[str, str], day: date, **changes: str) -> dict[str, str]:
    return loan | {"AsOfDate": f"{day:%m/%d/%Y}"} | changes


def test_importing_again_changes_not_a_byte(book, run) -> None:
    first = run("sba-foia", SAMPLE)
    before = content(book)
    again = run("sba-foia", SAMPLE)
    assert content(book) == before
    assert (first.accepted, first.already_known) == (6, 0)
    assert (again.accepted, again.already_known, again.facts, again.batch) == (0, 6, {}, None)
    assert len(book.commits()) == 1


@pytest.mark.parametrize("damage", ["truncated", "empty", "header", "other layout", "encoding"])
def test_a_refused_file_leaves_the_book_as_it_was(book, run, tmp_path, damage) -> None:
    run("sba-foia", SAMPLE)
    before = content(book)
    header = SAMPLE.read_bytes().split(b"\n")[0]
    bad = {
        "truncated": b"\x1f\x8b\x08\x00\x00\x00",
        "empty": b"",
        "header": header + b"\n",
        "other layout": b"ID,MONTHS_BALANCE,STATUS\n1,0,C\n",
        "encoding": SAMPLE.read_text().replace("Oakland", "Zürich").encode("latin-1"),
    }[damage]
    path = tmp_path / "bad.csv"
    path.write_bytes(bad)
    with pytest.raises(SourceError, match=r"bad\.csv"):
        run("sba-foia", SAMPLE, path)
    assert content(book) == before


def test_refused_rows_are_kept_with_their_reasons(book, run, write_csv, foia_loan) -> None:
    path = write_csv("a.csv", foia_loan, foia_loan | {"LoanStatus": "XYZ"})
    report = run("sba-foia", path)
    line = (book.path / "quarantine" / f"{report.batch}.jsonl").read_text(encoding="utf-8")
    kept = json.loads(line)
    assert (kept["file"], kept["row"], kept["column"]) == ("a.csv", 3, "LoanStatus")
    assert book.commits()[0].quarantined == 1


def test_nothing_but_refused_rows_makes_no_commit(book, run, write_csv, foia_loan) -> None:
    report = run("sba-foia", write_csv("a.csv", foia_loan | {"LoanStatus": "XYZ"}))
    assert (report.accepted, report.quarantined_rows, report.batch) == (0, 1, None)
    assert book.commits() == []


def test_a_later_file_corrects_from_its_day_on(book, run, write_csv, foia_loan) -> None:
    run("sba-foia", write_csv("a.csv", snapshot(foia_loan, EARLIER, LoanStatus="EXEMPT")))
    changed = snapshot(foia_loan, LATER, LoanStatus="EXEMPT", ProjectCounty="NAPA")
    report = run("sba-foia", write_csv("b.csv", changed))
    assert report.facts == {"guarantee": 1}
    seen = {
        day: rows(book, "guarantee", day)[0]["project_region"]
        for day in (date(2004, 3, 15), LATER - timedelta(days=1), LATER)
    }
    assert list(seen.values()) == ["ALAMEDA", "ALAMEDA", "NAPA"]
    (current,) = rows(book, "guarantee", LATER)
    assert (current["event_at"], current["known_at"]) == (date(2004, 3, 15), LATER)
    assert run("sba-foia", write_csv("b.csv", changed)).facts == {}


def test_what_a_third_file_takes_back_is_corrected_again(book, run, write_csv, foia_loan) -> None:
    for day, county in ((EARLIER, "ALAMEDA"), (LATER, "NAPA"), (date(2016, 12, 31), "ALAMEDA")):
        run("sba-foia", write_csv("a.csv", snapshot(foia_loan, day, ProjectCounty=county)))
    assert rows(book, "guarantee")[0]["project_region"] == "ALAMEDA"
    assert rows(book, "guarantee", LATER)[0]["project_region"] == "NAPA"


def test_a_charge_off_restated_later(book, run, write_csv, foia_loan) -> None:
    loss = {"LoanStatus": "CHGOFF", "ChargeOffDate": "02/20/2010", "GrossChargeOffAmount": "100"}
    run("sba-foia", write_csv("a.csv", snapshot(foia_loan, EARLIER, **loss)))
    restated = loss | {"ChargeOffDate": "02/21/2010", "GrossChargeOffAmount": "90"}
    run("sba-foia", write_csv("b.csv", snapshot(foia_loan, LATER, **restated)))
    assert rows(book, "compensation", EARLIER)[0]["amount"] == 100
    (loss_now,) = rows(book, "compensation", LATER)
    assert (loss_now["amount"], loss_now["event_at"], loss_now["known_at"]) == (
        90,
        date(2010, 2, 21),
        LATER,
    )


def test_the_day_of_an_undated_release_stays_that_of_the_first_file(
    book, run, write_csv, foia_loan
) -> None:
    run("sba-foia", write_csv("a.csv", snapshot(foia_loan, EARLIER)))
    report = run("sba-foia", write_csv("b.csv", snapshot(foia_loan, LATER)))
    assert (report.accepted, report.already_known) == (0, 1)
    assert rows(book, "release")[0]["event_at"] == EARLIER


def test_an_older_file_after_a_newer_one_corrects_nothing(book, run, write_csv, foia_loan) -> None:
    run("sba-foia", write_csv("b.csv", snapshot(foia_loan, LATER, ProjectCounty="NAPA")))
    report = run("sba-foia", write_csv("a.csv", snapshot(foia_loan, EARLIER)))
    assert "files of several days are imported oldest first" in report.quarantined[0].reason
    assert rows(book, "guarantee")[0]["project_region"] == "NAPA"


def test_another_file_of_the_same_day_cannot_correct_a_fact_known_that_day(
    book, run, write_csv, foia_loan
) -> None:
    loan = snapshot(foia_loan, LATER, ApprovalDate=f"{LATER:%m/%d/%Y}", LoanStatus="EXEMPT")
    run("sba-foia", write_csv("a.csv", loan))
    report = run("sba-foia", write_csv("b.csv", loan | {"ProjectCounty": "NAPA"}))
    assert report.quarantined_rows == 1


def test_an_old_loan_does_not_restate_what_a_newer_one_says_of_the_borrower(
    book, run, write_csv, foia_loan
) -> None:
    newer = foia_loan | {"ApprovalDate": "01/05/2010", "BorrZip": "94700"}
    run("sba-foia", write_csv("a.csv", *(snapshot(loan, EARLIER) for loan in (foia_loan, newer))))
    restated = foia_loan | {"BorrZip": "90000"}
    run("sba-foia", write_csv("b.csv", *(snapshot(loan, LATER) for loan in (restated, newer))))
    assert rows(book, "borrower")[0]["region"] == "CA-94700"
    moved = newer | {"BorrZip": "94800"}
    after = date(2016, 12, 31)
    run("sba-foia", write_csv("c.csv", *(snapshot(loan, after) for loan in (restated, moved))))
    assert rows(book, "borrower")[0]["region"] == "CA-94800"
    assert rows(book, "borrower", LATER)[0]["region"] == "CA-94700"


class Anything:
    """A source that reads what it is given."""

    name, about, unread, outcomes = "anything", "", {"x": "y"}, ()

    def __init__(self, table: Table, frame: pd.DataFrame) -> None:
        self.reading = Reading([Draft(table, frame)], rows=len(frame))

    def recognises(self, header: list[str]) -> bool:
        return False

    def read(self, files: list[Path]) -> Reading:
        return self.reading


def test_the_report_says_what_is_never_read(book) -> None:
    frame = pd.DataFrame({FILE: ["a"], ROW: [1], "guarantee_id": ["G1"], "borrower_id": ["B1"]})
    frame = frame.assign(amount="1", event_at="2020-01-01", known_at="2020-01-01")
    report = ingest(book, Anything(GUARANTEE, frame), [], TODAY)
    assert (report.accepted, report.unread) == (1, {"x": "y"})


WRITER = """
import sys, time
from datetime import date
from pathlib import Path
from vouch.book.book import Book
from vouch.book.ingest import ingest
from vouch.book.sources import SOURCES

book, source, barrier = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
commit = Book.commit

def wait_then_commit(self, *arguments):
    barrier.with_suffix(".reached").touch()
    while not barrier.exists():
        time.sleep(0.01)
    commit(self, *arguments)

Book.commit = wait_then_commit
ingest(Book(book), SOURCES["sba-foia"], [source], date(2026, 1, 1))
"""


def start_writer(book: Book, barrier: Path) -> subprocess.Popen:
    """A process that imports the sample and waits before it commits until `barrier` exists."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(book.path), str(SAMPLE), str(barrier)],
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not barrier.with_suffix(".reached").exists():
        assert writer.poll() is None, writer.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.01)
    return writer


@pytest.mark.slow
def test_an_import_killed_half_way_leaves_the_book_as_it_was(
    book, run, tmp_path, write_csv, foia_loan
) -> None:
    run("sba-foia", write_csv("a.csv", foia_loan | {"BorrName": "Bzero"}))
    before, fingerprint = rows(book, "guarantee"), book.fingerprint()
    writer = start_writer(book, tmp_path / "barrier")
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    reopened = Book(book.path)
    assert rows(reopened, "guarantee") == before
    assert reopened.fingerprint() == fingerprint
    assert run("sba-foia", SAMPLE).accepted == 6
    assert len(rows(Book(book.path), "guarantee")) == 7


@pytest.mark.slow
def test_of_two_writers_one_is_refused_and_none_is_lost(
    book, run, tmp_path, write_csv, foia_loan
) -> None:
    barrier = tmp_path / "barrier"
    slow = start_writer(book, barrier)
    run("sba-foia", write_csv("a.csv", foia_loan | {"BorrName": "Bzero"}))
    barrier.touch()
    _, complaint = slow.communicate(timeout=60)
    assert slow.returncode != 0
    assert "another writer added to" in complaint
    assert [row["borrower_id"] for row in rows(Book(book.path), "guarantee")] == ["Bzero"]
    assert run("sba-foia", SAMPLE).accepted == 6
    assert len(rows(Book(book.path), "guarantee")) == 7


def test_two_writers_of_one_process_and_the_same_file(book) -> None:
    barrier, ends = threading.Barrier(2), []

    class Waiting(Book):
        def commit(self, *arguments) -> None:
            barrier.wait(timeout=60)
            super().commit(*arguments)

    def write() -> None:
        try:
            ends.append(ingest(Waiting(book.path), SOURCES["sba-foia"], [SAMPLE], TODAY))
        except BookError as error:
            ends.append(error)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(end, BookError) for end in ends) == [False, True]
    assert len(rows(book, "guarantee")) == 6


DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2025, 12, 31))
WRITTEN = st.tuples(st.integers(min_value=1, max_value=10**14), DAYS, st.sampled_from(["", ","]))
lists_at_once = settings(deadline=None, max_examples=25)


def guarantees(amounts: list[str], days: list[str]) -> Draft:
    names = [f"G{number}" for number in range(len(amounts))]
    frame = pd.DataFrame({FILE: "a.csv", ROW: range(2, len(names) + 2), "guarantee_id": names})
    frame = frame.assign(borrower_id="B", amount=amounts, event_at=days, known_at=days)
    return Draft(GUARANTEE, frame)


@lists_at_once
@given(written=st.lists(WRITTEN, min_size=1, max_size=200))
def test_money_and_days_are_stored_as_written(written: list[tuple[int, date, str]]) -> None:
    amounts = [Decimal(fen) / 100 for fen, _, _ in written]
    texts = [
        f"{amount:{separator}.2f}"
        for amount, (_, _, separator) in zip(amounts, written, strict=True)
    ]
    good, faults = check(guarantees(texts, [day.isoformat() for _, day, _ in written]), TODAY)
    assert faults == []
    stored = arrow_rows(GUARANTEE, good)
    assert stored["amount"].to_pylist() == amounts
    assert stored["event_at"].to_pylist() == [day for _, day, _ in written]


@lists_at_once
@given(
    fens=st.lists(st.integers(min_value=1, max_value=10**11), min_size=1, max_size=200),
    thousandths=st.integers(1, 9),
)
def test_money_finer_than_the_fen_is_refused(fens: list[int], thousandths: int) -> None:
    amounts = [str(Decimal(fen) / 100 + Decimal(thousandths) / 1000) for fen in fens]
    _, faults = check(guarantees(amounts, ["2020-01-01"] * len(fens)), TODAY)
    assert [fault.row for fault in faults] == list(range(2, len(fens) + 2))
    assert all("is finer than 0.01" in fault.reason for fault in faults)
