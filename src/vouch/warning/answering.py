"""What people do with alerts: take them up, answer them, close them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vouch.domain import vocabulary
from vouch.domain.alert import (
    Alert,
    AlertChange,
    AlertState,
    acknowledge,
    close_alert,
    respond,
)
from vouch.domain.vocabulary import term_of
from vouch.errors import AnswerError, NotFoundError
from vouch.store.links import Link
from vouch.store.store import Store
from vouch.warning.linking import Linker, Purpose, is_expired


class Opened(StrEnum):
    """What a link is worth."""

    GOOD = "good"
    USED = "used"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class LinkView:
    """What stands behind a link that somebody opened; opening changes nothing.

    `answers` is the link that answers the alerts, for whoever may see it.
    """

    opened: Opened
    link: Link | None = None
    alerts: Sequence[Alert] = ()
    answers: Link | None = None


@dataclass(frozen=True)
class Answer:
    """What somebody says of some alerts."""

    alert_ids: Sequence[str]
    disposition: str
    note: str
    evidence: Sequence[str] = ()


def open_link(
    store: Store,
    linker: Linker,
    token: str,
    now: datetime,
    purpose: Purpose = Purpose.ACKNOWLEDGE,
) -> LinkView:
    """What a link stands for."""
    link_id = linker.read(token, purpose)
    link = store.link(link_id) if link_id else None
    if link is None:
        return LinkView(Opened.UNKNOWN)
    alerts = store.alerts_by_id(link.alert_ids)
    if link.used_at is not None:
        return LinkView(Opened.USED, link, alerts)
    return LinkView(Opened.EXPIRED if is_expired(link, now) else Opened.GOOD, link, alerts)


def use_link(store: Store, linker: Linker, token: str, now: datetime) -> LinkView:
    """Acknowledge the alerts of a link, all of them or none, once."""
    view = open_link(store, linker, token, now)
    if view.opened is not Opened.GOOD or view.link is None:
        return view
    with store.alert_desk() as desk:
        link = desk.use_link(view.link.link_id, now)
        if link is not None:
            found = desk.by_id(link.alert_ids)
            taken = [acknowledge(alert, link.reader, now) for alert in found]
            desk.record([change for change in taken if change is not None])
            further = linker.following(view.link, now)
            desk.add_link(further)
    if link is None:  # somebody was quicker
        return open_link(store, linker, token, now)
    return LinkView(Opened.GOOD, link, store.alerts_by_id(link.alert_ids), further)


def answer_by_link(
    store: Store,
    linker: Linker,
    token: str,
    given: Answer,
    now: datetime,
) -> LinkView:
    """Answer alerts of a link that answers; those that wait no more stay as they are.

    Raises:
        AnswerError: as `answer`, or no alert is chosen.
    """
    view = open_link(store, linker, token, now, Purpose.ANSWER)
    if view.opened is not Opened.GOOD or view.link is None:
        return view
    chosen = [a for a in view.alerts if a.alert_id in given.alert_ids and a.state.is_waiting]
    if not chosen:
        raise AnswerError("choose at least one warning that waits for its answer")
    ids = [alert.alert_id for alert in chosen]
    answer(store, ids, given.disposition, given.note, given.evidence, view.link.reader, now)
    return open_link(store, linker, token, now, Purpose.ANSWER)


def take_up(store: Store, alert_ids: Sequence[str], who: str, now: datetime) -> list[AlertChange]:
    """Acknowledge alerts.

    Raises:
        NotFoundError: there is no such alert.
    """
    _known(store, alert_ids)
    return store.change_alerts(alert_ids, lambda alert: acknowledge(alert, who, now))


def answer(
    store: Store,
    alert_ids: Sequence[str],
    disposition: str,
    note: str,
    evidence: Sequence[str],
    who: str,
    now: datetime,
) -> list[AlertChange]:
    """Answer alerts: what was done, in words, with what shows it.

    Raises:
        NotFoundError: there is no such alert.
        AnswerError: an unknown disposition, no words, or an alert that is closed.
    """
    code = term_of(disposition, vocabulary.DISPOSITIONS)
    if code is None:
        known = ", ".join(f"{c} ({names[0]})" for c, names in vocabulary.DISPOSITIONS.items())
        raise AnswerError(f"there is no disposition {disposition!r}; choose one of {known}")
    if not note.strip():
        raise AnswerError("say in a note what was found and done")
    _known(store, alert_ids)

    def change(alert: Alert) -> AlertChange:
        _not_closed(alert)
        return respond(alert, code, note.strip(), evidence, who, now)

    return store.change_alerts(alert_ids, change)


def close(
    store: Store, alert_ids: Sequence[str], note: str, who: str, now: datetime
) -> list[AlertChange]:
    """Close alerts that were answered.

    Raises:
        NotFoundError: there is no such alert.
        AnswerError: an alert that nobody has answered yet, or that is closed.
    """
    _known(store, alert_ids)

    def change(alert: Alert) -> AlertChange:
        _not_closed(alert)
        if alert.state is not AlertState.RESPONDED:
            raise AnswerError(
                f"alert {alert.alert_id} has not been answered; answer it first with "
                "`vouch warning respond`"
            )
        return close_alert(alert, note or "closed by a person", alert.as_of, now, who)

    return store.change_alerts(alert_ids, change)


def _known(store: Store, alert_ids: Sequence[str]) -> None:
    found = {alert.alert_id for alert in store.alerts_by_id(alert_ids)}
    missing = [alert_id for alert_id in alert_ids if alert_id not in found]
    if missing:
        raise NotFoundError(
            f"there is no alert {', '.join(missing)}; `vouch warning list` shows them"
        )


def _not_closed(alert: Alert) -> None:
    if alert.state is AlertState.CLOSED:
        raise AnswerError(f"alert {alert.alert_id} is closed")
