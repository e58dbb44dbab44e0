"""Dates as the guarantee business counts them."""

import calendar
from datetime import date, timedelta


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later, or that month's last day.

    >>> add_months(date(2006, 9, 30), 36)
    datetime.date(2009, 9, 30)
    >>> add_months(date(2024, 1, 31), 1)
    datetime.date(2024, 2, 29)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    month += 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def month_end(day: date) -> date:
    """The last day of the month that `day` lies in.

    >>> month_end(date(2024, 2, 3))
    datetime.date(2024, 2, 29)
    """
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def month_ends(first: date, last: date, step: int = 1) -> list[date]:
    """Month ends from `first` to `last`, both included, of every `step`-th month of the year.

    >>> month_ends(date(2024, 1, 1), date(2024, 7, 31), step=3)
    [datetime.date(2024, 3, 31), datetime.date(2024, 6, 30)]
    """
    ends = []
    day = month_end(first)
    while day <= last:
        if day.month % step == 0:
            ends.append(day)
        day = month_end(day + timedelta(days=1))
    return ends
