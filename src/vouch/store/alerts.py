"""Alerts, what happened to them, and the mails that tell people, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update

from vouch.domain.alert import Alert, AlertChange, AlertState, Change, Severity
from vouch.store.outbox import Mail, queue
from vouch.store.tables import ALERT_EVENTS, ALERTS, WATCHES

_FIELDS = tuple(Alert.__dataclass_fields__)


@dataclass(frozen=True)
class AlertEvent:
    """One line of an alert's history."""

    alert_id: str
    change: Change
    at: datetime
    as_of: date
    rule: str
    severity: Severity
    note: str
    evidence: Mapping[str, float]


class AlertDesk:
    """The live alerts, held so that nobody else changes them until the transaction ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def newest_watch(self) -> date | None:
        """The latest date the book was ever watched as of."""
        newest: date | None = self._connection.execute(select(func.max(WATCHES.c.as_of))).scalar()
        return newest

    def live(self) -> dict[tuple[str, str], Alert]:
        """Alerts that are not closed, by guarantee and cause."""
        query = select(ALERTS).where(ALERTS.c.state != AlertState.CLOSED.value)
        found = [alert_of(row) for row in self._connection.execute(query).mappings()]
        return {(alert.guarantee_id, alert.cause): alert for alert in found}

    def record(self, changes: Sequence[AlertChange]) -> None:
        """Bring alerts to where these changes left them and add the changes to their history."""
        new = [_row(c.alert) for c in changes if c.change is Change.RAISED]
        old = [
            {"changed_id" if name == "alert_id" else name: v for name, v in _row(c.alert).items()}
            for c in changes
            if c.change is not Change.RAISED
        ]
        if old:
            values: dict[str, Any] = {
                name: bindparam(name) for name in _FIELDS if name != "alert_id"
            }
            query = update(ALERTS).where(ALERTS.c.alert_id == bindparam("changed_id"))
            self._connection.execute(query.values(values), old)
        if new:
            self._connection.execute(insert(ALERTS), new)
        if changes:
            self._connection.execute(insert(ALERT_EVENTS), [_event_row(c) for c in changes])

    def queue(self, mails: Sequence[Mail], now: datetime) -> None:
        """Put mails into the outbox; they are delivered only if this transaction succeeds."""
        queue(self._connection, mails, now)

    def note_watch(self, as_of: date, now: datetime, counts: Mapping[str, int]) -> None:
        """Remember that the book was watched."""
        row = {"as_of": as_of, "at": now, "counts": dict(counts)}
        self._connection.execute(insert(WATCHES), row)


def alerts(connection: Connection, guarantee_id: str | None, live_only: bool) -> list[Alert]:
    """Alerts, the most urgent first."""
    query = select(ALERTS).order_by(
        ALERTS.c.severity.desc(), ALERTS.c.respond_by, ALERTS.c.guarantee_id, ALERTS.c.cause
    )
    if guarantee_id is not None:
        query = query.where(ALERTS.c.guarantee_id == guarantee_id)
    if live_only:
        query = query.where(ALERTS.c.state != AlertState.CLOSED.value)
    return [alert_of(row) for row in connection.execute(query).mappings()]


def alert_events(connection: Connection, alert_id: str) -> list[AlertEvent]:
    """The history of an alert, oldest first."""
    names = [ALERT_EVENTS.c[name] for name in AlertEvent.__dataclass_fields__]
    query = (
        select(*names).where(ALERT_EVENTS.c.alert_id == alert_id).order_by(ALERT_EVENTS.c.number)
    )
    return [
        AlertEvent(
            **{
                **row,
                "change": Change(row["change"]),
                "severity": Severity(row["severity"]),
            }
        )
        for row in connection.execute(query).mappings()
    ]


def alert_of(row: RowMapping) -> Alert:
    """An alert from its row."""
    values = {name: row[name] for name in _FIELDS}
    return Alert(
        **values | {"severity": Severity(row["severity"]), "state": AlertState(row["state"])}
    )


def _row(alert: Alert) -> dict[str, Any]:
    return {
        **vars(alert),
        "severity": int(alert.severity),
        "state": alert.state.value,
        "evidence": dict(alert.evidence),
        "detail": dict(alert.detail),
    }


def _event_row(change: AlertChange) -> dict[str, Any]:
    alert = change.alert
    return {
        "alert_id": alert.alert_id,
        "change": change.change.value,
        "at": alert.changed_at,
        "as_of": alert.as_of,
        "rule": alert.rule,
        "severity": int(alert.severity),
        "note": change.note,
        "evidence": dict(alert.evidence),
    }
