"""Decisions into SQLite without ever waiting, for the thread that answers.

A transaction takes a tenth of a millisecond, less than to hand it to another thread. Where another
process is just writing, nothing is done and the caller goes the way that waits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.engine import Dialect

from vouch.store.audit import END, MOVE_END, chain
from vouch.store.decisions import DecisionRecord, Once, audit_entries, base_rows, claims
from vouch.store.engine import Database
from vouch.store.tables import AUDIT_HEAD, AUDIT_LOG, DECISION_BASES, DECISIONS, IDEMPOTENCY

# A checkpoint of the log ahead is worth its two waits for the disk after so many decisions.
_CHECKPOINT_AFTER = 400


class AtOnce:
    """One connection that does not wait, open as long as the store is.

    Args:
        database: in SQLite.
    """

    def __init__(self, database: Database) -> None:
        self._connection = database.sqlite_alone()
        # the log ahead is brought home by `checkpoint`, in another thread
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        dialect = database.dialect
        self._decisions, self._bases, self._audit, self._once = (
            _Insert(table, dialect) for table in (DECISIONS, DECISION_BASES, AUDIT_LOG, IDEMPOTENCY)
        )
        self._end, self._move_end = (_sql(found, dialect) for found in (END, MOVE_END))
        kind = AUDIT_HEAD.c.at.type.dialect_impl(dialect)
        self._moment = kind.result_processor(dialect, None) or _same
        self._written_moment = kind.bind_processor(dialect) or _same
        self._since_checkpoint = 0

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the log ahead has grown long."""
        return self._since_checkpoint >= _CHECKPOINT_AFTER

    def add(
        self, requests: Sequence[tuple[Sequence[DecisionRecord], Once | None]], now: datetime
    ) -> bool:
        """`Decisions.add_together`; False too, and nothing done, where it would have to wait."""
        records = [record for request, _ in requests for record in request]
        claimed = claims(requests, now)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._once.add(self._connection, claimed)
            self._decisions.add(self._connection, [record.row for record in records])
            self._bases.add(self._connection, base_rows(records))
            self._lengthen([request for request, _ in requests])
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            return False
        self._since_checkpoint += len(records)
        return True

    def _lengthen(self, requests: Sequence[Sequence[DecisionRecord]]) -> None:
        """Add to the audit log."""
        number, hash_, at = self._connection.execute(self._end).fetchone()
        rows, end = chain((number, hash_, self._moment(at)), audit_entries(requests))
        self._audit.add(self._connection, rows)
        self._connection.execute(self._move_end, (*end[:2], self._written_moment(end[2])))

    def checkpoint(self, database: Database) -> None:
        """Bring the log ahead home: most of it beside all writers, the rest before the next one."""
        self._since_checkpoint = 0
        with closing(database.sqlite_alone()) as connection, suppress(sqlite3.Error):
            # one that does not succeed is tried again after as many decisions
            for how in ("PASSIVE", "RESTART"):
                connection.execute(f"PRAGMA wal_checkpoint({how})").fetchall()

    def close(self) -> None:
        """Give back the connection."""
        self._connection.close()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _same(value: Any) -> Any:
    return value


def _sql(statement: Any, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))


class _Insert:
    """Rows into a table as SQLAlchemy would write them, prepared once."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self._sql = _sql(insert(table), dialect)
        self._columns: list[tuple[str, Callable[[Any], Any] | None]] = [
            (column.name, column.type.dialect_impl(dialect).bind_processor(dialect))
            for column in table.columns
        ]

    def add(self, connection: sqlite3.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            connection.executemany(self._sql, [self._written(row) for row in rows])

    def _written(self, row: Mapping[str, Any]) -> list[Any]:
        return [row[name] if write is None else write(row[name]) for name, write in self._columns]
