"""Dates as the guarantee business counts them."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo


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


@dataclass(frozen=True)
class WorkCalendar:
    """Which days are worked where people are.

    `holidays` are days off besides Saturdays and Sundays, `worked` are weekend days worked in
    their stead, `years` those whose holidays are known: in others only weekends are days off.
    """

    zone: tzinfo
    holidays: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()
    years: frozenset[int] = frozenset()

    def day(self, moment: datetime) -> date:
        """The day that a moment lies in, where people are."""
        return moment.astimezone(self.zone).date()

    def start_of(self, day: date) -> datetime:
        """The first moment of a day, in UTC."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def end_of(self, day: date) -> datetime:
        """The moment after the last one of a day, in UTC."""
        return self.start_of(day + timedelta(days=1))

    def is_worked(self, day: date) -> bool:
        """Whether people work on a day.

        >>> off, worked = frozenset({date(2024, 10, 1)}), frozenset({date(2024, 9, 29)})
        >>> china = WorkCalendar(UTC, off, worked)
        >>> [china.is_worked(date(2024, 9, 28) + timedelta(days=n)) for n in range(4)]
        [False, True, True, False]
        """
        if day in self.worked:
            return True
        return day.weekday() < 5 and day not in self.holidays

    def later(self, moment: datetime, span: timedelta) -> datetime:
        """The moment after `span` of working days, each of 24 hours; days off take no time.

        >>> week = WorkCalendar(UTC)
        >>> str(week.later(datetime(2024, 6, 28, 10, tzinfo=UTC), timedelta(days=3)))
        '2024-07-03 10:00:00+00:00'
        """
        at, left = moment.astimezone(UTC), span
        while True:
            day = self.day(at)
            end = self.end_of(day)
            if self.is_worked(day):
                if at + left < end:
                    return at + left
                left -= end - at
            at = end
