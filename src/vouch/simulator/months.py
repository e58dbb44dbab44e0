"""Dates as arrays: days since 1970-01-01, months since 1970-01."""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

EPOCH = date(1970, 1, 1)
NEVER = np.int64(10**6)  # a day that no book reaches


def day_number(day: date) -> int:
    """Days since 1970-01-01.

    >>> day_number(date(1970, 2, 1))
    31
    """
    return (day - EPOCH).days


def as_date(day: int) -> date:
    """The date of a day number.

    >>> as_date(31)
    datetime.date(1970, 2, 1)
    """
    return EPOCH + timedelta(days=day)


def month_of(days: Ints) -> Ints:
    """The month that each day lies in."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def first_day(months: Ints) -> Ints:
    """The first day of each month."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def last_day(months: Ints) -> Ints:
    """The last day of each month.

    >>> int(last_day(np.array([1]))[0])
    58
    """
    return first_day(months + 1) - 1


def add_months(days: Ints, count: Ints) -> Ints:
    """The same day of the month `count` months later, or that month's last day."""
    months = month_of(days)
    same_day = first_day(months + count) + days - first_day(months)
    later: Ints = np.minimum(same_day, last_day(months + count))
    return later


def year_of(months: Ints) -> Ints:
    """The calendar year of each month."""
    return 1970 + months // 12
