"""Human reviews: their events are added, never changed, each with its audit entry."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, RowMapping, insert, select

from vouch.domain.access import Caller, Level
from vouch.domain.review import ReviewAct, ReviewEvent
from vouch.errors import ConflictError
from vouch.store.audit import AuditEntry, append
from vouch.store.engine import Database
from vouch.store.tables import AUDIT_HEAD, DECISIONS, REVIEW_EVENTS

Events = list[ReviewEvent]


class Reviews:
    """The reviews of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(self, event: ReviewEvent) -> None:
        """Ask for a review; a decision has one at most.

        Raises:
            ConflictError: there is one already.
        """
        with self._database.writing() as connection:
            _hold(connection)
            if _events(connection, REVIEW_EVENTS.c.decision_id == event.decision_id):
                raise ConflictError("a review of this decision was asked for already")
            _add(connection, event)

    def act(self, event: ReviewEvent, check: Callable[[Events], None]) -> Events:
        """Add an event if `check`, given the events so far, lets it; nobody comes in between."""
        with self._database.writing() as connection:
            _hold(connection)
            check(_events(connection, REVIEW_EVENTS.c.review_id == event.review_id))
            _add(connection, event)
            return _events(connection, REVIEW_EVENTS.c.review_id == event.review_id)

    def one(self, review_id: str) -> Events:
        """The events of a review, oldest first; none where there is no such review."""
        with self._database.reading() as connection:
            return _events(connection, REVIEW_EVENTS.c.review_id == review_id)

    def every(self, caller: Caller, newest: int) -> list[Events]:
        """The reviews a caller's institution sees, the latest asked for first."""
        query = (
            select(REVIEW_EVENTS.c.review_id)
            .join(DECISIONS, DECISIONS.c.decision_id == REVIEW_EVENTS.c.decision_id)
            .where(REVIEW_EVENTS.c.act == ReviewAct.REQUEST.value)
            .order_by(REVIEW_EVENTS.c.number.desc())
            .limit(newest)
        )
        match caller.institution.level:
            case Level.GUARANTOR:
                query = query.where(DECISIONS.c.guarantor_id == caller.institution.id)
            case Level.LENDER:
                query = query.where(DECISIONS.c.lender_id == caller.institution.id)
        with self._database.reading() as connection:
            ids = [row[0] for row in connection.execute(query)]
            found: dict[str, Events] = {name: [] for name in ids}
            for event in _events(connection, REVIEW_EVENTS.c.review_id.in_(ids)):
                found[event.review_id].append(event)
        return list(found.values())


def _hold(connection: Connection) -> None:
    """Wait for whoever else writes to a review; the end of the audit log is locked anyway."""
    connection.execute(select(AUDIT_HEAD.c.number).with_for_update()).one()


def _events(connection: Connection, condition: object) -> Events:
    query = select(REVIEW_EVENTS).where(condition).order_by(REVIEW_EVENTS.c.number)  # type: ignore[arg-type]
    return [_event(row) for row in connection.execute(query).mappings()]


def _event(row: RowMapping) -> ReviewEvent:
    values = {name: row[name] for name in ReviewEvent.__dataclass_fields__}
    return ReviewEvent(**values | {"act": ReviewAct(row["act"])})


def _add(connection: Connection, event: ReviewEvent) -> None:
    connection.execute(insert(REVIEW_EVENTS), {**vars(event), "act": event.act.value})
    detail = {
        "decision_id": event.decision_id,
        "outcome": event.outcome,
        "reason": event.reason_code,
    }
    append(
        connection,
        AuditEntry(event.at, event.actor, f"review_{event.act.value}", event.review_id, detail),
    )
