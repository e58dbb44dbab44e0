"""The portfolio's own history: how guarantees like this one had fared by a given day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from vouch.book.book import Known
from vouch.compiled import compiled
from vouch.features.asof import NEVER, FactTable, Floats, Integers, Objects
from vouch.features.given import Lazy
from vouch.features.groupings import GROUPED_BY, GROUPINGS, groups_of
from vouch.features.vintages import SIGN_DAYS, Vintages

# A group's record is pulled towards the average as if this many compensations had been expected of
# it and had happened: below that, its own record is mostly chance.
PRIOR_COMPENSATIONS = 2.0

# A lender's typical amount is pulled towards exp(12), about 160,000, by this many guarantees.
PRIOR_AMOUNTS, PRIOR_LOG_AMOUNT = 5.0, 12.0

# A guarantee is exposed for three years: compensations later than that are not counted either.
OBSERVED_DAYS = 1096.0

_SPAN, _SHIFT = 2.0**20, 2.0**17  # days: more than lie between any two dates, and before 1970
_FINE = 2.0**20  # logarithms are summed as whole multiples of 1 / _FINE, which is exact


@dataclass(frozen=True)
class _Days:
    """Sorted days of each group, one group after the other, with running sums over all of them.

    `keys` is group · SPAN + SHIFT + day, so that one search finds a place in any group. Days are
    whole numbers, so sums of them are exact in whatever order.
    """

    keys: Floats
    starts: Integers
    running: Floats

    @classmethod
    def of(cls, group: Integers, days: Floats, groups: int, summed: Floats | None = None) -> _Days:
        """From the group and day of each event; `summed` is added up instead of the days."""
        keys = group * _SPAN + (_SHIFT + days)
        order = np.argsort(keys, kind="stable")
        starts = np.searchsorted(group[order], np.arange(groups + 1))
        terms = (days if summed is None else summed)[order]
        running = np.concatenate([[0.0], np.cumsum(terms)])
        return cls(keys[order], starts.astype(np.int64), running)

    def before(self, group: Integers, limit: Floats) -> Integers:
        """The place of the first event of each group on or after its limit; group -1 has none."""
        return places(self.keys, group, limit)

    def count(self, group: Integers, since: Floats, until: Floats) -> Floats:
        """Events in [since, until)."""
        return counted(self.keys, group, since, until)

    def total(self, group: Integers, since: Floats, until: Floats) -> Floats:
        """The sum over events in [since, until)."""
        last, first = self.before(group, until), self.before(group, since)
        return self.running[last] - self.running[first]

    def elapsed(self, group: Integers, until: Floats) -> Floats:
        """Days passed by `until` since each event before it, summed."""
        return passed(self.keys, self.starts, self.running, group, until)


@compiled
def place(keys: Floats, group: int, limit: float) -> int:
    """The place of the first event of a group on or after a limit; group -1 has none."""
    if group < 0:
        return 0
    inside = min(max(_SHIFT + limit, 0.0), _SPAN - 1.0)
    return int(np.searchsorted(keys, group * _SPAN + inside))


@compiled
def places(keys: Floats, group: Integers, limit: Floats) -> Integers:
    """`place` of each case."""
    found = np.empty(len(group), np.int64)
    for case in range(len(group)):
        found[case] = place(keys, group[case], limit[case])
    return found


@compiled
def counted(keys: Floats, group: Integers, since: Floats, until: Floats) -> Floats:
    """Events in [since, until) of each case's group."""
    found = np.empty(len(group))
    for case in range(len(group)):
        last = place(keys, group[case], until[case])
        found[case] = last - place(keys, group[case], since[case])
    return found


@compiled
def passed(
    keys: Floats, starts: Integers, running: Floats, group: Integers, until: Floats
) -> Floats:
    """Days passed by `until` since each event before it, summed per case."""
    found = np.zeros(len(group))
    for case in range(len(group)):
        if group[case] >= 0:
            first, last = starts[group[case]], place(keys, group[case], until[case])
            found[case] = (last - first) * until[case] - (running[last] - running[first])
    return found


@dataclass(frozen=True)
class Tracks:
    """The records of the groups of one grouping, by group number; -1 is a group not seen before.

    A guarantee is exposed from the day it was known until it was called or OBSERVED_DAYS old.
    """

    numbers: Mapping[Any, int]
    known: _Days
    ended: _Days
    called: _Days
    amounts: _Days

    @classmethod
    def of(cls, groups: Objects, known: Floats, called: Floats, amounts: Floats) -> Tracks:
        """From guarantees: the group of each (None for none), its days and its amount."""
        names = list(dict.fromkeys(groups.tolist()))
        numbers = {name: number for number, name in enumerate(n for n in names if n is not None)}
        group = _numbered(numbers, groups)
        there = group >= 0
        group, known, called, amounts = group[there], known[there], called[there], amounts[there]
        horizon = known + OBSERVED_DAYS
        seen = called <= horizon
        logs = np.log(np.where(amounts > 0, amounts, np.exp(PRIOR_LOG_AMOUNT)))
        count = len(numbers)
        return cls(
            numbers,
            _Days.of(group, known, count),
            _Days.of(group, np.fmin(horizon, called), count),
            _Days.of(group[seen], called[seen], count),
            _Days.of(group, known, count, np.round(logs * _FINE)),
        )

    def number(self, groups: Objects) -> Integers:
        """The number of each group."""
        return _numbered(self.numbers, groups)

    def compensations(self, group: Integers, since: Floats, until: Floats) -> Floats:
        """Compensations known in [since, until)."""
        return self.called.count(group, since, until)

    def guarantees(self, group: Integers, since: Floats, until: Floats) -> Floats:
        """Guarantees known in [since, until)."""
        return self.known.count(group, since, until)

    def exposure(self, group: Integers, since: Floats, until: Floats) -> Floats:
        """Days at risk in [since, until), summed over the group."""
        return self._at_risk(group, until) - self._at_risk(group, since)

    def log_amount(self, group: Integers, since: Floats, until: Floats) -> Floats:
        """Sum of the logarithms of the amounts known in [since, until), to a millionth each."""
        return self.amounts.total(group, since, until) / _FINE

    def _at_risk(self, group: Integers, until: Floats) -> Floats:
        return self.known.elapsed(group, until) - self.ended.elapsed(group, until)


def _numbered(numbers: Mapping[Any, int], groups: Objects) -> Integers:
    get = numbers.get
    return np.fromiter((get(name, -1) for name in groups), dtype=np.int64, count=len(groups))


@dataclass(frozen=True)
class PortfolioIndex:
    """Every guarantee's borrower and groups, the days on which it became known, late and called.

    `table` has one row per guarantee: guarantee_id, borrower_id, what groups it, `known_day`,
    `late_day` and `called_day` (days since 1970-01-01, null where neither 60 days past due nor a
    compensation was known). It is small enough to ship with a model.
    """

    table: pa.Table

    @classmethod
    def of(cls, known: Known) -> PortfolioIndex:
        """Read the index through the door: nothing that was known later is in it."""
        first = "QUALIFY row_number() OVER (PARTITION BY guarantee_id ORDER BY known_at) = 1"
        return cls(
            known.query(f"""
            WITH g AS (SELECT * FROM {known.versions("guarantee")} {first}),
            c AS (SELECT guarantee_id, min(known_at) AS called FROM {known.versions("compensation")}
                  GROUP BY 1),
            l AS (SELECT guarantee_id, min(known_at) AS late
                  FROM {known.versions("performance")} WHERE days_past_due >= {SIGN_DAYS}
                  GROUP BY 1)
            SELECT g.guarantee_id, g.borrower_id, g.lender_id AS lender, g.channel, b.industry,
                coalesce(g.project_region, b.region) AS region, b.legal_form, g.product, g.scheme,
                g.amount::DOUBLE AS amount,
                g.guaranteed_amount::DOUBLE / g.amount::DOUBLE AS share,
                (greatest(g.known_at, g.event_at) - DATE '1970-01-01')::DOUBLE AS known_day,
                (l.late - DATE '1970-01-01')::DOUBLE AS late_day,
                (c.called - DATE '1970-01-01')::DOUBLE AS called_day
            FROM g LEFT JOIN c USING (guarantee_id) LEFT JOIN l USING (guarantee_id)
            ASOF LEFT JOIN {known.versions("borrower")} b
                ON g.borrower_id = b.borrower_id AND g.known_at >= b.known_at
            ORDER BY known_day, g.guarantee_id""")
        )

    @cached_property
    def by_borrower(self) -> FactTable:
        """The guarantees of each borrower."""
        return _of_borrowers(self.table, "known_day")

    @cached_property
    def compensations_by_borrower(self) -> FactTable:
        """The compensations of each borrower."""
        called = self.table.filter(pa.compute.is_valid(self.table["called_day"]))
        return _of_borrowers(called, "called_day")

    @cached_property
    def tracks(self) -> Mapping[str, Tracks]:
        """The tracks of each grouping; "everything" has the whole portfolio as its one group.

        Those of a grouping are made when first asked for: over a large book each takes memory.
        """
        return Lazy(GROUPINGS, self._track)

    def _track(self, grouping: str) -> Tracks:
        columns = Lazy(GROUPED_BY, self._texts)
        amount, share = self._numbers("amount"), self._numbers("share")
        group = groups_of(columns, amount, share)[grouping]
        return Tracks.of(group, self._numbers("known_day"), self._numbers("called_day"), amount)

    @cached_property
    def vintages(self) -> Vintages:
        """The course of every guarantee from the day it was known."""
        called, late = self._numbers("called_day"), self._numbers("late_day")
        ends = np.where(np.isnan(called), np.inf, called)
        return Vintages(self._numbers("known_day"), ends, np.fmin(late, ends))

    @cached_property
    def levels(self) -> dict[float, float]:
        """The book's level by day, as far as it was asked for."""
        return {}

    def _texts(self, name: str) -> Objects:
        """A column, all None in an index made before the column was."""
        if name not in self.table.column_names:
            return np.full(self.table.num_rows, None, dtype=object)
        return np.asarray(self.table[name].to_pylist(), dtype=object)

    def _numbers(self, name: str) -> Floats:
        """A column, all NaN in an index made before the column was."""
        if name not in self.table.column_names:
            return np.full(self.table.num_rows, np.nan)
        values = self.table[name].to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)


def _of_borrowers(table: pa.Table, day: str) -> FactTable:
    ordered = table.sort_by([("borrower_id", "ascending"), (day, "ascending")])
    days = ordered[day].to_numpy()
    ids = np.asarray(ordered["guarantee_id"].to_pylist(), dtype=object)
    columns: dict[str, Floats | Objects] = {"guarantee_id": ids, "event_at": days}
    columns |= {"known_at": days, "superseded_at": np.full(len(days), NEVER)}
    columns["amount"] = np.asarray(ordered["amount"].to_numpy(), dtype=np.float64)
    borrowers = ordered["borrower_id"].combine_chunks().dictionary_encode()
    codes = borrowers.indices.to_numpy()
    starts = np.searchsorted(codes, np.arange(len(borrowers.dictionary) + 1)).astype(np.int64)
    numbers = {name: number for number, name in enumerate(borrowers.dictionary.to_pylist())}
    return FactTable(columns, numbers, starts)


class Portfolio:
    """The portfolio as each case could see it: everything known before the case's day.

    Args:
        index: the portfolio's history.
        as_of: the day of each case.
        groups: the group of each case in each grouping, as `groups_of` gives them.
    """

    def __init__(self, index: PortfolioIndex, as_of: Floats, groups: Mapping[str, Objects]) -> None:
        self._index = index
        self._as_of = as_of
        self._groups = groups
        self._made: dict[tuple[str, ...] | tuple[str, str, float], Any] = {}

    def relative_rate(self, group: str, days: float) -> Floats:
        """Compensations of the case's group over those expected at the whole portfolio's rate.

        (called + PRIOR) / (rate · exposure + PRIOR) over the last `days`: 1 is average, 2 twice as
        many. A group not seen before is average.
        """
        exposure = self._sums("everything", days, "exposure")
        called = self._sums("everything", days, "compensations")
        rate = np.divide(called, exposure, out=np.zeros(len(called)), where=exposure > 0)
        seen = self._sums(group, days, "compensations")
        expected = rate * self._sums(group, days, "exposure")
        return (seen + PRIOR_COMPENSATIONS) / (expected + PRIOR_COMPENSATIONS)

    def yearly_rate(self, days: float) -> Floats:
        """Compensations per guarantee and year of exposure in the whole portfolio."""
        exposure = self._sums("everything", days, "exposure")
        called = self._sums("everything", days, "compensations") * 365.0
        rate: Floats = np.full(len(called), np.nan)
        return np.divide(called, exposure, out=rate, where=exposure > 0)

    def vintage_level(self) -> Floats:
        """The level that recent vintages show, by what was known before the case's month."""
        months = self._as_of.astype("datetime64[D]").astype("datetime64[M]")
        first = months.astype("datetime64[D]").astype(np.float64)
        return np.array([self._level(day) for day in first.tolist()])

    def _level(self, day: float) -> float:
        levels = self._index.levels
        if day not in levels:
            levels[day] = self._index.vintages.level(day)
        return levels[day]

    def volume(self, group: str, days: float) -> Floats:
        """Guarantees of the case's group in the last `days`."""
        return self._sums(group, days, "guarantees")

    def typical_amount(self, group: str, days: float) -> Floats:
        """Geometric mean amount of the group's guarantees in the last `days`, shrunk."""
        total = self._sums(group, days, "log_amount") + PRIOR_AMOUNTS * PRIOR_LOG_AMOUNT
        typical: Floats = np.exp(total / (self.volume(group, days) + PRIOR_AMOUNTS))
        return typical

    def _sums(self, group: str, days: float, measure: str) -> Floats:
        key = (group, measure, days)
        if key not in self._made:
            tracks = self._index.tracks[group]
            if (group,) not in self._made:
                self._made[(group,)] = tracks.number(self._groups[group])
            number = self._made[(group,)]
            since = self._as_of - days
            self._made[key] = getattr(tracks, measure)(number, since, self._as_of)
        found: Floats = self._made[key]
        return found
