"""Alerts, what happened to them, and the mails that tell people, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from vouch.domain.alert import Alert, AlertChange, AlertState, Change, Severity
from vouch.store import lease, links, outbox, runs
from vouch.store.links import Link
from vouch.store.outbox import Mail
from vouch.store.runs import Run
from vouch.store.tables import ALERT_EVENTS, ALERTS, WATCHES

_FIELDS = tuple(Alert.__dataclass_fields__)
# What a person or the clock does leaves the facts of an alert alone, which are most of its bytes.
_WITHOUT_FACTS = {
    Change.TOLD,
    Change.ACKNOWLEDGED,
    Change.RESPONDED,
    Change.REMINDED,
    Change.ESCALATED,
}
_PLAIN = tuple(name for name in _FIELDS if name not in ("alert_id", "evidence", "detail", "also"))
_LIVE = ALERTS.c.state != AlertState.CLOSED.value
_WAITING = ALERTS.c.state.in_([AlertState.OPEN.value, AlertState.ACKNOWLEDGED.value])
_UNTOLD = _WAITING & ALERTS.c.needs_answer & ALERTS.c.told_at.is_(None)
# SQLite takes 32,766 values in a query, PostgreSQL 65,535.
_CHUNK = 10_000


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
    who: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


class AlertDesk:
    """The alerts, held so that nobody else changes them until the transaction ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def newest_watch(self) -> date | None:
        """The latest date the book was ever watched as of."""
        newest: date | None = self._connection.execute(select(func.max(WATCHES.c.as_of))).scalar()
        return newest

    def live(self) -> dict[tuple[str, str], Alert]:
        """Alerts that are not closed, by guarantee and cause."""
        found = self._alerts(select(ALERTS).where(_LIVE))
        return {(alert.guarantee_id, alert.cause): alert for alert in found}

    def around(
        self, guarantee_ids: Sequence[str], closed_since: datetime
    ) -> dict[tuple[str, str], Alert]:
        """The newest alert of each guarantee and cause that is live or was closed since then."""
        found: dict[tuple[str, str], Alert] = {}
        fresh = or_(_LIVE, ALERTS.c.closed_at >= closed_since)
        for chunk in _chunks(guarantee_ids):
            query = select(ALERTS).where(ALERTS.c.guarantee_id.in_(chunk), fresh)
            for alert in self._alerts(query.order_by(ALERTS.c.raised_at)):
                key = alert.guarantee_id, alert.cause
                if key not in found or found[key].state is AlertState.CLOSED:
                    found[key] = alert
        return found

    def live_of(self, cause: str) -> list[Alert]:
        """Alerts of a cause that are not closed."""
        return self._alerts(select(ALERTS).where(_LIVE, ALERTS.c.cause == cause))

    def live_count(self) -> int:
        """How many alerts are not closed."""
        return int(self._connection.execute(select(func.count()).where(_LIVE)).scalar_one())

    def live_guarantees(self, without_cause: str) -> set[str]:
        """The guarantees that have a live alert of another cause than this."""
        query = select(ALERTS.c.guarantee_id).where(_LIVE, ALERTS.c.cause != without_cause)
        return set(self._connection.execute(query.distinct()).scalars())

    def untold_managers(self) -> list[str | None]:
        """Whose alerts wait to be told, in order."""
        query = select(ALERTS.c.manager_id).where(_UNTOLD).distinct()
        return sorted(self._connection.execute(query).scalars(), key=lambda name: name or "")

    def untold(self, manager_id: str | None) -> list[Alert]:
        """The alerts of a manager (or of nobody) that wait to be told."""
        return self._alerts(select(ALERTS).where(_UNTOLD, ALERTS.c.manager_id == manager_id))

    def dead_addresses(self, now: datetime) -> set[str]:
        """Where mails come back."""
        return outbox.dead_addresses(self._connection, now - outbox.DEAD_FOR)

    def told_to(self, since: datetime) -> dict[str, str]:
        """Of the open alerts told since then, to whom each was told last."""
        query = (
            select(ALERT_EVENTS.c.alert_id, ALERT_EVENTS.c.given)
            .join(ALERTS, ALERTS.c.alert_id == ALERT_EVENTS.c.alert_id)
            .where(
                ALERTS.c.state == AlertState.OPEN.value,
                ALERTS.c.told_at >= since,
                ALERT_EVENTS.c.change == Change.TOLD.value,
            )
            .order_by(ALERT_EVENTS.c.number)
        )
        return {
            row.alert_id: str(row.given.get("to", "")) for row in self._connection.execute(query)
        }

    def told_since(self, manager_id: str | None, moment: datetime) -> int:
        """How many alerts a manager was told of since then."""
        query = select(func.count()).where(
            ALERTS.c.manager_id == manager_id, ALERTS.c.told_at >= moment
        )
        return int(self._connection.execute(query).scalar_one())

    def told_chances(self, manager_id: str | None, since: datetime) -> dict[str, float]:
        """The guarantees a manager was told of since then, each with the chance it had last."""
        query = (
            select(ALERTS.c.guarantee_id, ALERT_EVENTS.c.given)
            .join(ALERTS, ALERTS.c.alert_id == ALERT_EVENTS.c.alert_id)
            .where(
                ALERTS.c.manager_id == manager_id,
                ALERT_EVENTS.c.change == Change.TOLD.value,
                ALERT_EVENTS.c.at >= since,
            )
            .order_by(ALERT_EVENTS.c.number)
        )
        rows = self._connection.execute(query)
        return {name: given["chance"] for name, given in rows if "chance" in given}

    def closed_in(self, manager_id: str | None, since: datetime) -> list[str]:
        """The guarantees of a manager whose told alerts were closed by a look since then."""
        query = select(ALERTS.c.guarantee_id).where(
            ALERTS.c.manager_id == manager_id,
            ALERTS.c.closed_at >= since,
            ALERTS.c.told_at.is_not(None),
            ALERTS.c.suppressed_at.is_(None),
        )
        return sorted(set(self._connection.execute(query).scalars()))

    def steps_due(self, now: datetime, most: int) -> list[Alert]:
        """Waiting alerts whose next reminder or escalation is due."""
        query = select(ALERTS).where(_WAITING, ALERTS.c.next_step_at <= now)
        return self._alerts(query.order_by(ALERTS.c.next_step_at, ALERTS.c.alert_id).limit(most))

    def by_id(self, alert_ids: Sequence[str]) -> list[Alert]:
        """These alerts, the most urgent first; unknown ones are left out."""
        found = [
            alert
            for chunk in _chunks(alert_ids)
            for alert in self._alerts(select(ALERTS).where(ALERTS.c.alert_id.in_(chunk)))
        ]
        return sorted(found, key=lambda a: (-a.severity, a.respond_by, a.guarantee_id, a.cause))

    def record(self, changes: Sequence[AlertChange]) -> None:
        """Bring alerts to where these changes left them and add the changes to their history."""
        new = [_row(c.alert) for c in changes if c.change is Change.RAISED]
        self._bring([c.alert for c in changes if c.change in _WITHOUT_FACTS], _PLAIN)
        old = _WITHOUT_FACTS | {Change.RAISED}
        self._bring([c.alert for c in changes if c.change not in old], _FIELDS)
        if new:
            self._connection.execute(insert(ALERTS), new)
        if changes:
            self._connection.execute(insert(ALERT_EVENTS), [_event_row(c) for c in changes])

    def _bring(self, alerts: Sequence[Alert], names: Sequence[str]) -> None:
        if not alerts:
            return
        values: dict[str, Any] = {name: bindparam(name) for name in names if name != "alert_id"}
        query = update(ALERTS).where(ALERTS.c.alert_id == bindparam("changed_id"))
        rows = [_row(alert, names) | {"changed_id": alert.alert_id} for alert in alerts]
        self._connection.execute(query.values(values), rows)

    def queue(self, mails: Sequence[Mail], now: datetime) -> None:
        """Put mails into the outbox; they are delivered only if this transaction succeeds."""
        outbox.queue(self._connection, mails, now)

    def note_watch(self, as_of: date, now: datetime, counts: Mapping[str, int]) -> None:
        """Remember that the book was watched."""
        row = {"as_of": as_of, "at": now, "counts": dict(counts)}
        self._connection.execute(insert(WATCHES), row)

    def hold(self, name: str, holder: str, now: datetime) -> bool:
        """Take or keep the lease of this name; False where somebody else holds it."""
        return lease.hold(self._connection, name, holder, now)

    def unfinished_run(self) -> Run | None:
        """The run that was begun and did not end."""
        return runs.unfinished(self._connection)

    def keep_run(self, run: Run) -> None:
        """Write how far a run has come."""
        runs.keep(self._connection, run)

    def add_link(self, link: Link) -> None:
        """Keep what a link of a mail stands for."""
        links.add(self._connection, link)

    def use_link(self, link_id: str, now: datetime) -> Link | None:
        """Take a link that nobody has used and that has not expired; it works once."""
        return links.use(self._connection, link_id, now)

    def _alerts(self, query: Select[Any]) -> list[Alert]:
        return [alert_of(row) for row in self._connection.execute(query).mappings()]


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(values)
    while chunk := list(islice(stream, _CHUNK)):
        yield chunk


def alerts(
    connection: Connection, guarantee_id: str | None, live_only: bool, most: int | None = None
) -> list[Alert]:
    """Alerts, the most urgent first."""
    query = select(ALERTS).order_by(
        ALERTS.c.severity.desc(), ALERTS.c.respond_by, ALERTS.c.guarantee_id, ALERTS.c.cause
    )
    if guarantee_id is not None:
        query = query.where(ALERTS.c.guarantee_id == guarantee_id)
    if live_only:
        query = query.where(_LIVE)
    return [alert_of(row) for row in connection.execute(query.limit(most)).mappings()]


def matching(
    connection: Connection, alert_ids: Sequence[str], change: Callable[[Alert], AlertChange | None]
) -> list[AlertChange]:
    """Change alerts; returns what was changed."""
    desk = AlertDesk(connection)
    found = [change(alert) for alert in desk.by_id(alert_ids)]
    changes = [one for one in found if one is not None]
    desk.record(changes)
    return changes


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
    enums = {
        "severity": Severity(row["severity"]),
        "state": AlertState(row["state"]),
        "news": Change(row["news"]),
    }
    return Alert(**values | enums)


def _row(alert: Alert, names: Sequence[str] = _FIELDS) -> dict[str, Any]:
    """The columns of these names, as the database takes them."""
    row = {name: getattr(alert, name) for name in names}
    row |= {"severity": int(alert.severity), "state": alert.state.value, "news": alert.news.value}
    if "detail" in row:
        row |= {"evidence": dict(alert.evidence), "detail": dict(alert.detail)}
        row["also"] = list(alert.also)
    return row


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
        "who": change.who,
        "given": dict(change.given),
    }
