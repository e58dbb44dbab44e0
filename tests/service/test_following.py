"""Models in service: the alias followed, the broken refused, the challenger in shadow."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from tests.processes import free_port, is_ready, running
from vouch.cli import app
from vouch.domain.stage import Stage
from vouch.scoring.registry import CHAMPION, Registry, connect
from vouch.settings import Settings
from vouch.store.store import Store

pytestmark = pytest.mark.slow

PRE = Stage.PRE_LOAN
PATH = "/v1/pre-loan/score"
CASE = {"as_of": "2024-03-15", "guarantee": {"borrower_id": "B3", "amount": "250000.00"}}
SOUND, BETTER, OTHER, LYING, ALTERED = "1", "2", "3", "4", "5"


def proven(bundle, told=None):
    """The bundle with a self-test row as training notes it, or one that tells something else."""
    row = {n: None if n in bundle.encoder.levels else 1.0 for n in bundle.encoder.names}
    columns = {name: [value] for name, value in row.items()}
    found = float(bundle.probabilities(bundle.encoder.matrix(columns))[0])
    note = {"features": row, "default_probability": found if told is None else told}
    return replace(bundle, self_test=[note])


def register(registry, bundle, folder):
    """Log a bundle and register it, as training does."""
    mlflow = connect(registry.tracking_uri)
    hash_ = bundle.save(folder)
    experiment = mlflow.get_experiment_by_name("made")
    place = (folder.parent / "artifacts").as_uri()
    made = (
        experiment.experiment_id
        if experiment
        else mlflow.create_experiment("made", artifact_location=place)
    )
    with mlflow.start_run(experiment_id=made) as run:
        logged = mlflow.pyfunc.log_model(
            name="bundle",
            loader_module="vouch.scoring.mlflow_model",
            data_path=str(folder),
            pip_requirements=["vouch"],
        )
    return registry.register(bundle.stage, logged.model_id, run.info.run_id, hash_, [])


class World:
    """A service of its own that follows MLflow, and what may be done to it."""

    def __init__(self, http, settings, registry):
        self.http = http
        self.settings = settings
        self.registry = registry

    def point(self, alias, version):
        """Move an alias behind Vouch's back, whatever the version is worth."""
        client = connect(self.registry.tracking_uri).MlflowClient()
        client.set_registered_model_alias(PRE.model_name, alias, version)

    def version(self):
        answer = self.http.post(PATH, json=CASE)
        assert answer.status_code == 200, answer.text
        return answer.json()["model"]["version"]

    def health(self):
        return next(m for m in self.http.get("/v1/health").json()["models"] if m["version"])

    def use(self, version):
        """Make a sound version champion and wait until it answers."""
        self.registry.promote(PRE, version)
        until(lambda: self.version() == version and not self.health()["problem"])


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def world(book, train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("following")
    settings = Settings.from_env(
        {
            "VOUCH_HOME": str(folder / "home"),
            "VOUCH_BOOK": str(book.path),
            "VOUCH_FOLLOW_SECONDS": "0.3",
        }
    )
    registry = Registry(settings.mlflow_tracking_uri, settings.home / "cache")
    bundles = [proven(train(book, PRE, seed)) for seed in (1, 9, 5)]
    bundles += [proven(train(book, PRE, 7), told=0.5), proven(train(book, PRE, 8))]
    for number, bundle in enumerate(bundles):
        register(registry, bundle, folder / f"v{number}")
    for trees in (folder / "artifacts").rglob("trees.txt"):
        if trees.read_text() == bundles[-1].trees.model_to_string():
            trees.write_text(trees.read_text() + "\n")
    registry.promote(PRE, SOUND)
    with running(settings, free_port()) as http:
        yield World(http, settings, registry)


def test_a_promotion_is_followed_and_no_request_fails(world):
    world.use(SOUND)
    stop, found = Event(), []

    def ask(_):
        with httpx.Client(
            base_url=world.http.base_url, headers=world.http.headers, trust_env=False
        ) as http:
            while not stop.is_set():
                answer = http.post(PATH, json=CASE)
                found.append((answer.status_code, answer.json()))

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, n) for n in range(4)]
        for version in (BETTER, SOUND) * 10:
            world.use(version)
        stop.set()
        for one in asking:
            one.result()
    assert {status for status, _ in found} == {200}
    said = {(body["model"]["version"], body["model"]["hash"], body["score"]) for _, body in found}
    assert {version for version, _, _ in said} == {SOUND, BETTER}
    assert len(said) == 2  # each version says one thing of one case


@pytest.mark.parametrize(
    ("broken", "says"), [(LYING, "fails its self-test"), (ALTERED, "it was altered")]
)
def test_a_broken_version_is_refused_and_health_says_so(world, broken, says):
    world.use(BETTER)
    world.point(CHAMPION, broken)
    until(lambda: world.health()["problem"])
    health = world.health()
    assert (health["stage"], health["version"]) == ("pre_loan", BETTER)
    assert says in health["problem"]
    assert f"version {BETTER} goes on" in health["problem"]
    assert world.http.get("/v1/health").json()["status"] == "degraded"
    page = world.http.get("/health", headers={"authorization": ""})
    assert page.status_code == 200
    assert "降级 degraded" in page.text
    assert f"version {BETTER} goes on" in page.text
    assert str(world.settings.home) not in page.text
    assert world.version() == BETTER
    world.use(SOUND)
    assert world.http.get("/v1/health").json()["status"] == "ok"
    assert "正常 ok" in world.http.get("/health").text


def test_a_challenger_scores_in_shadow_and_never_answers(world):
    world.use(SOUND)
    world.registry.challenge(PRE, OTHER)
    until(lambda: world.health()["challenger"] == OTHER)
    one = world.http.post(PATH, json=CASE).json()
    several = world.http.post(PATH, json=[CASE, {"guarantee_id": "G1"}]).json()
    for made in (one, *several):
        path = f"/v1/decisions/{made['decision_id']}"
        assert made["model"]["version"] == SOUND
        until(lambda path=path: world.http.get(f"{path}/shadow").json()["shadow"])
        (shadow,) = world.http.get(f"{path}/shadow").json()["shadow"]
        assert shadow["model_version"] == OTHER
        assert world.http.get(path).json() == made
        assert "shadow" not in made
    # the same model says in shadow what it says as champion
    world.use(OTHER)
    spoken = world.http.post(PATH, json={"guarantee_id": "G1"}).json()
    assert (spoken["score"], spoken["default_probability"]) == (
        shadow["score"],
        shadow["default_probability"],
    )
    assert world.health()["challenger"] is None  # a champion is nobody's challenger
    world.registry.challenge(PRE, None)


def test_without_mlflow_it_goes_on_even_after_a_worker_is_killed(world):
    world.use(BETTER)
    kept, away = world.settings.home / "mlflow", world.settings.home / "away"
    kept.rename(away)
    kept.touch()  # not even a new database can be made there
    try:
        until(lambda: world.health()["problem"])
        assert "does not say which version" in world.health()["problem"]
        assert world.version() == BETTER
        kill_worker(world.http.base_url.port)
        until(lambda: not is_ready(world.http))
        until(lambda: is_ready(world.http), 60)
        assert world.version() == BETTER
        assert "goes on" in world.health()["problem"]
    finally:
        kept.unlink()
        away.rename(kept)
    until(lambda: not world.health()["problem"])


def kill_worker(port):
    """End the process that answers, as the kernel would that is out of memory."""
    listening = [
        child
        for child in psutil.Process(os.getpid()).children(recursive=True)
        if any(c.status == "ESTABLISHED" and c.laddr.port == port for c in child.net_connections())
    ]
    assert listening
    for child in listening:
        child.send_signal(signal.SIGKILL)


def test_the_commands_name_a_challenger_and_compare_it(world):
    world.use(SOUND)
    settings = world.settings
    env = {"VOUCH_HOME": str(settings.home), "VOUCH_STORE_URL": settings.store_url}
    runner = CliRunner(env=env | {"MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri})

    def run(*words):
        return runner.invoke(app, words, catch_exceptions=False).output

    assert "version 3 is in shadow" in run("challenge", "pre_loan", "--version", OTHER)
    until(lambda: world.health()["challenger"] == OTHER)
    answers = world.http.post(PATH, json=[{"guarantee_id": f"G{n}"} for n in range(40)]).json()
    last = f"/v1/decisions/{answers[-1]['decision_id']}/shadow"
    until(lambda: world.http.get(last).json()["shadow"])
    assert "challenger" in run("models")
    assert "challenger 3 beside champion 1" in run("shadow", "pre_loan")
    found = json.loads(run("shadow", "pre_loan", "--since", "2020-01-01", "--json"))
    compared = next(one for one in found if one["champion"] == SOUND)
    assert compared["cases"] >= 40
    assert 0 <= compared["rank_correlation"] <= 1
    assert "no case" in run("shadow", "in_loan")
    assert "nothing is in shadow" in run("challenge", "pre_loan")
    store = Store(settings.store_url)
    assert [e.action for e in store.audit.latest(200)].count("challenge") == 2
    store.close()
