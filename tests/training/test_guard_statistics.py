"""The guard's measures against scikit-learn and against figures worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.guard.statistics import (
    association,
    binned,
    information_value,
    odds_ratios,
    ranking,
    stability_index,
    surely,
    table,
)

ONE = np.zeros(6, dtype=np.int64)


def test_one_stratum_is_scikit_learns_auc() -> None:
    random = np.random.default_rng(3)
    values = random.integers(0, 20, 4000).astype(float)  # with ties
    outcome = (random.random(4000) < 0.05 + 0.01 * values).astype(float)
    found = ranking(values, outcome, np.zeros(4000, dtype=np.int64))
    assert found.auc == pytest.approx(roc_auc_score(outcome, values), abs=1e-12)
    assert found.auc - 0.03 < found.low < found.auc
    assert ranking(-values, outcome, np.zeros(4000, dtype=np.int64)).auc == pytest.approx(found.auc)


def test_what_tells_only_the_year_tells_nothing_within_it() -> None:
    year = np.repeat([0, 1], 100)
    outcome = np.concatenate([np.tile([1.0, 0.0], 50), np.repeat([1.0, 0.0], [5, 95])])
    era = 1.0 - year
    assert ranking(era, outcome, np.zeros(200, dtype=np.int64)).auc > 0.7
    assert ranking(era, outcome, year).auc == 0.5


def test_no_pair_to_compare_says_nothing() -> None:
    assert ranking(np.arange(6.0), np.zeros(6), ONE).auc == 0.5
    assert ranking(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64)).low == 0.5


def test_information_value_by_hand() -> None:
    # codes 0 and 1; of 100 compensated 80 and 20, of 100 clear 20 and 80; half a case is added to
    # each cell: shares 80.5/101 and 20.5/101, so 2 · (60/101) · ln(80.5/20.5) = 1.6250; chance
    # gives (2 - 1) · (1/101 + 1/101) = 0.0198
    codes = np.repeat([0, 1, 0, 1], [80, 20, 20, 80])
    outcome = np.repeat([1.0, 0.0], 100)
    expected = 2 * (60 / 101) * np.log(80.5 / 20.5) - 2 / 101
    assert information_value(codes, outcome) == pytest.approx(expected)


def test_information_of_noise_is_nearly_none() -> None:
    random = np.random.default_rng(1)
    codes = random.integers(0, 300, 5000)
    outcome = (random.random(5000) < 0.1).astype(float)
    assert information_value(codes, outcome) < 0.15


def test_stability_index_by_hand() -> None:
    # 90 and 10 against 10 and 90, half a case added: 2 · (80/101) · ln(90.5/10.5), less 2 / 100
    before, after = np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [10, 90])
    expected = 2 * (80 / 101) * np.log(90.5 / 10.5) - 2 / 100
    assert stability_index(before, after) == pytest.approx(expected)
    assert stability_index(before, before) == 0.0


def test_association_is_one_where_one_gives_the_other_and_none_in_noise() -> None:
    codes = np.tile([0, 1, 2], 100)
    assert association(table(codes, codes, (3, 3))) == pytest.approx(1.0)
    other = np.repeat([0, 1, 2], 100)
    assert association(table(codes, other, (3, 3))) == 0.0


def test_odds_by_hand() -> None:
    # one year: 30 of 40 with code 1 compensated, 10 of 60 with code 0: odds 3 against 0.2 are 15
    # times apart; with the halves added (30·50/100 + .5) / (10·10/100 + .5) = 15.5 / 1.5
    codes = np.repeat([1, 0], [40, 60])
    outcome = np.concatenate([np.repeat([1.0, 0.0], [30, 10]), np.repeat([1.0, 0.0], [10, 50])])
    found = odds_ratios(codes, outcome, np.zeros(100, dtype=np.int64))
    np.testing.assert_allclose(found, [15.5 / 1.5, 15.5 / 1.5])
    each, alone = np.arange(100).astype(object), np.full(100, "B", dtype=object)
    # the 0.5 % points of Beta(30.5, 10.5) and Beta(50.5, 10.5) are 0.5525 and 0.6864: odds of
    # 1.2344 for 2.9048 and 2.1891 for 4.8095, so 10.3333 · 0.4250 · 0.4552 = 1.999
    assert surely(found[1], codes == 1, outcome, each) == pytest.approx(1.999, abs=1e-3)
    assert surely(found[0], codes == 0, outcome, each) == pytest.approx(1.999, abs=1e-3)
    assert surely(found[1], codes == 1, outcome, alone) < 1  # one borrower over and over


def test_equal_values_share_a_bin_and_missing_has_its_own() -> None:
    values = np.array([np.nan, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, np.nan])
    codes = binned(values, 4)
    assert codes[0] == codes[7] == 0
    assert len(set(codes[1:4])) == 1
    assert codes[1] < codes[4] <= codes[5] <= codes[6]
    assert set(binned(np.full(3, np.nan))) == {0}
