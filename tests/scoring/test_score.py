"""Points add up, scores are those of the probabilities, and reasons are LightGBM's own SHAP."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.shapley import shapley_values
from tests.scoring.conftest import columns
from vouch.features.asof import Feature
from vouch.features.facts import Cases
from vouch.scoring.bundle import Bundle
from vouch.scoring.reasons import reason, reasons
from vouch.scoring.score import Scores, score_features

ROWS = 3000


@pytest.fixture(scope="module")
def scores(bundle: Bundle) -> Scores:
    cases = Cases([f"G{i}" for i in range(ROWS)], np.zeros(ROWS))
    return score_features(bundle, cases, columns(ROWS, seed=9))


def test_base_and_points_sum_to_the_score_of_every_row(scores: Scores) -> None:
    total = scores.bundle.base_points + scores.points.sum(axis=1)
    np.testing.assert_array_equal(total, scores.scores)


def test_the_score_is_the_rounded_score_of_the_probability(scores: Scores) -> None:
    for probability, score in zip(scores.default_probabilities, scores.scores, strict=True):
        exact = 600 + 40 * math.log2((1 - probability) / probability / 50)
        assert score == round(exact)


def test_a_higher_probability_never_has_a_higher_score(scores: Scores) -> None:
    order = np.argsort(scores.default_probabilities)
    assert (np.diff(scores.scores[order]) <= 0).all()


def test_points_are_within_one_of_the_exact_contribution(scores: Scores) -> None:
    bundle = scores.bundle
    exact = bundle.contributions(bundle.encoder.matrix(scores.features))
    exact = -exact * bundle.slope * 40 / math.log(2)
    assert np.abs(scores.points - exact).max() < 1 + 1e-9


def test_contributions_sum_to_the_margin(bundle: Bundle) -> None:
    matrix = bundle.encoder.matrix(columns(500, seed=5))
    total = bundle.contributions(matrix).sum(axis=1) + bundle.raw_base
    np.testing.assert_allclose(total, bundle.raw_margins(matrix), atol=1e-9)


def test_contributions_of_the_trees_are_shapley_values_by_definition(bundle: Bundle) -> None:
    matrix = bundle.encoder.matrix(columns(12, seed=6))
    assert bundle.linear is not None
    ours = bundle.contributions(matrix) - bundle.linear.contributions(matrix)
    for row, found in zip(matrix, ours, strict=True):
        np.testing.assert_allclose(found, shapley_values(bundle.booster, row), atol=1e-9)


@pytest.mark.filterwarnings("ignore:LightGBM binary classifier:UserWarning")
def test_contributions_of_the_trees_are_those_of_the_shap_library(bundle: Bundle) -> None:
    import shap  # late: it takes seconds

    matrix = bundle.encoder.matrix(columns(200, seed=6))
    theirs = shap.TreeExplainer(bundle.booster).shap_values(matrix)
    assert bundle.linear is not None
    ours = bundle.contributions(matrix) - bundle.linear.contributions(matrix)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_one_row_is_the_same_alone_and_in_a_batch(scores: Scores) -> None:
    for row in range(0, ROWS, 97):
        one = {name: values[row : row + 1] for name, values in scores.features.items()}
        alone = score_features(scores.bundle, scores.cases.slice(row, row + 1), one)
        assert alone.default_probabilities[0] == scores.default_probabilities[row]
        assert alone.points[0].tolist() == scores.points[row].tolist()


@given(
    st.floats(0, 59), st.floats(0, 59), st.integers(0, 79), st.sampled_from(["C", "F", "A", None])
)
def test_more_arrears_never_lower_the_risk(
    bundle: Bundle, less: float, more: float, headcount: int, industry: str | None
) -> None:
    low, high = sorted((less, more))
    found = {
        "amount": [400_000.0, 400_000.0],
        "headcount": [headcount, headcount],
        "worst_arrears_90d": [low, high],
        "industry": [industry, industry],
        "product": ["p1", "p1"],
    }
    first, second = bundle.probabilities(bundle.encoder.matrix(found))
    assert first <= second + 1e-15


def test_an_unseen_level_is_like_a_rare_one_not_an_error(bundle: Bundle) -> None:
    found = {name: values[:1] for name, values in columns(5, seed=1).items()}
    a = bundle.encoder.matrix(found | {"product": ["never seen"]})
    b = bundle.encoder.matrix(found | {"product": ["nor this"]})
    np.testing.assert_array_equal(a, b)
    assert np.isnan(bundle.encoder.matrix(found | {"product": [None]})).any()


def test_reasons_of_the_trees_keep_the_signs_of_the_spec(bundle: Bundle) -> None:
    for place, name in enumerate(bundle.encoder.names):
        sign = 0 if place in bundle.encoder.categories else bundle.spec.signs[name]
        assert sign == 0 or bundle.forest.keeps_sign(place, sign)


def test_nothing_to_score(bundle: Bundle) -> None:
    nothing = score_features(bundle, Cases([], np.zeros(0)), {})
    assert len(nothing) == 0
    assert nothing.points.shape == (0, 5)


def test_reasons_name_every_point_the_worst_first(scores: Scores) -> None:
    found = reasons(scores, 0)
    points = [r.points for r in found]
    assert points == sorted(points)
    assert scores.bundle.base_points + sum(points) == scores.scores[0]
    assert all(points)


@pytest.mark.parametrize(
    ("unit", "value", "zh", "en"),
    [
        ("days", 45.0, "45 天（通常 0 天）", "45 days (usually 0 days)"),
        ("yuan", 1234567.0, "1,234,567 元（通常 0 元）", "1,234,567 yuan (usually 0 yuan)"),
        ("share", 0.0465, "4.65%（通常 0.00%）", "4.65% (usually 0.00%)"),
        ("flag", 1.0, "是（通常 否）", "yes (usually no)"),
        ("years", 2.5, "2.5 年（通常 0.0 年）", "2.5 years (usually 0.0 years)"),
        ("months", 12.0, "12 个月（通常 0 个月）", "12 months (usually 0 months)"),
        ("days", float("nan"), "未知（通常 0 天）", "unknown (usually 0 days)"),
    ],
)
def test_reasons_in_words(unit: str, value: float, zh: str, en: str) -> None:
    feature = Feature("x", None, (), "逾期", "arrears", unit, "")  # type: ignore[arg-type]
    found = reason(feature, value, 0.0, -62)
    assert found.zh == f"逾期：{zh}，减 62 分"
    assert found.en == f"Arrears: {en}, -62 points"


def test_a_category_is_written_as_it_is() -> None:
    feature = Feature("x", None, (), "行业", "industry", "category", "")
    found = reason(feature, "C", "F", 7)
    assert found.zh == "行业：C（通常 F），加 7 分"
    assert found.en == "Industry: C (usually F), +7 points"
