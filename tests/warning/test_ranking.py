"""What the ranking looks at, by hand; and that repeats come behind what nobody has heard of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from tests.warning.conftest import NEXT_MONTH, BookWriter, Watch
from vouch.domain.alert import Alert, AlertState, Severity, Signal
from vouch.domain.ranking import INPUTS, Ranking
from vouch.policy.reading import Policy
from vouch.store.store import Store
from vouch.warning.ranking import Standing, chances
from vouch.warning.telling import Order, within_budget

NOW = datetime(2024, 7, 1, tzinfo=UTC)


def signal(name: str, rule: str, severity: Severity) -> Signal:
    return Signal(name, rule, rule, severity, 90, {})


def test_inputs_by_hand() -> None:
    """Forty points double the odds: 520 lies two doublings below 600, and fell from 560 by one."""
    seen = [
        signal("G1", "RP01", Severity.ORANGE),
        signal("G1", "TX02", Severity.YELLOW),
        signal("G1", "TX05", Severity.YELLOW),
        signal("G1", "JD03", Severity.RED),
        signal("G1", "MD01", Severity.YELLOW),  # the model's own view is the score already
    ]
    late = np.array([45.0, np.nan])
    scores, before = np.array([520.0, 680.0]), np.array([560.0, np.nan])
    found = Standing(["G1", "G2"], scores, before, late, 40.0).inputs(seen)
    one = {name: values[0] for name, values in found.items()}
    assert one == {
        "level": 2,
        "high": 2,
        "fallen": 1,
        "risen": 0,
        "late": 1,
        "late_30": 1,
        "late_60": 0,
        "months_late": 1.5,
        "blue": 0,
        "yellow": 2,
        "orange": 1,
        "red": 1,
        "sources": 2,
        "any_source": 1,
    }
    other = {name: values[1] for name, values in found.items()}
    assert other == dict.fromkeys(INPUTS, 0) | {"level": -2}


def test_the_chance_is_a_logistic_sum() -> None:
    weights = dict.fromkeys(INPUTS, 0.0) | {"level": 1.0, "red": 2.0}
    ranking = Ranking(date(2024, 1, 1), None, "", -1.0, weights, 0.0, 180, 3.0)
    inputs = dict.fromkeys(INPUTS, np.zeros(2)) | {
        "level": np.array([0.0, 1.0]),
        "red": np.array([0.0, 1.0]),
    }
    # 1 / (1 + e) and 1 / (1 + e^-2)
    assert chances(ranking, inputs) == pytest.approx([0.2689414, 0.8807971])


def alert(name: str, chance: float, severity: Severity = Severity.ORANGE) -> Alert:
    state, detail = AlertState.OPEN, {"chance": chance}
    blank = Alert(
        name, name, "arrears", "RP01", severity, 90, state, "M1", NOW, NOW, NOW.date(), NOW, {}
    )
    return replace(blank, detail=detail, expected=1_000.0)


def test_news_first_then_repeats_and_red_whatever_the_budget() -> None:
    """A was told of at 0.2: at 0.5 it is a repeat; B was told of at 0.1: at 0.4 it is news."""
    alerts = [
        alert("A", 0.5),
        alert("B", 0.4),
        alert("C", 0.3),
        alert("R", 0.01, Severity.RED),
    ]
    order = Order(Policy().response(NOW.date()), Policy().ranking(NOW.date()), {"A": 0.2, "B": 0.1})
    told, held = within_budget(alerts, order.terms, order, 3)
    assert [a.alert_id for a in told] == ["R", "B", "C"]
    assert [a.alert_id for a in held] == ["A"]


def test_what_was_told_is_remembered_with_its_chance(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    watch(small_book)
    (told,) = (a for a in store.alerts() if (a.guarantee_id, a.cause) == ("G2", "arrears"))
    assert 0 < told.detail["chance"] < 1
    small_book.month(NEXT_MONTH, {"G2": 70})
    watch(small_book, as_of=NEXT_MONTH)
    with store.alert_desk() as desk:
        since = NOW - timedelta(days=1)
        found = desk.told_chances("M2", since)
        assert desk.told_chances("M2", NOW + timedelta(days=9)) == {}
    assert found["G2"] > told.detail["chance"]  # 70 days late is told of again, at a higher chance
