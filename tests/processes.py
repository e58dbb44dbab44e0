"""The real service as a process of its own, on loopback."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from vouch.service.serve import start
from vouch.settings import Settings

READY_WITHIN = 120.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def answering(process: subprocess.Popen[bytes], port: int) -> Iterator[httpx.Client]:
    """A client of a started service once it is ready; the process is stopped at the end."""
    address = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as http:
            deadline = time.monotonic() + READY_WITHIN
            while not is_ready(http):
                assert process.poll() is None, "the service ended"
                assert time.monotonic() < deadline, "the service did not become ready"
                time.sleep(0.1)
            yield http
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextmanager
def running(settings: Settings, port: int) -> Iterator[httpx.Client]:
    """A client of the service with these settings."""
    with answering(start(settings, port), port) as http:
        yield http


def is_ready(http: httpx.Client) -> bool:
    """Whether the service says that it can answer."""
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
