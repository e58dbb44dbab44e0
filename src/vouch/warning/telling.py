"""Telling people of alerts: one mail each for what is urgent, one digest for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from email.headerregistry import Address

from vouch.domain.alert import Alert, AlertChange, Change, Look, tell
from vouch.domain.ranking import Ranking
from vouch.domain.response import Terms
from vouch.store.alerts import AlertDesk
from vouch.store.outbox import DEAD_FOR
from vouch.store.runs import Run
from vouch.warning.digest import Digest, Kind
from vouch.warning.duty import Duty
from vouch.warning.letter import post
from vouch.warning.people import People, Person

CAME_BACK = "its mail came back"


@dataclass
class Told:
    """What a pass over the untold alerts did.

    `without_manager` and `without_email` name guarantees whose news reached no account manager;
    `held` counts what the daily budget holds back; `default_schemes` names the unknown schemes.
    """

    mails: int = 0
    held: int = 0
    without_manager: set[str] = field(default_factory=set)
    without_email: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Reader:
    """Whose mail it is: the manager's own or, while they are away or unknown, somebody else's."""

    addresses: Sequence[Address]
    acts_for: str = ""
    is_unassigned: bool = False
    zone: tzinfo | None = None


def tell_all(duty: Duty, people: People, run: Run, urgent_only: bool) -> Told:
    """Write the mails that are due, a transaction for each manager.

    Args:
        urgent_only: only guarantees with an alert of a colour that has a mail of its own.
    """
    told = Told()
    with duty.desk() as desk:
        waiting = desk.untold_managers()
    day = duty.calendar.day(duty.clock())
    known = [m for m in waiting if _reads(people, m, day)]
    for manager_id in known:
        with duty.desk() as desk:
            alerts = desk.untold(manager_id)
            reader = _reader_of(people, people.persons[manager_id or ""], duty)
            _tell(duty, desk, run, reader, [(manager_id, alerts)], told, urgent_only)
    unknown = [m for m in waiting if m not in known]
    if unknown:
        with duty.desk() as desk:
            found = [(m, desk.untold(m)) for m in unknown]
            _note_unreachable(people, found, told)
            if duty.administrator is not None:
                to = _Reader([Address(addr_spec=duty.administrator)], is_unassigned=True)
                _tell(duty, desk, run, to, found, told, urgent_only)
    return told


def readdress(duty: Duty, people: People) -> int:
    """Have alerts told anew whose mail came back, where somebody else can hear; how many.

    The clock of each runs on: that a mail came back gives nobody more time.
    """
    now, day = duty.clock(), duty.calendar.day(duty.clock())
    with duty.desk() as desk:
        dead = desk.dead_addresses(now)
        if not dead:
            return 0
        told = desk.told_to(now - DEAD_FOR)
        lost = [a for a in told if dead.issuperset(told[a].split(", "))]
        changes = [
            AlertChange(replace(alert, told_at=None), Change.UPDATED, CAME_BACK)
            for alert in desk.by_id(lost)
            if _reads(people, alert.manager_id, day)
        ]
        desk.record(changes)
    return len(changes)


def _reads(people: People, manager_id: str | None, day: date) -> bool:
    person = people.persons.get(manager_id or "")
    return person is not None and bool(people.stand_in(person, day).emails)


def _reader_of(people: People, manager: Person, duty: Duty) -> _Reader:
    acting = people.stand_in(manager, duty.calendar.day(duty.clock()))
    acts_for = manager.name or manager.person_id if acting is not manager else ""
    return _Reader(acting.addresses, acts_for, zone=acting.zone)


def _note_unreachable(
    people: People, found: Sequence[tuple[str | None, list[Alert]]], told: Told
) -> None:
    for manager_id, alerts in found:
        missing = told.without_email if manager_id in people.persons else told.without_manager
        missing.update(alert.guarantee_id for alert in alerts)


def _tell(
    duty: Duty,
    desk: AlertDesk,
    run: Run,
    reader: _Reader,
    found: Sequence[tuple[str | None, list[Alert]]],
    told: Told,
    urgent_only: bool,
) -> None:
    terms, now = duty.terms(), duty.clock()
    today = duty.calendar.day(now)
    ranking = duty.policy.ranking(today)
    chosen: list[Alert] = []
    held: list[Alert] = []
    for manager_id, alerts in found:
        if urgent_only:
            chosen += _urgent(alerts, terms)
            continue
        room = terms.daily_budget - desk.told_since(manager_id, duty.calendar.start_of(today))
        room = len(alerts) if reader.is_unassigned else room
        lately = desk.told_chances(manager_id, now - timedelta(days=ranking.again_after_days))
        some, rest = within_budget(alerts, terms, Order(terms, ranking, lately), room)
        chosen, held = chosen + some, held + rest
    told.held += len(held)
    if not chosen:
        return
    to = ", ".join(address.addr_spec for address in reader.addresses)
    changes = [_told(alert, duty, terms, run, to, now) for alert in chosen]
    desk.record(changes)
    closed = {g for manager_id, _ in found for g in desk.closed_in(manager_id, run.started_at)}
    digest = Digest(
        kind=Kind.URGENT if urgent_only else Kind.NEWS,
        recipients=reader.addresses,
        as_of=run.as_of,
        now=now,
        alerts=[change.alert for change in changes],
        held=held,
        closed=() if urgent_only else sorted(closed),
        acts_for=reader.acts_for,
        is_unassigned=reader.is_unassigned,
        zone=reader.zone or duty.calendar.zone,
    )
    told.mails += post(duty, desk, digest)


def _urgent(alerts: Sequence[Alert], terms: Terms) -> list[Alert]:
    """Every alert of the guarantees that have an urgent one."""
    names = {a.guarantee_id for a in alerts if terms.answers[a.severity].is_immediate}
    return [alert for alert in alerts if alert.guarantee_id in names]


@dataclass(frozen=True)
class Order:
    """The order of alerts within a budget: what must go, then news, then repeats, by value.

    `lately` has the chance at which each guarantee was told of lately. An alert without a chance
    of its own, of a part of the book, comes before those that have one.
    """

    terms: Terms
    ranking: Ranking
    lately: Mapping[str, float]

    def rank(self, alert: Alert) -> tuple[bool, bool, float, str]:
        """Sorts what is to be told first to the front."""
        chance = float(alert.detail.get("chance", 1.0))
        worth = self.terms.value(alert.severity, alert.expected, alert.lead_days)
        return (
            self.terms.answers[alert.severity].may_be_held,
            self.ranking.is_repeat(chance, self.lately.get(alert.guarantee_id)),
            -self.ranking.value(chance, worth),
            alert.alert_id,
        )


def within_budget(
    alerts: Sequence[Alert], terms: Terms, order: Order, room: int
) -> tuple[list[Alert], list[Alert]]:
    """What is told today, the most valuable first, and what is held."""
    ordered = sorted(alerts, key=order.rank)
    must = sum(not terms.answers[alert.severity].may_be_held for alert in alerts)
    told = max(room, must)
    return ordered[:told], ordered[told:]


def _told(alert: Alert, duty: Duty, terms: Terms, run: Run, to: str, now: datetime) -> AlertChange:
    """The alert told; one that was held until today has its whole time from now on."""
    was_held = alert.next_step_at is None and (alert.known_at or now) < run.known_at
    start = now if was_held else alert.clock_from or now
    clocked = terms.clocked(alert.severity, Look(alert.as_of, start, now), duty.calendar)
    times = terms.step_times(replace(alert, **vars(clocked)), duty.calendar)
    following = times[alert.steps] if alert.steps < len(times) else None
    return tell(alert, clocked, following, to, now)
