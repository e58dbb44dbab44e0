"""The facts about a set of guarantees, in the shape the as-of engine reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from vouch.book.book import Known
from vouch.book.tables import SIGNAL_KINDS, TABLES
from vouch.errors import SpecError
from vouch.features.asof import NEVER, Current, FactTable, Feature, Floats, History, Objects
from vouch.features.given import given_tables
from vouch.features.portfolio import Portfolio, PortfolioIndex, groups_of

EPOCH = date(1970, 1, 1)
CASE_TABLES = ("guarantee", "borrower", "lender", "performance", "signal")


def to_days(day: date) -> float:
    """Days since 1970-01-01.

    >>> to_days(date(1970, 2, 1))
    31.0
    """
    return float((day - EPOCH).days)


@dataclass(frozen=True)
class Cases:
    """What is to be described: guarantees, each on a date (days since 1970-01-01)."""

    guarantee_ids: Sequence[str]
    as_of: Floats

    def __len__(self) -> int:
        """Number of cases."""
        return len(self.guarantee_ids)

    def slice(self, start: int, stop: int) -> Cases:
        """The cases from `start` up to `stop`."""
        return Cases(self.guarantee_ids[start:stop], self.as_of[start:stop])


@dataclass(frozen=True)
class Facts:
    """Fact tables by name: the book's own, and one for each kind of signal."""

    tables: Mapping[str, FactTable]

    @classmethod
    def of(cls, known: Known, guarantee_ids: Sequence[str]) -> Facts:
        """Everything known about these guarantees, their borrowers and lenders."""
        given = {"wanted": pa.table({"guarantee_id": pa.array(guarantee_ids, pa.string())})}
        return cls._build(
            {name: known.query(_query(known, name), given=given) for name in CASE_TABLES}
        )

    @classmethod
    def of_case(cls, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Facts:
        """Facts given by a caller: rows by table, every row with `event_at` and `known_at`."""
        return cls(given_tables(rows, CASE_TABLES))

    @classmethod
    def _build(cls, tables: Mapping[str, pa.Table]) -> Facts:
        signals = tables["signal"]
        by_kind = {
            kind: signals.filter(pa.compute.equal(signals["kind"], kind)) for kind in SIGNAL_KINDS
        }
        everything = {name: t for name, t in tables.items() if name != "signal"} | by_kind
        return cls({name: _index(name, t) for name, t in everything.items()})


def _query(known: Known, name: str) -> str:
    table = TABLES[name]
    wanted = "SELECT guarantee_id FROM wanted"
    if table.entity != "guarantee_id":
        wanted = f"SELECT {table.entity} FROM {known.versions('guarantee', wanted)}"
    return f"SELECT * FROM {known.versions(name, wanted)} ORDER BY {', '.join(table.key)}, known_at"


def _index(name: str, table: pa.Table) -> FactTable:
    columns = {
        field.name: plain(table[field.name])
        for field in table.schema
        if field.name not in ("source", "batch")
    }
    superseded = columns["superseded_at"].astype(np.float64)
    columns["superseded_at"] = np.where(np.isnan(superseded), NEVER, superseded)
    return FactTable.build(list(columns[_entity(name)]), columns)


def _entity(name: str) -> str:
    return TABLES["signal" if name in SIGNAL_KINDS else name].entity


def plain(column: pa.ChunkedArray) -> Floats | Objects:
    """A column as the engine reads it: texts as objects, dates in days, the rest as float64."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.asarray(column.to_pylist() or [], dtype=object)
    if pa.types.is_date32(kind):
        return _floats(column.cast(pa.int32()))
    return _floats(column)


def _floats(column: pa.ChunkedArray) -> Floats:
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)


class Views:
    """What features can ask for, by parameter name; each view is made once and only if asked.

    Args:
        facts: the facts of every guarantee in `cases` (and perhaps more).
        portfolio: the portfolio's history, or None where no feature asks for it.
    """

    def __init__(self, facts: Facts, cases: Cases, portfolio: PortfolioIndex | None) -> None:
        self._facts = facts
        self._cases = cases
        self._portfolio = portfolio

    @cached_property
    def guarantee(self) -> Current:
        """The guarantee as last known."""
        table = self._facts.tables["guarantee"]
        return Current.of(table.history(self._cases.guarantee_ids, self._cases.as_of))

    @cached_property
    def borrower_ids(self) -> Objects:
        """The borrower of each case."""
        return self.guarantee.text("borrower_id")

    @cached_property
    def borrower(self) -> Current:
        """The borrower as last known."""
        return Current.of(self._of_borrower("borrower"))

    @cached_property
    def lender(self) -> Current:
        """The lender as last known."""
        table = self._facts.tables["lender"]
        return Current.of(table.history(self.guarantee.text("lender_id"), self._cases.as_of))

    @cached_property
    def performance(self) -> History:
        """The guarantee's months."""
        table = self._facts.tables["performance"]
        return table.history(self._cases.guarantee_ids, self._cases.as_of)

    @cached_property
    def earlier(self) -> History:
        """The borrower's other guarantees."""
        return self._others(self._book.by_borrower)

    @cached_property
    def earlier_compensation(self) -> History:
        """Compensations of the borrower's other guarantees."""
        return self._others(self._book.compensations_by_borrower)

    @property
    def _book(self) -> PortfolioIndex:
        if self._portfolio is None:
            raise SpecError("these features need the portfolio's history and none was given")
        return self._portfolio

    def _others(self, table: FactTable) -> History:
        own = np.asarray(self._cases.guarantee_ids, dtype=object)
        return table.history(self.borrower_ids, self._cases.as_of, own)

    @cached_property
    def portfolio(self) -> Portfolio:
        """The portfolio before the case's day."""
        guarantee, borrower = self.guarantee, self.borrower
        project, home = guarantee.text("project_region"), borrower.text("region")
        columns = {
            "lender": guarantee.text("lender_id"),
            "channel": guarantee.text("channel"),
            "industry": borrower.text("industry"),
            "legal_form": borrower.text("legal_form"),
            "region": np.where(project == None, home, project),  # noqa: E711 - elementwise
        }
        amount = guarantee.number("amount")
        groups = groups_of(columns, amount, guarantee.number("guaranteed_amount") / amount)
        return Portfolio(self._book, self._cases.as_of, groups)

    def _of_borrower(self, name: str) -> History:
        table = self._facts.tables[name]
        return table.history(self.borrower_ids, self._cases.as_of)

    def view(self, name: str) -> Any:
        """The view a parameter of this name means.

        Raises:
            SpecError: there is no such view.
        """
        if name in SIGNAL_KINDS:
            return self._of_borrower(name)
        if name.startswith("_") or not hasattr(type(self), name):
            raise SpecError(f"features cannot ask for {name!r}")
        return getattr(self, name)


def compute(
    features: Sequence[Feature], cases: Cases, facts: Facts, portfolio: PortfolioIndex | None
) -> dict[str, Floats | Objects]:
    """Every feature for every case: one array per feature, float64, or objects for categories."""
    if not len(cases):
        return {f.name: np.zeros(0, dtype=object if f.is_category else float) for f in features}
    views = Views(facts, cases, portfolio)
    made: dict[str, Any] = {}

    def view(name: str) -> Any:
        if name not in made:
            made[name] = views.view(name)
        return made[name]

    return {f.name: f.function(*(view(name) for name in f.inputs)) for f in features}
