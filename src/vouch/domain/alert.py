"""The life cycle of an alert: what people handle when a rule has seen a signal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

RESPONSE_TIME = timedelta(hours=24)


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
    CLOSED = "closed"


class Change(StrEnum):
    """What happened to an alert; the first two are what people are told of."""

    RAISED = "raised"
    WORSENED = "worsened"
    EASED = "eased"
    UPDATED = "updated"
    CLOSED = "closed"

    @property
    def is_news(self) -> bool:
        """Whether somebody has to do something about it."""
        return self in (Change.RAISED, Change.WORSENED)


@dataclass(frozen=True)
class Signal:
    """What a rule saw of one guarantee.

    `cause` is what it is about: rules of one cause (1, 30, 60 days past due) make one alert
    between them. `evidence` is the figures the rule looked at.
    """

    guarantee_id: str
    cause: str
    rule: str
    severity: Severity
    lead_days: int
    evidence: Mapping[str, float]

    @property
    def urgency(self) -> tuple[Severity, int]:
        """Worse is larger; of one colour, the rule with less time left."""
        return self.severity, -self.lead_days


@dataclass(frozen=True)
class Alert:
    """One guarantee and one cause, from the first signal until it is closed.

    `as_of` is the date of the facts behind `evidence`; `detail` is what a reader was shown when
    it last changed.
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

    @property
    def urgency(self) -> tuple[Severity, int]:
        """As that of the signal behind it."""
        return self.severity, -self.lead_days


@dataclass(frozen=True)
class AlertChange:
    """An alert as it stands after a change, with what changed and why."""

    alert: Alert
    change: Change
    note: str = ""


def raise_alert(
    alert_id: str, signal: Signal, manager_id: str | None, as_of: date, now: datetime
) -> AlertChange:
    """A new alert, to be answered within RESPONSE_TIME."""
    alert = Alert(
        alert_id=alert_id,
        guarantee_id=signal.guarantee_id,
        cause=signal.cause,
        rule=signal.rule,
        severity=signal.severity,
        lead_days=signal.lead_days,
        state=AlertState.OPEN,
        manager_id=manager_id,
        raised_at=now,
        changed_at=now,
        as_of=as_of,
        respond_by=now + RESPONSE_TIME,
        evidence=dict(signal.evidence),
    )
    return AlertChange(alert, Change.RAISED)


def renew_alert(
    alert: Alert, signal: Signal, manager_id: str | None, as_of: date, now: datetime
) -> AlertChange | None:
    """The alert after a further signal of its cause, or None where the signal says nothing new.

    A worse signal opens the alert again and starts the clock anew, even if somebody had
    acknowledged the milder one.
    """
    if alert.rule == signal.rule and alert.urgency == signal.urgency:
        change = Change.UPDATED
        if alert.evidence == signal.evidence and alert.manager_id == manager_id:
            return None
    else:
        change = Change.WORSENED if signal.urgency > alert.urgency else Change.EASED
    renewed = replace(
        alert,
        rule=signal.rule,
        severity=signal.severity,
        lead_days=signal.lead_days,
        manager_id=manager_id,
        changed_at=now,
        as_of=as_of,
        evidence=dict(signal.evidence),
    )
    if change is Change.WORSENED:
        renewed = replace(renewed, state=AlertState.OPEN, respond_by=now + RESPONSE_TIME)
    return AlertChange(renewed, change)


def close_alert(alert: Alert, note: str, as_of: date, now: datetime) -> AlertChange:
    """The alert once its cause has gone."""
    closed = replace(alert, state=AlertState.CLOSED, changed_at=now, as_of=as_of)
    return AlertChange(closed, Change.CLOSED, note)


def most_urgent(signals: list[Signal]) -> dict[tuple[str, str], Signal]:
    """Of each guarantee and cause, the signal that counts."""
    found: dict[tuple[str, str], Signal] = {}
    for signal in signals:
        key = signal.guarantee_id, signal.cause
        if key not in found or signal.urgency > found[key].urgency:
            found[key] = signal
    return found
