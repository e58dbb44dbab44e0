"""The life cycle of an alert: what people handle when a rule has seen a signal.

::

    raised ─▶ open ─▶ acknowledged ─▶ responded ─▶ closed
               ▲            │              │          │
               └── worsened ┴── worsened, ─┴── reopened where it comes back worse or unanswered
                                reopened where it is still there after the quiet days

`response` says when answers are due, `combination` how signals strengthen each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

HEALED, ENDED = "healed", "no longer in force"
STILL_THERE, CAME_BACK = "still there", "came back"


class Severity(IntEnum):
    """蓝黄橙红, ordered: a larger value is worse."""

    BLUE = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    @classmethod
    def parse(cls, text: str) -> "Severity":
        """Read a colour name.

        >>> Severity.parse("red") > Severity.parse("yellow")
        True
        """
        return cls[text.strip().upper()]

    @property
    def slug(self) -> str:
        """The colour in lower case."""
        return self.name.lower()


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESPONDED = "responded"
    CLOSED = "closed"

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        return self in (AlertState.OPEN, AlertState.ACKNOWLEDGED)


class Change(StrEnum):
    """What happened to an alert."""

    RAISED = "raised"
    WORSENED = "worsened"
    REOPENED = "reopened"
    MERGED = "merged"
    EASED = "eased"
    UPDATED = "updated"
    SUPPRESSED = "suppressed"
    TOLD = "told"
    ACKNOWLEDGED = "acknowledged"
    RESPONDED = "responded"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    CLOSED = "closed"

    @property
    def is_news(self) -> bool:
        """Whether somebody has to do something about it."""
        return self in (Change.RAISED, Change.WORSENED, Change.REOPENED)


@dataclass(frozen=True)
class Signal:
    """What a rule saw of one guarantee.

    `cause` is what it is about: rules of one cause (1, 30, 60 days past due) make one alert
    between them, `also` names those that say less. `evidence` is the figures the rule looked at,
    `note` why the severity is not the rule's own.
    """

    guarantee_id: str
    cause: str
    rule: str
    severity: Severity
    lead_days: int
    evidence: Mapping[str, float]
    also: tuple[str, ...] = ()
    note: str = ""

    @property
    def urgency(self) -> tuple[Severity, int]:
        """Worse is larger; of one colour, the rule with less time left."""
        return self.severity, -self.lead_days


@dataclass(frozen=True)
class Sighting:
    """A signal with whom it concerns and what a reader should know (`detail` is plain JSON).

    `circle` joins guarantees that stand or fall together; `expected` is the compensation expected
    in yuan.
    """

    signal: Signal
    manager_id: str | None
    borrower_id: str | None = None
    guarantor_id: str | None = None
    circle: str | None = None
    expected: float = 0.0
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Alert:
    """One guarantee and one cause, from the first signal until it is closed.

    `as_of` is the date of the facts behind `evidence`; `detail` is what a reader was shown when
    it last changed; `expected` is the compensation expected in yuan. `known_at` is when the signal
    could be known, `clock_from` the start of the response clock, `told_at` when the mail that
    reports it was written (None: not yet, it may be held by the daily budget). `steps` counts the
    reminders and escalations whose time has passed, `next_step_at` is when the next one is due.
    """

    alert_id: str
    guarantee_id: str
    cause: str
    rule: str
    severity: Severity
    lead_days: int
    state: AlertState
    manager_id: str | None
    raised_at: datetime
    changed_at: datetime
    as_of: date
    respond_by: datetime
    evidence: Mapping[str, float]
    detail: Mapping[str, Any] = field(default_factory=dict)
    also: Sequence[str] = ()
    note: str = ""
    borrower_id: str | None = None
    guarantor_id: str | None = None
    circle: str | None = None
    expected: float = 0.0
    news: Change = Change.RAISED
    needs_answer: bool = True
    known_at: datetime | None = None
    clock_from: datetime | None = None
    told_at: datetime | None = None
    acknowledged_at: datetime | None = None
    responded_at: datetime | None = None
    disposition: str | None = None
    closed_at: datetime | None = None
    suppressed_at: datetime | None = None
    steps: int = 0
    next_step_at: datetime | None = None

    @property
    def urgency(self) -> tuple[Severity, int]:
        """As that of the signal behind it."""
        return self.severity, -self.lead_days

    @property
    def is_late(self) -> bool:
        """Whether it was answered after its time."""
        return self.responded_at is not None and self.responded_at > self.respond_by


@dataclass(frozen=True)
class AlertChange:
    """An alert as it stands after a change, with what changed, why, and by whom.

    `given` is what a person added: links to documents, a disposition.
    """

    alert: Alert
    change: Change
    note: str = ""
    who: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Clocked:
    """The response clock of an alert: whether it runs, from when, until when."""

    needs_answer: bool
    clock_from: datetime
    respond_by: datetime


@dataclass(frozen=True)
class Look:
    """One look at the book: the date of the facts, when they could be known, and the present."""

    as_of: date
    known_at: datetime
    now: datetime


def raise_alert(alert_id: str, seen: Sighting, look: Look, clocked: Clocked) -> AlertChange:
    """A new alert."""
    blank = Alert(
        alert_id=alert_id,
        guarantee_id=seen.signal.guarantee_id,
        cause=seen.signal.cause,
        rule="",
        severity=seen.signal.severity,
        lead_days=0,
        state=AlertState.OPEN,
        manager_id=None,
        raised_at=look.now,
        changed_at=look.now,
        as_of=look.as_of,
        respond_by=look.now,
        evidence={},
    )
    raised = _started(_seen(blank, seen, look), Change.RAISED, look, clocked)
    return AlertChange(raised, Change.RAISED, seen.signal.note)


def renew_alert(
    alert: Alert, seen: Sighting, look: Look, clocked: Clocked, quiet: timedelta
) -> AlertChange | None:
    """The alert after a further signal of its cause, or None where the signal says nothing new.

    A worse signal opens the alert again and starts the clock anew, even if somebody had
    acknowledged or answered the milder one. One no worse is kept quiet for `quiet` after an
    answer; where nobody had answered there is nothing to be quiet about.
    """
    renewed = _seen(alert, seen, look)
    is_worse = seen.signal.urgency > alert.urgency
    if alert.state is AlertState.CLOSED:
        return _come_back(alert, renewed, is_worse, look, clocked)
    if is_worse:
        worse = _started(renewed, Change.WORSENED, look, clocked)
        return AlertChange(worse, Change.WORSENED, seen.signal.note)
    if alert.responded_at is not None and look.now - alert.responded_at >= quiet:
        again = _started(renewed, Change.REOPENED, look, clocked)
        return AlertChange(again, Change.REOPENED, STILL_THERE)
    return _quietly(alert, renewed)


def _come_back(
    alert: Alert, renewed: Alert, is_worse: bool, look: Look, clocked: Clocked
) -> AlertChange | None:
    if is_worse or alert.responded_at is None:
        again = _started(renewed, Change.REOPENED, look, clocked)
        return AlertChange(again, Change.REOPENED, CAME_BACK)
    if alert.suppressed_at is not None:
        return None
    # what was answered stays as it was answered: a worse signal is measured against that
    kept = replace(alert, suppressed_at=look.now, changed_at=look.now)
    return AlertChange(kept, Change.SUPPRESSED, CAME_BACK)


def _quietly(alert: Alert, renewed: Alert) -> AlertChange | None:
    if alert.manager_id != renewed.manager_id and alert.state.is_waiting:
        # whoever takes over has to be told, on the clock that runs already
        return AlertChange(replace(renewed, told_at=None), Change.UPDATED, "another manager")
    if renewed.urgency < alert.urgency or renewed.rule != alert.rule:
        return AlertChange(renewed, Change.EASED)
    if set(renewed.also) - set(alert.also):
        return AlertChange(renewed, Change.MERGED, ", ".join(renewed.also))
    if (alert.evidence, alert.manager_id) == (renewed.evidence, renewed.manager_id):
        return None
    return AlertChange(renewed, Change.UPDATED)


def _seen(alert: Alert, seen: Sighting, look: Look) -> Alert:
    signal = seen.signal
    return replace(
        alert,
        rule=signal.rule,
        severity=signal.severity,
        lead_days=signal.lead_days,
        evidence=dict(signal.evidence),
        also=list(signal.also),
        note=signal.note,
        manager_id=seen.manager_id,
        borrower_id=seen.borrower_id,
        guarantor_id=seen.guarantor_id,
        circle=seen.circle,
        expected=seen.expected,
        detail=dict(seen.detail),
        changed_at=look.now,
        as_of=look.as_of,
    )


def _started(alert: Alert, news: Change, look: Look, clocked: Clocked) -> Alert:
    return replace(
        alert,
        state=AlertState.OPEN,
        news=news,
        known_at=look.known_at,
        **vars(clocked),
        told_at=None,
        acknowledged_at=None,
        responded_at=None,
        disposition=None,
        closed_at=None,
        suppressed_at=None,
        steps=0,
        next_step_at=None,
    )


def tell(
    alert: Alert, clocked: Clocked, next_step_at: datetime | None, to: str, now: datetime
) -> AlertChange:
    """The alert once a mail reports it to somebody; kept beside it is the chance it had then."""
    told = replace(alert, told_at=now, changed_at=now, next_step_at=next_step_at, **vars(clocked))
    chance = {"chance": alert.detail["chance"]} if "chance" in alert.detail else {}
    return AlertChange(told, Change.TOLD, given={"to": to, **chance})


def acknowledge(alert: Alert, who: str, now: datetime) -> AlertChange | None:
    """The alert once somebody has taken it up, or None where nothing is left to take up."""
    if alert.state is not AlertState.OPEN:
        return None
    taken = replace(alert, state=AlertState.ACKNOWLEDGED, acknowledged_at=now, changed_at=now)
    return AlertChange(taken, Change.ACKNOWLEDGED, who=who)


def respond(
    alert: Alert, disposition: str, note: str, evidence: Sequence[str], who: str, now: datetime
) -> AlertChange:
    """The alert once it is answered: what was done, in words, with the documents that show it."""
    answered = replace(
        alert,
        state=AlertState.RESPONDED,
        acknowledged_at=alert.acknowledged_at or now,
        responded_at=now,
        disposition=disposition,
        changed_at=now,
    )
    given = {"disposition": disposition, "evidence": list(evidence)}
    return AlertChange(answered, Change.RESPONDED, note, who, given)


def advance(
    alert: Alert, steps: int, next_step_at: datetime | None, role: str, to: str, now: datetime
) -> AlertChange:
    """The alert after a reminder (to its manager), an escalation, or (no role) a step spared.

    `to` is who was told.
    """
    moved = replace(alert, steps=steps, next_step_at=next_step_at, changed_at=now)
    if not role:
        return AlertChange(moved, Change.UPDATED, "a step spared: somebody is on it")
    change = Change.REMINDED if role == "manager" else Change.ESCALATED
    return AlertChange(moved, change, role, given={"to": to})


def close_alert(alert: Alert, note: str, as_of: date, now: datetime, who: str = "") -> AlertChange:
    """The alert once its cause has gone, or a person has closed it."""
    closed = replace(alert, state=AlertState.CLOSED, closed_at=now, changed_at=now, as_of=as_of)
    return AlertChange(closed, Change.CLOSED, note, who)


def most_urgent(signals: Sequence[Signal]) -> dict[tuple[str, str], Signal]:
    """Of each guarantee and cause, the signal that counts, with the names of the others."""
    found: dict[tuple[str, str], list[Signal]] = {}
    for signal in signals:
        found.setdefault((signal.guarantee_id, signal.cause), []).append(signal)
    return {key: _merged(group) for key, group in found.items()}


def _merged(group: list[Signal]) -> Signal:
    first = max(group, key=lambda signal: signal.urgency)
    others = sorted({signal.rule for signal in group} - {first.rule})
    return replace(first, also=tuple(others)) if others else first
