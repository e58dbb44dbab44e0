"""The services measured, each started as its own process on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.serving.load import HOST
from benchmarks.serving.material import Material
from vouch.service.serve import command, environment

READY_WITHIN = 240.0


@dataclass(frozen=True)
class Target:
    """How a service is started and asked."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    port: int
    path: str
    health: str
    bodies: list[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    unique_header: str | None = None


@dataclass
class Running:
    """A started service."""

    target: Target
    process: subprocess.Popen[bytes]
    ready_seconds: float

    def memory_mb(self) -> float:
        """The most memory each of its processes has held, summed."""
        top = psutil.Process(self.process.pid)
        return sum(_peak_mb(part.pid) for part in (top, *top.children(recursive=True)))


def _peak_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="ignore")
    except OSError:  # it ended meanwhile
        return 0.0
    peak = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(peak.split()[1]) / 1024


def targets(material: Material, folder: Path, port: int) -> list[Target]:
    """Vouch and what it is measured beside, on consecutive ports."""
    quiet = {**os.environ, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "bentoml")}
    plain = {"BENCHMARK_TREES": str(material.trees), "BENCHMARK_CATEGORIES": str(material.levels)}
    bento = [sys.executable, "-m", "bentoml", "serve", "--host", HOST, "--port"]
    mlflow = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # its uvicorn
    tracking = {"MLFLOW_TRACKING_URI": material.settings.mlflow_tracking_uri, "PATH": here}
    return [
        Target(
            "vouch",
            command(HOST, port),
            environment(material.settings, quiet),
            port,
            "/v1/pre-loan/score",
            "/readyz",
            material.facts,
            {"authorization": f"Bearer {material.key}"},
            "idempotency-key",
        ),
        Target(
            "constant",
            [*bento, str(port + 1), "benchmarks.serving.constant:Constant"],
            quiet,
            port + 1,
            "/score",
            "/readyz",
            material.facts,
        ),
        Target(
            "plain",
            [*bento, str(port + 2), "benchmarks.serving.plain:Plain"],
            quiet | plain,
            port + 2,
            "/score",
            "/readyz",
            material.rows,
        ),
        Target(
            "mlflow",
            [*mlflow, "-m", material.model_uri, "-h", HOST, "-p", str(port + 3)],
            quiet | tracking,
            port + 3,
            "/invocations",
            "/ping",
            material.frames,
        ),
    ]


@contextmanager
def started(target: Target, log: Path) -> Iterator[Running]:
    """The service, ready; ended with all its processes at the end."""
    began = time.monotonic()
    with log.open("wb") as words:
        process = subprocess.Popen(
            target.command,
            env=dict(target.environment),
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(target, process, log)
        yield Running(target, process, time.monotonic() - began)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _wait(target: Target, process: subprocess.Popen[bytes], log: Path) -> None:
    address, deadline = f"http://{HOST}:{target.port}{target.health}", time.monotonic()
    while time.monotonic() < deadline + READY_WITHIN:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{target.name} did not become ready; its words are in {log}")
