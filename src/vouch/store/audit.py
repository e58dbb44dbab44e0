"""The audit log: every entry carries the hash of the one before, so none can change or vanish.

An entry's hash is SHA-256 over the hash before it and its own text. The end of the chain stands in
a row of its own, which each writer locks: entries of several processes make one chain, and a
missing end is noticed too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from vouch.store.engine import Database
from vouch.store.tables import AUDIT_HEAD, AUDIT_LOG

START = "0" * 64
# Number and hash of the last entry, and its time.
End = tuple[int, str, datetime | None]
_PAGE = 1000


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to what, and when."""

    at: datetime
    actor: str
    action: str
    object: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChainedEntry(AuditEntry):
    """An entry in its place in the chain.

    Its time is never before the last entry's. Where a clock had gone back, `clock` is what it said.
    """

    number: int = 0
    hash: str = START
    clock: str | None = None


@dataclass(frozen=True)
class AuditHead:
    """The end of the chain; noted elsewhere, it later proves that nothing before it changed."""

    number: int
    hash: str


# The end of the chain, held until the transaction ends.
END = select(AUDIT_HEAD.c.number, AUDIT_HEAD.c.hash, AUDIT_HEAD.c.at).with_for_update()
MOVE_END = update(AUDIT_HEAD).values({name: bindparam(name) for name in ("number", "hash", "at")})


def append(connection: Connection, *entries: AuditEntry) -> None:
    """Add entries; the chain is held until the transaction ends, so do this last."""
    number, hash_, at = connection.execute(END).one()
    rows, end = chain((number, hash_, at), entries)
    connection.execute(insert(AUDIT_LOG), rows)
    connection.execute(MOVE_END, dict(zip(("number", "hash", "at"), end, strict=True)))


def chain(end: End, entries: Iterable[AuditEntry]) -> tuple[list[dict[str, Any]], End]:
    """The rows of entries that follow on the end of a chain, and the new end."""
    number, hash_, at = end
    rows = []
    for entry in entries:
        number += 1
        at = entry.at if at is None else max(at, entry.at)
        text = _text(number, entry, at)
        hash_ = chained(hash_, text)
        rows.append({"number": number, "text": text, "hash": hash_})
    return rows, (number, hash_, at)


def chained(before: str, text: str) -> str:
    """The hash of an entry after the entry of hash `before`."""
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()


def _text(number: int, entry: AuditEntry, at: datetime) -> str:
    body = {"number": number, **vars(entry), "at": at.isoformat()}
    if at != entry.at:
        body["clock"] = entry.at.isoformat()
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class AuditLog:
    """The audit log of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: AuditEntry) -> None:
        """Add an entry that stands alone."""
        with self._database.writing() as connection:
            append(connection, entry)

    def latest(self, count: int) -> list[ChainedEntry]:
        """The newest entries, newest first."""
        query = select(AUDIT_LOG.c.text, AUDIT_LOG.c.hash).order_by(AUDIT_LOG.c.number.desc())
        with self._database.reading() as connection:
            found = connection.execute(query.limit(count)).all()
        return [entry_of(text, hash_) for text, hash_ in found]


def head(connection: Connection) -> AuditHead:
    """The end of the chain."""
    number, hash_ = connection.execute(select(AUDIT_HEAD.c.number, AUDIT_HEAD.c.hash)).one()
    return AuditHead(number, hash_)


def rows(connection: Connection) -> Iterator[tuple[int, str, str]]:
    """Number, text and hash of every entry, in order, a page at a time."""
    query = select(AUDIT_LOG.c.number, AUDIT_LOG.c.text, AUDIT_LOG.c.hash)
    query = query.order_by(AUDIT_LOG.c.number).limit(_PAGE)
    last: int | None = None
    while True:
        later = query if last is None else query.where(AUDIT_LOG.c.number > last)
        page = [(number, text, hash_) for number, text, hash_ in connection.execute(later)]
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1][0]


def entry_of(text: str, hash_: str) -> ChainedEntry:
    """An entry from its text.

    Raises:
        ValueError: it is no entry's text.
    """
    body = json.loads(text)
    return ChainedEntry(**body | {"at": datetime.fromisoformat(body["at"])}, hash=hash_)
