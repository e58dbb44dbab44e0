"""The response clock on real days: deadlines, holidays, steps, value."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from vouch.domain.alert import (
    Alert,
    AlertState,
    Clocked,
    Look,
    Severity,
    Sighting,
    Signal,
    raise_alert,
)
from vouch.domain.response import Role
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED, Policy
from vouch.policy.response import response_terms, work_calendar

TERMS = Policy().response(date(2024, 7, 1))
CHINA = Policy().calendar()


def here(text: str) -> datetime:
    """A moment in China, in UTC."""
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("severity", "known_at", "due"),
    [
        ("red", "2024-09-30T17:00", "2024-10-01T17:00"),  # real hours, on a holiday too
        ("orange", "2024-06-29T08:00", "2024-06-30T08:00"),
        ("yellow", "2024-06-28T10:00", "2024-07-03T10:00"),  # Friday: Mon, Tue, Wed
        # Friday before the National Day of 2024: Sunday 29 is worked, Monday 30 is,
        # 1 to 7 October are off, so the third day is the 8th
        ("yellow", "2024-09-27T10:00", "2024-10-08T10:00"),
        ("yellow", "2024-10-02T10:00", "2024-10-11T00:00"),  # begins when work begins
    ],
)
def test_deadlines(severity: str, known_at: str, due: str) -> None:
    moment = here(known_at)
    clocked = TERMS.clocked(
        Severity.parse(severity), Look(date(2024, 6, 28), moment, moment), CHINA
    )
    assert clocked == Clocked(True, moment, here(due))


def test_blue_is_only_logged() -> None:
    now = here("2024-07-01T09:00")
    assert not TERMS.clocked(Severity.BLUE, Look(date(2024, 7, 1), now, now), CHINA).needs_answer


def test_the_clock_runs_from_when_the_signal_could_be_known() -> None:
    known, now = here("2024-07-01T00:00"), here("2024-07-01T15:00")
    clocked = TERMS.clocked(Severity.RED, Look(date(2024, 6, 30), known, now), CHINA)
    assert clocked == Clocked(True, known, here("2024-07-02T00:00"))


def test_after_downtime_there_is_at_least_some_time_left() -> None:
    known, now = here("2024-06-20T00:00"), here("2024-07-01T15:00")
    clocked = TERMS.clocked(Severity.RED, Look(date(2024, 6, 19), known, now), CHINA)
    # four hours are left of 24, so the clock counts as begun 20 hours ago
    assert clocked == Clocked(True, here("2024-06-30T19:00"), here("2024-07-01T19:00"))


def alert(severity: Severity = Severity.RED) -> Alert:
    start = here("2024-07-01T09:00")
    signal = Signal("G1", "arrears", "RP02", severity, 45, {})
    look = Look(date(2024, 7, 1), start, start)
    clocked = TERMS.clocked(severity, look, CHINA)
    return raise_alert("a1", Sighting(signal, "M1"), look, clocked).alert


def test_the_steps_of_a_red_alert() -> None:
    times = [str(t.astimezone(CHINA.zone))[:16] for t in TERMS.step_times(alert(), CHINA)]
    assert times == [
        "2024-07-01 21:00",  # half of 24 hours: the manager is reminded
        "2024-07-02 03:00",  # three quarters: the substitute, unless acknowledged
        "2024-07-02 09:00",  # due: the supervisor
        "2024-07-02 21:00",  # the head of risk
        "2024-07-03 09:00",  # the province
    ]


@pytest.mark.parametrize(
    ("state", "taken", "due", "to"),
    [
        (AlertState.OPEN, 0, 1, Role.MANAGER),
        (AlertState.OPEN, 0, 4, Role.HEAD_OF_RISK),  # after downtime the furthest, once
        (AlertState.OPEN, 1, 2, Role.SUBSTITUTE),
        (AlertState.ACKNOWLEDGED, 1, 2, None),  # somebody is on it
        (AlertState.ACKNOWLEDGED, 1, 3, Role.SUPERVISOR),  # but an answer was due
    ],
)
def test_which_step_is_taken(state: AlertState, taken: int, due: int, to: Role | None) -> None:
    step = TERMS.step_to_take(replace(alert(), state=state, steps=taken), due)
    assert (step and step.to) == to


def test_the_most_valuable_first() -> None:
    # weight x yuan x chance: 8 x 1,000 x 45/90; 4 x 3,000 x 75/90
    assert TERMS.value(Severity.RED, 1_000, 45) == pytest.approx(4_000)
    assert TERMS.value(Severity.ORANGE, 3_000, 75) == pytest.approx(10_000)
    assert TERMS.chance_to_act(180) == 1


def test_a_year_without_holidays_has_its_weekends() -> None:
    assert 2031 not in CHINA.years
    assert not CHINA.is_worked(date(2031, 5, 3))  # a Saturday
    assert CHINA.is_worked(date(2031, 5, 1))  # a Thursday


def test_summer_time_does_not_shorten_real_hours() -> None:
    from zoneinfo import ZoneInfo

    berlin = Policy().calendar(ZoneInfo("Europe/Berlin"))
    start = datetime(2024, 3, 30, 12, tzinfo=UTC)
    clocked = TERMS.clocked(Severity.RED, Look(date(2024, 3, 30), start, start), berlin)
    assert clocked.respond_by - start == timedelta(hours=24)


SHIPPED_TERMS = (SHIPPED / "response.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hours = 24\nweight = 8", "hours = 24\nworking_days = 1\nweight = 8", "not both"),
        ("hours = 24\nweight = 8", "hours = -1\nweight = 8", "above 0"),
        ("share = 1.5", "share = 0.1", "must rise"),
        ('to = "province"', 'to = "minister"', "must be one of"),
        ("immediate = true", "instant = true", "instant is no key"),
        ("daily_budget = 20 ", "daily_budget = 2.5 ", "whole number"),
        ("effective_from = 2020-01-01", "", "effective_from"),
        ("[version.blue]", "[version.grey]", "blue"),
        ('["MD"]', '"MD"', "list"),
        ("may_be_held = false", 'may_be_held = "no"', "true or false"),
    ],
)
def test_wrong_terms_are_refused_by_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SHIPPED_TERMS
    path = tmp_path / "response.toml"
    path.write_text(SHIPPED_TERMS.replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=message):
        response_terms(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[2024]\noff = []\n", "source"),
        ('[2024]\nsource = "x"\noff = [["2025-01-01", "2025-01-01"]]\n', "another year"),
        ('[2024]\nsource = "x"\noff = [["2024-01-02", "2024-01-01"]]\n', "before"),
        ('[2024]\nsource = "x"\noff = ["2024-01-02"]\n', "YYYY-MM-DD"),
        ('[2024]\nsource = "x"\nworked = ["soon"]\n', "no day"),
    ],
)
def test_wrong_holidays_are_refused_by_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "holidays.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=message):
        work_calendar(path)
