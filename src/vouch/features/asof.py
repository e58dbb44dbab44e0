"""The as-of engine: what was visible of a history on a date, for one case or a million.

Facts of one table lie in columns, sorted by entity, natural key and `known_at`. For a case (an
entity and a date) a fact is visible when it had happened and was known by that date and no later
version of it was known yet. Features are reductions over the visible facts, so one definition
serves training, bulk scoring and the service, and gives the same number bit for bit in all three.

Dates are days since 1970-01-01 as float64 (NaN where missing); numbers are float64; texts are
object arrays with None where missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vouch.compiled import compiled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Objects = NDArray[np.object_]

NEVER = np.inf


_NO_ROWS: Integers = np.zeros(0, dtype=np.int64)


def _numbers(entities: Mapping[str, int], names: Sequence[Any] | Objects) -> Integers:
    get = entities.get
    return np.fromiter((get(name, -1) for name in names), dtype=np.int64, count=len(names))


class Entities(Mapping[str, int]):
    """Numbers of entities by name; tables of the same entities share one.

    The names last asked for are remembered with their numbers: forty tables of signals are asked
    for the same borrowers one after the other.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(names)}
        self._last: tuple[Any, Integers] = (None, _NO_ROWS)

    def __getitem__(self, name: str) -> int:
        """The number of an entity."""
        return self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers(self, names: Sequence[Any] | Objects) -> Integers:
        """The number of each name, -1 for a stranger; names must not change afterwards."""
        last, found = self._last
        if last is not names:
            found = _numbers(self._numbers, names)
            self._last = names, found
        return found


@dataclass(frozen=True)
class FactTable:
    """Columns of one table, its rows sorted by entity, key and known_at.

    `starts[e]:starts[e + 1]` are the rows of entity number `e`, whose name is `entities[e]`.
    """

    columns: Mapping[str, Floats | Objects]
    entities: Mapping[str, int]
    starts: Integers

    @classmethod
    def build(cls, entity: Sequence[Any], columns: Mapping[str, Floats | Objects]) -> FactTable:
        """Index rows that are already sorted so that equal entities stand together."""
        names: dict[str, int] = {}
        starts: list[int] = []
        previous: Any = None
        for row, name in enumerate(entity):
            if row == 0 or name != previous:
                names[name] = len(starts)
                starts.append(row)
                previous = name
        starts.append(len(entity))
        return cls(columns, names, np.asarray(starts, dtype=np.int64))

    def numbers(self, entity_names: Sequence[Any] | Objects) -> Integers:
        """The number of each named entity, -1 for one without any fact."""
        if isinstance(self.entities, Entities):
            return self.entities.numbers(entity_names)
        return _numbers(self.entities, entity_names)

    def history(
        self, entity_names: Sequence[Any] | Objects, as_of: Floats, own: Objects | None = None
    ) -> History:
        """What was visible of each entity on its date.

        Args:
            entity_names: one per case.
            as_of: the date of each case, in days.
            own: per case the guarantee whose rows are left out.
        """
        if not self.starts[-1]:
            return History(self, _NO_ROWS, _NO_ROWS, as_of)
        known, superseded, event = (
            np.asarray(self.columns[name], dtype=np.float64)
            for name in ("known_at", "superseded_at", "event_at")
        )
        numbers = self.numbers(entity_names)
        rows, case = visible(self.starts, numbers, as_of, known, superseded, event)
        if own is None:
            return History(self, rows, case, as_of)
        others = self.columns["guarantee_id"][rows] != own[case]
        return History(self, rows[others], case[others], as_of)


@compiled
def visible(
    starts: Integers,
    numbers: Integers,
    as_of: Floats,
    known: Floats,
    superseded: Floats,
    event: Floats,
) -> tuple[Integers, Integers]:
    """The rows visible of each numbered entity on its date, and to which case each belongs.

    One pass: with a few facts, as in a request, starting an operation of numpy costs more than it.
    """
    most = 0
    for number in numbers:
        if number >= 0:
            most += starts[number + 1] - starts[number]
    rows, case, count = np.empty(most, np.int64), np.empty(most, np.int64), 0
    for i, number in enumerate(numbers):
        if number >= 0:
            day = as_of[i]
            for row in range(starts[number], starts[number + 1]):
                if known[row] <= day and superseded[row] > day and event[row] <= day:
                    rows[count], case[count] = row, i
                    count += 1
    return rows[:count], case[:count]


@compiled
def summed(values: Floats, case: Integers, size: int) -> tuple[Floats, Floats]:
    """Per case the sum of the values that are there, and how many those are."""
    found, count = np.zeros(size), np.zeros(size)
    for i, value in enumerate(values):
        if not np.isnan(value):
            found[case[i]] += value
            count[case[i]] += 1.0
    return found, count


@dataclass(frozen=True)
class History:
    """The visible facts of many cases: `rows` of the table, each belonging to a `case`.

    Rows of one case stand together, oldest event first. Reductions give one value per case, NaN
    where a case has no fact (counts and sums give 0).
    """

    table: FactTable
    rows: Integers
    case: Integers
    as_of: Floats

    @property
    def size(self) -> int:
        """Number of cases."""
        return len(self.as_of)

    @cached_property
    def lengths(self) -> Integers:
        """Number of visible facts per case."""
        return np.bincount(self.case, minlength=self.size)

    @cached_property
    def _heads(self) -> Integers:
        ends = np.cumsum(self.lengths)
        return (ends - self.lengths)[self.lengths > 0]

    @cached_property
    def _made(self) -> dict[Any, Any]:
        """Columns and windows asked for so far: many features ask for the same."""
        return {}

    def column(self, name: str) -> Floats:
        """A numeric column, one value per visible fact."""
        if name not in self._made:
            values = np.asarray(self.table.columns[name], dtype=np.float64)
            self._made[name] = values[self.rows]
        found: Floats = self._made[name]
        return found

    @cached_property
    def age(self) -> Floats:
        """Days from each fact's event to the case's date."""
        return self.as_of[self.case] - self.column("event_at")

    def where(self, mask: Flags) -> History:
        """Only the facts for which `mask` (one per visible fact) holds."""
        return History(self.table, self.rows[mask], self.case[mask], self.as_of)

    def within(self, days: float) -> History:
        """Only facts whose event lies less than `days` before the case's date."""
        if days not in self._made:
            self._made[days] = self.where(self.age < days)
        found: History = self._made[days]
        return found

    def between(self, older: float, newer: float) -> History:
        """Only facts whose age in days lies in [newer, older)."""
        return self.where((self.age < older) & (self.age >= newer))

    def _reduce(self, ufunc: np.ufunc, values: Floats, empty: float) -> Floats:
        found: Floats = np.full(self.size, empty)
        if len(values):
            found[self.lengths > 0] = ufunc.reduceat(values, self._heads)
        return found

    def count(self) -> Floats:
        """Number of facts per case."""
        return self.lengths.astype(np.float64)

    def sum(self, name: str) -> Floats:
        """Sum of a column, missing values as 0."""
        return summed(self.column(name), self.case, self.size)[0]

    def max(self, name: str) -> Floats:
        """Largest value, missing ones ignored."""
        return self._reduce(np.fmax, self.column(name), np.nan)

    def min(self, name: str) -> Floats:
        """Smallest value, missing ones ignored."""
        return self._reduce(np.fmin, self.column(name), np.nan)

    def mean(self, name: str) -> Floats:
        """Mean of the values that are there."""
        found, count = summed(self.column(name), self.case, self.size)
        return found / np.where(count > 0, count, np.nan)

    def last(self, name: str) -> Floats:
        """The value of the newest event."""
        found: Floats = np.full(self.size, np.nan)
        has = self.lengths > 0
        found[has] = self.column(name)[np.cumsum(self.lengths)[has] - 1]
        return found

    def days_of_run(self, mask: Flags) -> Floats:
        """Days from the first fact of the newest unbroken run that `mask` holds for to the date.

        NaN where the newest fact is not of such a run.
        """
        found: Floats = np.full(self.size, np.nan)
        has = self.lengths > 0
        if not has.any():
            return found
        position = np.arange(len(self.rows))
        broken = np.maximum.reduceat(np.where(mask, -1, position), self._heads)
        first = np.maximum(broken + 1, self._heads)
        is_run = first < np.cumsum(self.lengths)[has]
        days = self.age[np.minimum(first, len(self.rows) - 1)]
        found[has] = np.where(is_run, days, np.nan)
        return found

    def first(self, name: str) -> Floats:
        """The value of the oldest event."""
        found: Floats = np.full(self.size, np.nan)
        found[self.lengths > 0] = self.column(name)[self._heads]
        return found

    def days_since_last(self) -> Floats:
        """Days since the newest event."""
        return self.as_of - self.last("event_at")


@dataclass(frozen=True)
class Current:
    """The latest visible version of one entity per case; `rows` is -1 where nothing is known."""

    table: FactTable
    rows: Integers
    as_of: Floats

    @classmethod
    def of(cls, history: History) -> Current:
        """The newest known of each case's visible facts."""
        rows = np.full(history.size, -1, dtype=np.int64)
        has = history.lengths > 0
        rows[has] = history.rows[np.cumsum(history.lengths)[has] - 1]
        return cls(history.table, rows, history.as_of)

    @cached_property
    def is_known(self) -> Flags:
        """Whether anything is known of each case's entity."""
        return self.rows >= 0

    @cached_property
    def _made(self) -> dict[str, Any]:
        """Columns asked for so far: many features ask for the same, and none changes it."""
        return {}

    def number(self, name: str) -> Floats:
        """A numeric column per case, NaN where unknown."""
        if name not in self._made:
            self._made[name] = self._column(name, np.float64, np.nan)
        found: Floats = self._made[name]
        return found

    def text(self, name: str) -> Objects:
        """A text column per case, None where unknown."""
        if name not in self._made:
            self._made[name] = self._column(name, object, None)
        found: Objects = self._made[name]
        return found

    def _column(self, name: str, kind: Any, unknown: float | None) -> Any:
        values = np.asarray(self.table.columns[name], dtype=kind)
        if not len(values):
            return np.full(len(self.rows), unknown, dtype=kind)
        found = values[self.rows]
        found[~self.is_known] = unknown
        return found

    def days_since(self, name: str) -> Floats:
        """Days from a date column to the case's date."""
        return self.as_of - self.number(name)


@dataclass(frozen=True)
class Feature:
    """A declared feature: its function and what a reader needs to know of it.

    `zh` and `en` are the names used in reasons; `unit` says how a value is written.
    """

    name: str
    function: Any
    inputs: tuple[str, ...]
    zh: str
    en: str
    unit: Unit
    about: str

    @property
    def is_category(self) -> bool:
        """Whether values are texts."""
        return self.unit == "category"


Unit = Literal["days", "yuan", "share", "count", "years", "months", "flag", "category", "ratio"]
