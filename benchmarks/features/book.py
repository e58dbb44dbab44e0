"""A made-up book of monthly facts, large enough to measure on: one import a month, as in life."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vouch.book.book import Book
from vouch.book.ingest import write_batch
from vouch.book.tables import TABLES
from vouch.domain.calendar import add_months, month_ends

AS_OF = date(2024, 1, 31)
_LENDERS = 200
_DAWN = np.datetime64("2010-01-31")  # before any guarantee: when all are first known
_CORRECTED = 0.01


def make(folder: Path, guarantees: int, months: int) -> Book:
    """`guarantees` with `months` monthly facts each; of every hundredth a later version too."""
    rng = np.random.default_rng(1)
    book = Book(folder, create=True)
    ids = _names("G", np.arange(guarantees))
    first = add_months(AS_OF, -months)
    started = np.datetime64(first) - rng.integers(0, 700, guarantees)
    amount = np.exp(rng.normal(13, 1, guarantees)).round(2)
    write_batch(book, "static", "vouch", _static(rng, ids, started, amount), [])
    balance = amount
    for number, end in enumerate(month_ends(first, date(2023, 12, 31), 1)):
        balance = (balance * rng.uniform(0.94, 1, guarantees)).round(2)
        rows = _month(rng, ids, balance, np.datetime64(end))
        write_batch(book, f"month-{number:02d}", "vouch", {"performance": rows}, [])
    return book


def _names(prefix: str, numbers: Any) -> Any:
    return np.char.add(prefix, np.char.zfill(numbers.astype(str), 8)).astype(object)


def _table(name: str, columns: dict[str, Any]) -> pa.Table:
    """A table of the book; columns that are not given are empty."""
    rows = len(next(iter(columns.values())))
    made = []
    for column in TABLES[name].columns:
        values = columns.get(column.name)
        if values is None:
            made.append(pa.nulls(rows, column.arrow_type))
        else:
            days = np.issubdtype(np.asarray(values).dtype, np.datetime64)
            plain = np.asarray(values).astype("datetime64[D]") if days else values
            made.append(pa.array(plain).cast(column.arrow_type))
    return pa.table(made, names=[column.name for column in TABLES[name].columns])


def _static(rng: Any, ids: Any, started: Any, amount: Any) -> dict[str, pa.Table]:
    count, borrowers = len(ids), max(1, 2 * len(ids) // 3)
    names, lenders = _names("B", np.arange(borrowers)), _names("L", np.arange(_LENDERS))
    called = rng.random(count) < 0.02
    day = started[called] + rng.integers(100, 700, called.sum())
    dawn = np.full(_LENDERS, _DAWN)
    return {
        "guarantee": _table("guarantee", _guarantees(rng, ids, started, amount, names, lenders)),
        "borrower": _table("borrower", _borrowers(rng, names)),
        "lender": _table("lender", {"lender_id": lenders, "event_at": dawn, "known_at": dawn}),
        "compensation": _table(
            "compensation",
            {
                "guarantee_id": ids[called],
                "compensation_no": np.ones(called.sum(), dtype=np.int64),
                "event_at": day,
                "known_at": day,
            },
        ),
    }


def _guarantees(
    rng: Any, ids: Any, started: Any, amount: Any, names: Any, lenders: Any
) -> dict[str, Any]:
    count = len(ids)
    return {
        "guarantee_id": ids,
        "borrower_id": names[rng.integers(0, len(names), count)],
        "lender_id": lenders[rng.integers(0, _LENDERS, count)],
        "product": rng.choice(["batch", "general", "farm"], count),
        "channel": rng.choice(["direct", "batch"], count),
        "scheme": rng.choice(["8:2", "5:5"], count),
        "start_on": started,
        "maturity_on": started + 1500,
        "amount": amount,
        "guaranteed_amount": (amount * rng.choice([0.8, 0.5], count)).round(2),
        "interest_rate": rng.uniform(0.03, 0.08, count),
        "tenor_months": rng.choice([12, 24, 36], count),
        "event_at": started,
        "known_at": started,
    }


def _borrowers(rng: Any, names: Any) -> dict[str, Any]:
    count, dawn = len(names), np.full(len(names), _DAWN)
    return {
        "borrower_id": names,
        "kind": rng.choice(["enterprise", "farmer", "owner"], count),
        "industry": rng.choice(["C", "F", "E", "A"], count),
        "region": rng.choice(["140100", "140200", "140300"], count),
        "headcount": rng.integers(1, 60, count),
        "annual_revenue": np.exp(rng.normal(14, 1, count)).round(2),
        "established_on": dawn - rng.integers(0, 4000, count),
        "event_at": dawn,
        "known_at": dawn,
    }


def _month(rng: Any, ids: Any, balance: Any, end: Any) -> pa.Table:
    count = len(ids)
    known = end + rng.integers(1, 6, count)
    first = {
        "guarantee_id": ids,
        "balance": balance,
        "days_past_due": np.where(rng.random(count) < 0.03, rng.integers(1, 90, count), 0),
        "is_extended": rng.random(count) < 0.005,
        "event_at": np.full(count, end),
        "known_at": known,
    }
    wrong = np.flatnonzero(rng.random(count) < _CORRECTED)
    second = {name: np.asarray(values)[wrong] for name, values in first.items()}
    second["days_past_due"] = second["days_past_due"] + 1
    second["known_at"] = second["known_at"] + 10
    return pa.concat_tables([_table("performance", first), _table("performance", second)])
