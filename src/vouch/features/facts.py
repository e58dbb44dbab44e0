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
from vouch.features.asof import (
    NEVER,
    Current,
    Entities,
    FactTable,
    Feature,
    Floats,
    History,
    Integers,
    Objects,
)
from vouch.features.given import Lazy, given_tables
from vouch.features.groupings import groups_of
from vouch.features.portfolio import Portfolio, PortfolioIndex

EPOCH = date(1970, 1, 1)
CASE_TABLES = ("guarantee", "borrower", "lender", "performance", "signal")  # signals last


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

    def take(self, rows: Integers) -> Cases:
        """The cases at these positions."""
        return Cases([self.guarantee_ids[row] for row in rows.tolist()], self.as_of[rows])


@dataclass(frozen=True)
class Facts:
    """Fact tables by name: the book's own, and one for each kind of signal."""

    tables: Mapping[str, FactTable]

    @classmethod
    def of(cls, known: Known, guarantee_ids: Sequence[str]) -> Facts:
        """Everything known about these guarantees, their borrowers and lenders.

        A table is read when a feature first asks for it.
        """
        wanted = {"guarantee_id": sorted(set(guarantee_ids))}
        guarantees = known.histories("guarantee", wanted["guarantee_id"])
        for other in ("borrower_id", "lender_id"):
            names = guarantees[other].unique().drop_null()
            wanted[other] = names.sort().to_pylist()

        def read(name: str) -> pa.Table:
            return known.histories(name, wanted[TABLES[name].entity])

        rows = Lazy(CASE_TABLES, lambda name: guarantees if name == "guarantee" else read(name))

        entities = Lazy(list(wanted), lambda entity: Entities(wanted[entity]))

        def make(name: str) -> FactTable:
            if name in SIGNAL_KINDS:
                of_kind = rows["signal"].filter(pa.compute.equal(rows["signal"]["kind"], name))
                return _indexed("signal", of_kind, entities["borrower_id"])
            return _indexed(name, rows[name], entities[TABLES[name].entity])

        return cls(Lazy([*CASE_TABLES[:-1], *SIGNAL_KINDS], make))

    @classmethod
    def of_case(cls, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Facts:
        """Facts given by a caller: rows by table, every row with `event_at` and `known_at`."""
        return cls(given_tables(rows, CASE_TABLES))


def _indexed(name: str, rows: pa.Table, entities: Entities) -> FactTable:
    """Rows as `Known.histories` gives them; columns are made when a feature first reads them."""
    position = rows["position"].to_numpy()

    def make(column: str) -> Floats | Objects:
        if column != "superseded_at":
            return plain(rows[column])
        others = [plain(rows[key]) for key in TABLES[name].key if key in rows.column_names]
        return _superseded(position, others, plain(rows["known_at"]))

    names = [c for c in rows.column_names if c != "position"]
    starts = np.searchsorted(position, np.arange(len(entities) + 1))
    return FactTable(Lazy([*names, "superseded_at"], make), entities, starts.astype(np.int64))


def _superseded(position: Any, others: Sequence[Any], known: Any) -> Floats:
    """The day from which a later version of the same key replaces each row."""
    is_same = position[1:] == position[:-1]
    for key in others:
        is_same &= key[1:] == key[:-1]
    until = np.full(len(position), NEVER)
    until[:-1][is_same] = known[1:][is_same]
    return until


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
        self._of_kind: dict[str, History] = {}

    def __len__(self) -> int:
        """Number of cases."""
        return len(self._cases)

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
            "product": guarantee.text("product"),
            "scheme": guarantee.text("scheme"),
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
            if name not in self._of_kind:
                self._of_kind[name] = self._of_borrower(name)
            return self._of_kind[name]
        if name.startswith("_") or not hasattr(type(self), name):
            raise SpecError(f"features cannot ask for {name!r}")
        return getattr(self, name)


def compute(
    features: Sequence[Feature], cases: Cases, facts: Facts, portfolio: PortfolioIndex | None
) -> dict[str, Floats | Objects]:
    """Every feature for every case: one array per feature, float64, or objects for categories."""
    return described(features, Views(facts, cases, portfolio))


def described(features: Sequence[Feature], views: Views) -> dict[str, Floats | Objects]:
    """`compute` from views that are there, with what was asked of them before."""
    if not len(views):
        return {f.name: np.zeros(0, dtype=object if f.is_category else float) for f in features}
    return {f.name: f.function(*map(views.view, f.inputs)) for f in features}
