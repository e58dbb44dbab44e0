"""A dated view of the book, and exact sums over it by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import pyarrow as pa

from vouch.book.book import Known
from vouch.errors import PolicyError
from vouch.monitoring.measures import layout

Group = str | None
Sums = dict[Group, Fraction | None]
Figures = Mapping[str, Mapping[str, Decimal]]

_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Period:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def sql(self) -> str:
        """The bounds of a BETWEEN."""
        return f"DATE '{self.first}' AND DATE '{self.last}'"


def period(name: str, as_of: date) -> Period:
    """The period of a name that ends on a day, that day included.

    >>> period("rolling_365d", date(2025, 6, 30)).first
    datetime.date(2024, 7, 1)
    >>> period("calendar_year", date(2025, 6, 30)).first
    datetime.date(2025, 1, 1)

    Raises:
        PolicyError: there is no such period.
    """
    firsts = {
        "rolling_365d": as_of - timedelta(days=364) if as_of.year > 1 else date.min,
        "calendar_year": as_of.replace(month=1, day=1),
        "since_inception": date.min,
    }
    if name not in firsts:
        raise PolicyError(f"period is {name!r}; known are {', '.join(firsts)}")
    return Period(firsts[name], as_of)


def fen(amount: object) -> int:
    """Yuan as a whole number of fen.

    >>> fen("5000000.00")
    500000000
    """
    return int(Decimal(str(amount)) * 100)


def literal(value: object) -> str:
    """A text or a list of texts of a policy file, as SQL.

    >>> literal(["a", "it's"])
    "['a', 'it''s']"
    """
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return "'" + str(value).replace("'", "''") + "'"


@dataclass(frozen=True)
class View:
    """What is known of a book, on `known.as_of`, grouped.

    Args:
        known: the door to the book.
        by: one of `layout.GROUPINGS`, or None for the whole.
        figures: what the book does not hold, by guarantor: equity held in other guarantors, fees,
            reserves, losses … in yuan.
    """

    known: Known
    by: str | None = None
    figures: Figures = field(default_factory=dict)

    def period(self, name: str) -> Period:
        """The period of a name that ends on the view's day."""
        return period(name, self.known.as_of)

    def total(self, table: str, expression: str, where: str = "true") -> Sums:
        """The sum of a whole-number expression by group; `table` may be SQL in parentheses."""
        found = self.query(
            f"SELECT part, sum({expression})::HUGEINT AS total FROM {table} "
            f"WHERE {where} GROUP BY part ORDER BY part"
        )
        return {row["part"]: Fraction(int(row["total"] or 0)) for row in found}

    def money(self, table: str, expression: str, where: str = "true") -> Sums:
        """Like `total` for an expression in fen; the sums are in yuan."""
        return scaled(self.total(table, expression, where), Fraction(1, 100))

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of SQL over the tables of `layout`; those that it names are made when needed."""
        return list(self.each(sql))

    def each(self, sql: str) -> Iterator[dict[str, Any]]:
        """The same row by row: a million rows as Python objects take gigabytes."""
        given = {name: self._table(name) for name in layout.NAMES if name in sql}
        for batch in self.known.query(sql, given=given).to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield from batch.to_pylist()

    def figure(self, name: str) -> Sums:
        """A figure that the book does not hold, by group; None where one is missing."""
        return self.of_guarantors({g: self.given(g, name) for g in self.guarantors})

    def given(self, guarantor: str, name: str) -> Fraction | None:
        """One guarantor's figure, or None."""
        value = self.figures.get(guarantor, {}).get(name)
        return None if value is None else Fraction(value)

    def of_guarantors(self, values: Sums) -> Sums:
        """Amounts of guarantors by group: each its own, or their sum where all are known.

        Another grouping cannot divide them and has None.
        """
        if self.by == "guarantor":
            return values
        if self.by is not None:
            return dict.fromkeys(self.parts)
        known = [value for value in values.values() if value is not None]
        complete = known and len(known) == len(values)
        return {None: sum(known, Fraction(0)) if complete else None}

    @cached_property
    def guarantors(self) -> list[str]:
        """Everyone who guarantees or has guaranteed something."""
        rows = self.query("SELECT DISTINCT guarantor FROM guarantees ORDER BY 1")
        return [row["guarantor"] for row in rows]

    @cached_property
    def parts(self) -> list[Group]:
        """The groups that guarantees fall into."""
        return [
            row["part"] for row in self.query("SELECT DISTINCT part FROM guarantees ORDER BY 1")
        ]

    @cached_property
    def net_assets(self) -> dict[str, Fraction | None]:
        """Net assets last stated by each guarantor, in yuan."""
        rows = self.query("SELECT guarantor_id, net_assets FROM guarantors")
        return {
            row["guarantor_id"]: None if row["net_assets"] is None else Fraction(row["net_assets"])
            for row in rows
        }

    @cached_property
    def names(self) -> dict[str, str]:
        """What people call the groups that have a name."""
        if self.by not in ("guarantor", "lender"):
            return {}
        key = f"{self.by}_id"
        table = self.known.current(self.by)
        rows = self.known.query(f"SELECT {key} AS key, name FROM {table} WHERE name IS NOT NULL")
        return {row["key"]: row["name"] for row in rows.to_pylist()}

    @property
    def notes(self) -> list[str]:
        """What could not be counted in what was asked so far, in words."""
        missing = {
            name: table["fen"].null_count
            for name, table in self._tables.items()
            if "fen" in table.column_names
        }
        orphans = {
            name: table["loan"].null_count
            for name, table in self._tables.items()
            if name in layout.EVENTS
        }
        return [
            f"{n:,} {name} have no amount and are in no sum" for name, n in missing.items() if n
        ] + [
            f"{n:,} {name} are of guarantees that the book does not hold; they count as "
            f"{layout.UNKNOWN}"
            for name, n in orphans.items()
            if n
        ]

    def _table(self, name: str) -> pa.Table:
        if name not in self._tables:
            if name == "guarantors":
                made = layout.guarantors(self.known)
            elif name == "guarantees":
                made = layout.guarantees(self.known, self.by)
            else:
                made = layout.events(self.known, self.by, name, self._table("guarantees"))
            self._tables[name] = made
        return self._tables[name]

    @cached_property
    def _tables(self) -> dict[str, pa.Table]:
        return {}


def scaled(sums: Sums, factor: Fraction) -> Sums:
    """Every sum times a factor."""
    return {group: None if v is None else v * factor for group, v in sums.items()}


def combined(*terms: Sums) -> Sums:
    """The sum of sums, group by group; a group missing from one counts as nothing there."""
    groups = dict.fromkeys(group for sums in terms for group in sums)
    found: Sums = {}
    for group in groups:
        values = [sums.get(group, Fraction(0)) for sums in terms]
        known = [value for value in values if value is not None]
        found[group] = sum(known, Fraction(0)) if len(known) == len(values) else None
    return found
