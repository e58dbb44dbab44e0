"""The level of the book against its definition, and against one worked by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import vintage_level
from vouch.book.book import Book
from vouch.features.portfolio import PortfolioIndex
from vouch.features.vintages import Vintages

DAY = 20_000.0

guarantees = st.lists(
    st.tuples(
        st.integers(0, 3000), st.none() | st.integers(0, 2500), st.none() | st.integers(0, 400)
    ),
    min_size=1,
    max_size=300,
)


@settings(max_examples=200, deadline=None)
@given(guarantees)
def test_sorted_sums_are_the_definition(rows: list[tuple[int, int | None, int | None]]) -> None:
    rows = sorted(rows, key=lambda row: -row[0])
    starts = [DAY - back for back, _, _ in rows]
    called = [None if n is None else s + n for s, (_, n, _) in zip(starts, rows, strict=True)]
    late = [None if n is None else s + n for s, (_, _, n) in zip(starts, rows, strict=True)]
    signs = [
        min((d for d in pair if d is not None), default=None)
        for pair in zip(called, late, strict=True)
    ]
    never = [np.array([np.inf if day is None else day for day in days]) for days in (called, signs)]
    found = Vintages(np.array(starts), *never).level(DAY)
    expected = vintage_level.level(starts, called, signs, DAY)
    assert np.isnan(found) if expected is None else found == pytest.approx(expected, rel=1e-9)


def book(old_bad: int, recent_bad: int) -> Vintages:
    """1,000 guarantees of 1,500 days ago and 1,000 of 182 days ago; the bad called on day 100."""
    known = np.repeat([DAY - 1500, DAY - 182], 1000)
    called = np.full(2000, np.inf)
    called[:old_bad] = known[:old_bad] + 100
    called[1000 : 1000 + recent_bad] = DAY - 82
    return Vintages(known, called, called)


def test_recent_vintages_scale_the_course_of_old_ones() -> None:
    # Old: 20 of 1,000 called on day 100, in the second quarter (days 91 to 181) after 9 of its 91
    # days: at risk there 980 + 20 · 9/91 = 981.978, so h = 20 / 981.978 = 0.0203671.
    # Recent: 182 days old, 40 called, at risk in that quarter 960 + 40 · 9/91 = 963.956, so
    # expected 19.6330; ratio (40 + 5) / (19.6330 + 5) = 1.82682.
    assert book(20, 40).level(DAY) == pytest.approx(0.0203671 * 1.82682, rel=1e-5)


def test_the_future_does_not_matter() -> None:
    seen = book(20, 40)
    called = np.append(np.where(seen.called < DAY, seen.called, DAY), DAY)
    later = Vintages(np.append(seen.known, DAY), called, called)
    assert later.level(DAY) == seen.level(DAY)


def test_too_few_old_compensations_say_nothing() -> None:
    assert np.isnan(book(9, 40).level(DAY))
    assert not np.isnan(book(10, 40).level(DAY))


def test_more_recent_compensations_raise_the_level() -> None:
    levels = [book(20, bad).level(DAY) for bad in (0, 10, 20, 40, 80)]
    assert levels == sorted(levels)
    assert levels[0] > 0


def test_arrears_of_recent_vintages_are_seen_before_their_compensations() -> None:
    # Old: 40 of 1,000 are 60 days late on day 50 (in the first quarter: at risk there
    # 960 + 40 · 50/91 = 981.978, so 40 / 981.978 = 0.0407341), 20 of them are called on day 100.
    # Recent: 120 late on day 50, none called yet: at risk 880 + 120 · 50/91 = 945.934, expected
    # 38.5318; ratio (120 + 5) / (38.5318 + 5) = 2.87147. Compensations: h = 0.0203671 as above.
    known = np.repeat([DAY - 1500, DAY - 182], 1000)
    called, signs = np.full(2000, np.inf), np.full(2000, np.inf)
    called[:20] = known[:20] + 100
    signs[:40], signs[1000:1120] = known[:40] + 50, known[1000:1120] + 50
    assert Vintages(known, called, signs).level(DAY) == pytest.approx(0.0203671 * 2.87147, rel=1e-5)
    # By compensations alone, none of which the recent ones have, it would seem to fall.
    assert Vintages(known, called, called).level(DAY) < 0.0203671


def test_an_index_made_before_arrears_were_in_it_goes_by_compensations(small_book: Book) -> None:
    index = PortfolioIndex.of(small_book.known(date(2025, 6, 30)))
    before = PortfolioIndex(index.table.drop_columns(["late_day"]))
    assert (index.vintages.signs < index.vintages.called).any()
    np.testing.assert_array_equal(before.vintages.signs, before.vintages.called)
