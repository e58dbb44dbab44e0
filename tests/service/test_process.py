"""The service as BentoML runs it: real processes, real sockets, a real Bento."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.processes import answering, free_port, is_ready, key_of, running
from vouch.service.serve import environment, start

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
READY_WITHIN = 120.0
CASE = {"as_of": "2024-03-15", "guarantee": {"borrower_id": "B3", "amount": "250000.00"}}


def test_the_real_process_answers(make_settings):
    port, settings = free_port(), make_settings()
    with running(settings, port) as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/livez").status_code == 200
        documented = http.get("/docs.json").json()
        assert {"/v1/pre-loan/score", "/v1/in-loan/score", "/v1/post-loan/score"} <= set(
            documented["paths"]
        )
        assert "Guarantee" in documented["components"]["schemas"]
        known = http.post("/v1/post-loan/score", json={"guarantee_id": "G1"})
        assert known.status_code == 200
        made = known.json()
        assert http.get(f"/v1/decisions/{made['decision_id']}").json() == made
        assert "bentoml_service_request_total" in http.get("/metrics").text
        check_refusals(http)


def check_refusals(http):
    for answer, status, code in [
        (http.post("/v1/pre-loan/score", json={"guarantee": {}}), 422, "invalid_request"),
        (http.post("/v1/pre-loan/score", content=b"\xff"), 400, "invalid_request"),
        (http.post("/v1/pre-loan/score", content=iter([b" " * 10**6] * 2)), 413, "too_large"),
        (http.get("/v1/pre-loan/score"), 405, "unsupported"),
        (http.post("/v1/after-loan/score", json={}), 404, "not_found"),
        (http.get("/nowhere"), 404, "not_found"),
    ]:
        assert answer.status_code == status
        assert answer.json()["error"]["code"] == code
        assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


def test_the_command_says_when_it_answers_and_ends_the_service_with_itself(make_settings):
    port, settings = free_port(), make_settings()
    process = subprocess.Popen(
        [sys.executable, "-m", "vouch", "serve", "--port", str(port)],
        env=environment(settings, os.environ),
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    while line and "Vouch answers at" not in line:
        line = process.stdout.readline()
    assert f"http://127.0.0.1:{port}" in line
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        headers = key_of(settings.store_url)
        assert http.post("/v1/pre-loan/score", json=CASE, headers=headers).status_code == 200
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stdout.close()
        assert not is_ready(http)


def test_it_is_not_ready_without_a_champion(make_settings, tmp_path):
    port = free_port()
    process = start(make_settings(VOUCH_CHAMPIONS=str(tmp_path / "none")), port)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
            deadline = time.monotonic() + READY_WITHIN
            while not is_up(http):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            answer = http.get("/readyz")
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "unavailable"
            assert http.post("/v1/pre-loan/score", json=CASE).status_code == 503
    finally:
        process.terminate()
        process.wait(30)


def is_up(http):
    try:
        return http.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


def bentoml(*words, cwd, env):
    command = [sys.executable, "-m", "bentoml", *words]
    return subprocess.Popen(command, cwd=cwd, env=env)


@pytest.fixture
def project(tmp_path, champions):
    """A copy of what a checkout holds, with packed champions."""
    copy = tmp_path / "project"
    for name in ("src", "models", "training", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bentofile.yaml", "requirements.lock", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    shutil.copytree(champions, copy / "var" / "champions")
    return copy


def test_a_bento_serves_without_mlflow_and_without_a_book(project, tmp_path):
    ours = ("VOUCH_", "MLFLOW_", "BENTOML_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    env |= {"BENTOML_HOME": str(tmp_path / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    assert bentoml("build", "--quiet", cwd=project, env=env).wait(120) == 0
    (bento,) = (tmp_path / "bentoml" / "bentos" / "vouch-service").glob("*/bento.yaml")
    shipped = {path.name for path in (bento.parent / "src").iterdir()}
    assert shipped == {"bentofile.yaml", "vouch", "models", "var"}
    assert "--index-url" not in (bento.parent / "env/python/requirements.txt").read_text()
    port, home = free_port(), tmp_path / "home"
    served = env | {"VOUCH_HOME": str(home)}
    address = ("--host", "127.0.0.1", "--port", str(port))
    process = bentoml("serve", "vouch-service:latest", *address, cwd=tmp_path, env=served)
    with answering(process, port, f"sqlite:///{home / 'vouch.db'}") as http:
        made = http.post("/v1/pre-loan/score", json=CASE)
        assert made.status_code == 200
        assert made.json()["model"]["version"] == "3"
        known = http.post("/v1/pre-loan/score", json={"guarantee_id": "G1"})
        assert known.status_code == 404
    assert (home / "vouch.db").exists()
    assert not (home / "mlflow").exists()
