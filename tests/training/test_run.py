"""A whole run on a simulated province: judged, registered, promoted, served, evaluated."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from training.gates import failed_gates
from training.run import Trained, train
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.errors import ModelError, NotFoundError, TrainingError
from vouch.monitoring.evaluation import evaluate
from vouch.policy.reading import Policy
from vouch.scoring.bulk import score_book
from vouch.scoring.champions import packed_champion
from vouch.scoring.registry import Registry, connect
from vouch.scoring.spec import Spec

UNTIL = date(2025, 6, 30)
pytestmark = pytest.mark.slow


def spec(stage: Stage) -> Spec:
    return Spec.read(ROOT / "models" / stage.value / "spec.toml")


@pytest.fixture(scope="module")
def trained(
    province: Book, tmp_path_factory: pytest.TempPathFactory
) -> dict[Stage, tuple[Trained, Registry]]:
    folder = tmp_path_factory.mktemp("registry")
    registry = Registry(f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}", folder / "cache")
    return {
        stage: (train(province, spec(stage), Policy(), registry, UNTIL), registry)
        for stage in (Stage.PRE_LOAN, Stage.IN_LOAN)
    }


each_stage = pytest.mark.parametrize("stage", [Stage.PRE_LOAN, Stage.IN_LOAN])


@each_stage
def test_a_run_says_what_it_did(
    stage: Stage, trained: dict[Stage, tuple[Trained, Registry]]
) -> None:
    made, registry = trained[stage]
    body = made.summary()
    assert json.loads(json.dumps(body))["version"] == "1"
    assert 0.5 < body["auc"] < 1
    assert body["auc_interval"][0] <= body["auc"] <= body["auc_interval"][1]
    assert body["training_rows"] > body["training_compensated"] > 0
    assert body["known_until"] == str(UNTIL)
    run = connect(registry.tracking_uri).MlflowClient().get_run(made.run_id)
    assert run.data.metrics["auc"] == pytest.approx(body["auc"])
    assert run.data.tags["vouch.data_hash"] == body["data_hash"]
    assert run.data.params["horizon"] == str(spec(stage).horizon)
    files = connect(registry.tracking_uri).artifacts.list_artifacts(run_id=made.run_id)
    assert {item.path for item in files} >= {"card.md", "figures"}


@each_stage
def test_promote_load_score_and_evaluate(
    stage: Stage,
    trained: dict[Stage, tuple[Trained, Registry]],
    province: Book,
    tmp_path: Path,
) -> None:
    made, registry = trained[stage]
    registry.promote(stage, made.version)
    bundle = registry.champion(stage)
    assert (bundle.version, bundle.hash) == (made.version, made.bundle.hash)
    since, until = date(2021, 1, 1), date(2021, 6, 30)
    out = tmp_path / "scores.parquet"
    rows = score_book(province, bundle, since, until, out)
    table = pq.read_table(out)
    assert table.num_rows == rows > 0
    points = np.column_stack([table[f"points__{name}"] for name in bundle.encoder.names])
    total = table["base_points"].to_numpy() + points.sum(axis=1)
    np.testing.assert_array_equal(total, table["score"].to_numpy())
    day = "application_date" if stage is Stage.PRE_LOAN else "review_date"
    assert set(table.column_names) >= {"guarantee_id", "borrower_id", "lender", day, "amount"}
    found = evaluate(province, bundle, Policy(), since, until, UNTIL)
    assert found.rows + found.unknown <= rows
    assert found.summary()["rows"] == found.rows
    assert sum(level.rows for level in found.grades) == found.rows


def test_the_same_book_and_seed_give_the_same_model(
    province: Book, trained: dict[Stage, tuple[Trained, Registry]], registry: Registry
) -> None:
    made, _ = trained[Stage.PRE_LOAN]
    again = train(province, spec(Stage.PRE_LOAN), Policy(), registry, UNTIL)
    assert again.bundle.training.data_hash == made.bundle.training.data_hash
    assert again.bundle.trees.model_to_string() == made.bundle.trees.model_to_string()
    assert again.bundle.hash == made.bundle.hash


def test_an_earlier_day_knows_less(province: Book, registry: Registry) -> None:
    settled = replace(spec(Stage.PRE_LOAN), running=False)
    made = train(province, settled, Policy(), registry, date(2022, 6, 30))
    assert made.bundle.training.last_case <= date(2019, 6, 30)  # 36 months before
    assert made.judgement.method in ("out_of_time", "cross_fitted")


def test_champions_are_packed_and_served_without_mlflow(
    trained: dict[Stage, tuple[Trained, Registry]], tmp_path: Path
) -> None:
    made, registry = trained[Stage.PRE_LOAN]
    with pytest.raises(ModelError, match="post_loan has no champion"):
        registry.pack(tmp_path)
    registry.promote(Stage.PRE_LOAN, made.version)
    assert packed_champion(tmp_path, Stage.PRE_LOAN).hash == made.bundle.hash


def test_what_cannot_be_trained_is_refused(province: Book, registry: Registry) -> None:
    for until, message in [
        (date(2015, 6, 30), "has an outcome"),
        (date(2014, 1, 1), "no guarantee"),
    ]:
        with pytest.raises(TrainingError, match=message):
            train(province, spec(Stage.PRE_LOAN), Policy(), registry, until)
    client = connect(registry.tracking_uri).MlflowClient()
    assert client.search_registered_models() == []  # nothing was registered


def test_an_mlflow_that_is_away_is_named_not_traced(
    province: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = Registry("http://user:hush@127.0.0.1:9", tmp_path / "cache")
    with pytest.raises(ModelError, match="cannot be reached") as refusal:
        train(province, spec(Stage.PRE_LOAN), Policy(), away, UNTIL)
    assert "hush" not in str(refusal.value)
    with pytest.raises(ModelError, match="cannot be reached"):
        away.promote(Stage.PRE_LOAN, "1")


def test_an_unknown_version_is_refused(trained: dict[Stage, tuple[Trained, Registry]]) -> None:
    _, registry = trained[Stage.PRE_LOAN]
    with pytest.raises(ModelError, match="version 99 of vouch-pre-loan cannot be had"):
        registry.promote(Stage.PRE_LOAN, "99")


def test_a_window_without_outcomes_is_refused(
    trained: dict[Stage, tuple[Trained, Registry]], province: Book
) -> None:
    made, _ = trained[Stage.PRE_LOAN]
    with pytest.raises(NotFoundError, match="has an outcome known"):
        evaluate(province, made.bundle, Policy(), date(2025, 1, 1), UNTIL, UNTIL)


def test_gates_that_are_not_passed_are_named(
    trained: dict[Stage, tuple[Trained, Registry]],
) -> None:
    made, _ = trained[Stage.PRE_LOAN]
    strict = replace(spec(Stage.PRE_LOAN), gates={"auc": 0.999, "brier_at_most": 0.0, "ks": 0.0})
    failed = failed_gates(strict, made.judgement)
    assert len(failed) == 2
    assert "is below 0.999" in failed[0]
    assert "is above 0.0" in failed[1]
