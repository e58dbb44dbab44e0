"""A hundred thousand rows of each stage's own model: points, scores, order and signs hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import lightgbm
import numpy as np
import pytest

from benchmarks.reasons import noted
from tests.conftest import ROOT
from tests.scoring.conftest import columns
from training.fit import seen_features
from training.frame import assemble
from training.run import checked_signs, make_bundle
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.errors import TrainingError
from vouch.features.facts import Cases
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.spec import Spec
from vouch.scoring.truth import against_sign, truth

ROWS = 100_000
UNTIL = date(2025, 6, 30)


def cases(rows: int) -> Cases:
    return Cases([""] * rows, np.zeros(rows))


@pytest.mark.slow
@pytest.mark.parametrize("stage", list(Stage))
def test_a_hundred_thousand_rows_of_each_stage(stage: Stage, small_book: Book) -> None:
    spec = Spec.read(ROOT / "models" / stage.value / "spec.toml")
    quick = replace(
        spec, linear=dict(spec.linear) | {"C": 0.03}, trees=dict(spec.trees) | {"rounds": 30}
    )
    frame = assemble(small_book, quick, UNTIL, lambda done, total: None)
    names = seen_features(frame.columns, quick.feature_names)
    bundle = make_bundle(quick, Policy(), frame, names, UNTIL)
    found = truth(bundle, cases(ROWS), noted(bundle, ROWS))
    assert found.faults == []
    assert found.rows == ROWS
    assert found.raised > ROWS  # several features, most rows
    assert against_sign(bundle) == []


def unsigned(bundle: Bundle, method: str) -> Bundle:
    """The same model with trees that keep the sign of arrears by another method, or not at all."""
    rows = columns(4000, seed=3)
    matrix = bundle.encoder.matrix(rows)
    arrears = bundle.encoder.names.index("worst_arrears_90d")
    wave = np.sin(np.nan_to_num(matrix[:, arrears]) / 4) + matrix[:, 0] / 1e7
    outcome = (np.random.default_rng(4).random(4000) < 1 / (1 + np.exp(-2 * wave))).astype(float)
    settings: dict[str, Any] = {"objective": "binary", "verbose": -1, "num_threads": 1}
    if method:
        signs = [int(place == arrears) for place in range(matrix.shape[1])]
        settings |= {"monotone_constraints": signs, "monotone_constraints_method": method}
    return replace(bundle, trees=lightgbm.train(settings, lightgbm.Dataset(matrix, outcome), 30))


def test_trees_against_the_sign_are_seen_in_the_rows_and_stop_the_training(bundle: Bundle) -> None:
    wrong = unsigned(bundle, method="")
    found = truth(wrong, cases(2000), columns(2000, seed=5))
    assert found.turned > 0
    assert "turned" in found.faults[0]
    assert found.points_off == found.scores_off == found.inversions == 0
    assert "worst_arrears_90d" in against_sign(wrong)
    with pytest.raises(TrainingError, match=r"worst_arrears_90d.*against"):
        checked_signs(wrong)


def test_a_weight_against_its_sign_or_a_slope_that_turns_the_order(bundle: Bundle) -> None:
    assert bundle.linear is not None
    terms = tuple(replace(term, weight=-1 - abs(term.weight)) for term in bundle.linear.terms)
    wrong = replace(bundle, linear=replace(bundle.linear, terms=terms))
    assert against_sign(wrong) == ["worst_arrears_90d"]
    assert set(against_sign(replace(bundle, slope=-1.0))) == {"headcount", "worst_arrears_90d"}


def test_no_row_breaks_no_promise(bundle: Bundle) -> None:
    assert truth(bundle, cases(0), columns(0, seed=1)).faults == []
