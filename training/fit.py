"""Fitting: a regularised base, boosted trees upon it, and an affine calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm
import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from training.causes import bounds, solve_causes
from vouch.errors import TrainingError
from vouch.features.asof import Floats
from vouch.scoring.causes import Causes, Form
from vouch.scoring.encode import Encoder, Matrix
from vouch.scoring.linear import Linear, Term
from vouch.scoring.spec import Spec

_FEWEST_OF_A_LEVEL = 50

# Below this a second thread mostly waits, and on a busy machine it waits long.
_WORTH_TWO_THREADS = 1_000_000
_OWN_KEYS = ("rounds", "fewest_rows_of_a_level")


@dataclass(frozen=True)
class Fit:
    """A fitted, uncalibrated model; `given` are the terms whose weights the spec sets."""

    encoder: Encoder
    linear: Form | None
    trees: lightgbm.Booster
    given: Linear

    def margins(self, matrix: Matrix) -> Floats:
        """Uncalibrated margins, without the given terms."""
        trees = np.asarray(self.trees.predict(matrix, raw_score=True), dtype=np.float64)
        return trees + self.linear.margins(matrix) if self.linear else trees


@dataclass(frozen=True)
class Calibrated:
    """A fitted model with the slope and intercept of its learnt margins."""

    fit: Fit
    slope: float
    intercept: float

    def margins(self, matrix: Matrix) -> Floats:
        """Calibrated margins: given terms + slope · learnt margin + intercept."""
        learnt = self.slope * self.fit.margins(matrix) + self.intercept
        return learnt + self.fit.given.margins(matrix)

    @property
    def linear(self) -> Form | None:
        """Learnt and given terms as one base, to which the slope applies as a whole."""
        learnt, given = self.fit.linear, self.fit.given
        if not given.terms:
            return learnt
        scale = 1 / self.slope
        scaled = [
            replace(t, weight=t.weight * scale, average=t.average * scale) for t in given.terms
        ]
        if isinstance(learnt, Causes):
            return replace(learnt, beside=Linear(0.0, tuple(scaled)))
        base = learnt or Linear(0.0, ())
        return Linear(base.intercept, (*base.terms, *scaled))


def seen_features(columns: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The features that tell the book's rows apart; one that never varies is left out."""
    return [name for name in names if _varies(columns[name])]


def _varies(values: Any) -> bool:
    if values.dtype == object:
        return len(set(values)) > 1
    return len(np.unique(values)) > 1  # missing counts as a value of its own


def learn_encoder(columns: Mapping[str, Any], names: Sequence[str]) -> Encoder:
    """Learn category levels from the training rows alone."""
    return Encoder.fit({name: columns[name] for name in names}, _FEWEST_OF_A_LEVEL)


def fit(spec: Spec, encoder: Encoder, matrix: Matrix, outcome: Floats) -> Fit:
    """Fit the linear base where the spec has one, then trees on its margin."""
    if not 0 < outcome.sum() < len(outcome):
        raise TrainingError("a part of the training rows holds only one outcome; use more history")
    given = given_terms(spec, encoder, matrix)
    offset = given.margins(matrix)
    linear: Form | None = None
    if spec.linear:
        fitted = fit_causes if spec.linear.get("form") == "two_causes" else fit_linear
        linear = fitted(spec, encoder, matrix, outcome, offset)
    if linear is None and given.terms:
        linear = Linear(_solve(np.zeros((len(outcome), 0)), outcome, 1.0, [], offset)[0], ())
    start = linear.margins(matrix) + offset if linear else None
    free = _without_given(given, matrix)
    return Fit(encoder, linear, fit_trees(spec, encoder, free, outcome, start), given)


def given_terms(spec: Spec, encoder: Encoder, matrix: Matrix) -> Linear:
    """The terms whose weights the spec sets, centred on the training rows; missing counts as 0.

    One that no training row has a value for stays silent: nothing says what would be usual.
    """
    terms = []
    for position, name in enumerate(encoder.names):
        if name in spec.given:
            free = Term(position, transform=spec.transforms[name], bound=np.inf)
            values = free.standard(matrix[:, position])
            seen = values[~np.isnan(values)]
            weight = spec.given[name] if len(seen) else 0.0
            centre = float(seen.mean()) if len(seen) else 0.0
            term = replace(free, centre=centre, bound=5.0, weight=weight)
            terms.append(_averaged(term, matrix))
    return Linear(0.0, tuple(terms))


def _without_given(given: Linear, matrix: Matrix) -> Matrix:
    """The matrix as the trees see it: a column that never varies is never split on."""
    if not given.terms:
        return matrix
    hidden = matrix.copy()
    hidden[:, [term.position for term in given.terms]] = 0.0
    return hidden


def fit_trees(
    spec: Spec, encoder: Encoder, matrix: Matrix, outcome: Floats, start: Floats | None
) -> lightgbm.Booster:
    """Boosted trees with the spec's monotone signs; categories have none.

    The basic method keeps every leaf on one side of a signed split at or below every leaf on the
    other, and only so do the reasons keep the signs too (`Forest.keeps_sign`).
    """
    signs = [
        0 if i in encoder.categories else spec.signs[name] for i, name in enumerate(encoder.names)
    ]
    parameters = {
        "objective": "binary",
        "monotone_constraints": signs,
        "monotone_constraints_method": "basic",
        "deterministic": True,
        "force_row_wise": True,
        "seed": spec.seed,
        "num_threads": 1 if len(matrix) < _WORTH_TWO_THREADS else 2,
        "verbose": -1,
        "boost_from_average": start is None,
    } | {key: value for key, value in spec.trees.items() if key not in _OWN_KEYS}
    data = lightgbm.Dataset(
        matrix,
        label=outcome,
        init_score=start,
        feature_name=list(encoder.names),
        categorical_feature=encoder.categories,
        free_raw_data=False,
    )
    return lightgbm.train(parameters, data, num_boost_round=int(spec.trees["rounds"]))


def fit_linear(
    spec: Spec, encoder: Encoder, matrix: Matrix, outcome: Floats, offset: Floats | None = None
) -> Linear:
    """L2-regularised logistic regression whose weights keep the spec's signs.

    Minimises C · log loss + |w|² / 2 within bounds (L-BFGS-B), on standardised columns; a missing
    number has a weight of its own, a category one per level. `offset` is part of every row's
    margin as it is.
    """
    terms, design, owners = _laid_out(spec, encoder, matrix)
    signs = _signs(spec, encoder, terms, owners)
    intercept, weights = _solve(design, outcome, float(spec.linear["C"]), signs, offset)
    return _finished(terms, owners, intercept, weights, matrix)


def fit_causes(
    spec: Spec, encoder: Encoder, matrix: Matrix, outcome: Floats, offset: Floats | None = None
) -> Causes:
    """Two causes (`scoring.causes`) on the columns and within the bounds of `fit_linear`.

    Minimises C · log loss + half the squares of all three forms' weights, from where the one sum
    of terms leads. The loss has more than one valley; the start decides, so that the same rows
    give the same model.
    """
    terms, design, owners = _laid_out(spec, encoder, matrix)
    signs, strength = _signs(spec, encoder, terms, owners), float(spec.linear["C"])
    start = np.concatenate(_solve(design, outcome, strength, signs, offset), axis=None)
    found = solve_causes(design, outcome, strength, signs, start, offset)
    return Causes(*(_finished(terms, owners, float(w[0]), w[1:], matrix) for w in found))


def _laid_out(
    spec: Spec, encoder: Encoder, matrix: Matrix
) -> tuple[list[Term], Matrix, list[tuple[int, Any]]]:
    """The terms to learn, their standardised columns, and whose weight each column has."""
    learnt = [i for i, name in enumerate(encoder.names) if name not in spec.given]
    terms = [_blank_term(spec, encoder, i, matrix[:, i]) for i in learnt]
    return terms, *_design(terms, matrix)


def _signs(
    spec: Spec, encoder: Encoder, terms: Sequence[Term], owners: Sequence[tuple[int, Any]]
) -> list[int]:
    return [
        spec.signs[encoder.names[terms[o].position]] if part == "weight" else 0
        for o, part in owners
    ]


def _finished(
    terms: Sequence[Term],
    owners: Sequence[tuple[int, Any]],
    intercept: float,
    weights: Floats,
    matrix: Matrix,
) -> Linear:
    weighed = _with_weights(terms, owners, weights)
    return Linear(intercept, tuple(_averaged(term, matrix) for term in weighed))


def _blank_term(spec: Spec, encoder: Encoder, position: int, column: Floats) -> Term:
    name = encoder.names[position]
    if position in encoder.categories:
        return Term(position, by_code=(0.0,) * (len(encoder.levels[name]) + 1))
    plain = Term(position, transform=spec.transforms[name], bound=np.inf)
    seen = plain.standard(column[~np.isnan(column)])
    spread = float(seen.std()) or 1.0
    return Term(position, transform=plain.transform, centre=float(seen.mean()), spread=spread)


def _design(terms: Sequence[Term], matrix: Matrix) -> tuple[Matrix, list[tuple[int, Any]]]:
    columns: list[Floats] = []
    owners: list[tuple[int, Any]] = []
    for number, term in enumerate(terms):
        column = matrix[:, term.position]
        absent = np.isnan(column)
        if term.by_code:
            for code in range(len(term.by_code)):
                columns.append((column == code).astype(np.float64))
                owners.append((number, code))
        else:
            columns.append(np.where(absent, 0.0, term.standard(column)))
            owners.append((number, "weight"))
        if absent.any() and not absent.all():
            columns.append(absent.astype(np.float64))
            owners.append((number, "missing"))
    return np.column_stack(columns), owners


def _solve(
    design: Matrix,
    outcome: Floats,
    strength: float,
    signs: Sequence[int],
    offset: Floats | None = None,
) -> tuple[float, Floats]:
    apart = np.zeros(len(outcome)) if offset is None else offset

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = design @ w[1:] + w[0] + apart
        fault = expit(margin) - outcome
        value = strength * np.sum(np.logaddexp(0, margin) - outcome * margin)
        slope = np.concatenate([[strength * fault.sum()], strength * (design.T @ fault) + w[1:]])
        return float(value + w[1:] @ w[1:] / 2), slope

    rate = outcome.mean()
    start = np.zeros(design.shape[1] + 1)
    start[0] = np.log(rate / (1 - rate))
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds(signs),
        options={"maxiter": 1000, "ftol": 1e-10, "gtol": 1e-6},
    )
    return float(found.x[0]), np.asarray(found.x[1:])


def _with_weights(
    terms: Sequence[Term], owners: Sequence[tuple[int, Any]], weights: Floats
) -> list[Term]:
    found = [dict(vars(term)) for term in terms]
    for (number, part), weight in zip(owners, weights.tolist(), strict=True):
        if isinstance(part, int):
            codes = list(found[number]["by_code"])
            codes[part] = weight
            found[number]["by_code"] = tuple(codes)
        else:
            found[number][part] = weight
    return [Term(**body) for body in found]


def _averaged(term: Term, matrix: Matrix) -> Term:
    mean = float(Linear(0.0, (term,)).margins(matrix).mean())
    return replace(term, average=mean)


def calibrate(
    margins: Floats, outcome: Floats, offset: Floats | None = None
) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of the outcome on out-of-fold margins.

    Platt's scaling without shrinking the targets; the slope is kept positive so that the order of
    cases never changes.
    """
    slope_signs = [1]
    centre, spread = float(margins.mean()), float(margins.std()) or 1.0
    standard = ((margins - centre) / spread).reshape(-1, 1)
    # A strength this large leaves the penalty without weight against thousands of rows.
    intercept, weights = _solve(standard, outcome, 1e3, slope_signs, offset)
    slope = max(float(weights[0]), 1e-3) / spread
    return slope, intercept - slope * centre
