"""The response clock: until when an alert is answered, and who hears of it when it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from vouch.domain.alert import Alert, AlertState, Clocked, Look, Severity
from vouch.domain.calendar import WorkCalendar


class Role(StrEnum):
    """Who hears of an alert, the nearest first."""

    MANAGER = "manager"
    SUBSTITUTE = "substitute"
    SUPERVISOR = "supervisor"
    HEAD_OF_RISK = "head_of_risk"
    PROVINCE = "province"


@dataclass(frozen=True)
class Answer:
    """What a severity asks for: an answer within `within`, or (None) only to be logged.

    `in_working_days` counts days off as no time at all; `held` says whether the daily budget may
    hold it back; `is_immediate` whether it has a mail of its own.
    """

    within: timedelta | None
    in_working_days: bool
    may_be_held: bool
    is_immediate: bool


@dataclass(frozen=True)
class Step:
    """A reminder or escalation once this share of the time to answer has passed.

    `only_unacknowledged` where it spares those who have at least taken the alert up.
    """

    share: float
    to: Role
    only_unacknowledged: bool


@dataclass(frozen=True)
class Terms:
    """The terms of response in force from one day to another.

    Args:
        least: whoever is told late (after downtime) has at least this long.
        quiet: how long a repeat no worse is suppressed after an answer.
        combined_within: how far apart two oranges may lie to make a red.
        left_out: subjects of rules that never count as a source in a combination.
        daily_budget: most alerts that a manager is told of in a day; red ones go out anyhow.
        full_chance_days: lead time that leaves every chance to act.
        catch_up_days: missed days looked at after downtime.
        may_be_silent: days that a table of the book may go without anything new.
        portfolio_to: who hears of alerts of parts of the book, at the institution they belong to.
    """

    effective_from: date
    effective_until: date | None
    source: str
    answers: Mapping[Severity, Answer]
    weights: Mapping[Severity, float]
    steps: Sequence[Step]
    least: timedelta
    quiet: timedelta
    combined_within: timedelta
    left_out: frozenset[str]
    daily_budget: int
    full_chance_days: int
    catch_up_days: int
    may_be_silent: Mapping[str, int]
    portfolio_to: Role

    def clocked(self, severity: Severity, look: Look, calendar: WorkCalendar) -> Clocked:
        """The clock of an alert from when its signal could be known.

        A clock that would be (almost) over before anybody is told begins later, so that `least`
        remains.
        """
        answer = self.answers[severity]
        if answer.within is None:
            return Clocked(False, look.known_at, look.known_at)
        due = self._later(answer, look.known_at, 1.0, calendar)
        if due >= look.now + self.least:
            return Clocked(True, look.known_at, due)
        # counted in real time even for working days: nobody is served by a finer rule here
        start = look.now - max(answer.within - self.least, timedelta(0))
        return Clocked(True, max(start, look.known_at), look.now + min(self.least, answer.within))

    def steps_due(self, alert: Alert, calendar: WorkCalendar, now: datetime) -> int:
        """How many of the steps have their time behind them."""
        times = self.step_times(alert, calendar)
        return sum(time <= now for time in times)

    def step_times(self, alert: Alert, calendar: WorkCalendar) -> list[datetime]:
        """When each step of an alert is due, in order."""
        answer = self.answers[alert.severity]
        if answer.within is None or alert.clock_from is None:
            return []
        return [self._later(answer, alert.clock_from, s.share, calendar) for s in self.steps]

    def step_to_take(self, alert: Alert, due: int) -> Step | None:
        """The furthest step among those that have come due and not been taken."""
        fitting = [
            step
            for step in self.steps[alert.steps : due]
            if alert.state is AlertState.OPEN or not step.only_unacknowledged
        ]
        return fitting[-1] if fitting else None

    def value(self, severity: Severity, expected: float, lead_days: int) -> float:
        """What telling of an alert is worth: weight x expected compensation x chance to act."""
        return self.weights[severity] * expected * self.chance_to_act(lead_days)

    def chance_to_act(self, lead_days: int) -> float:
        """The chance that acting still helps, in [0, 1]: the share of the lead time that is left.

        Assumed linear; with `full_chance_days` left nothing is lost yet.
        """
        return min(max(lead_days, 1) / self.full_chance_days, 1.0)

    def _later(
        self, answer: Answer, start: datetime, share: float, calendar: WorkCalendar
    ) -> datetime:
        span = (answer.within or timedelta(0)) * share
        return calendar.later(start, span) if answer.in_working_days else start + span
