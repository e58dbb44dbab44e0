"""How well warnings are answered, by institution and manager: in time, how fast, what is late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from vouch.domain.alert import Alert

WHOLE = "–"


@dataclass(frozen=True)
class Figures:
    """The figures of some alerts that ask for an answer and were told.

    `due` are those whose time is over or that were answered, `in_time` the share of them answered
    in time; `median_hours` from when a signal could be known to its answer, over those answered;
    `median_minutes_to_tell` from then to the mail.
    """

    told: int
    acknowledged: int
    answered: int
    due: int
    in_time: float | None
    median_hours: float | None
    median_minutes_to_tell: float | None
    overdue: int
    escalated: int


@dataclass(frozen=True)
class Overdue:
    """An alert whose time is over without an answer."""

    alert_id: str
    guarantee_id: str
    severity: str
    rule: str
    guarantor_id: str
    manager_id: str
    respond_by: datetime
    hours_over: float
    steps: int


@dataclass(frozen=True)
class ResponseReport:
    """The figures of all, of each institution and of each manager, and what is overdue now.

    `held` counts alerts that wait behind the daily budget.
    """

    since: datetime
    until: datetime
    whole: Figures
    by_institution: Mapping[str, Figures]
    by_manager: Mapping[str, Figures]
    overdue: Sequence[Overdue]
    held: int


def response_report(alerts: Sequence[Alert], since: datetime, now: datetime) -> ResponseReport:
    """Report on the alerts whose signal became known from `since` on."""
    asked = [a for a in alerts if a.needs_answer and _start(a) >= since]
    told = [alert for alert in asked if alert.told_at is not None]
    return ResponseReport(
        since=since,
        until=now,
        whole=_figures(told, now),
        by_institution=_grouped(told, [alert.guarantor_id or WHOLE for alert in told], now),
        by_manager=_grouped(told, [alert.manager_id or WHOLE for alert in told], now),
        overdue=[
            _overdue(alert, now)
            for alert in sorted(told, key=lambda a: a.respond_by)
            if _is_overdue(alert, now)
        ],
        held=sum(alert.told_at is None and alert.state.is_waiting for alert in asked),
    )


def _start(alert: Alert) -> datetime:
    return alert.known_at or alert.raised_at


def _is_overdue(alert: Alert, now: datetime) -> bool:
    return alert.state.is_waiting and alert.respond_by < now


def _grouped(told: Sequence[Alert], keys: Sequence[str], now: datetime) -> dict[str, Figures]:
    groups: dict[str, list[Alert]] = {}
    for alert, key in zip(told, keys, strict=True):
        groups.setdefault(key, []).append(alert)
    return {key: _figures(group, now) for key, group in sorted(groups.items())}


def _figures(told: Sequence[Alert], now: datetime) -> Figures:
    answered = [a for a in told if a.responded_at is not None]
    # what healed before its time was up owes no answer
    due = [a for a in told if a.responded_at is not None or _is_overdue(a, now)]
    hours = [_hours(a.responded_at - _start(a)) for a in answered if a.responded_at]
    minutes = [60 * _hours(a.told_at - _start(a)) for a in told if a.told_at]
    return Figures(
        told=len(told),
        acknowledged=sum(a.acknowledged_at is not None for a in told),
        answered=len(answered),
        due=len(due),
        in_time=sum(not a.is_late for a in answered) / len(due) if due else None,
        median_hours=round(median(hours), 1) if hours else None,
        median_minutes_to_tell=round(median(minutes), 1) if minutes else None,
        overdue=sum(_is_overdue(alert, now) for alert in told),
        escalated=sum(alert.steps > 1 for alert in told),
    )


def _overdue(alert: Alert, now: datetime) -> Overdue:
    return Overdue(
        alert_id=alert.alert_id,
        guarantee_id=alert.guarantee_id,
        severity=alert.severity.slug,
        rule=alert.rule,
        guarantor_id=alert.guarantor_id or WHOLE,
        manager_id=alert.manager_id or WHOLE,
        respond_by=alert.respond_by,
        hours_over=round(_hours(now - alert.respond_by), 1),
        steps=alert.steps,
    )


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600
