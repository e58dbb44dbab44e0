"""Learning two causes: the gradient, the signs, and a population that a sum cannot describe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.metrics import log_loss, roc_auc_score

from tests.scoring.conftest import SPEC
from training.causes import loss
from training.fit import Calibrated, calibrate, fit, fit_causes, fit_linear, learn_encoder
from vouch.features.asof import Floats
from vouch.scoring.causes import Causes
from vouch.scoring.spec import Spec

ROWS = 40_000
OF_TWO = Spec.parse(SPEC.replace("C = 0.1", 'C = 0.1\nform = "two_causes"'))


def two_causes(seed: int) -> tuple[dict[str, Floats], Floats]:
    """Arrears tell of strain, staff of failing without it, and neither of the other.

    Four of five who are strained fail, whatever their staff.
    """
    random = np.random.default_rng(seed)
    arrears, staff = random.uniform(0, 50, ROWS), np.floor(random.uniform(1, 80, ROWS))
    strained = random.random(ROWS) < 1 / (1 + np.exp(22 - 6 * np.log1p(arrears)))
    chance = np.where(strained, 0.8, 1 / (1 + np.exp(2 * np.log1p(staff) - 2)))
    outcome = (random.random(ROWS) < chance).astype(float)
    return {"worst_arrears_90d": arrears, "headcount": staff}, outcome


@pytest.mark.parametrize("strength", [0.01, 3.0])
def test_the_gradient_is_that_of_the_loss(strength: float) -> None:
    random = np.random.default_rng(1)
    design, offset = random.normal(size=(50, 4)), random.normal(size=50)
    outcome = (random.random(50) < 0.3).astype(float)
    for weights in random.normal(size=(5, 15)):
        _, gradient = loss(weights, design, outcome, strength, offset)
        by_differences = approx_fprime(
            weights, lambda w: loss(w, design, outcome, strength, offset)[0], 1e-7
        )
        np.testing.assert_allclose(gradient, by_differences, rtol=1e-4, atol=1e-4)


def test_a_population_of_two_causes_is_ranked_and_levelled_better_than_by_a_sum() -> None:
    rows, outcome = two_causes(seed=1)
    later, ended = two_causes(seed=2)
    encoder = learn_encoder(rows, list(rows))
    matrix, asked = encoder.matrix(rows), encoder.matrix(later)
    one = fit_linear(OF_TWO, encoder, matrix, outcome).margins(asked)
    two = fit_causes(OF_TWO, encoder, matrix, outcome).margins(asked)
    assert roc_auc_score(ended, two) > roc_auc_score(ended, one) + 0.02
    losses = [log_loss(ended, 1 / (1 + np.exp(-margins))) for margins in (one, two)]
    assert losses[1] < losses[0] - 0.03


def test_weights_keep_their_signs_in_all_forms() -> None:
    rows, outcome = two_causes(seed=1)
    turned = {"worst_arrears_90d": 50 - rows["worst_arrears_90d"], "headcount": rows["headcount"]}
    encoder = learn_encoder(turned, list(turned))
    causes = fit_causes(OF_TWO, encoder, encoder.matrix(turned), outcome)
    assert all(form.terms[0].weight == 0.0 for form in causes.forms[:3])
    assert min(form.terms[1].weight for form in causes.forms[:3]) < 0


def test_the_same_rows_give_the_same_model() -> None:
    rows, outcome = two_causes(seed=1)
    encoder = learn_encoder(rows, list(rows))
    matrix = encoder.matrix(rows)[:5000]
    first, again = (fit_causes(OF_TWO, encoder, matrix, outcome[:5000]) for _ in range(2))
    assert first == again


def test_a_given_term_stands_beside_the_causes() -> None:
    """Twice the staff raises the margin by 0.5 · log 2, whatever slope the calibration finds."""
    rows, outcome = two_causes(seed=1)
    spec = replace(
        OF_TWO,
        given={"headcount": 0.5},
        transforms={"worst_arrears_90d": "log1p", "headcount": "log"},
    )
    encoder = learn_encoder(rows, list(rows))
    matrix = encoder.matrix(rows)
    fitted = fit(spec, encoder, matrix, outcome)
    model = Calibrated(fitted, *calibrate(fitted.margins(matrix), outcome))
    twice = matrix * [1.0, 2.0]
    np.testing.assert_allclose(model.margins(twice) - model.margins(matrix), 0.5 * np.log(2))
    assert isinstance(model.linear, Causes)
    trees = np.asarray(fitted.trees.predict(twice, raw_score=True))
    scored = model.slope * (trees + model.linear.margins(twice)) + model.intercept
    np.testing.assert_allclose(scored, model.margins(twice), atol=1e-9)
