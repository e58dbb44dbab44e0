"""Training, promotion and use through a real MLflow server instead of the embedded store."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

import training.run
from tests.conftest import ROOT
from tests.e2e.front import DROPPED, LOST, REFUSED, Front
from tests.processes import free_port
from training.run import Trained, train
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.errors import ModelError
from vouch.policy.reading import Policy
from vouch.scoring.promotion import Promoter
from vouch.scoring.registry import Registry
from vouch.scoring.spec import Spec
from vouch.store.store import Store

pytestmark = pytest.mark.slow
READY_WITHIN = 120.0
STAGE, UNTIL = Stage.PRE_LOAN, date(2025, 6, 30)
AT = datetime(2025, 7, 1, tzinfo=UTC)
SPEC = Spec.read(ROOT / "models" / "pre_loan" / "spec.toml")
GATE = "auc 0.5000 [0.4500, 0.5300] is below 0.55"

MAKE_MODEL = ("POST", "/registered-models/create")
MAKE_VERSION = ("POST", "/model-versions/create")
FIND_VERSION = ("GET", "/model-versions/search")
UPLOAD = ("PUT", "/mlflow-artifacts/artifacts/")
SET_TAG = ("POST", "/model-versions/set-tag")
SET_ALIAS = ("POST", "/registered-models/alias")
ASK_ALIAS = ("GET", "/registered-models/alias")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that keeps its database and artifacts to itself."""
    tmp_path = tmp_path_factory.mktemp("server")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    words = ["--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}"]
    words += ["--artifacts-destination", str(tmp_path / "artifacts")]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *words],
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + READY_WITHIN
        while not answers(address):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not become ready"
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def front(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    front = Front(server)
    yield front
    front.close()


@pytest.fixture
def registry(front: Front, tmp_path: Path) -> Registry:
    return Registry(front.address, tmp_path / "cache")


@pytest.fixture(scope="module")
def trained(server: str, small_book: Book, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    registry = Registry(server, tmp_path_factory.mktemp("cache"))
    return train(small_book, SPEC, Policy(), registry, UNTIL)


def register(trained: Trained, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """A whole run whose model is the one that was made before."""
    for name, made in {
        "assemble": SimpleNamespace(columns={}),
        "seen_features": list(trained.bundle.encoder.names),
        "hold": [],
        "judge": trained.judgement,
        "make_bundle": trained.bundle,
        "checked_reasons": None,
        "failed_gates": [GATE],
    }.items():
        monkeypatch.setattr(training.run, name, lambda *words, made=made: made)
    monkeypatch.setattr(training.run.card, "written", lambda *words: "a card")
    nowhere = Book(registry.cache / "book", create=True)
    return train(nowhere, SPEC, Policy(), registry, UNTIL)


def versions(registry: Registry) -> list[str]:
    return [str(row["version"]) for row in registry.versions(STAGE)]


def test_a_version_goes_there_and_comes_back(server: str, trained: Trained, tmp_path: Path) -> None:
    registry = Registry(server, tmp_path / "cache")
    assert registry.promote(STAGE, trained.version) is None
    elsewhere = Registry(server, tmp_path / "another cache")
    assert elsewhere.champion(STAGE).hash == trained.bundle.hash


@pytest.mark.parametrize("kind", [REFUSED, DROPPED])
@pytest.mark.parametrize("call", [UPLOAD, MAKE_MODEL, MAKE_VERSION])
def test_a_registration_that_is_broken_off_leaves_nothing(
    call: tuple[str, str],
    kind: str,
    front: Front,
    registry: Registry,
    trained: Trained,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, champion = versions(registry), registry.champion_version(STAGE)
    with front.fault(kind, call), pytest.raises(ModelError) as refusal:
        register(trained, registry, monkeypatch)
    assert front.hit
    place = r"http://127\.0\.0\.1:\d+/\S+"
    refusal.match(rf"{place}.* nothing was registered .* MLFLOW_TRACKING_URI .*the same again")
    assert (versions(registry), registry.champion_version(STAGE)) == (before, champion)
    client = training.run.connect(registry.tracking_uri).MlflowClient()
    experiment = client.get_experiment_by_name(STAGE.model_name)
    assert client.search_runs([experiment.experiment_id])[0].info.status == "FAILED"
    made = register(trained, registry, monkeypatch)
    assert versions(registry) == [*before, made.version]
    assert registry.load(STAGE, made.version).hash == trained.bundle.hash


def test_a_registration_whose_answer_is_lost_is_found(
    front: Front, registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = versions(registry)
    with front.fault(LOST, MAKE_VERSION):
        made = register(trained, registry, monkeypatch)
    assert front.hit == [LOST]
    assert versions(registry) == [*before, made.version]
    with (
        front.fault(LOST, MAKE_VERSION),
        front.fault(REFUSED, FIND_VERSION),
        pytest.raises(ModelError, match=r"whether it was is not known.*`vouch models`"),
    ):
        register(trained, registry, monkeypatch)
    unsure = versions(registry)[-1]
    assert registry.load(STAGE, unsure).hash == trained.bundle.hash  # what is there is whole


@pytest.fixture
def promoter(
    registry: Registry, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Promoter:
    """With a champion that passed its gates, and a later version that did not."""
    store = Store(f"sqlite:///{tmp_path / 'vouch.db'}")
    found = Promoter(registry, store, four_eyes=False)
    found.promote(STAGE, trained.version, "li", AT)
    register(trained, registry, monkeypatch)
    return found


def left(promoter: Promoter) -> tuple[str | None, list[str], str]:
    """The champion, the ledger's versions, the reason kept with the latest version."""
    row = promoter.registry.versions(STAGE)[-1]
    ledger = [entry.version for entry in promoter.store.promotions(STAGE.value)]
    return promoter.registry.champion_version(STAGE), ledger, row["gate_override"]


@pytest.mark.parametrize("kind", [REFUSED, DROPPED])
@pytest.mark.parametrize("call", [SET_TAG, SET_ALIAS])
def test_a_promotion_that_is_broken_off_leaves_the_champion(
    call: tuple[str, str], kind: str, front: Front, promoter: Promoter
) -> None:
    newest, before = versions(promoter.registry)[-1], left(promoter)
    with front.fault(kind, call), pytest.raises(ModelError) as refusal:
        promoter.promote(STAGE, newest, "li", AT, "pilot")
    refusal.match(rf"http://127\.0\.0\.1:\d+/\S*{call[1]}.* nothing was registered or promoted")
    assert left(promoter) == before
    promoter.promote(STAGE, newest, "li", AT, "pilot")
    assert left(promoter) == (newest, [*before[1], newest], "pilot")


@pytest.mark.parametrize("kind", [REFUSED, DROPPED])
def test_a_way_back_that_is_broken_off_leaves_the_champion(
    kind: str, front: Front, promoter: Promoter, trained: Trained
) -> None:
    newest = versions(promoter.registry)[-1]
    promoter.promote(STAGE, newest, "li", AT, "pilot")
    before = left(promoter)
    with front.fault(kind, SET_ALIAS), pytest.raises(ModelError, match=r"nothing was .*promoted"):
        promoter.roll_back(STAGE, "li", AT)
    assert left(promoter) == before
    assert promoter.roll_back(STAGE, "li", AT).version == trained.version
    assert left(promoter)[0] == trained.version


def test_a_promotion_whose_answer_is_lost_is_written_down(front: Front, promoter: Promoter) -> None:
    newest, before = versions(promoter.registry)[-1], left(promoter)
    with front.fault(LOST, SET_ALIAS):
        promoter.promote(STAGE, newest, "li", AT, "pilot")
    assert front.hit == [LOST]
    assert left(promoter) == (newest, [*before[1], newest], "pilot")


def test_a_promotion_of_which_nothing_is_known_can_be_repeated(
    front: Front, promoter: Promoter, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, before = versions(promoter.registry)[-1], left(promoter)
    current = promoter.registry.champion_version(STAGE)
    monkeypatch.setattr(Registry, "champion_version", lambda *words: current)  # asked for before
    with (
        front.fault(LOST, SET_ALIAS),
        front.fault(REFUSED, ASK_ALIAS),
        pytest.raises(ModelError, match="is not known and nothing was noted: do the same again"),
    ):
        promoter.promote(STAGE, newest, "li", AT, "pilot")
    monkeypatch.undo()
    assert left(promoter)[1] == before[1]
    promoter.promote(STAGE, newest, "li", AT, "pilot")
    promoter.promote(STAGE, newest, "li", AT, "pilot")  # twice: the way back is not to itself
    assert left(promoter)[0] == newest
    assert promoter.roll_back(STAGE, "li", AT).version == trained.version
