"""Two causes of failure: worked margins and reasons, what reasons promise, what is stored."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_expit

from tests.scoring.conftest import SPEC, columns
from training.fit import calibrate, fit
from vouch.errors import SpecError
from vouch.features.asof import Floats
from vouch.features.facts import Cases
from vouch.scoring.bundle import Bundle
from vouch.scoring.causes import Causes, Form, form_of, orders_of
from vouch.scoring.linear import Linear, Term
from vouch.scoring.spec import Spec
from vouch.scoring.truth import against_sign, truth

LOG2, LOG3 = math.log(2), math.log(3)


def linear(intercept: float, *weights: float) -> Linear:
    """A form of plain columns that are 0 on average."""
    return Linear(intercept, tuple(Term(i, weight=w) for i, w in enumerate(weights)))


# odds = σ(x·log 3) · 2 + exp(y·log 2); what nothing is known of has ½ · 2 + 1 = 2
WORKED = Causes(linear(0.0, LOG3, 0.0), linear(LOG2, 0.0, 0.0), linear(0.0, 0.0, LOG2))


def test_worked_margins() -> None:
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    # σ(log 3) = 3/4
    expected = np.log([0.5 * 2 + 1, 0.75 * 2 + 1, 0.5 * 2 + 2, 0.75 * 2 + 2])
    np.testing.assert_allclose(WORKED.margins(rows), expected, rtol=1e-15)
    assert WORKED.base == pytest.approx(LOG2)


def test_worked_reasons() -> None:
    """x first: 2 to 2.5 is x's, 2.5 to 3.5 is y's; y first: 2 to 3 is y's, 3 to 3.5 is x's."""
    x = (math.log(2.5 / 2) + math.log(3.5 / 3)) / 2
    y = (math.log(3.5 / 2.5) + math.log(3 / 2)) / 2
    found = WORKED.contributions(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]))
    expected = [[x, y], [math.log(2.5 / 2), 0.0], [0.0, 0.0]]
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert found[2].tolist() == [0.0, 0.0]


def test_who_is_surely_strained_fails_alike_and_who_is_surely_well_hardly_fails() -> None:
    """Strain saturates: from +40 on, 60 more change nothing; without it only the rest is left."""
    causes = Causes(linear(0.0, 20.0), linear(-1.0, 0.0), linear(-7.0, 0.0))
    sure, surer, well = causes.margins(np.array([[2.0], [5.0], [-4.0]]))
    assert sure == surer == pytest.approx(math.log(math.exp(-1) + math.exp(-7)))
    assert well == pytest.approx(-7.0, abs=1e-12)


def log_odds(forms: Floats) -> float:
    """The margin from the three forms, as scipy and NumPy compute its parts."""
    strain, cost, otherwise = forms
    return float(np.logaddexp(log_expit(strain) + cost, otherwise))


def shapley(parts: Floats, bases: Floats) -> list[float]:
    """Each feature's mean over every order there is; parts: features × forms."""
    found = np.zeros(len(parts))
    orders = list(itertools.permutations(range(len(parts))))
    for order in orders:
        here = bases.copy()
        for feature in order:
            there = here + parts[feature]
            found[feature] += log_odds(there) - log_odds(here)
            here = there
    return (found / len(orders)).tolist()


def drawn(features: int, rows: int, spread: float, seed: int) -> tuple[Causes, Floats]:
    """A model with averages off zero and half its weights of sign +1, and rows for it."""
    random = np.random.default_rng(seed)
    forms = [
        Linear(
            float(random.normal(-2, spread)),
            tuple(
                Term(
                    i,
                    weight=float(w if i % 2 else abs(w)),
                    missing=float(m),
                    average=float(a),
                )
                for i, (w, m, a) in enumerate(random.normal(0, spread, (features, 3)))
            ),
        )
        for _ in range(3)
    ]
    matrix = random.normal(0, 2, (rows, features))
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    return Causes(*forms), matrix


@settings(max_examples=60)
@given(
    features=st.integers(1, 70), spread=st.sampled_from([0.01, 2.0, 50.0]), seed=st.integers(0, 999)
)
def test_base_and_reasons_are_the_margin(features: int, spread: float, seed: int) -> None:
    causes, matrix = drawn(features, 20, spread / math.sqrt(features), seed)
    told = causes.base + causes.contributions(matrix).sum(axis=1)
    np.testing.assert_allclose(told, causes.margins(matrix), rtol=0, atol=1e-9)


@settings(max_examples=60)
@given(features=st.integers(1, 30), seed=st.integers(0, 999), step=st.floats(0.001, 6))
def test_a_larger_value_never_moves_its_reason_against_the_sign(
    features: int, seed: int, step: float
) -> None:
    """Nor the margin; and a value that every form holds above its average never lowers it."""
    causes, matrix = drawn(features, 20, 0.5, seed)
    before, margins = causes.contributions(matrix), causes.margins(matrix)
    for place in range(0, features, 2):  # those of sign +1
        higher = matrix.copy()
        higher[:, place] += step
        seen = ~np.isnan(matrix[:, place])
        assert (causes.contributions(higher)[seen, place] >= before[seen, place] - 1e-12).all()
        assert (causes.margins(higher)[seen] >= margins[seen] - 1e-12).all()
    parts = np.array([form.contributions(matrix) for form in causes.forms[:3]])
    assert (before[(parts >= 0).all(axis=0)] >= 0).all()
    assert (before[(parts <= 0).all(axis=0)] <= 0).all()


def test_a_few_orders_are_near_all_orders() -> None:
    """Six features have 720 orders; of two an order and its reverse are all."""
    causes, matrix = drawn(6, 8, 0.5, seed=3)
    parts = np.stack([form.contributions(matrix) for form in causes.forms[:3]], axis=2)
    bases = np.array([form.base for form in causes.forms[:3]])
    found = causes.contributions(matrix)
    all_orders = np.array([shapley(row, bases) for row in parts])
    assert np.abs(all_orders).max() > 0.5
    np.testing.assert_allclose(found, all_orders, rtol=0, atol=0.1)
    two, some = drawn(2, 8, 1.0, seed=4)
    parts = np.stack([form.contributions(some) for form in two.forms[:3]], axis=2)
    bases = np.array([form.base for form in two.forms[:3]])
    exact = [shapley(row, bases) for row in parts]
    np.testing.assert_allclose(two.contributions(some), exact, rtol=0, atol=1e-12)


def test_orders_hold_every_feature_once_and_go_both_ways() -> None:
    orders = orders_of(65)
    assert (np.sort(orders, axis=0) == np.arange(65)[:, None]).all()
    np.testing.assert_array_equal(orders[:, 16:], orders[::-1, :16])
    assert len(np.unique(orders, axis=1).T) == 32
    assert orders_of(0).shape == (0, 32)


def test_a_row_is_the_same_alone_and_in_a_batch() -> None:
    causes, matrix = drawn(40, 300, 0.3, seed=5)
    together, margins = causes.contributions(matrix), causes.margins(matrix)
    for row in (0, 1, 17, 299):
        alone = matrix[row : row + 1]
        np.testing.assert_array_equal(causes.contributions(alone)[0], together[row])
        assert causes.margins(alone)[0] == margins[row]
    assert causes.contributions(matrix[:0]).shape == (0, 40)


def test_terms_beside_add_as_they_are() -> None:
    beside = Linear(0.0, (Term(1, weight=0.7, average=0.2),))
    row = np.array([[1.0, 2.0]])
    with_them = replace(WORKED, beside=beside)
    assert with_them.margins(row)[0] == pytest.approx(WORKED.margins(row)[0] + 1.4)
    added = with_them.contributions(row) - WORKED.contributions(row)
    np.testing.assert_allclose(added, [[0.0, 1.2]], atol=1e-15)
    assert with_them.base == pytest.approx(WORKED.base + 0.2)


def test_what_is_stored_is_the_same_and_a_sum_is_read_as_before() -> None:
    causes, matrix = drawn(5, 50, 0.5, seed=6)
    causes = replace(causes, beside=linear(0.0, 0.3))
    for form in (causes, causes.cost):
        again: Form = form_of(json.loads(json.dumps(form.body())))
        assert again == form
        np.testing.assert_array_equal(again.margins(matrix), form.margins(matrix))
    assert "form" not in causes.cost.body()
    with pytest.raises(ValueError, match="form 'three'"):
        form_of({"form": "three"})


def test_odds_beyond_any_number_are_explained_as_well() -> None:
    """A strain of e^900 is none; its logarithms are, and lead to the same reasons."""
    far = Causes(linear(-3.0, 900.0, 1.0), linear(-1.0, 0.5, 2.0), linear(-900.0, 1.0, 400.0))
    matrix = np.array([[1.0, 1.0], [-1.0, 2.0], [0.001, 0.001]])
    told = far.base + far.contributions(matrix).sum(axis=1)
    np.testing.assert_allclose(told, far.margins(matrix), rtol=0, atol=1e-9)
    parts = np.stack([form.contributions(matrix) for form in far.forms[:3]], axis=2)
    bases = np.array([form.base for form in far.forms[:3]])
    exact = [shapley(row, bases) for row in parts]
    np.testing.assert_allclose(far.contributions(matrix), exact, rtol=1e-12, atol=1e-12)


@pytest.fixture(scope="module")
def of_two_causes(bundle: Bundle) -> Bundle:
    """The small model of every kind of input, trained on two causes."""
    rows = columns(4000, seed=3)
    arrears = np.nan_to_num(rows["worst_arrears_90d"])
    strained = np.random.default_rng(5).random(4000) < 1 / (1 + np.exp(3 - 0.15 * arrears))
    chance = np.where(strained, 0.4, 0.03 + 0.05 * (rows["industry"] == "F"))
    outcome = (np.random.default_rng(4).random(4000) < chance).astype(float)
    spec = Spec.parse(SPEC.replace("C = 0.1", 'C = 0.1\nform = "two_causes"'))
    matrix = bundle.encoder.matrix(rows)
    fitted = fit(spec, bundle.encoder, matrix, outcome)
    slope, intercept = calibrate(fitted.margins(matrix), outcome)
    trees, base = fitted.trees, fitted.linear
    made = replace(bundle, spec=spec, trees=trees, linear=base, slope=slope, intercept=intercept)
    assert isinstance(made.linear, Causes)
    return made


def test_reasons_of_a_trained_model_are_true(of_two_causes: Bundle) -> None:
    found = truth(of_two_causes, Cases([""] * 3000, np.zeros(3000)), columns(3000, seed=7))
    assert found.faults == []
    assert found.raised > 1000
    assert against_sign(of_two_causes) == []


@pytest.mark.parametrize("form", ["strain", "cost", "otherwise"])
def test_a_weight_against_its_sign_in_any_form_is_seen(of_two_causes: Bundle, form: str) -> None:
    causes = of_two_causes.linear
    assert isinstance(causes, Causes)
    one = getattr(causes, form)
    terms = tuple(replace(term, weight=-abs(term.weight) - 0.01) for term in one.terms)
    wrong = replace(causes, **{form: replace(one, terms=terms)})
    assert against_sign(replace(of_two_causes, linear=wrong)) == ["worst_arrears_90d"]


def test_a_bundle_of_two_causes_is_stored_and_proves_itself(
    of_two_causes: Bundle, tmp_path: Path
) -> None:
    hash_ = of_two_causes.save(tmp_path / "bundle")
    again = Bundle.load(tmp_path / "bundle", "3", hash_)
    matrix = again.encoder.matrix(columns(200, seed=8))
    np.testing.assert_array_equal(again.contributions(matrix), of_two_causes.contributions(matrix))
    assert again.base_points == of_two_causes.base_points


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('C = 0.1\nform = "three"', "form 'three' must be one of one, two_causes"),
        ("C = 0.1\nform = 2", "form 2 must be one of"),
        ("C = 0.1\nforms = 1", "forms; write C and, if at all, form"),
        ('form = "one"', "C; write C"),
    ],
)
def test_a_wrong_form_is_refused(table: str, words: str) -> None:
    with pytest.raises(SpecError, match=rf"\[linear\]: {words}"):
        Spec.parse(SPEC.replace("C = 0.1", table))
