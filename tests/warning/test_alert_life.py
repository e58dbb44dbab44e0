"""The life cycle of an alert: when it is raised, renewed, quiet, closed and opened again."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from vouch.domain.alert import (
    Alert,
    AlertChange,
    AlertState,
    Change,
    Clocked,
    Look,
    Severity,
    Sighting,
    Signal,
    acknowledge,
    close_alert,
    most_urgent,
    raise_alert,
    renew_alert,
    respond,
)
from vouch.domain.combination import combine

AS_OF = date(2024, 6, 30)
NOW = datetime(2024, 7, 1, 1, 30, tzinfo=UTC)
LATER_ON = NOW + timedelta(days=3)
DAY, QUIET = timedelta(days=1), timedelta(days=30)

ORANGE = Signal("G1", "arrears", "RP01", Severity.ORANGE, 75, {"days_past_due": 5.0})
RED = Signal("G1", "arrears", "RP02", Severity.RED, 45, {"days_past_due": 35.0})
LAST = Signal("G1", "arrears", "RP03", Severity.RED, 30, {"days_past_due": 65.0})


def raised(signal: Signal, manager: str | None = "M1") -> Alert:
    clocked = Clocked(True, NOW, NOW + DAY)
    return raise_alert("a1", Sighting(signal, manager), Look(AS_OF, NOW, NOW), clocked).alert


def renew(
    alert: Alert, signal: Signal, now: datetime = LATER_ON, manager: str | None = "M1"
) -> AlertChange | None:
    clocked = Clocked(True, now, now + DAY)
    return renew_alert(alert, Sighting(signal, manager), Look(AS_OF, now, now), clocked, QUIET)


def change_of(found: AlertChange | None) -> tuple[Change, AlertState]:
    assert found is not None
    return found.change, found.alert.state


def answered(alert: Alert, now: datetime = NOW) -> Alert:
    return respond(alert, "visited", "on site", ["photo.jpg"], "wang", now).alert


def test_a_new_alert_is_to_be_answered_by_its_clock() -> None:
    alert = raised(ORANGE)
    assert (alert.state, alert.respond_by) == (AlertState.OPEN, NOW + DAY)
    assert (alert.known_at, alert.told_at, alert.steps) == (NOW, None, 0)


def test_a_worse_signal_opens_again_with_a_new_clock() -> None:
    taken = acknowledge(raised(ORANGE), "wang", NOW)
    assert taken is not None
    assert taken.alert.acknowledged_at == NOW
    worse = renew(taken.alert, RED)
    assert change_of(worse) == (Change.WORSENED, AlertState.OPEN)
    assert worse is not None
    assert (worse.alert.respond_by, worse.alert.raised_at) == (LATER_ON + DAY, NOW)
    assert (worse.alert.told_at, worse.alert.acknowledged_at) == (None, None)


def test_easing_leaves_state_and_clock() -> None:
    alert = replace(raised(RED), state=AlertState.ACKNOWLEDGED)
    eased = renew(alert, ORANGE)
    assert change_of(eased) == (Change.EASED, AlertState.ACKNOWLEDGED)
    assert eased is not None
    assert eased.alert.respond_by == alert.respond_by


def test_the_same_signal_says_nothing_new() -> None:
    assert renew(raised(RED), RED) is None
    assert renew(answered(raised(RED)), RED) is None


def test_another_manager_has_to_be_told_on_the_same_clock() -> None:
    alert = replace(raised(RED), told_at=NOW)
    moved = renew(alert, RED, manager="M2")
    assert moved is not None
    assert (moved.change, moved.alert.manager_id) == (Change.UPDATED, "M2")
    assert (moved.alert.told_at, moved.alert.respond_by) == (None, alert.respond_by)


def test_a_further_rule_of_the_cause_is_merged() -> None:
    merged = renew(raised(RED), replace(RED, also=("RP01",)))
    assert change_of(merged) == (Change.MERGED, AlertState.OPEN)


@pytest.mark.parametrize(
    ("signal", "days", "change"),
    [
        (ORANGE, 29, None),  # answered, no worse: quiet
        (ORANGE, 30, Change.REOPENED),  # still there after the quiet days
        (RED, 1, Change.WORSENED),  # worse is never quiet
    ],
)
def test_after_an_answer(signal: Signal, days: int, change: Change | None) -> None:
    found = renew(answered(raised(ORANGE)), signal, NOW + timedelta(days=days))
    assert (found and found.change) == change
    if found is not None:
        assert found.alert.state is AlertState.OPEN
        assert found.alert.disposition is None


def test_what_comes_back_after_an_answer_is_kept_quiet_once() -> None:
    closed = close_alert(answered(raised(ORANGE)), "done", AS_OF, NOW, "wang").alert
    quiet = renew(closed, ORANGE)
    assert change_of(quiet) == (Change.SUPPRESSED, AlertState.CLOSED)
    assert quiet is not None
    assert renew(quiet.alert, ORANGE, LATER_ON + DAY) is None
    assert change_of(renew(quiet.alert, RED)) == (Change.REOPENED, AlertState.OPEN)


def test_what_nobody_answered_is_never_quiet() -> None:
    healed = close_alert(raised(ORANGE), "healed", AS_OF, NOW).alert
    assert change_of(renew(healed, ORANGE)) == (Change.REOPENED, AlertState.OPEN)


def test_acknowledging_twice_changes_nothing() -> None:
    taken = acknowledge(raised(ORANGE), "wang", NOW)
    assert taken is not None
    assert acknowledge(taken.alert, "li", LATER_ON) is None


def test_an_answer_keeps_what_was_done_and_shown() -> None:
    change = respond(raised(RED), "visited", "on site", ["photo.jpg"], "wang", NOW + 2 * DAY)
    assert (change.alert.state, change.alert.disposition) == (AlertState.RESPONDED, "visited")
    assert (change.note, change.who) == ("on site", "wang")
    assert change.given == {"disposition": "visited", "evidence": ["photo.jpg"]}
    assert change.alert.is_late
    assert change.alert.acknowledged_at == NOW + 2 * DAY  # an answer is an acknowledgement too


def test_of_one_cause_the_most_urgent_counts_whatever_the_order() -> None:
    other = replace(ORANGE, guarantee_id="G2")
    for order in ([ORANGE, RED, LAST, other], [other, LAST, RED, ORANGE]):
        assert most_urgent(order) == {
            ("G1", "arrears"): replace(LAST, also=("RP01", "RP02")),
            ("G2", "arrears"): other,
        }


TAX = Signal("G1", "tax", "TX02", Severity.ORANGE, 150, {})
MODEL = Signal("G1", "probability", "MD02", Severity.ORANGE, 90, {})
YELLOW = Signal("G1", "inquiries", "CR02", Severity.YELLOW, 180, {})


def colours(signals: list[Signal], recent: list[tuple[str, str]]) -> list[Severity]:
    return [signal.severity for signal in combine(signals, recent, {"MD"})]


R, O, Y = Severity.RED, Severity.ORANGE, Severity.YELLOW  # noqa: E741


@pytest.mark.parametrize(
    ("signals", "recent", "expected"),
    [
        ([ORANGE, TAX], [], [R, R]),
        ([ORANGE], [("G1", "TX02")], [R]),  # the other one was seen in the days that count
        ([ORANGE], [("G2", "TX02")], [O]),  # on another guarantee
        ([ORANGE], [("G1", "RP03")], [O]),  # the same source
        ([ORANGE, MODEL], [], [O, O]),  # the model is no source of its own
        ([ORANGE, YELLOW], [], [O, Y]),
        ([TAX, RED], [], [R, R]),  # a red counts as an orange at least
    ],
)
def test_two_oranges_of_distinct_sources_make_a_red(
    signals: list[Signal], recent: list[tuple[str, str]], expected: list[Severity]
) -> None:
    assert colours(signals, recent) == expected


def test_a_combination_says_of_what() -> None:
    assert [s.note for s in combine([ORANGE, TAX], [], set())] == ["RP+TX", "RP+TX"]
