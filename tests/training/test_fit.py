"""The fitted parts against scikit-learn, and their declared signs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.scoring.conftest import SPEC, columns
from training.fit import Calibrated, calibrate, fit, fit_linear, learn_encoder, seen_features
from vouch.errors import TrainingError
from vouch.scoring.spec import Spec

ROWS = 2000


def test_the_linear_base_is_scikit_learns_logistic_regression() -> None:
    spec = Spec.parse(SPEC)
    spec = replace(spec, signs=dict.fromkeys(spec.signs, 0))
    found = columns(ROWS, seed=1)
    outcome = (np.random.default_rng(2).random(ROWS) < 0.2).astype(float)
    encoder = learn_encoder(found, ["amount", "worst_arrears_90d"])
    matrix = encoder.matrix(found)
    ours = fit_linear(spec, encoder, matrix, outcome)
    logs = [np.log(found["amount"]), np.log1p(found["worst_arrears_90d"])]
    design = []
    for values in logs:
        there = ~np.isnan(values)
        scaled = np.where(there, (values - values[there].mean()) / values[there].std(), 0.0)
        design.append(np.clip(scaled, -5, 5))
    design.append(np.isnan(found["worst_arrears_90d"]) * 1.0)
    theirs = LogisticRegression(C=0.1, tol=1e-10).fit(np.column_stack(design), outcome)
    expected = theirs.decision_function(np.column_stack(design))
    np.testing.assert_allclose(ours.margins(matrix), expected, atol=1e-3)


def test_a_weight_against_its_sign_is_held_at_zero() -> None:
    spec = Spec.parse(SPEC)  # says: more staff can only lower the risk
    found = columns(ROWS, seed=1)
    staff = np.nan_to_num(found["headcount"])
    outcome = (np.random.default_rng(2).random(ROWS) < 0.1 + 0.008 * staff).astype(float)
    encoder = learn_encoder(found, ["headcount"])
    linear = fit_linear(spec, encoder, encoder.matrix(found), outcome)
    assert linear.terms[0].weight == 0.0


def test_calibration_recovers_a_known_slope_and_intercept() -> None:
    random = np.random.default_rng(0)
    margins = random.normal(-1, 1.5, 200_000)
    outcome = (random.random(200_000) < 1 / (1 + np.exp(-(0.5 * margins - 0.7)))).astype(float)
    slope, intercept = calibrate(margins, outcome)
    assert slope == pytest.approx(0.5, abs=0.02)
    assert intercept == pytest.approx(-0.7, abs=0.02)


def test_calibration_never_turns_the_order_round() -> None:
    margins = np.linspace(-1, 1, 1000)
    slope, _ = calibrate(margins, (margins < 0).astype(float))
    assert slope > 0


def test_features_that_never_vary_are_left_out() -> None:
    found = columns(50, seed=1) | {
        "amount": np.full(50, np.nan),
        "interest_rate": np.full(50, 0.04),
    }
    found["industry"] = np.full(50, None, dtype=object)
    assert seen_features(found, list(found)) == ["headcount", "worst_arrears_90d", "product"]


def test_one_outcome_cannot_be_learnt_from() -> None:
    found = columns(50, seed=1)
    encoder = learn_encoder(found, ["amount"])
    with pytest.raises(TrainingError, match="only one outcome"):
        fit(Spec.parse(SPEC), encoder, encoder.matrix(found), np.zeros(50))


def test_a_given_term_is_neither_learnt_nor_scaled() -> None:
    """The outcome does not depend on it at all, and still it counts with the weight it was given.

    Whatever slope the calibration finds, twice the staff raises the margin by 0.5 · log 2; and
    neither the learnt terms nor the trees read it.
    """
    spec = replace(
        Spec.parse(SPEC), given={"headcount": 0.5}, transforms={"amount": "log", "headcount": "log"}
    )
    found = columns(ROWS, seed=1)
    found["headcount"] = np.abs(np.nan_to_num(found["headcount"])) + 1
    outcome = (np.random.default_rng(2).random(ROWS) < 0.2).astype(float)
    encoder = learn_encoder(found, ["amount", "headcount"])
    matrix = encoder.matrix(found)
    fitted = fit(spec, encoder, matrix, outcome)
    model = Calibrated(fitted, *calibrate(fitted.margins(matrix), outcome))
    twice = matrix * [1.0, 2.0]
    np.testing.assert_allclose(model.margins(twice) - model.margins(matrix), 0.5 * np.log(2))
    assert model.linear is not None
    trees = np.asarray(fitted.trees.predict(twice, raw_score=True))
    np.testing.assert_array_equal(trees, fitted.trees.predict(matrix, raw_score=True))
    scored = model.slope * (trees + model.linear.margins(twice)) + model.intercept
    np.testing.assert_allclose(scored, model.margins(twice), atol=1e-9)
    alone = replace(spec, linear={})
    without = fit(alone, encoder, matrix, outcome)
    assert without.linear is not None
    assert without.linear.terms == ()
