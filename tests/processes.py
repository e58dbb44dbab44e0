"""The real service as a process of its own, on loopback."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx

from vouch import clock
from vouch.domain.access import PROVINCE, Role
from vouch.service.serve import start
from vouch.settings import Settings
from vouch.store.keys import NewKey
from vouch.store.store import Store

READY_WITHIN = 120.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def key_of(store_url: str) -> dict[str, str]:
    """The header that opens a service over this store, by a key made for it."""
    now = clock.now()
    new = NewKey("test", Role.RISK, PROVINCE, now + timedelta(days=1), 10**9)
    store = Store(store_url)
    try:
        return {"authorization": f"Bearer {store.keys.create(new, 'test', now)[1]}"}
    finally:
        store.close()


@contextmanager
def answering(
    process: subprocess.Popen[bytes], port: int, store_url: str
) -> Iterator[httpx.Client]:
    """A client of a started service once it is ready; the process is stopped at the end."""
    address, headers = f"http://127.0.0.1:{port}", key_of(store_url)
    try:
        with httpx.Client(base_url=address, timeout=30, trust_env=False, headers=headers) as http:
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
    with answering(start(settings, port), port, settings.store_url) as http:
        yield http


def is_ready(http: httpx.Client) -> bool:
    """Whether the service says that it can answer."""
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
