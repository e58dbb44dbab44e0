"""What training and promotion refuse: a clear error, nothing registered, nothing half-promoted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import training.run
from tests.conftest import ROOT
from training.gates import failed_gates, open_gates
from training.run import Judgement, train
from vouch.book.book import Book
from vouch.bootstrap import Vouch, build
from vouch.domain.stage import Stage
from vouch.errors import BookError, ModelError, SpecError, StoreError, TrainingError
from vouch.monitoring.performance import Figure
from vouch.policy.reading import Policy
from vouch.scoring.registry import Registry, connect
from vouch.scoring.spec import Horizon, Spec
from vouch.settings import Settings

UNTIL = date(2025, 6, 30)
AT = datetime(2025, 7, 1, tzinfo=UTC)
SPEC = Spec.read(ROOT / "models" / "pre_loan" / "spec.toml")


def registered(registry: Registry) -> list[Any]:
    found: list[Any] = connect(registry.tracking_uri).MlflowClient().search_registered_models()
    return found


def without(book: Book, folder: Path, table: str, keep: int = 0) -> Book:
    """A copy of the book with only the first rows of a table."""
    import shutil

    copy = folder / "copy"
    shutil.copytree(book.path, copy)
    for path in Book(copy).files(table):
        pq.write_table(pq.read_table(path).slice(0, keep), path)
    return Book(copy)


def test_a_spec_naming_an_unknown_feature_is_refused() -> None:
    with pytest.raises(SpecError, match="no feature is called amonut"):
        Spec.parse(SPEC.text.replace("amount = {", "amonut = {", 1))


def test_a_spec_naming_an_unknown_gate_is_refused() -> None:
    with pytest.raises(SpecError, match="giny; known are auc"):
        Spec.parse(SPEC.text.replace("[gates]", "[gates]\nginy = 0.3"))


def test_a_given_weight_against_its_sign_is_refused() -> None:
    with pytest.raises(SpecError, match="agree with its sign"):
        Spec.parse(SPEC.text.replace("weight = 0.1", "weight = -0.1"))


def test_a_label_that_no_row_can_have_yet(small_book: Book, registry: Registry) -> None:
    far = replace(SPEC, horizon=Horizon(months=600))
    with pytest.raises(TrainingError, match="no case of pre_loan has an outcome known by"):
        train(small_book, far, Policy(), registry, UNTIL)
    assert registered(registry) == []


def test_a_window_without_compensations(
    small_book: Book, registry: Registry, tmp_path: Path
) -> None:
    clear = without(small_book, tmp_path, "compensation")
    with pytest.raises(TrainingError, match="0 were compensated: a model needs both kinds"):
        train(clear, SPEC, Policy(), registry, UNTIL)
    assert registered(registry) == []


def test_a_window_with_nothing_but_compensations(
    small_book: Book, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_bad(known: Any, cases: Any, ends: list[date]) -> Any:
        return np.ones(len(cases))

    monkeypatch.setattr("training.frame.outcomes", all_bad)
    with pytest.raises(TrainingError, match="a model needs both kinds"):
        train(small_book, SPEC, Policy(), registry, UNTIL)
    assert registered(registry) == []


@pytest.mark.parametrize("table", ["guarantee", "compensation"])
def test_a_book_whose_file_is_missing(
    table: str, small_book: Book, registry: Registry, tmp_path: Path
) -> None:
    broken = without(small_book, tmp_path, "recovery")
    lost = Book(broken.path).files(table)[0]
    lost.unlink()
    with pytest.raises(BookError, match=lost.name):
        train(Book(broken.path), SPEC, Policy(), registry, UNTIL)
    assert registered(registry) == []


def test_a_book_that_never_had_a_table_trains_without_it(small_book: Book, tmp_path: Path) -> None:
    from training.frame import assemble

    frame = assemble(without(small_book, tmp_path, "signal"), SPEC, UNTIL, lambda done, total: None)
    assert np.isnan(frame.columns["tax_paid_change_90d"]).all()
    assert frame.outcome.sum() > 0


def judged(**figures: tuple[float, float, float]) -> Judgement:
    nothing = np.zeros(0)
    made = {name: Figure(*values) for name, values in figures.items()}
    return Judgement("out_of_time", made, [], [], 0, 0, UNTIL, nothing, nothing, [])


def test_a_gate_fails_only_where_the_whole_interval_misses_it() -> None:
    spec = replace(SPEC, gates={"auc": 0.7, "brier_at_most": 0.1})
    certain = judged(auc=(0.6, 0.55, 0.65), brier=(0.2, 0.15, 0.25))
    assert failed_gates(spec, certain) == [
        "auc 0.6000 [0.5500, 0.6500] is below 0.7",
        "brier 0.2000 [0.1500, 0.2500] is above 0.1",
    ]
    assert open_gates(spec, certain) == []
    unsure = judged(auc=(0.6, 0.5, 0.71), brier=(0.11, 0.09, 0.13))
    assert failed_gates(spec, unsure) == []
    assert len(open_gates(spec, unsure)) == 2
    passed = judged(auc=(0.7, 0.6, 0.8), brier=(0.1, 0.05, 0.15))
    assert failed_gates(spec, passed) == open_gates(spec, passed) == []


@pytest.fixture(scope="module")
def parts(small_book: Book, tmp_path_factory: pytest.TempPathFactory) -> Vouch:
    """Version 1 passes its gates, version 2 fails one for certain."""
    home = tmp_path_factory.mktemp("home")
    parts = build(Settings.from_env({"VOUCH_HOME": str(home)}))
    kept = training.run.failed_gates
    for failed in ([], ["auc 0.5000 [0.4500, 0.5300] is below 0.55"]):
        training.run.failed_gates = lambda spec, judgement, failed=failed: failed  # type: ignore[assignment]
        try:
            train(small_book, SPEC, Policy(), parts.registry, UNTIL)
        finally:
            training.run.failed_gates = kept
    return parts


@pytest.mark.slow
def test_a_failed_gate_stops_the_promotion_until_a_reason_is_recorded(parts: Vouch) -> None:
    stage, registry = Stage.PRE_LOAN, parts.registry
    parts.promoter().promote(stage, "1", "li", AT)
    with pytest.raises(ModelError, match=r"fails its gates: auc 0\.5000.*--override"):
        parts.promoter().promote(stage, "2", "li", AT)
    with pytest.raises(ModelError, match="fails its gates"):
        parts.promoter().promote(stage, "2", "li", AT, override="   ")
    assert registry.champion_version(stage) == "1"
    assert len(parts.store().promotions(stage.value)) == 1
    assert (
        parts.promoter().promote(stage, "2", "li", AT, override="pilot in one county").previous
        == "1"
    )
    last = parts.store().promotions(stage.value)[-1]
    assert (last.version, last.previous, last.who) == ("2", "1", "li")
    assert "auc 0.5000" in last.note
    assert "overridden: pilot in one county" in last.note
    (row,) = [row for row in registry.versions(stage) if row["version"] == "2"]
    assert row["gate_override"] == "pilot in one county"


@pytest.mark.slow
def test_a_ledger_that_cannot_be_written_leaves_the_champion(
    parts: Vouch, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, registry = Stage.IN_LOAN, parts.registry
    before = registry.champion_version(Stage.PRE_LOAN)
    assert registry.champion_version(stage) is None

    def away(*words: Any) -> None:
        raise StoreError("the store is away")

    monkeypatch.setattr(parts.store(), "add_promotion", away)
    other = "1" if before != "1" else "2"
    with pytest.raises(StoreError, match="away"):
        parts.promoter().promote(Stage.PRE_LOAN, other, "li", AT, override="x")
    assert registry.champion_version(Stage.PRE_LOAN) == before


@pytest.mark.slow
def test_the_card_says_what_the_level_rests_on(parts: Vouch) -> None:
    folder = parts.settings.home / "cache" / Stage.PRE_LOAN.slug
    parts.registry.load(Stage.PRE_LOAN, "2")
    (path,) = folder.glob("*/card.md")  # both versions are the same bundle
    card = path.read_text(encoding="utf-8")
    assert "`book_vintage_level` enters the log-odds with the given weight 0.1" in card
    assert "no reject inference" in card
    assert "| quarter of the case |" in card
    assert "| Mean predicted | " in card
    assert "- No slice holds enough compensations to say something." in card


@pytest.mark.slow
def test_an_mlflow_that_refuses_registers_nothing(
    small_book: Book, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    def refuse(self: Registry, *words: Any) -> str:
        raise MlflowException("permission denied")

    monkeypatch.setattr(Registry, "register", refuse)
    with pytest.raises(ModelError, match="permission denied; nothing was registered"):
        train(small_book, SPEC, Policy(), registry, UNTIL)
    assert registered(registry) == []
    assert json.dumps(registry.versions(Stage.PRE_LOAN)) == "[]"
