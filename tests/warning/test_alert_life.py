"""What a further signal makes of an alert."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from vouch.domain.alert import (
    AlertState,
    Change,
    Severity,
    Signal,
    most_urgent,
    raise_alert,
    renew_alert,
)

AS_OF, NOW = date(2024, 6, 30), datetime(2024, 7, 1, tzinfo=UTC)
LATER_ON = NOW + timedelta(days=3)
ORANGE = Signal("G1", "arrears", "RP01", Severity.ORANGE, 75, {"days_past_due": 5.0})
RED = Signal("G1", "arrears", "RP02", Severity.RED, 45, {"days_past_due": 35.0})
LAST = Signal("G1", "arrears", "RP03", Severity.RED, 30, {"days_past_due": 65.0})


def test_worse_reopens_what_was_acknowledged_and_starts_the_clock_anew() -> None:
    alert = raise_alert("a1", ORANGE, "M1", AS_OF, NOW).alert
    acknowledged = replace(alert, state=AlertState.ACKNOWLEDGED)
    worse = renew_alert(acknowledged, RED, "M1", AS_OF, LATER_ON)
    assert worse is not None
    assert (worse.change, worse.alert.state) == (Change.WORSENED, AlertState.OPEN)
    assert worse.alert.respond_by == LATER_ON + timedelta(hours=24)
    assert worse.alert.raised_at == NOW


def test_easing_leaves_state_and_clock() -> None:
    alert = replace(raise_alert("a1", RED, "M1", AS_OF, NOW).alert, state=AlertState.ACKNOWLEDGED)
    eased = renew_alert(alert, ORANGE, "M1", AS_OF, LATER_ON)
    assert eased is not None
    assert (eased.change, eased.alert.state) == (Change.EASED, AlertState.ACKNOWLEDGED)
    assert eased.alert.respond_by == alert.respond_by


def test_the_same_signal_says_nothing_new() -> None:
    alert = raise_alert("a1", RED, "M1", AS_OF, NOW).alert
    assert renew_alert(alert, RED, "M1", AS_OF, LATER_ON) is None


def test_another_manager_is_noted() -> None:
    alert = raise_alert("a1", RED, "M1", AS_OF, NOW).alert
    moved = renew_alert(alert, RED, "M2", AS_OF, LATER_ON)
    assert moved is not None
    assert (moved.change, moved.alert.manager_id) == (Change.UPDATED, "M2")


def test_of_one_cause_the_most_urgent_counts_whatever_the_order() -> None:
    other = replace(ORANGE, guarantee_id="G2")
    for order in ([ORANGE, RED, LAST, other], [other, LAST, RED, ORANGE]):
        assert most_urgent(order) == {("G1", "arrears"): LAST, ("G2", "arrears"): other}
