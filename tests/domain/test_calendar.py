"""Calendar months against the slow obvious way: day by day."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.calendar import add_months, month_end, month_ends
from vouch.domain.stage import Stage

days = st.dates(min_value=date(1970, 1, 1), max_value=date(2100, 12, 31))


@given(days, st.integers(min_value=-600, max_value=600))
def test_add_months_keeps_the_day_or_takes_the_months_last(day: date, months: int) -> None:
    moved = add_months(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day == day.day or (moved.day < day.day and moved == month_end(moved))


@given(days, st.integers(min_value=0, max_value=1000))
def test_month_ends_are_the_days_before_a_first(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    every = [first + timedelta(days=n) for n in range(length + 1)]
    assert month_ends(first, last) == [d for d in every if (d + timedelta(days=1)).day == 1]


def test_stages_are_read_with_dash_or_underscore() -> None:
    assert Stage.parse(" Pre-Loan ") is Stage.PRE_LOAN
    assert Stage.parse("post_loan").slug == "post-loan"
