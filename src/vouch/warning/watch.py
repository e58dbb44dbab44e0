"""One run of the watch: look at the book, bring the alerts up to date, tell the people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from email.headerregistry import Address
from uuid import uuid4

from vouch.book.book import Book
from vouch.domain.alert import (
    Alert,
    AlertChange,
    Change,
    close_alert,
    raise_alert,
    renew_alert,
)
from vouch.errors import StoreError
from vouch.features.describe import Progress
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.store.store import Store
from vouch.warning.digest import Digest, compose
from vouch.warning.notify import Mailer, deliver, is_address
from vouch.warning.observe import Manager, Observation, observe
from vouch.warning.rule import check_numbers

HEALED, ENDED = "healed", "no longer in force"


@dataclass(frozen=True)
class WatchReport:
    """What one run found and did.

    `without_manager` and `without_email` name guarantees whose news reached no account manager;
    `default_scheme_used` counts alerts by the scheme name that policy does not know ("-": none).
    """

    as_of: date
    guarantees: int
    alerts: int
    raised: int
    worsened: int
    eased: int
    updated: int
    closed: int
    mails_queued: int
    mails_sent: int
    mails_waiting: int
    mails_given_up: int
    mail_errors: list[str] = field(default_factory=list)
    without_manager: list[str] = field(default_factory=list)
    without_email: list[str] = field(default_factory=list)
    default_scheme_used: dict[str, int] = field(default_factory=dict)


def watch_once(
    book: Book,
    champion: Bundle,
    policy: Policy,
    store: Store,
    mailer: Mailer,
    as_of: date,
    now: datetime,
    progress: Progress,
    administrator: str | None = None,
) -> WatchReport:
    """Raise, update and close alerts as of a date and mail every account manager their news.

    Run again on the same date it finds nothing new. Mails go out after the alerts are safe; those
    that fail are tried again in the next run.

    Args:
        administrator: who gets the news of guarantees that no account manager can be told of.

    Raises:
        PolicyError: the numbers of the rules do not fit the rules.
        StoreError: the book was already watched as of a later date.
    """
    check_numbers(policy)
    seen = observe(book, champion, policy, as_of, progress)
    with store.alert_desk() as desk:
        if desk.newest_watch is not None and desk.newest_watch > as_of:
            raise StoreError(
                f"the book was already watched as of {desk.newest_watch}; alerts only go forward, "
                f"so give that day or a later one, not {as_of}"
            )
        live = desk.live()
        changes = _changes(live, seen, as_of, now)
        desk.record(changes)
        told = _Addressing(seen.managers, administrator)
        digests = told.digests(changes, as_of, now)
        mails = [compose(digest, policy, mailer.sender) for digest in digests]
        desk.queue(mails, now)
        counts = Counter(change.change.value for change in changes)
        desk.note_watch(as_of, now, counts)
    sent = deliver(store, mailer, now)
    return WatchReport(
        as_of=as_of,
        guarantees=len(seen.in_force),
        alerts=len(live) + counts[Change.RAISED] - counts[Change.CLOSED],
        **{kind.value: counts[kind.value] for kind in Change},
        mails_queued=len(mails),
        mails_sent=sent.sent,
        mails_waiting=sent.waiting,
        mails_given_up=sent.given_up,
        mail_errors=sent.errors,
        without_manager=told.without_manager,
        without_email=told.without_email,
        default_scheme_used=_default_schemes(changes),
    )


def _changes(
    live: Mapping[tuple[str, str], Alert], seen: Observation, as_of: date, now: datetime
) -> list[AlertChange]:
    changes: list[AlertChange] = []
    for sighting in seen.sightings:
        signal, manager = sighting.signal, sighting.manager_id
        alert = live.get((signal.guarantee_id, signal.cause))
        change = (
            raise_alert(uuid4().hex, signal, manager, as_of, now)
            if alert is None
            else renew_alert(alert, signal, manager, as_of, now)
        )
        if change is not None:
            changes.append(
                replace(change, alert=replace(change.alert, detail=dict(sighting.detail)))
            )
    signalled = {(s.signal.guarantee_id, s.signal.cause) for s in seen.sightings}
    for key, alert in live.items():
        if key not in signalled:
            note = HEALED if alert.guarantee_id in seen.in_force else ENDED
            changes.append(close_alert(alert, note, as_of, now))
    return changes


def _default_schemes(changes: Iterable[AlertChange]) -> dict[str, int]:
    details = [change.alert.detail for change in changes if change.change.is_news]
    return dict(Counter(d["scheme_given"] or "-" for d in details if d["scheme_is_assumed"]))


class _Addressing:
    """Who is told what; news that finds no account manager is kept by the reason."""

    def __init__(self, managers: Mapping[str, Manager], administrator: str | None) -> None:
        self._managers = managers
        self._administrator = administrator
        self.without_manager: list[str] = []
        self.without_email: list[str] = []

    def digests(self, changes: Sequence[AlertChange], as_of: date, now: datetime) -> list[Digest]:
        """One digest for everybody for whom there is news."""
        news: dict[Manager | None, list[AlertChange]] = {}
        closed: dict[Manager | None, set[str]] = {}
        for change in changes:
            alert = change.alert
            reader = self._reader(alert)
            if change.change.is_news:
                news.setdefault(reader, []).append(change)
            elif change.change is Change.CLOSED:
                closed.setdefault(reader, set()).add(alert.guarantee_id)
        untold = news.pop(None, [])
        self._keep_untold(untold)
        found = [
            Digest(_address(reader), as_of, now, told, sorted(closed.get(reader, ())))
            for reader, told in news.items()
            if reader is not None
        ]
        if untold and self._administrator is not None:
            to = Address(addr_spec=self._administrator)
            found.append(Digest(to, as_of, now, untold, is_unassigned=True))
        return found

    def _reader(self, alert: Alert) -> Manager | None:
        manager = self._managers.get(alert.manager_id or "")
        return manager if manager is not None and is_address(manager.email) else None

    def _keep_untold(self, changes: Sequence[AlertChange]) -> None:
        for alert in {change.alert.guarantee_id: change.alert for change in changes}.values():
            is_known = alert.manager_id in self._managers
            missing = self.without_email if is_known else self.without_manager
            missing.append(alert.guarantee_id)


def _address(manager: Manager) -> Address:
    return Address(manager.name, addr_spec=manager.email or "")
