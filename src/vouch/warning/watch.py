"""One run of the watch: look at the book, bring the alerts up to date, tell the people.

A run is a chain of transactions, and each leaves everything in order: killed between two of them,
the next run goes on where this one stood. Only the holder of the lease can make one.

====================  ==========================================================
begin                 the run is written down, or the unfinished one taken up
part by part          alerts of some guarantees, with how far the run has come
ended                 alerts of guarantees that are no longer in force
portfolio             alerts of parts of the book: caps, institutions, vintages, the model
urgent, digests       a transaction for each account manager: mails with links
chase                 reminders and escalations whose time has come
end                   the run's report
====================  ==========================================================

Mails are delivered between them, from the outbox.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from vouch.book.book import Book
from vouch.domain.alert import (
    ENDED,
    HEALED,
    Alert,
    AlertChange,
    Change,
    Look,
    Severity,
    Sighting,
    close_alert,
    raise_alert,
    renew_alert,
)
from vouch.domain.combination import combine
from vouch.domain.portfolio_part import is_portfolio
from vouch.domain.response import Terms
from vouch.errors import StoreError, VouchError
from vouch.features.describe import Progress, silent
from vouch.scoring.bundle import Bundle
from vouch.store.outbox import Channel
from vouch.store.runs import Run
from vouch.warning.arrivals import Arrival
from vouch.warning.chasing import Chased, chase
from vouch.warning.duty import Duty
from vouch.warning.freshness import CAUSE, feeds
from vouch.warning.notice import Notice, feed_alerts
from vouch.warning.notify import Delivery, deliver
from vouch.warning.observe import Observation, Part, plain_text
from vouch.warning.people import People, people
from vouch.warning.portfolio import sightings
from vouch.warning.rule import check_numbers
from vouch.warning.telling import Told, readdress, tell_all


@dataclass(frozen=True)
class WatchReport:
    """What one run found and did.

    `without_manager` and `without_email` name guarantees whose news reached no account manager;
    `default_scheme_used` counts alerts by the scheme name that policy does not know ("-": none);
    `unseen` counts guarantees that could not be looked at, whose alerts stay as they were;
    `feeds` says when each feed last brought something new, `arrivals` how many rows each file of
    the inbox added; `problems` says what was left out or went wrong while the run went on for the
    rest.
    """

    as_of: date
    guarantees: int
    alerts: int
    raised: int
    worsened: int
    reopened: int
    merged: int
    eased: int
    updated: int
    suppressed: int
    closed: int
    held: int
    reminders: int
    escalations: int
    mails_queued: int
    mails_sent: int
    mails_waiting: int
    mails_given_up: int
    seconds: float
    mail_errors: list[str] = field(default_factory=list)
    without_manager: list[str] = field(default_factory=list)
    without_email: list[str] = field(default_factory=list)
    default_scheme_used: dict[str, int] = field(default_factory=dict)
    unseen: int = 0
    feeds: dict[str, str] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


_SCHEME, _UNSEEN = "scheme ", "unseen "
_COUNTED = (
    Change.RAISED,
    Change.WORSENED,
    Change.REOPENED,
    Change.MERGED,
    Change.EASED,
    Change.UPDATED,
    Change.SUPPRESSED,
    Change.CLOSED,
)


def watch_once(
    duty: Duty,
    book: Book,
    champion: Bundle,
    as_of: date,
    known_at: datetime | None = None,
    progress: Progress = silent,
    tells: bool = True,
    arrivals: Sequence[Arrival] = (),
) -> WatchReport:
    """Raise, update and close alerts as of a date and tell people of their news.

    Run again on the same date it finds nothing new. Mails go out after the alerts are safe; those
    that fail are tried again later.

    Args:
        duty: what the watch works with.
        book: what is watched.
        champion: the model of the post-loan stage.
        as_of: the day to look at.
        known_at: when signals seen now could be known; by default the present.
        progress: called with guarantees done and in all.
        arrivals: what became of the files that arrived before.
        tells: whether people are told in this run, or in a later one that catches up further.

    Raises:
        PolicyError: the numbers of the rules do not fit the rules.
        StoreError: the book was already watched as of a later date.
        LeaseError: another process is on watch.
    """
    check_numbers(duty.policy)
    duty = replace(duty, problems=[])
    run = _begin(duty, book, as_of, known_at or duty.clock())
    observation = Observation(book, champion, duty.policy, as_of)
    progress(run.looked_at, len(observation))
    for part in observation.parts(run.looked_at):
        run = _keep_part(duty, run, part, len(part))
        progress(run.looked_at, len(observation))
    run = _close_ended(duty, run, observation)
    staff = staff_of(duty, book, as_of)
    duty.problems.extend(staff.faults)
    duty.problems.extend(
        f"{n} guarantees could not be looked at, their alerts stay as they were: "
        f"{name.removeprefix(_UNSEEN)}"
        for name, n in run.counts.items()
        if name.startswith(_UNSEEN)
    )
    run = _keep_portfolio(duty, run, book, champion, staff)
    told, delivery = Told(), Delivery()
    chased = Chased()
    if tells:
        told, delivery, chased = _tell(duty, staff, run)
    duty.problems.extend(arrival.problem for arrival in arrivals if arrival.problem)
    written = _report(duty, run, len(observation), told, delivery, chased)
    written = replace(written, arrivals={a.file: a.accepted for a in arrivals})
    report = _end(duty, book, run, written)
    send(duty)
    return report


def _begin(duty: Duty, book: Book, as_of: date, known_at: datetime) -> Run:
    state = book.fingerprint()
    with duty.desk() as desk:
        if desk.newest_watch is not None and desk.newest_watch > as_of:
            raise StoreError(
                f"the book was already watched as of {desk.newest_watch}; alerts only go forward, "
                f"so give that day or a later one, not {as_of}"
            )
        run = desk.unfinished_run()
        if run is None:
            run = Run(uuid4().hex, as_of, state, known_at, duty.clock())
        elif run.as_of != as_of:
            run = replace(run, as_of=as_of, book=state, known_at=known_at, looked_at=0)
        elif run.book != state:
            run = replace(run, book=state, looked_at=0)
        desk.keep_run(run)
    return run


def _keep_part(duty: Duty, run: Run, part: Part, looked_at: int) -> Run:
    terms = duty.terms()
    with duty.desk() as desk:
        look = Look(run.as_of, run.known_at, duty.clock())
        span = max(terms.quiet, terms.combined_within)
        before = desk.around(part.guarantee_ids, look.now - span)
        changes = _changes(before, part, look, terms, duty)
        desk.record(changes)
        run = _further(run, changes, looked_at)
        run = replace(run, counts=Counter(run.counts) + _unseen(part))
        desk.keep_run(run)
    return run


def _unseen(part: Part) -> Counter[str]:
    """Who could not be looked at, in words: kept with the run, for whoever ends it to report."""
    by_fault: dict[str, list[str]] = {}
    for name, fault in part.unseen.items():
        by_fault.setdefault(fault, []).append(name)
    found: Counter[str] = Counter()
    for fault, names in by_fault.items():
        some = ", ".join(names[:5]) + ", …" * (len(names) > 5)
        found[f"{_UNSEEN}{plain_text(some)}: {plain_text(fault)}"] += len(names)
    return found


def _further(run: Run, changes: Sequence[AlertChange], looked_at: int) -> Run:
    counts = Counter(run.counts)
    counts.update(change.change.value for change in changes)
    counts.update(f"{_SCHEME}{name}" for name in _default_schemes(changes))
    return replace(run, looked_at=run.looked_at + looked_at, counts=dict(counts))


def _changes(
    before: Mapping[tuple[str, str], Alert], part: Part, look: Look, terms: Terms, duty: Duty
) -> list[AlertChange]:
    changes = []
    sightings = _combined(before, part.sightings, look, terms)
    for seen in sightings:
        signal = seen.signal
        alert = before.get((signal.guarantee_id, signal.cause))
        clocked = terms.clocked(signal.severity, look, duty.calendar)
        change = (
            raise_alert(uuid4().hex, seen, look, clocked)
            if alert is None or _is_forgotten(alert, look, terms)
            else renew_alert(alert, seen, look, clocked, terms.quiet)
        )
        if change is not None:
            changes.append(change)
    signalled = {(seen.signal.guarantee_id, seen.signal.cause) for seen in sightings}
    gone = [a for key, a in before.items() if key not in signalled and a.closed_at is None]
    changes += [close_alert(alert, HEALED, look.as_of, look.now) for alert in gone]
    return changes


def _is_forgotten(alert: Alert, look: Look, terms: Terms) -> bool:
    return alert.closed_at is not None and look.now - alert.closed_at >= terms.quiet


def _combined(
    before: Mapping[tuple[str, str], Alert],
    sightings: Sequence[Sighting],
    look: Look,
    terms: Terms,
) -> list[Sighting]:
    since = look.now - terms.combined_within
    recent = (
        (alert.guarantee_id, alert.rule)
        for alert in before.values()
        if alert.severity >= Severity.ORANGE and (alert.known_at or alert.raised_at) >= since
    )
    signals = combine([seen.signal for seen in sightings], recent, terms.left_out)
    return [replace(s, signal=signal) for s, signal in zip(sightings, signals, strict=True)]


def _close_ended(duty: Duty, run: Run, observation: Observation) -> Run:
    with duty.desk() as desk:
        live_ids = desk.live_guarantees(without_cause=CAUSE)
        ended = observation.ended({name for name in live_ids if not is_portfolio(name)})
        now = duty.clock()
        live = [a for a in desk.around(ended, now).values() if a.closed_at is None]
        changes = [close_alert(alert, ENDED, run.as_of, now) for alert in live]
        desk.record(changes)
        run = _further(run, changes, 0)
        desk.keep_run(run)
    return run


def _keep_portfolio(duty: Duty, run: Run, book: Book, champion: Bundle, staff: People) -> Run:
    """Alerts of parts of the book; where they cannot be measured, those that are there stay."""
    if duty.portfolio is None:
        return run
    try:
        parts = duty.portfolio(book.known(run.as_of), champion)
    except VouchError as error:
        duty.problems.append(f"the portfolio rules saw nothing: {error}")
        return run
    seen = sightings(parts, duty.policy, run.as_of, staff, duty.terms().portfolio_to)
    with duty.desk() as desk:
        live = {n for n in desk.live_guarantees(without_cause=CAUSE) if is_portfolio(n)}
    names = sorted(live | {signal.signal.guarantee_id for signal in seen})
    return _keep_part(duty, run, Part(names, seen), 0)


def staff_of(duty: Duty, book: Book, day: date) -> People:
    """Who hears of alerts, without the addresses from which mails come back."""
    managers = book.known(day).rows("manager").to_pylist()
    with duty.desk() as desk:
        dead = desk.dead_addresses(duty.clock())
    return people(managers, duty.duty_list, dead)


def _tell(duty: Duty, staff: People, run: Run) -> tuple[Told, Delivery, Chased]:
    readdress(duty, staff)
    told = tell_all(duty, staff, run, urgent_only=True)
    delivery = send(duty)
    for part in (tell_all(duty, staff, run, urgent_only=False),):
        told.mails += part.mails
        told.held += part.held
        told.without_manager |= part.without_manager
        told.without_email |= part.without_email
    chased = chase(duty, staff)
    further = send(duty)
    delivery.sent += further.sent
    delivery.waiting += further.waiting
    delivery.given_up += further.given_up
    delivery.errors += further.errors
    return told, delivery, chased


def send(duty: Duty) -> Delivery:
    """Deliver what is due of the outbox."""

    def keep() -> None:
        with duty.desk():
            pass

    couriers = {Channel.MAIL: duty.mailer, **({Channel.WEBHOOK: duty.robot} if duty.robot else {})}
    return deliver(duty.store, couriers, duty.clock, keep)


def _report(
    duty: Duty, run: Run, guarantees: int, told: Told, delivery: Delivery, chased: Chased
) -> WatchReport:
    counted: dict[str, Any] = {kind.value: run.counts.get(kind.value, 0) for kind in _COUNTED}
    return WatchReport(
        as_of=run.as_of,
        guarantees=guarantees,
        alerts=0,
        **counted,
        held=told.held,
        reminders=chased.reminders,
        escalations=chased.escalations,
        mails_queued=told.mails + chased.mails,
        mails_sent=delivery.sent,
        mails_waiting=delivery.waiting,
        mails_given_up=delivery.given_up,
        seconds=(duty.clock() - run.started_at).total_seconds(),
        mail_errors=delivery.errors,
        without_manager=sorted(told.without_manager),
        without_email=sorted(told.without_email),
        default_scheme_used={
            name.removeprefix(_SCHEME): n
            for name, n in run.counts.items()
            if name.startswith(_SCHEME)
        },
        unseen=sum(n for name, n in run.counts.items() if name.startswith(_UNSEEN)),
    )


def _end(duty: Duty, book: Book, run: Run, report: WatchReport) -> WatchReport:
    now = duty.clock()
    found = feeds(book, run.as_of, duty.terms().may_be_silent)
    last = next((r.report for r in duty.store.watch_runs(2) if r.report), {})
    with duty.desk() as desk:
        silent = feed_alerts(desk, found, Look(run.as_of, run.known_at, now), duty)
        problems = list(dict.fromkeys([*duty.problems, *silent]))
        report = replace(
            report,
            alerts=desk.live_count(),
            feeds={feed.name: feed.newest.isoformat() for feed in found},
            problems=problems,
        )
        written = vars(report) | {"as_of": run.as_of.isoformat()}
        desk.keep_run(replace(run, ended_at=now, report=written))
        desk.note_watch(run.as_of, now, {k: v for k, v in written.items() if type(v) is int})
        # what was said already is not said again each day
        if duty.administrator and set(problems) - set(last.get("problems", ())):
            notice = Notice(run.run_id, now, problems)
            desk.queue([notice.mail(duty.administrator, duty.mailer.sender)], now)
    return report


def _default_schemes(changes: Iterable[AlertChange]) -> list[str]:
    details = [change.alert.detail for change in changes if change.change.is_news]
    return [d["scheme_given"] or "-" for d in details if d["scheme_is_assumed"]]
