"""Margins are LightGBM's to the bit, reasons its Shapley values, whatever the trees look like."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest

from tests.oracles.shapley import shapley_values
from vouch.errors import ModelError
from vouch.scoring.forest import Forest

ROWS = 1500
ODD = [
    np.nan,
    0.0,
    -0.0,
    1e-36,
    -1e-36,
    1.1e-35,
    np.inf,
    -np.inf,
    -1.0,
    -0.5,
    3.7,
    40.0,
    1e10,
    2.0**31,
]


def rows(count: int, seed: int) -> np.ndarray:
    """Two categories, a column without gaps, one with, one mostly zero, one with everything odd."""
    random = np.random.default_rng(seed)
    return np.column_stack(
        [
            random.integers(0, 40, count),
            np.where(random.random(count) < 0.2, np.nan, random.integers(0, 6, count)),
            random.normal(size=count),
            np.where(random.random(count) < 0.3, np.nan, random.normal(size=count)),
            np.where(random.random(count) < 0.6, 0.0, random.normal(size=count)),
            random.normal(size=count).round(1),
        ]
    )


def odd_rows() -> np.ndarray:
    """Every odd value in every column."""
    table = rows(len(ODD) * 6, seed=8)
    for place, value in enumerate(ODD * 6):
        table[place, place // len(ODD)] = value
    return table


def trained(rounds: int = 25, **settings: Any) -> lightgbm.Booster:
    table = rows(ROWS, seed=2)
    signal = (
        np.nan_to_num(table).sum(axis=1) / 20
        + (table[:, 0] % 3 == 0)
        + table[:, 2] * (np.nan_to_num(table[:, 3]) > 0)
    )
    outcome = (np.random.default_rng(3).random(ROWS) < 1 / (1 + np.exp(-signal))).astype(float)
    chosen = {
        "objective": "binary",
        "verbose": -1,
        "num_threads": 1,
        "min_data_in_leaf": 5,
        "min_data_per_group": 5,
        "num_leaves": 15,
        "deterministic": True,
    } | settings
    data = lightgbm.Dataset(table, outcome, categorical_feature=[0, 1], free_raw_data=False)
    return lightgbm.train(chosen, data, rounds)


SETTINGS: dict[str, dict[str, Any]] = {
    "missing values as they are": {},
    "zero is missing": {"zero_as_missing": True},
    "missing is zero": {"use_missing": False},
    "trees of two leaves": {"num_leaves": 2},
    "deep trees": {"num_leaves": 200, "min_data_in_leaf": 1, "lambda_l2": 0.0},
    "one category against the rest": {"max_cat_to_onehot": 100},
    "signs kept": {"monotone_constraints": [0, 0, 1, -1, 1, 0]},
    "a forest on parts of the rows": {"bagging_freq": 1, "bagging_fraction": 0.5},
    "trees that never split": {"min_gain_to_split": 1e9},
}


@pytest.fixture(scope="module", params=SETTINGS)
def booster(request: pytest.FixtureRequest) -> lightgbm.Booster:
    return trained(**SETTINGS[request.param])


def test_margins_are_those_of_lightgbm_bit_for_bit(booster: lightgbm.Booster) -> None:
    forest = Forest.parse(booster.model_to_string())
    for table in (rows(ROWS, seed=4), odd_rows()):
        theirs = booster.predict(table, raw_score=True, num_threads=1)
        np.testing.assert_array_equal(forest.margins(table), theirs)


def test_reasons_are_those_of_lightgbm(booster: lightgbm.Booster) -> None:
    forest = Forest.parse(booster.model_to_string())
    for table in (rows(ROWS, seed=5), odd_rows()):
        theirs = np.asarray(booster.predict(table, pred_contrib=True, num_threads=1))
        np.testing.assert_allclose(forest.contributions(table), theirs[:, :-1], rtol=0, atol=1e-11)
        np.testing.assert_allclose(forest.base, theirs[0, -1], rtol=0, atol=1e-12)


def test_reasons_are_shapley_values_by_their_definition(booster: lightgbm.Booster) -> None:
    found = Forest.parse(booster.model_to_string()).contributions(rows(4, seed=6))
    for row, values in zip(rows(4, seed=6), found, strict=True):
        np.testing.assert_allclose(values, shapley_values(booster, row), rtol=0, atol=1e-11)


def test_a_row_is_the_same_to_the_bit_alone_among_a_few_and_in_a_batch(
    booster: lightgbm.Booster,
) -> None:
    forest, table = Forest.parse(booster.model_to_string()), odd_rows()
    together = forest.contributions(np.tile(table, (40, 1)), threads=2)
    for start in range(0, len(table), 7):
        for count in (1, 3, 6):
            few = forest.contributions(table[start : start + count])
            np.testing.assert_array_equal(few, together[start : start + count][: len(few)])


def test_more_features_on_a_way_than_lanes_in_a_processor() -> None:
    """A tree that asks 40 features in turn needs Gauss's rule of 20 points."""
    random = np.random.default_rng(1)
    table = random.normal(size=(200, 40))
    outcome = (table > 0).sum(axis=1) + random.normal(size=200)
    settings = {"num_leaves": 150, "min_data_in_leaf": 1, "verbose": -1, "feature_fraction": 0.2}
    booster = lightgbm.train(settings, lightgbm.Dataset(table, outcome), 5)
    theirs = np.asarray(booster.predict(table, pred_contrib=True))[:, :-1]
    forest = Forest.parse(booster.model_to_string())
    np.testing.assert_allclose(forest.contributions(table), theirs, rtol=0, atol=1e-11)
    np.testing.assert_array_equal(forest.contributions(table[:3]), forest.contributions(table)[:3])


def test_a_model_without_a_tree_says_nothing() -> None:
    booster = lightgbm.Booster({"verbose": -1}, lightgbm.Dataset(rows(50, 1), np.arange(50.0)))
    forest = Forest.parse(booster.model_to_string())
    assert forest.base == 0.0
    assert forest.margins(rows(3, 1)).tolist() == [0.0] * 3
    assert not forest.contributions(rows(3, 1)).any()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("left_child=", "left_child=0 "),
        ("left_child=", "left_chld="),
        ("split_feature=", "split_feature=99 "),
        ("leaf_count=", "leaf_count=0 "),
        ("num_leaves=15", "num_leaves=16"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3"),
        ("is_linear=0", "is_linear=1"),
        ("threshold=", "threshold=x "),
        ("tree_sizes=", "tree_sizes=1 "),
        ("objective=binary", "average_output\nobjective=binary"),
    ],
)
def test_a_damaged_model_is_refused(old: str, new: str) -> None:
    text = trained(rounds=2).model_to_string()
    with pytest.raises(ModelError, match="cannot be read"):
        Forest.parse(text.replace(old, new, 1))


@pytest.mark.parametrize("wrong", [rows(3, 1)[:, :5], rows(3, 1)[0]])
def test_rows_of_another_width_are_refused(wrong: np.ndarray) -> None:
    forest = Forest.parse(trained(rounds=2).model_to_string())
    with pytest.raises(ModelError, match="6 columns"):
        forest.contributions(wrong)


SIGNS = {2: 1, 4: -1, 5: 1}


def signed(method: str) -> Forest:
    """Trees with signs on three columns, one of them with gaps in the rows."""
    given = [SIGNS.get(place, 0) for place in range(6)]
    settings = {"monotone_constraints": given, "monotone_constraints_method": method}
    return Forest.parse(trained(rounds=60, **settings).model_to_string())


def steps(forest: Forest, feature: int, count: int) -> np.ndarray:
    """Contributions of a feature, rows x values, where only its value rises."""
    values = np.linspace(-3, 3, 25)
    table = np.repeat(rows(count, seed=11), len(values), axis=0)
    table[:, feature] = np.tile(values, count)
    return forest.contributions(table)[:, feature].reshape(count, len(values))


def test_a_signed_feature_pushes_its_way_on_every_row() -> None:
    """Up with a larger value or not at all; down on the low side of all splits, up on the high."""
    forest = signed("basic")
    for feature, sign in SIGNS.items():
        assert forest.keeps_sign(feature, sign)
        found = sign * steps(forest, feature, 4000)
        assert np.diff(found, axis=1).min() >= -1e-12
        assert found[:, 0].max() <= 1e-12
        assert found[:, -1].min() >= -1e-12
    assert not forest.keeps_sign(2, -1)


def test_trees_that_only_keep_the_sign_as_a_whole_are_told_apart() -> None:
    """The looser methods of LightGBM leave the margin monotone, but not each contribution."""
    forest = signed("advanced")
    broken = [f for f, sign in SIGNS.items() if not forest.keeps_sign(f, sign)]
    assert broken
    assert any(np.diff(SIGNS[f] * steps(forest, f, 1000), axis=1).min() < -1e-6 for f in broken)
