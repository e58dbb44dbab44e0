"""Decisions: kept with what they stand on, in one transaction with their audit entry.

A decision and its basis are hashed into the audit chain, so neither can change or vanish unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Table,
    Text,
    cast,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from vouch.errors import ConflictError, StoreError
from vouch.store.audit import AuditEntry, append
from vouch.store.engine import Canonical, Database
from vouch.store.tables import ARCHIVE, DECISION_BASES, DECISIONS, IDEMPOTENCY

DECIDE = "decide"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class DecisionRecord:
    """One answer given, with everything needed to give it again and compare."""

    decision_id: str
    made_at: datetime
    stage: str
    as_of: date
    guarantee_id: str
    borrower_id: str | None
    request_hash: str
    request: dict[str, Any]
    answer: dict[str, Any]
    model_name: str
    model_version: str
    model_hash: str
    caller: str
    guarantor_id: str | None = None
    lender_id: str | None = None
    policy_hash: str | None = None
    basis: dict[str, Any] | None = None

    @cached_property
    def texts(self) -> Mapping[str, Canonical]:
        """Request, answer and basis as they are hashed and stored."""
        return {name: Canonical.of(getattr(self, name)) for name in _BODIES}

    def written(self, texts: Mapping[str, Canonical]) -> DecisionRecord:
        """This record, its bodies having been written already."""
        vars(self)["texts"] = texts
        return self

    @property
    def hashes(self) -> tuple[str, str | None]:
        """SHA-256 of the decision without its basis, and of its basis."""
        row = {name: getattr(self, name) for name in _COLUMNS}
        row |= {"made_at": self.made_at.timestamp(), "as_of": self.as_of.isoformat()}
        text = str(Canonical.of(row | {"request": 0, "answer": 0}))
        for name in ("request", "answer"):
            # within a text the quotation marks would be escaped, so this is the key
            text = text.replace(f'"{name}":0', f'"{name}":{self.texts[name]}', 1)
        return _digest(text), None if self.basis is None else _digest(self.texts["basis"])

    @property
    def row(self) -> dict[str, Any]:
        """Its row in the table of decisions."""
        row = {name: getattr(self, name) for name in _COLUMNS}
        return row | {name: self.texts[name] for name in ("request", "answer")}


_BODIES = ("request", "answer", "basis")
_COLUMNS = [f.name for f in fields(DecisionRecord) if f.name != "basis"]


@dataclass(frozen=True)
class Once:
    """A caller's promise that requests of one key are one request."""

    caller: str
    key: str
    request_hash: str


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Verdict:
    """What was said of an applicant: the word of the advice, None where none was given."""

    guarantee_id: str
    decision: str | None
    default_probability: float


class Decisions:
    """The decisions of a store; they are added and read, never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, records: Sequence[DecisionRecord], now: datetime, once: Once | None = None
    ) -> Sequence[DecisionRecord]:
        """Keep decisions, all of them or none; those kept before where `once` was seen already.

        Raises:
            ConflictError: the key of `once` came before with another request.
        """
        if not records and once is None:
            return records
        with self._database.writing() as connection:
            if once is not None and not _claim(connection, once, records, now):
                return _earlier(connection, once) or []
            _add(connection, records)
        return records

    def add_together(
        self, requests: Sequence[tuple[Sequence[DecisionRecord], Once | None]], now: datetime
    ) -> bool:
        """Keep the decisions of several requests in one transaction.

        Returns:
            Whether they are kept. Nothing of any is where one's key was seen before: add them one
            by one then, to learn whose.
        """
        claimed = claims(requests, now)
        try:
            with self._database.writing() as connection:
                if claimed:
                    connection.execute(insert(IDEMPOTENCY), claimed)
                _add(connection, *(records for records, _ in requests))
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                return False
            raise
        return True

    def earlier(self, once: Once) -> Sequence[DecisionRecord] | None:
        """The decisions of an earlier request of this key, or None.

        Raises:
            ConflictError: that was another request.
        """
        with self._database.reading() as connection:
            return _earlier(connection, once)

    def one(self, decision_id: str) -> DecisionRecord | None:
        """The decision of this identifier, or None."""
        with self._database.reading() as connection:
            return next(iter(found(connection, [decision_id])), None)

    def many(self, decision_ids: Sequence[str]) -> list[DecisionRecord]:
        """The decisions of these identifiers that there are, in this order."""
        with self._database.reading() as connection:
            return found(connection, decision_ids)

    def sample(self, count: int) -> list[DecisionRecord]:
        """As many decisions as asked, drawn at random; all of them where there are fewer."""
        query = select(DECISIONS.c.decision_id).order_by(func.random()).limit(count)
        with self._database.reading() as connection:
            ids = [row[0] for row in connection.execute(query)]
            return found(connection, ids)

    def verdicts(self, stage: str, since: date, until: date) -> list[Verdict]:
        """The newest decision on each case of a stage as of a day in [since, until], by case."""
        c = DECISIONS.c
        query = (
            select(c.guarantee_id, c.answer)
            .where(c.stage == stage, c.as_of.between(since, until))
            .order_by(c.guarantee_id, c.made_at)
        )
        with self._database.reading() as connection:
            newest = {row.guarantee_id: _verdict(row) for row in connection.execute(query)}
        return list(newest.values())

    def archive(self, kind: str, hash_: str, content: bytes, now: datetime) -> None:
        """Keep the content of a policy or a model under its hash; once is enough."""
        row = {"kind": kind, "hash": hash_, "at": now, "content": content}
        with self._database.writing() as connection:
            connection.execute(_insert_new(connection, ARCHIVE), row)

    def archived(self, kind: str, hash_: str) -> bytes | None:
        """What was archived under this hash, or None."""
        query = select(ARCHIVE.c.content).where(ARCHIVE.c.kind == kind, ARCHIVE.c.hash == hash_)
        with self._database.reading() as connection:
            content: bytes | None = connection.execute(query).scalar()
        return content


def _verdict(row: Any) -> Verdict:
    advice = row.answer.get("advice") or {}
    said = float(row.answer["default_probability"])
    return Verdict(row.guarantee_id, advice.get("decision"), said)


# Databases take so many values in one list.
_PAGE = 500


def found(connection: Connection, ids: Sequence[str]) -> list[DecisionRecord]:
    """The decisions of these identifiers that there are, in this order."""
    rows = {row.decision_id: row for page in _pages(ids) for row in _read(connection, page)}
    return [rows[name] for name in ids if name in rows]


def _pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))


def _read(connection: Connection, ids: Sequence[str]) -> list[DecisionRecord]:
    bodies = [cast(_column(name), Text).label(name) for name in _BODIES]
    plain = [column for column in DECISIONS.c if column.name not in _BODIES]
    query = (
        select(*plain, *bodies)
        .outerjoin(DECISION_BASES, DECISION_BASES.c.decision_id == DECISIONS.c.decision_id)
        .where(DECISIONS.c.decision_id.in_(ids))
    )
    return [_record(row) for row in connection.execute(query).mappings()]


def _column(body: str) -> ColumnElement[Any]:
    return DECISION_BASES.c.basis if body == "basis" else DECISIONS.c[body]


def _record(row: RowMapping) -> DecisionRecord:
    """A record with its bodies as they stand in the database: as such they were hashed."""
    texts = {name: Canonical(row[name] or "null") for name in _BODIES}
    return DecisionRecord(**{**row, **{n: json.loads(t) for n, t in texts.items()}}).written(texts)


def _add(connection: Connection, *requests: Sequence[DecisionRecord]) -> None:
    records = [record for request in requests for record in request]
    if not records:
        return
    connection.execute(insert(DECISIONS), [record.row for record in records])
    bases = base_rows(records)
    if bases:
        connection.execute(insert(DECISION_BASES), bases)
    append(connection, *audit_entries(requests))


def base_rows(records: Sequence[DecisionRecord]) -> list[dict[str, Any]]:
    """The rows of what decisions stand on."""
    return [
        {"decision_id": record.decision_id, "basis": record.texts["basis"]}
        for record in records
        if record.basis is not None
    ]


def audit_entries(requests: Iterable[Sequence[DecisionRecord]]) -> list[AuditEntry]:
    """One entry for each request that made decisions, with the hashes of all of them."""
    return [_entry(request) for request in requests if request]


def claims(requests: Sequence[tuple[Sequence[DecisionRecord], Once | None]], now: datetime) -> Rows:
    """The rows of the keys by which requests are known again."""
    return [_claiming(once, records, now) for records, once in requests if once is not None]


def _entry(records: Sequence[DecisionRecord]) -> AuditEntry:
    first = records[0]
    hashes = {record.decision_id: record.hashes for record in records}
    about = first.decision_id if len(records) == 1 else f"{len(records)} decisions"
    return AuditEntry(first.made_at, first.caller, DECIDE, about, hashes)


def _claim(
    connection: Connection, once: Once, records: Sequence[DecisionRecord], now: datetime
) -> bool:
    """Take the key for these decisions; waits for whoever is just taking it."""
    taken = _insert_new(connection, IDEMPOTENCY).returning(IDEMPOTENCY.c.key)
    return connection.execute(taken, _claiming(once, records, now)).first() is not None


def _claiming(once: Once, records: Sequence[DecisionRecord], now: datetime) -> dict[str, Any]:
    ids = [record.decision_id for record in records]
    return {**vars(once), "decision_ids": ids, "at": now}


def _insert_new(connection: Connection, table: Table) -> Any:
    """An insert that leaves a row that is there already as it is."""
    made = postgresql if connection.dialect.name == "postgresql" else sqlite
    return made.insert(table).on_conflict_do_nothing()


def _promise(connection: Connection, once: Once) -> RowMapping | None:
    query = select(IDEMPOTENCY).where(
        IDEMPOTENCY.c.caller == once.caller, IDEMPOTENCY.c.key == once.key
    )
    return connection.execute(query).mappings().one_or_none()


def _earlier(connection: Connection, once: Once) -> list[DecisionRecord] | None:
    promise = _promise(connection, once)
    if promise is None:
        return None
    if promise["request_hash"] != once.request_hash:
        raise ConflictError("this Idempotency-Key came before with another request")
    return found(connection, promise["decision_ids"])
