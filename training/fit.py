"""Fitting: a regularised logistic base, boosted trees upon it, and an affine calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from vouch.errors import TrainingError
from vouch.features.asof import Floats
from vouch.scoring.encode import Encoder, Matrix
from vouch.scoring.linear import Linear, Term
from vouch.scoring.spec import Spec

_FEWEST_OF_A_LEVEL = 50

# Below this a second thread mostly waits, and on a busy machine it waits long.
_WORTH_TWO_THREADS = 1_000_000
_OWN_KEYS = ("rounds", "fewest_rows_of_a_level")


@dataclass(frozen=True)
class Fit:
    """A fitted, uncalibrated model."""

    encoder: Encoder
    linear: Linear | None
    trees: lightgbm.Booster

    def margins(self, matrix: Matrix) -> Floats:
        """Uncalibrated margins."""
        trees = np.asarray(self.trees.predict(matrix, raw_score=True), dtype=np.float64)
        return trees + self.linear.margins(matrix) if self.linear else trees


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
    linear = fit_linear(spec, encoder, matrix, outcome) if spec.linear else None
    start = linear.margins(matrix) if linear else None
    return Fit(encoder, linear, fit_trees(spec, encoder, matrix, outcome, start))


def fit_trees(
    spec: Spec, encoder: Encoder, matrix: Matrix, outcome: Floats, start: Floats | None
) -> lightgbm.Booster:
    """Boosted trees with the spec's monotone signs; categories have none."""
    signs = [
        0 if i in encoder.categories else spec.signs[name] for i, name in enumerate(encoder.names)
    ]
    parameters = {
        "objective": "binary",
        "monotone_constraints": signs,
        "monotone_constraints_method": "advanced",
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


def fit_linear(spec: Spec, encoder: Encoder, matrix: Matrix, outcome: Floats) -> Linear:
    """L2-regularised logistic regression whose weights keep the spec's signs.

    Minimises C · log loss + |w|² / 2 within bounds (L-BFGS-B), on standardised columns; a missing
    number has a weight of its own, a category one per level.
    """
    terms = [_blank_term(spec, encoder, i, matrix[:, i]) for i in range(len(encoder.names))]
    design, owners = _design(terms, matrix)
    signs = [
        spec.signs[encoder.names[terms[o].position]] if part == "weight" else 0
        for o, part in owners
    ]
    intercept, weights = _solve(design, outcome, float(spec.linear["C"]), signs)
    finished = _with_weights(terms, owners, weights)
    averaged = tuple(_averaged(term, matrix) for term in finished)
    return Linear(intercept, averaged)


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
    design: Matrix, outcome: Floats, strength: float, signs: Sequence[int]
) -> tuple[float, Floats]:
    def loss(w: Floats) -> tuple[float, Floats]:
        margin = design @ w[1:] + w[0]
        fault = expit(margin) - outcome
        value = strength * np.sum(np.logaddexp(0, margin) - outcome * margin)
        slope = np.concatenate([[strength * fault.sum()], strength * (design.T @ fault) + w[1:]])
        return float(value + w[1:] @ w[1:] / 2), slope

    rate = outcome.mean()
    start = np.zeros(design.shape[1] + 1)
    start[0] = np.log(rate / (1 - rate))
    limits = {0: (None, None), 1: (0.0, None), -1: (None, 0.0)}
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] + [limits[sign] for sign in signs],
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
    mean = float(term.values(matrix[:, term.position]).mean())
    return Term(**{**vars(term), "average": mean})


def calibrate(margins: Floats, outcome: Floats) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of the outcome on out-of-fold margins.

    Platt's scaling without shrinking the targets; the slope is kept positive so that the order of
    cases never changes.
    """
    slope_signs = [1]
    centre, spread = float(margins.mean()), float(margins.std()) or 1.0
    standard = ((margins - centre) / spread).reshape(-1, 1)
    # A strength this large leaves the penalty without weight against thousands of rows.
    intercept, weights = _solve(standard, outcome, 1e3, slope_signs)
    slope = max(float(weights[0]), 1e-3) / spread
    return slope, intercept - slope * centre
