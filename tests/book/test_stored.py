"""A book outlives the tables it was made with: files written before a column have it missing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from vouch.book.book import Book
from vouch.book.ingest import ingest
from vouch.book.sources import SOURCES
from vouch.errors import BookError

pytestmark = pytest.mark.slow

ROW = "guarantee_id,borrower_id,amount,event_at,known_at\nG1,B1,100.00,2024-01-05,2024-01-06\n"
TODAY = date(2025, 1, 1)


def test_files_of_an_older_layout_are_read_and_compared(tmp_path: Path) -> None:
    file = tmp_path / "guarantee.csv"
    file.write_text(ROW, encoding="utf-8")
    book = Book(tmp_path / "book", create=True)
    ingest(book, SOURCES["vouch"], [file], TODAY)
    (path,) = book.files("guarantee")
    older = pq.read_table(path).drop_columns(["jobs_supported", "project_region"])
    pq.write_table(older, path)
    again = Book(book.path)
    rows = again.known(TODAY).rows("guarantee").to_pylist()
    assert [(r["guarantee_id"], r["jobs_supported"]) for r in rows] == [("G1", None)]
    report = ingest(again, SOURCES["vouch"], [file], TODAY)
    assert (report.accepted, report.already_known) == (0, 1)


def test_a_book_of_which_a_file_was_lost_is_refused(tmp_path: Path) -> None:
    book = Book(tmp_path / "book", create=True)
    sample = Path(__file__).parent / "samples" / "sba-foia" / "loans.csv"
    ingest(book, SOURCES["sba-foia"], [sample], date(2026, 1, 1))
    (lost,) = book.files("lender")
    lost.unlink()
    with pytest.raises(BookError, match=r"lender/.*is not there \(1 files are missing\); restore"):
        Book(book.path).known(date(2020, 1, 1)).rows("guarantee")
