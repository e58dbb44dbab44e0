"""Chasing answers: reminders to managers, escalations past them, when the clock says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address

from vouch.domain.alert import Alert, advance
from vouch.domain.response import Role, Step, Terms
from vouch.warning.digest import Digest, Kind
from vouch.warning.duty import Duty
from vouch.warning.letter import post
from vouch.warning.people import People, Person

_AT_ONCE = 1_000


@dataclass
class Chased:
    """What a pass over the clock did; `to_nobody` are alerts that found no one to go to."""

    reminders: int = 0
    escalations: int = 0
    mails: int = 0
    to_nobody: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Move:
    alert: Alert
    due: int
    step: Step | None
    person: Person | None


def chase(duty: Duty, people: People) -> Chased:
    """Take every step that is due; after downtime the furthest of several, not each of them."""
    chased = Chased()
    while _chase_some(duty, people, chased):
        pass
    return chased


def _chase_some(duty: Duty, people: People, chased: Chased) -> bool:
    now, terms = duty.clock(), duty.terms()
    with duty.desk() as desk:
        alerts = desk.steps_due(now, _AT_ONCE)
        moves = [_move(alert, duty, people, terms, now) for alert in alerts]
        changes = []
        mails: dict[tuple[Role, str], list[Alert]] = {}
        for move in moves:
            to = ", ".join(a.addr_spec for a in _addresses(move.person, duty))
            times = terms.step_times(move.alert, duty.calendar)
            following = times[move.due] if move.due < len(times) else None
            role = move.step.to if move.step else Role.MANAGER
            change = advance(
                move.alert, move.due, following, role.value if move.step else "", to, now
            )
            changes.append(change)
            if move.step is not None:
                chased.reminders += role is Role.MANAGER
                chased.escalations += role is not Role.MANAGER
                mails.setdefault((role, to), []).append(change.alert)
        desk.record(changes)
        for (role, to), some in mails.items():
            if not to:
                chased.to_nobody.update(alert.guarantee_id for alert in some)
                continue
            person = next(m.person for m in moves if m.alert.alert_id == some[0].alert_id)
            chased.mails += post(duty, desk, _digest(duty, people, role, person, some, now))
    return len(alerts) == _AT_ONCE


def _move(alert: Alert, duty: Duty, people: People, terms: Terms, now: datetime) -> _Move:
    due = max(terms.steps_due(alert, duty.calendar, now), alert.steps + 1)
    step = terms.step_to_take(alert, due)
    person = people.holder(step.to, alert, duty.calendar.day(now)) if step else None
    return _Move(alert, due, step, person)


def _addresses(person: Person | None, duty: Duty) -> list[Address]:
    if person is not None:
        return person.addresses
    return [Address(addr_spec=duty.administrator)] if duty.administrator else []


def _digest(
    duty: Duty,
    people: People,
    role: Role,
    person: Person | None,
    alerts: list[Alert],
    now: datetime,
) -> Digest:
    to = _addresses(person, duty)
    managers = {m.person_id: m for a in alerts if (m := people.manager(a)) is not None}
    copies = [] if role is Role.MANAGER else [a for m in managers.values() for a in m.addresses]
    return Digest(
        kind=Kind.REMINDER if role is Role.MANAGER else Kind.ESCALATION,
        recipients=to,
        copies=[a for a in copies if a.addr_spec not in {t.addr_spec for t in to}],
        as_of=max(alert.as_of for alert in alerts),
        now=now,
        alerts=alerts,
        role=role,
        managers={m.person_id: m.name or m.person_id for m in managers.values()},
        zone=(person.zone if person else None) or duty.calendar.zone,
    )
