"""A book, and files of each layout written from a row and what differs from it."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from vouch.book.book import Book
from vouch.book.ingest import ImportReport, ingest
from vouch.book.sources import SOURCES

SAMPLES = Path(__file__).parent / "samples"
TODAY = date(2017, 1, 1)

WriteCsv = Callable[..., Path]
Import = Callable[..., ImportReport]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "book", create=True)


@pytest.fixture
def write_csv(tmp_path: Path) -> WriteCsv:
    """Write rows given as dictionaries, the first of which makes the header."""

    def write(name: str, *rows: dict[str, str]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


def _first(sample: str) -> dict[str, str]:
    with (SAMPLES / sample).open(encoding="utf-8", newline="") as stream:
        return next(csv.DictReader(stream))


@pytest.fixture
def foia_loan() -> dict[str, str]:
    """A paid 7(a) loan of 60,000 approved 2004-03-15, file of 2016-09-30."""
    return _first("sba-foia/loans.csv")


@pytest.fixture
def national_loan() -> dict[str, str]:
    """A paid loan of 60,000 approved 1997-02-28."""
    return _first("sba-national/loans.csv")


@pytest.fixture
def run(book: Book) -> Import:
    """Import files with a source by name."""

    def run_import(source: str, *files: Path, today: date = TODAY) -> ImportReport:
        return ingest(book, SOURCES[source], files, today)

    return run_import
