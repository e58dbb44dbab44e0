"""What is kept no longer: deleted by class, except on legal hold, each noted in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from vouch.domain.alert import AlertState
from vouch.errors import NotFoundError
from vouch.store.audit import AuditEntry, append
from vouch.store.engine import Database
from vouch.store.tables import (
    ALERT_EVENTS,
    ALERTS,
    DECISION_BASES,
    DECISIONS,
    ERASURES,
    IDEMPOTENCY,
    LEGAL_HOLDS,
    LINKS,
    REVIEW_EVENTS,
    SHADOW_SCORES,
)
from vouch.store.verify import ERASE

_PAGE = 500


class HoldKind(StrEnum):
    """What a legal hold is about."""

    DECISION = "decision"
    GUARANTEE = "guarantee"
    BORROWER = "borrower"


@dataclass(frozen=True)
class Hold:
    """A legal hold; nothing it is about is deleted until it is released."""

    number: int
    kind: HoldKind
    id: str
    reason: str
    who: str
    at: datetime
    released_at: datetime | None


@dataclass
class Erased:
    """How many of each class are over their time; deleted unless it was only asked."""

    decisions: int = 0
    bases: int = 0
    idempotency: int = 0
    alerts: int = 0
    on_hold: int = 0


class Retention:
    """Retention of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self, kind: HoldKind, id_: str, reason: str, who: str, now: datetime) -> int:
        """Put a decision, a guarantee or a borrower on hold; the hold's number."""
        row = {"kind": kind.value, "id": id_, "reason": reason, "who": who, "at": now}
        with self._database.writing() as connection:
            made = insert(LEGAL_HOLDS).returning(LEGAL_HOLDS.c.number)
            number: int = connection.execute(made, row).scalar_one()
            detail = {"kind": kind.value, "id": id_, "reason": reason}
            append(connection, AuditEntry(now, who, "hold", str(number), detail))
        return number

    def release(self, number: int, who: str, now: datetime) -> None:
        """End a hold.

        Raises:
            NotFoundError: there is no such hold, or it was released already.
        """
        holds = LEGAL_HOLDS.c
        query = update(LEGAL_HOLDS).where(holds.number == number, holds.released_at.is_(None))
        with self._database.writing() as connection:
            released = query.values(released_at=now).returning(holds.number)
            if connection.execute(released).first() is None:
                raise NotFoundError(f"there is no hold {number} to release")
            append(connection, AuditEntry(now, who, "release", str(number)))

    def holds(self) -> list[Hold]:
        """Every hold there ever was, oldest first."""
        query = select(LEGAL_HOLDS).order_by(LEGAL_HOLDS.c.number)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Hold(**{**row, "kind": HoldKind(row["kind"])}) for row in rows]

    def run(
        self, periods: Mapping[str, timedelta], who: str, now: datetime, is_rehearsal: bool = False
    ) -> Erased:
        """Delete what is over its time, a page and a transaction at a time.

        Args:
            is_rehearsal: only count.
        """
        result = Erased()
        for kind in ("bases", "decisions", "alerts"):
            before = now - periods[kind]
            if is_rehearsal:
                setattr(result, kind, self._count(kind, before))
                continue
            while erased := self._erase(kind, before, who, now):
                setattr(result, kind, getattr(result, kind) + erased)
        result.on_hold = self._held(now, periods)
        if not is_rehearsal:
            self._forget_links(now - periods["alerts"])
        result.idempotency = self._forget(now - periods["idempotency"], is_rehearsal)
        return result

    def _count(self, kind: str, before: datetime) -> int:
        with self._database.reading() as connection:
            return len(connection.execute(_over(kind, before)).all())

    def _held(self, now: datetime, periods: Mapping[str, timedelta]) -> int:
        """How many decisions and alerts would go but for a hold."""
        decisions = _decisions_before(now - periods["decisions"]).where(_is_held(DECISIONS))
        alerts = _alerts_before(now - periods["alerts"]).where(_is_held(ALERTS))
        with self._database.reading() as connection:
            return sum(len(connection.execute(query).all()) for query in (decisions, alerts))

    def _forget_links(self, before: datetime) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(LINKS).where(LINKS.c.expires_at < before))

    def _erase(self, kind: str, before: datetime, who: str, now: datetime) -> int:
        with self._database.writing() as connection:
            ids = [row[0] for row in connection.execute(_over(kind, before).limit(_PAGE))]
            if ids:
                kinds = ("bases", "decisions") if kind == "decisions" else (kind,)
                _note(connection, kinds, ids, now)
                _delete(connection, kind, ids)
                append(connection, AuditEntry(now, who, ERASE, kind, dict.fromkeys(kinds, ids)))
        return len(ids)

    def _forget(self, before: datetime, is_rehearsal: bool) -> int:
        with self._database.writing() as connection:
            old = IDEMPOTENCY.c.at < before
            if is_rehearsal:
                return len(connection.execute(select(IDEMPOTENCY.c.key).where(old)).all())
            gone = delete(IDEMPOTENCY).where(old).returning(IDEMPOTENCY.c.key)
            return len(connection.execute(gone).all())


def _decisions_before(before: datetime) -> Select[Any]:
    return select(DECISIONS.c.decision_id).where(DECISIONS.c.made_at < before)


def _alerts_before(before: datetime) -> Select[Any]:
    closed = ALERTS.c.state == AlertState.CLOSED.value
    return select(ALERTS.c.alert_id).where(closed, ALERTS.c.closed_at < before)


def _over(kind: str, before: datetime) -> Select[Any]:
    """What is over its time and not on hold, the oldest first."""
    if kind == "alerts":
        return _alerts_before(before).where(~_is_held(ALERTS)).order_by(ALERTS.c.closed_at)
    query = _decisions_before(before).where(~_is_held(DECISIONS))
    if kind == "bases":
        query = query.join(DECISION_BASES, DECISION_BASES.c.decision_id == DECISIONS.c.decision_id)
    return query.order_by(DECISIONS.c.made_at)


def _is_held(about: Table) -> ColumnElement[bool]:
    """Whether a hold is on a row's guarantee or borrower, or on the decision itself."""
    holds = LEGAL_HOLDS.c
    on = [
        (holds.kind == HoldKind.GUARANTEE.value) & (holds.id == about.c.guarantee_id),
        (holds.kind == HoldKind.BORROWER.value) & (holds.id == about.c.borrower_id),
    ]
    if about is DECISIONS:
        on.append((holds.kind == HoldKind.DECISION.value) & (holds.id == about.c.decision_id))
    return exists().where(holds.released_at.is_(None), or_(*on))


def _note(connection: Connection, kinds: tuple[str, ...], ids: list[str], now: datetime) -> None:
    """Name what goes; the triggers let nothing else be deleted."""
    noted = select(ERASURES.c.kind, ERASURES.c.id).where(ERASURES.c.id.in_(ids))
    known = {(kind, id_) for kind, id_ in connection.execute(noted)}
    rows = [
        {"kind": kind, "id": id_, "at": now}
        for kind in kinds
        for id_ in ids
        if (kind, id_) not in known
    ]
    if rows:
        connection.execute(insert(ERASURES), rows)


def _delete(connection: Connection, kind: str, ids: list[str]) -> None:
    tables = {
        "bases": [DECISION_BASES],
        "decisions": [DECISION_BASES, SHADOW_SCORES, REVIEW_EVENTS, DECISIONS],
        "alerts": [ALERT_EVENTS, ALERTS],
    }[kind]
    for table in tables:
        column = table.c.alert_id if kind == "alerts" else table.c.decision_id
        connection.execute(delete(table).where(column.in_(ids)))
