"""Where the cap of a portfolio stands in a period: what was released, what was claimed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar

from vouch.domain.compensation_cap import Cap, CapPeriod
from vouch.domain.risk_sharing import FEN, Scheme
from vouch.monitoring.expectation.in_force import Guarantee

Release = tuple[Decimal, int]


@dataclass(frozen=True)
class Window:
    """A period of a cap: its first and last day, and the last day before what is forecast."""

    first: date
    last: date
    as_of: date

    @property
    def ahead(self) -> tuple[int, int]:
        """The days ahead that are forecast, counted from the day asked about: (after, up to)."""
        return max((self.first - self.as_of).days - 1, 0), (self.last - self.as_of).days

    @property
    def from_day(self) -> date:
        """The day before the first that is forecast."""
        return self.as_of + timedelta(days=self.ahead[0])


def windows(scheme: Scheme, cap: Cap, as_of: date, until: date | None) -> list[Window]:
    """The periods to forecast: the one not yet over, and all that begin by `until`.

    A cap that rolls is taken over the year ahead, and year by year from there. The book holds no
    agreements: an agreement year is counted from the first day of the scheme's version.
    """
    found = [window for window in _windows(scheme, cap, as_of, until) if window.last > as_of]
    return found if until else found[:1]


def _windows(scheme: Scheme, cap: Cap, as_of: date, until: date | None) -> Iterator[Window]:
    end = max(until or as_of, as_of + timedelta(days=1))
    first, step = as_of, timedelta(days=1)
    if cap.period is CapPeriod.ROLLING_365_DAYS:
        first += step
    while first <= end:
        if cap.period is CapPeriod.ROLLING_365_DAYS:
            last = first + 364 * step
        else:
            first, last = cap.window(first, scheme.effective_from)
        yield Window(first, last, as_of)
        first = last + step


@dataclass(frozen=True)
class Standing:
    """A cap today: released so far as it is counted, the cap that gives, the claims against it."""

    first: date
    last: date
    released: Decimal
    cap_amount: Decimal
    claims: Decimal

    @property
    def burn(self) -> float | None:
        """Claims over cap; None where the cap is nothing yet."""
        return float(self.claims / self.cap_amount) if self.cap_amount else None


@dataclass(frozen=True)
class Course:
    """A cap today and how fast it goes: yuan a day of claims, and of what the cap grows by.

    Over the last days of its period, at most `Course.DAYS` of them; the pace is None while there
    are fewer than `Course.FEWEST`. `claim_count` counts the claims of the period.
    """

    DAYS: ClassVar[int] = 90
    FEWEST: ClassVar[int] = 30

    today: Standing
    claim_count: int
    claims_a_day: Decimal | None = None
    cap_a_day: Decimal | None = None

    @property
    def days_to_cap(self) -> float | None:
        """Days until claims catch up with the cap; None where they do not, or have already."""
        left = self.today.cap_amount - self.today.claims
        if self.claims_a_day is None or self.cap_a_day is None or left <= 0:
            return None
        closing = self.claims_a_day - self.cap_a_day
        return float(left / closing) if closing > 0 else None


@dataclass(frozen=True)
class History:
    """What happened to the guarantees of one portfolio: releases and claims with their days."""

    releases: Sequence[tuple[date, Release]]
    claims: Sequence[tuple[date, Decimal]]

    def released(self, first: date, last: date) -> list[Release]:
        """Loans released in a period, with the days for which they were guaranteed."""
        return [release for day, release in self.releases if first <= day <= last]

    def claimed(self, first: date, last: date) -> Decimal:
        """What the system was asked for in a period."""
        return sum((c for day, c in self.claims if first <= day <= last), Decimal("0.00"))


def standing(
    scheme: Scheme, cap: Cap, past: History, as_of: date, outstanding: Decimal
) -> Standing:
    """The cap of the period that a day lies in, as of that day."""
    first, last = cap.window(as_of, scheme.effective_from)
    base = cap.base_amount(past.released(first, as_of), outstanding)
    amount = cap.amount(base, scheme.system_share)
    return Standing(first, last, base, amount, past.claimed(first, as_of))


def course(scheme: Scheme, cap: Cap, past: History, as_of: date, outstanding: Decimal) -> Course:
    """The cap of the period that a day lies in, and the pace of its last days."""
    today = standing(scheme, cap, past, as_of, outstanding)
    count = sum(today.first <= day <= as_of for day, _ in past.claims)
    days = min((as_of - today.first).days + 1, Course.DAYS)
    if days < Course.FEWEST:
        return Course(today, count)
    before = as_of - timedelta(days=days)
    base = cap.base_amount(past.released(today.first, before), outstanding)
    grown = today.cap_amount - cap.amount(base, scheme.system_share)
    claimed = past.claimed(before + timedelta(days=1), as_of)
    return Course(today, count, claimed / days, grown / days)


def expected_base(
    cap: Cap, past: History, window: Window, ahead: Iterable[Release], outstanding: Decimal
) -> Decimal:
    """What the rate is taken of at the end of a period: released so far and yet to be released."""
    so_far = past.released(window.first, min(window.as_of, window.last))
    return cap.base_amount([*so_far, *ahead], outstanding)


def releases_ahead(guarantees: Sequence[Guarantee], window: Window) -> Iterator[Release]:
    """What the guarantees in force will release in a period by their schedules.

    The whole loan at its maturity, or evenly up to it where it is repaid in instalments. One
    whose maturity is over has no day on which to be released and is left out.
    """
    after, up_to = window.ahead
    for guarantee in guarantees:
        if guarantee.maturity_on is None:
            continue
        left = (guarantee.maturity_on - window.as_of).days
        if left <= after:
            continue
        age = (window.as_of - guarantee.terms.signed_on).days
        if guarantee.is_in_instalments:
            part = guarantee.exposure * (min(up_to, left) - after) / left
            yield part.quantize(FEN, ROUND_HALF_UP), max(age + min(up_to, left), 0)
        elif left <= up_to:
            yield guarantee.exposure, max(age + left, 0)


def loan_behind(row: Mapping[str, Any], name: str) -> Decimal:
    """The loan behind an amount of a guarantee, in yuan: amount · loan / guaranteed."""
    loan, covered = Decimal(row["loan"]), Decimal(row["covered"])
    amount = Decimal(row[name]) * loan / covered
    return amount.scaleb(-2).quantize(FEN, ROUND_HALF_UP)
