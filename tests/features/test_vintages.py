"""The level of the book against its definition, and against one worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import vintage_level
from vouch.features.vintages import Vintages

DAY = 20_000.0

guarantees = st.lists(
    st.tuples(st.integers(0, 3000), st.none() | st.integers(0, 2500)), min_size=1, max_size=300
)


@settings(max_examples=200, deadline=None)
@given(guarantees)
def test_sorted_sums_are_the_definition(rows: list[tuple[int, int | None]]) -> None:
    rows = sorted(((DAY - back, after) for back, after in rows), key=lambda row: row[0])
    called = [None if after is None else start + after for start, after in rows]
    starts = [start for start, _ in rows]
    days = np.array([np.inf if day is None else day for day in called])
    found = Vintages(np.array(starts), days).level(DAY)
    expected = vintage_level.level(starts, called, DAY)
    assert np.isnan(found) if expected is None else found == pytest.approx(expected, rel=1e-9)


def book(old_bad: int, recent_bad: int) -> Vintages:
    """1,000 guarantees of 1,500 days ago and 1,000 of 182 days ago; the bad called on day 100."""
    known = np.repeat([DAY - 1500, DAY - 182], 1000)
    called = np.full(2000, np.inf)
    called[:old_bad] = known[:old_bad] + 100
    called[1000 : 1000 + recent_bad] = DAY - 82
    return Vintages(known, called)


def test_recent_vintages_scale_the_course_of_old_ones() -> None:
    # Old: 20 of 1,000 called on day 100, in the second quarter (days 91 to 181) after 9 of its 91
    # days: at risk there 980 + 20 · 9/91 = 981.978, so h = 20 / 981.978 = 0.0203671.
    # Recent: 182 days old, 40 called, at risk in that quarter 960 + 40 · 9/91 = 963.956, so
    # expected 19.6330; ratio (40 + 5) / (19.6330 + 5) = 1.82682.
    assert book(20, 40).level(DAY) == pytest.approx(0.0203671 * 1.82682, rel=1e-5)


def test_the_future_does_not_matter() -> None:
    seen = book(20, 40)
    later = Vintages(
        np.append(seen.known, DAY), np.append(np.where(seen.called < DAY, seen.called, DAY), DAY)
    )
    assert later.level(DAY) == seen.level(DAY)


def test_too_few_old_compensations_say_nothing() -> None:
    assert np.isnan(book(9, 40).level(DAY))
    assert not np.isnan(book(10, 40).level(DAY))


def test_more_recent_compensations_raise_the_level() -> None:
    levels = [book(20, bad).level(DAY) for bad in (0, 10, 20, 40, 80)]
    assert levels == sorted(levels)
    assert levels[0] > 0
