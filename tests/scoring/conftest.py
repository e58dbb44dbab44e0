"""A small trained model with every kind of input: numbers, categories, missing values."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from training.fit import calibrate, fit, learn_encoder
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle, Training
from vouch.scoring.spec import Spec

SPEC = """
stage = "pre_loan"
seed = 1
[population]
moment = "application"
[label]
horizon = { months = 36 }
[split]
validation_months = 24
[calibration]
folds = 3
[features]
amount = { sign = 0, transform = "log" }
headcount = { sign = -1, transform = "log1p" }
worst_arrears_90d = { sign = 1, transform = "log1p" }
industry = {}
product = {}
[linear]
C = 0.1
[trees]
rounds = 40
num_leaves = 6
min_data_in_leaf = 20
learning_rate = 0.1
"""


def columns(rows: int, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    arrears = np.where(random.random(rows) < 0.3, np.nan, random.integers(0, 60, rows) * 1.0)
    return {
        "amount": np.exp(random.normal(13, 1, rows)),
        "headcount": np.where(random.random(rows) < 0.1, np.nan, random.integers(0, 80, rows)),
        "worst_arrears_90d": arrears,
        "industry": random.choice(np.array(["C", "F", "A", None], dtype=object), rows),
        "product": random.choice(np.array([f"p{i}" for i in range(20)], dtype=object), rows),
    }


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    found = columns(4000, seed=3)
    risk = 0.04 * np.nan_to_num(found["worst_arrears_90d"]) + (found["industry"] == "F") * 0.8
    risk = risk - 0.02 * np.nan_to_num(found["headcount"]) - 3
    outcome = (np.random.default_rng(4).random(4000) < 1 / (1 + np.exp(-risk))).astype(float)
    spec = Spec.parse(SPEC)
    encoder = learn_encoder(found, spec.feature_names)
    matrix = encoder.matrix(found)
    fitted = fit(spec, encoder, matrix, outcome)
    slope, intercept = calibrate(fitted.margins(matrix), outcome)
    day = date(2020, 1, 1)
    return Bundle(
        spec=spec,
        encoder=encoder,
        trees=fitted.trees,
        linear=fitted.linear,
        slope=slope,
        intercept=intercept,
        scale=Policy().scale,
        usual={
            "amount": 450_000.0,
            "headcount": 12.0,
            "worst_arrears_90d": 0.0,
            "industry": "F",
            "product": "p3",
        },
        training=Training(day, day, day, 4000, int(outcome.sum()), "0" * 64, 1),
        self_test=[],
    )
