"""One training run: assemble, judge out of time, fit on everything, prove, log, register."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from training import card, figures
from training.fit import Calibrated, calibrate, fit, given_terms, learn_encoder, seen_features
from training.frame import Frame, assemble
from training.gates import failed_gates, level, open_gates, stability
from training.guard import Suspicion, hold
from training.running import with_running
from training.slices import SLICED, Slice, slices
from training.split import Split, folds, out_of_time
from training.strength import with_strength
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.errors import TrainingError
from vouch.features.asof import Floats
from vouch.features.describe import Progress
from vouch.features.facts import EPOCH, to_days
from vouch.monitoring.performance import (
    Figure,
    GradeLevel,
    PeriodLevel,
    by_grade,
    by_quarter,
    flat,
    measure,
)
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle, Training
from vouch.scoring.registry import Registry, answering, connect
from vouch.scoring.score import score_features
from vouch.scoring.spec import Spec
from vouch.scoring.truth import Truth, against_sign, truth

_SELF_TEST_ROWS, _REASONS_ROWS = 20, 2_000


@dataclass(frozen=True)
class Judgement:
    """How the specification performs on rows it has not learnt from.

    `method` is "out_of_time", or "cross_fitted" where the book is too short for that.
    """

    method: str
    figures: Mapping[str, Figure]
    grades: list[GradeLevel]
    periods: list[PeriodLevel]
    rows: int
    compensated: int
    judged_from: date
    outcome: Floats
    probability: Floats
    slices: list[Slice]


@dataclass(frozen=True)
class Trained:
    """What a run made and registered."""

    stage: Stage
    version: str
    run_id: str
    judgement: Judgement
    bundle: Bundle
    left_out: list[str]
    failed_gates: list[str]
    explained: list[Suspicion]

    def summary(self) -> dict[str, Any]:
        """As `vouch train --json` prints it."""
        made = self.bundle.training
        return {
            "stage": self.stage.value,
            "version": self.version,
            "run_id": self.run_id,
            "validation": self.judgement.method,
            "validation_from": str(self.judgement.judged_from),
            "validation_rows": self.judgement.rows,
            "validation_compensated": self.judgement.compensated,
            **flat(self.judgement.figures),
            "training_rows": made.rows,
            "training_compensated": made.compensated,
            "first_case": str(made.first_case),
            "last_case": str(made.last_case),
            "known_until": str(made.known_until),
            "data_hash": made.data_hash,
            "hash": self.bundle.hash,
            "features_left_out": self.left_out,
            "failed_gates": self.failed_gates,
            "suspicions_explained": [str(suspicion) for suspicion in self.explained],
        }


def train(
    book: Book,
    spec: Spec,
    policy: Policy,
    registry: Registry,
    until: date,
    progress: Progress = lambda done, total: None,
) -> Trained:
    """Train, judge and register a version, using only what was known by `until`.

    Raises:
        TrainingError: the book cannot carry the model, or a field may know the outcome; nothing
            was registered.
        ModelError: MLflow is away or refuses; nothing was registered.
    """
    frame = assemble(book, spec, until, progress, SLICED)
    names = seen_features(frame.columns, spec.feature_names)
    if not names:
        raise TrainingError("the book holds no value for any feature of the specification")
    explained = hold(book, spec, policy, frame, names, until)
    judgement = judge(spec, policy, frame, names)
    bundle = make_bundle(spec, policy, frame, names, until)
    kept = checked_reasons(bundle, frame)
    left_out = [name for name in spec.feature_names if name not in names]
    failed, still_open = failed_gates(spec, judgement), open_gates(spec, judgement)
    with tempfile.TemporaryDirectory() as folder:
        text = card.written(
            bundle, judgement, left_out, failed, still_open, explained, kept, policy
        )
        hash_ = bundle.save(Path(folder) / "bundle", text)
        proven = Bundle.load(Path(folder) / "bundle", "draft", hash_)
        with answering():
            version, run_id = _log(registry, proven, judgement, Path(folder), failed)
    trained = Bundle(**{**vars_of(proven), "version": version})
    return Trained(spec.stage, version, run_id, judgement, trained, left_out, failed, explained)


def checked_reasons(bundle: Bundle, frame: Frame) -> Truth:
    """Stop before anything is registered where reasons are not what they promise.

    Raises:
        TrainingError: a reason could go against its sign, or is untrue on rows learnt from.
    """
    checked_signs(bundle)
    rows = np.unique(np.linspace(0, len(frame) - 1, _REASONS_ROWS).astype(int))
    columns = {name: frame.columns[name][rows] for name in bundle.encoder.names}
    found = truth(bundle, frame.spine.take(rows).cases, columns)
    if found.faults:
        raise TrainingError(
            f"reasons are untrue: {'; '.join(found.faults)}; nothing was registered"
        )
    return found


def checked_signs(bundle: Bundle) -> None:
    """Stop where reasons could go against a declared sign.

    Raises:
        TrainingError: the features whose reasons could.
    """
    wrong = against_sign(bundle)
    if wrong:
        raise TrainingError(
            f"the reasons of {', '.join(wrong)} could go against the declared sign; nothing was "
            "registered; keep the trees' monotone_constraints_method basic, or set the sign to 0"
        )


def vars_of(bundle: Bundle) -> dict[str, Any]:
    """The fields of a bundle, without what it has cached."""
    return {name: getattr(bundle, name) for name in Bundle.__dataclass_fields__}


def judge(spec: Spec, policy: Policy, frame: Frame, names: list[str]) -> Judgement:
    """Performance on later rows, or across folds of borrowers where the book is too short."""
    split = out_of_time(spec, frame)
    if split is None:
        return _judge_across(spec, policy, frame, names)
    learn = frame.take(split.learn)
    between = frame.take(~split.learn & (frame.as_of < to_days(split.judged_from)))
    strong = with_strength(spec, learn, names)
    rows = with_running(spec, learn, between, split.judged_from - timedelta(days=1))
    model = fit_calibrated(strong, rows, names)
    judged = frame.take(split.judge)
    before, margins = (
        model.margins(model.fit.encoder.matrix(rows.columns)) for rows in (learn, judged)
    )
    found = _judgement("out_of_time", policy, judged, margins, split)
    moved = stability(1.0 / (1.0 + np.exp(-before)), found.probability)
    return replace(found, figures={**found.figures, "stability": moved})


def _judge_across(spec: Spec, policy: Policy, frame: Frame, names: list[str]) -> Judgement:
    margins, offset = cross_fitted_margins(with_strength(spec, frame, names), frame, names)
    slope, intercept = calibrate(margins, frame.outcome, offset)
    return _judgement("cross_fitted", policy, frame, slope * margins + intercept + offset, None)


def _judgement(
    method: str, policy: Policy, frame: Frame, margins: Floats, split: Split | None
) -> Judgement:
    probability = 1.0 / (1.0 + np.exp(-margins))
    grade = [policy.grade(policy.scale.score(p)).name for p in probability.tolist()]
    levels = by_grade(frame.outcome, probability, grade, [g.name for g in policy.grades])
    first = EPOCH + timedelta(days=int(frame.as_of[0]))
    return Judgement(
        method=method,
        figures=measure(frame.outcome, probability) | {"level": level(frame.outcome, probability)},
        grades=levels,
        periods=by_quarter(frame.as_of, frame.outcome, probability),
        rows=len(frame),
        compensated=int(frame.outcome.sum()),
        judged_from=split.judged_from if split else first,
        outcome=frame.outcome,
        probability=probability,
        slices=slices(frame.columns, frame.outcome, probability),
    )


def fit_calibrated(spec: Spec, frame: Frame, names: list[str]) -> Calibrated:
    """A model on all rows of the frame, with the calibration of its cross-fitted margins."""
    encoder = learn_encoder(frame.columns, names)
    fitted = fit(spec, encoder, encoder.matrix(frame.columns), frame.outcome)
    margins, offset = cross_fitted_margins(spec, frame, names)
    return Calibrated(fitted, *calibrate(margins, frame.outcome, offset))


def cross_fitted_margins(spec: Spec, frame: Frame, names: list[str]) -> tuple[Floats, Floats]:
    """For every row, the margin of a model that has not seen its borrower, and the given terms."""
    encoder = learn_encoder(frame.columns, names)
    matrix = encoder.matrix(frame.columns)
    fold = folds(frame, spec.calibration_folds)
    margins = np.zeros(len(frame))
    for number in range(spec.calibration_folds):
        out = fold == number
        if out.any():
            fitted = fit(spec, encoder, matrix[~out], frame.outcome[~out])
            margins[out] = fitted.margins(matrix[out])
    return margins, given_terms(spec, encoder, matrix).margins(matrix)


def make_bundle(spec: Spec, policy: Policy, frame: Frame, names: list[str], until: date) -> Bundle:
    """The model on all rows, as a bundle with its self-test."""
    spec = with_strength(spec, frame, names)
    frame = with_running(spec, frame, frame.running, until)
    model = fit_calibrated(spec, frame, names)
    bundle = Bundle(
        spec=spec,
        encoder=model.fit.encoder,
        trees=model.fit.trees,
        linear=model.linear,
        slope=model.slope,
        intercept=model.intercept,
        scale=policy.scale,
        usual={name: _usual(frame.columns[name]) for name in names},
        training=Training(
            known_until=until,
            first_case=EPOCH + timedelta(days=int(frame.as_of.min())),
            last_case=EPOCH + timedelta(days=int(frame.as_of.max())),
            rows=len(frame),
            compensated=int(frame.outcome.sum()),
            data_hash=data_hash(frame, names),
            seed=spec.seed,
        ),
        self_test=[],
        history=frame.history,
    )
    return Bundle(**{**vars_of(bundle), "self_test": _self_test(bundle, frame, names)})


def _self_test(bundle: Bundle, frame: Frame, names: list[str]) -> list[dict[str, Any]]:
    rows = np.unique(np.linspace(0, len(frame) - 1, _SELF_TEST_ROWS).astype(int))
    some = {name: frame.columns[name][rows] for name in names}
    scores = score_features(bundle, frame.spine.take(rows).cases, some)
    return [
        {
            "features": {name: _plain(some[name][row]) for name in names},
            "default_probability": float(scores.default_probabilities[row]),
            "score": int(scores.scores[row]),
            "points": scores.points[row].tolist(),
        }
        for row in range(len(rows))
    ]


def _plain(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and np.isnan(plain) else plain


def _usual(values: Any) -> float | str | None:
    if values.dtype == object:
        found, counts = np.unique([v for v in values if v is not None], return_counts=True)
        return str(found[counts.argmax()])
    return float(np.nanmedian(values))


def data_hash(frame: Frame, names: list[str]) -> str:
    """SHA-256 over the rows learnt from: who, when, every feature, the outcome."""
    digest = hashlib.sha256()
    digest.update(json.dumps(frame.spine.table["guarantee_id"].to_pylist()).encode())
    digest.update(frame.as_of.tobytes() + frame.outcome.tobytes())
    for name in names:
        values = frame.columns[name]
        plain = json.dumps(values.tolist()) if values.dtype == object else None
        digest.update(plain.encode() if plain is not None else values.tobytes())
    return digest.hexdigest()


def _log(
    registry: Registry, bundle: Bundle, judgement: Judgement, folder: Path, failed: list[str]
) -> tuple[str, str]:
    mlflow = connect(registry.tracking_uri)
    stage = bundle.stage
    experiment = mlflow.get_experiment_by_name(stage.model_name)
    experiment_id = (
        experiment.experiment_id
        if experiment
        else mlflow.create_experiment(stage.model_name, **_artifacts(registry))
    )
    with mlflow.start_run(experiment_id=experiment_id) as run:
        mlflow.log_params(_parameters(bundle))
        mlflow.log_metrics({name: f.value for name, f in judgement.figures.items()})
        for name, figure in judgement.figures.items():
            mlflow.log_metrics({f"{name}_low": figure.low, f"{name}_high": figure.high})
        mlflow.set_tags({"vouch.data_hash": bundle.training.data_hash, "vouch.hash": bundle.hash})
        figures.draw(judgement, folder / "figures")
        mlflow.log_artifacts(str(folder / "figures"), "figures")
        mlflow.log_artifact(str(folder / "bundle" / "card.md"))
        logged = mlflow.pyfunc.log_model(
            name="bundle",
            loader_module="vouch.scoring.mlflow_model",
            data_path=str(folder / "bundle"),
            pip_requirements=["vouch"],
        )
        run_id = str(run.info.run_id)
        # inside, so that a run whose model could not be registered is marked as failed
        version = registry.register(stage, logged.model_id, run_id, bundle.hash, failed)
    return version, run_id


def _artifacts(registry: Registry) -> dict[str, str]:
    """The embedded store keeps artifacts beside its database; a server has its own place."""
    if not registry.tracking_uri.startswith("sqlite:///"):
        return {}
    beside = Path(registry.tracking_uri.removeprefix("sqlite:///")).parent / "artifacts"
    return {"artifact_location": beside.absolute().as_uri()}


def _parameters(bundle: Bundle) -> dict[str, Any]:
    spec, made = bundle.spec, bundle.training
    return {
        "stage": spec.stage.value,
        "horizon": str(spec.horizon),
        "known_until": str(made.known_until),
        "first_case": str(made.first_case),
        "last_case": str(made.last_case),
        "rows": made.rows,
        "compensated": made.compensated,
        "features": len(bundle.encoder.names),
        "seed": made.seed,
        **{f"trees.{key}": value for key, value in spec.trees.items()},
        **{f"linear.{key}": value for key, value in spec.linear.items()},
    }
