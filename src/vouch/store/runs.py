"""Runs of the watch: how far each has come, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from vouch.store.tables import WATCH_RUNS


@dataclass(frozen=True)
class Run:
    """One run: the day it looks at and how many guarantees of the book (`book` says which state
    of it) it has dealt with; `report` once it has ended.
    """

    run_id: str
    as_of: date
    book: str
    known_at: datetime
    started_at: datetime
    ended_at: datetime | None = None
    looked_at: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    report: Mapping[str, Any] | None = None


def unfinished(connection: Connection) -> Run | None:
    """The run that did not end; there is one at most."""
    query = select(WATCH_RUNS).where(WATCH_RUNS.c.ended_at.is_(None))
    row = connection.execute(query).mappings().one_or_none()
    return Run(**row) if row else None


def keep(connection: Connection, run: Run) -> None:
    """Write a run, new or further on."""
    values = {**vars(run), "counts": dict(run.counts)}
    query = update(WATCH_RUNS).where(WATCH_RUNS.c.run_id == run.run_id)
    if connection.execute(query.values(values)).rowcount == 0:
        connection.execute(insert(WATCH_RUNS), values)


def newest(connection: Connection, most: int) -> list[Run]:
    """The latest runs, newest first."""
    query = select(WATCH_RUNS).order_by(WATCH_RUNS.c.started_at.desc()).limit(most)
    return [Run(**row) for row in connection.execute(query).mappings()]
