"""A case of the book read from the copy sorted by entity: the same facts as by a query."""

import logging
from datetime import date
from pathlib import Path

import pytest

from vouch.book.book import Book
from vouch.book.by_entity import FEW, ByEntity
from vouch.book.tables import TABLES
from vouch.bootstrap import build
from vouch.features.facts import CASE_TABLES


@pytest.fixture
def twice(book, tmp_path):
    """The book as it is, and with a sorted copy."""
    quick = Book(book.path)
    quick.by_entity = ByEntity.of(quick, tmp_path / "sorted", CASE_TABLES)
    return Book(book.path), quick


def rows(book, day, table, names):
    found = book.known(day).histories(table, names)
    return found.select(sorted(found.column_names)).to_pylist()


@pytest.mark.parametrize("day", [date(2022, 2, 1), date(2023, 7, 31), date(2025, 1, 1)])
@pytest.mark.parametrize("table", CASE_TABLES)
def test_a_slice_holds_what_a_query_finds(twice, table, day):
    plain, quick = twice
    entity = TABLES[table].entity
    known = plain.known(date.max).query(f"SELECT DISTINCT {entity} AS name FROM all_{table}")
    names = sorted(known["name"].to_pylist())
    assert names
    for start in range(0, len(names), 7):
        some = names[start : start + 7]
        asked = sorted([*some, "nobody", "名"])
        assert quick.by_entity.histories(table, asked, day) is not None
        assert rows(quick, day, table, asked) == rows(plain, day, table, asked)
    assert rows(quick, day, table, ["nobody"]) == []


def test_many_are_left_to_a_query(twice):
    assert (
        twice[1].by_entity.histories("borrower", [f"B{i}" for i in range(FEW + 1)], date.max)
        is None
    )
    assert twice[1].by_entity.histories("compensation", ["G1"], date.max) is None


def test_a_book_that_grew_is_sorted_anew_and_the_old_copy_goes(tmp_path, add_facts):
    def guarantee(number, day):
        return {
            "guarantee_id": f"G{number}",
            "borrower_id": "B1",
            "amount": 1,
            "event_at": day,
            "known_at": day,
        }

    folder, first, later = tmp_path / "sorted", date(2024, 1, 1), date(2024, 5, 1)
    path: Path = tmp_path / "book"
    book = add_facts(path, "one", guarantee=[guarantee(1, first)])
    before = ByEntity.of(book, folder, CASE_TABLES)
    assert len(before.histories("guarantee", ["G1", "G2"], later)) == 1
    assert before.histories("performance", ["G1"], later).num_rows == 0
    (old,) = folder.iterdir()
    book = add_facts(path, "two", guarantee=[guarantee(2, later)])
    assert book.by_entity is None
    after = ByEntity.of(book, folder, CASE_TABLES)
    assert after.histories("guarantee", ["G1", "G2"], later)["position"].to_pylist() == [0, 1]
    assert after.histories("guarantee", ["G1", "G2"], first)["position"].to_pylist() == [0]
    (new,) = folder.iterdir()
    assert new != old
    assert len(before.histories("guarantee", ["G1"], later)) == 1  # who holds the old one goes on


def test_the_service_sorts_its_book_and_does_without_where_it_cannot(make_settings, caplog):
    vouch = build(make_settings())
    vouch.held_book.hold()
    assert vouch.held_book.book().by_entity is not None
    with_copy = (vouch.settings.home / "cache" / "book").iterdir()
    assert len(list(with_copy)) == 1
    vouch.close()

    home = vouch.settings.home.with_name("other")
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "book").touch()  # a file where the folder should be
    other = build(make_settings(VOUCH_HOME=str(home)))
    with caplog.at_level(logging.WARNING):
        other.held_book.hold()
    assert "is not sorted" in caplog.text
    assert other.held_book.book().by_entity is None
    other.close()
