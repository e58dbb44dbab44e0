"""Training, promotion and use through a real MLflow server instead of the embedded store."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.processes import free_port
from training.run import train
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.policy.reading import Policy
from vouch.scoring.registry import Registry
from vouch.scoring.spec import Spec

pytestmark = pytest.mark.slow
READY_WITHIN = 120.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server that keeps its database and artifacts to itself."""
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


def test_a_version_goes_there_and_comes_back(server: str, small_book: Book, tmp_path: Path) -> None:
    registry = Registry(server, tmp_path / "cache")
    spec = Spec.read(ROOT / "models" / "pre_loan" / "spec.toml")
    made = train(small_book, spec, Policy(), registry, date(2025, 6, 30))
    assert registry.promote(Stage.PRE_LOAN, made.version) is None
    elsewhere = Registry(server, tmp_path / "another cache")
    assert elsewhere.champion(Stage.PRE_LOAN).hash == made.bundle.hash
