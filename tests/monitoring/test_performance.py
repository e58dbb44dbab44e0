"""Figures against scikit-learn and against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from vouch.monitoring.performance import by_grade, by_month, by_quarter, flat, measure

OUTCOME = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
PROBABILITY = np.array([0.9, 0.8, 0.4, 0.4, 0.1])


def test_figures_counted_by_hand() -> None:
    found = measure(OUTCOME, PROBABILITY)
    # pairs bad/good: 0.9 beats 0.8, 0.4, 0.1; 0.4 loses to 0.8, ties 0.4, beats 0.1: 4.5 of 6
    assert found["auc"].value == pytest.approx(4.5 / 6)
    # below 0.1: no bad, one good of three; the largest gap of the two curves is a third,
    # at 0.4: 1/2 bad against 2/3 good; at 0.8: 1/2 against 3/3, a gap of one half
    assert found["ks"].value == pytest.approx(0.5)
    squares = (0.1**2 + 0.8**2 + 0.6**2 + 0.4**2 + 0.1**2) / 5
    assert found["brier"].value == pytest.approx(squares)
    assert found["mean_predicted"].value == pytest.approx(2.6 / 5)
    assert found["observed"].value == pytest.approx(2 / 5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 200))
def test_figures_against_scikit_learn(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    outcome = (random.random(rows) < 0.4).astype(float)
    outcome[:2] = [0.0, 1.0]
    probability = np.round(random.uniform(0.01, 0.99, rows), 2)  # ties on purpose
    found = measure(outcome, probability)
    assert found["auc"].value == pytest.approx(roc_auc_score(outcome, probability))
    assert found["brier"].value == pytest.approx(brier_score_loss(outcome, probability))
    assert found["log_loss"].value == pytest.approx(log_loss(outcome, probability))
    assert all(f.low <= f.high for f in found.values() if not np.isnan(f.low))


def test_the_interval_holds_the_value_and_repeats() -> None:
    random = np.random.default_rng(0)
    probability = random.random(2000)
    outcome = (random.random(2000) < probability).astype(float)
    found = measure(outcome, probability)
    assert found["auc"].low < found["auc"].value < found["auc"].high
    assert found == measure(outcome, probability)


def test_one_class_has_no_rank() -> None:
    found = measure(np.zeros(10), np.linspace(0.1, 0.2, 10))
    assert np.isnan(found["auc"].value)
    assert np.isnan(found["ks"].value)


def test_by_grade_leaves_out_empty_grades() -> None:
    levels = by_grade(OUTCOME, PROBABILITY, ["E", "E", "C", "C", "A"], ["A", "B", "C", "E"])
    assert [(g.grade, g.rows, g.compensated) for g in levels] == [
        ("A", 1, 0),
        ("C", 2, 1),
        ("E", 2, 1),
    ]
    assert levels[0].observed.low == 0.0
    assert levels[1].predicted == pytest.approx(0.4)


def test_flat_names_the_intervals() -> None:
    found = flat(measure(OUTCOME, PROBABILITY))
    assert set(found) >= {"auc", "auc_interval", "observed", "observed_interval"}


def test_the_level_by_month_and_quarter_counted_by_hand() -> None:
    # days since 1970-01-01: 31 is 1 February 1970, 89 is 31 March, 90 is 1 April
    days = np.array([31.0, 31.0, 89.0, 90.0])
    outcome, probability = np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.5, 0.1, 0.3, 0.2])
    months = [(m.period, m.rows, m.compensated) for m in by_month(days, outcome, probability)]
    assert months == [("1970-02", 2, 1), ("1970-03", 1, 0), ("1970-04", 1, 1)]
    first, second = by_quarter(days, outcome, probability)
    assert (first.period, first.rows, first.compensated) == ("1970Q1", 3, 1)
    assert (first.predicted, first.observed) == (pytest.approx(0.3), pytest.approx(1 / 3))
    assert (second.period, second.predicted, second.observed) == ("1970Q2", 0.2, 1.0)
