"""Facts given by a caller, for the as-of engine: columns are made when a feature first reads them.

A request holds a few dozen facts and a model reads a few of their columns, so making every column
of every table would cost more than scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from vouch.book.schema import Kind, Table
from vouch.book.tables import SIGNAL_KINDS, TABLES
from vouch.features.asof import NEVER, FactTable, Floats, Objects

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
Row = Mapping[str, Any]
Value = TypeVar("Value")


class Lazy(Mapping[str, Value]):
    """A mapping whose values are made when first asked for."""

    def __init__(self, names: Sequence[str], make: Callable[[str], Value]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        """The value, made once."""
        if name not in self._made:
            if name not in self._names:
                raise KeyError(name)
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets the values themselves."""
        return dict, (dict(self),)


def given_tables(
    rows: Mapping[str, Sequence[Row]], names: Sequence[str]
) -> Mapping[str, FactTable]:
    """The tables of these names, and one for each kind of signal.

    Args:
        rows: by table; every row has its `event_at` and `known_at`.
    """
    plain = [name for name in names if name != "signal"]

    def make(name: str) -> FactTable:
        if name in plain:
            return _fact_table(TABLES[name], rows.get(name, ()))
        found = [row for row in rows.get("signal", ()) if row["kind"] == name]
        return _fact_table(TABLES["signal"], found)

    return Lazy([*plain, *SIGNAL_KINDS], make)


def _fact_table(table: Table, rows: Sequence[Row]) -> FactTable:
    key = (*table.key, "known_at")
    versions = sorted(rows, key=lambda row: [row[column] for column in key])
    names = [*table.by_name, "superseded_at"]

    def make(name: str) -> Floats | Objects:
        if name == "superseded_at":
            return _superseded(table.key, versions)
        return column([row.get(name) for row in versions], table.by_name[name].kind)

    return FactTable.build([row[table.entity] for row in versions], Lazy(names, make))


def _superseded(key: Sequence[str], versions: Sequence[Row]) -> Floats:
    until = [
        float(later["known_at"].toordinal() - EPOCH_ORDINAL)
        if all(row[name] == later[name] for name in key)
        else NEVER
        for row, later in pairwise(versions)
    ]
    return np.array([*until, NEVER][: len(versions)], dtype=np.float64)


def column(values: Sequence[Any], kind: Kind) -> Floats | Objects:
    """Values as the engine reads them: texts as objects, dates in days, the rest as float64."""
    if kind is Kind.TEXT:
        texts = np.empty(len(values), dtype=object)
        texts[:] = values
        return texts
    if kind is Kind.DATE:
        days = [np.nan if day is None else day.toordinal() - EPOCH_ORDINAL for day in values]
        return np.array(days, dtype=np.float64)
    numbers = [np.nan if value is None else float(value) for value in values]
    return np.array(numbers, dtype=np.float64)
