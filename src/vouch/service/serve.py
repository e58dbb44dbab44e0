"""Starting the service as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess  # the command is this Python and constants
import sys
import time
import urllib.request
from collections.abc import Mapping

from vouch.settings import Settings

SERVICE = "vouch.service.app:VouchService"
LOOPBACK = "127.0.0.1"


def environment(settings: Settings, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of the service: the same settings, no telemetry, quiet."""
    given = {
        "VOUCH_HOME": str(settings.home),
        "VOUCH_BOOK": str(settings.book),
        "VOUCH_STORE_URL": settings.store_url,
        "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "VOUCH_CHAMPIONS": str(settings.champions),
        "VOUCH_PACKED": "yes" if settings.packed else "no",
        "VOUCH_POLICY": str(settings.policy),
        "VOUCH_TIMEZONE": settings.timezone.key,
        "VOUCH_PUBLIC_URL": settings.public_url or "",
        "VOUCH_SECRET_KEY": settings.secret_key or "",
        "VOUCH_FOLLOW_SECONDS": str(settings.follow_seconds),
        "VOUCH_MAX_BODY_BYTES": str(settings.max_body_bytes),
        "VOUCH_MAX_BATCH": str(settings.max_batch),
        "VOUCH_JWT_KEYS": settings.jwt_keys or "",
        "VOUCH_JWT_ISSUER": settings.jwt_issuer or "",
        "VOUCH_JWT_AUDIENCE": settings.jwt_audience or "",
        "BENTOML_HOME": str(settings.home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_CONFIG_OPTIONS": f"services.vouch.workers={settings.workers}",
    }
    return {**base, **given}


def command(host: str, port: int) -> list[str]:
    """The command that serves with BentoML in this Python."""
    address = ["--host", host, "--port", str(port)]
    return [sys.executable, "-m", "bentoml", "serve", "--quiet", SERVICE, *address]


def start(
    settings: Settings, port: int | None = None, host: str = LOOPBACK
) -> subprocess.Popen[bytes]:
    """Start the service and come back at once; it is ready when /readyz answers 200."""
    words = command(host, port or settings.port)
    return subprocess.Popen(words, env=environment(settings, os.environ))  # noqa: S603 - our own


def serve(settings: Settings, port: int | None = None, host: str = LOOPBACK) -> int:
    """Serve until interrupted or terminated; returns the exit code.

    The address is printed once the service answers there.
    """
    address = f"http://{host}:{port or settings.port}"
    process = start(settings, port, host)
    # Whoever ends this process means the service too.
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        if _wait_until_ready(process, address):
            sys.stdout.write(f"Vouch answers at {address} (documentation at {address}/docs.json)\n")
            sys.stdout.flush()
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        return process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], address: str) -> bool:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5):  # noqa: S310 - loopback
                return True
        except OSError:  # not there yet, or not ready
            time.sleep(0.2)
    return False
