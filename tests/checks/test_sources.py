"""What every source is held to, found by itself; a new source needs a sample to pass.

A sample is a folder `tests/book/samples/<source>` of small files that together are good, without
rows that only an outcome tells apart.
"""

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from vouch.book.book import Book
from vouch.book.ingest import Source, ingest
from vouch.book.sources import SOURCES

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "book" / "samples"
TODAY = date(2026, 1, 1)
BEFORE_THE_OUTCOME = ("guarantee", "borrower", "lender")

each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def sample(source: Source) -> list[Path]:
    files = sorted((SAMPLES / source.name).glob("*"))
    assert files, f"the source {source.name} needs a sample in {SAMPLES / source.name}"
    return files


def facts(source: Source, files: list[Path], folder: Path) -> dict[str, bytes]:
    """Every version of every table as bytes, whatever the batch was called."""
    book = Book(folder, create=True)
    report = ingest(book, source, files, TODAY)
    assert report.quarantined == []
    door = book.known(TODAY)
    found = {}
    for name in report.facts:
        table = door.query(f"SELECT * EXCLUDE (batch) FROM {door.versions(name)} ORDER BY ALL")
        found[name] = table.to_pandas().to_csv(index=False).encode()
    return found


def scrambled(files: list[Path], folder: Path, unread: set[str], outcomes: set[str]) -> list[Path]:
    """Copies with junk in the unread columns and the outcomes handed on to the next row."""
    folder.mkdir()
    copies = []
    for path in files:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column in unread & set(frame):
            frame[column] = [f"junk {n}" for n in range(len(frame))]
        told = [column for column in frame if column in outcomes]
        frame[told] = frame[told].iloc[[-1, *range(len(frame) - 1)]].to_numpy()
        copies.append(folder / path.name)
        frame.to_csv(copies[-1], index=False)
    return copies


@each_source
def test_no_fact_known_before_the_outcome_depends_on_it(source: Source, tmp_path: Path) -> None:
    files = sample(source)
    copies = scrambled(files, tmp_path / "scrambled", set(source.unread), set(source.outcomes))
    original = facts(source, files, tmp_path / "original_book")
    altered = facts(source, copies, tmp_path / "scrambled_book")
    for table in BEFORE_THE_OUTCOME:
        assert original.get(table) == altered.get(table), table
    if source.outcomes:  # or the scrambling would have had nothing to scramble
        assert original["compensation"] != altered["compensation"]


@each_source
def test_unread_columns_change_nothing_at_all(source: Source, tmp_path: Path) -> None:
    files = sample(source)
    copies = scrambled(files, tmp_path / "scrambled", set(source.unread), set())
    original = facts(source, files, tmp_path / "original_book")
    assert original == facts(source, copies, tmp_path / "scrambled_book")


@each_source
def test_the_sample_shows_every_declared_column(source: Source) -> None:
    headers = {name for path in sample(source) for name in pd.read_csv(path, nrows=0).columns}
    assert set(source.unread) | set(source.outcomes) <= headers
    assert not set(source.unread) & set(source.outcomes)
    assert all(reason for reason in source.unread.values())


@each_source
def test_unread_columns_may_be_missing(source: Source, tmp_path: Path) -> None:
    copies = []
    for path in sample(source):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        copies.append(tmp_path / path.name)
        frame.drop(columns=list(source.unread), errors="ignore").to_csv(copies[-1], index=False)
    original = facts(source, sample(source), tmp_path / "original_book")
    assert original == facts(source, copies, tmp_path / "book")


@each_source
def test_importing_twice_is_importing_once(source: Source, tmp_path: Path) -> None:
    book = Book(tmp_path / "book", create=True)
    ingest(book, source, sample(source), TODAY)
    fingerprint = book.fingerprint()
    again = ingest(book, source, sample(source), TODAY)
    assert (again.accepted, again.already_known) == (0, again.rows)
    assert book.fingerprint() == fingerprint


@each_source
def test_the_files_are_left_alone(source: Source, tmp_path: Path) -> None:
    copies = [Path(shutil.copy(path, tmp_path)) for path in sample(source)]
    before = [path.read_bytes() for path in copies]
    source.read(copies)
    assert [path.read_bytes() for path in copies] == before


@each_source
def test_each_sample_is_recognised_by_its_own_source_alone(source: Source) -> None:
    for path in sample(source):
        header = list(pd.read_csv(path, nrows=0).columns)
        assert [name for name, s in SOURCES.items() if s.recognises(header)] == [source.name]


@each_source
def test_a_source_says_what_it_is(source: Source) -> None:
    assert SOURCES[source.name] is source
    assert source.about
