"""The facts of one guarantee as plain values, the way the score service takes them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from vouch.book.book import Book, Known
from vouch.errors import NotFoundError

_PROVENANCE = ("source", "batch", "superseded_at")


def case_facts(book: Book, guarantee_id: str, as_of: date | None = None) -> dict[str, Any]:
    """Everything known of a guarantee, its borrower and lender on a day.

    Args:
        as_of: the day; the first day on which the application was known where None.

    Raises:
        NotFoundError: the book does not know the guarantee on that day.
    """
    day = as_of or _application_day(book, guarantee_id)
    known = book.known(day)
    guarantees = _rows(known, "guarantee", "guarantee_id", guarantee_id)
    if not guarantees:
        raise NotFoundError(f"the book knows no guarantee {guarantee_id!r} on {day}")
    guarantee = guarantees[0]
    borrower_id, lender_id = guarantee["borrower_id"], guarantee.get("lender_id")
    facts = {
        "as_of": day,
        "guarantee": guarantee,
        "borrower": _first(_rows(known, "borrower", "borrower_id", borrower_id)),
        "lender": _first(_rows(known, "lender", "lender_id", lender_id)),
        "performance": _rows(known, "performance", "guarantee_id", guarantee_id),
        "signals": _rows(known, "signal", "borrower_id", borrower_id),
    }
    return {name: value for name, value in facts.items() if value}


def _application_day(book: Book, guarantee_id: str) -> date:
    known = book.known(date.max)
    found = known.query(
        "SELECT greatest(min(known_at), arg_min(event_at, known_at)) AS day "
        f"FROM {known.versions('guarantee')} WHERE guarantee_id = ?",
        [guarantee_id],
    )
    day: date | None = found["day"][0].as_py()
    if day is None:
        raise NotFoundError(f"the book knows no guarantee {guarantee_id!r}")
    return day


def _rows(known: Known, table: str, column: str, value: str | None) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM {known.current(table)} WHERE {column} = ? ORDER BY event_at"
    return [_plain(row) for row in _pylist(known.query(sql, [value]))]


def _pylist(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _first(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    return rows[0] if rows else None


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in row.items()
        if value is not None and name not in _PROVENANCE
    }
