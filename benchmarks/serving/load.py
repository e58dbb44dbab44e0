"""A load of requests from a process of its own: keep-alive connections, each asking in turn.

python -m benchmarks.serving.load PLAN.json, where the plan is

    {"port", "path", "headers": {…}, "bodies": […], "concurrency", "seconds", "least",
     "unique_header"}

It prints {"latencies_ms": […], "errors": […], "seconds"}. Plain sockets and asyncio: a client that
does more would be what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
_LONGEST_WAIT = 60.0


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request; gives status and body."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        return int(lines[0].split()[1]), body

    def close(self) -> None:
        """Close; the next request opens another."""
        if self._streams:
            self._streams[1].close()
        self._streams = None


def requests(plan: Mapping[str, Any]) -> list[bytes]:
    """Every body as a request, but for the header that is new each time."""
    made = []
    for text in plan["bodies"]:
        body = text.encode()
        lines = [
            f"POST {plan['path']} HTTP/1.1",
            f"host: {HOST}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in plan["headers"].items()),
        ]
        made.append("\r\n".join(lines).encode() + b"\r\n%s\r\n" + body.replace(b"%", b"%%"))
    return made


async def load(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for as long and at least as often as the plan says; what fails is only counted."""
    made, name = requests(plan), plan.get("unique_header")
    latencies: list[float] = []
    errors: list[str] = []
    started = time.perf_counter()
    until = started + plan["seconds"]

    async def client(number: int) -> None:
        connection, turn = Connection(plan["port"]), number
        while time.perf_counter() < until or len(latencies) < plan.get("least", 0):
            unique = f"{name}: {uuid.uuid4()}\r\n".encode() if name else b""
            began = time.perf_counter()
            try:
                wanted = connection.ask(made[turn % len(made)] % unique)
                status, body = await asyncio.wait_for(wanted, _LONGEST_WAIT)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                errors.append(repr(error))
                connection.close()
                continue
            latencies.append(1000 * (time.perf_counter() - began))
            if status != 200:
                errors.append(f"{status} {body[:200].decode(errors='replace')}")
            turn += plan["concurrency"]
        connection.close()

    await asyncio.gather(*(client(i) for i in range(plan["concurrency"])))
    seconds = time.perf_counter() - started
    return {"latencies_ms": latencies, "errors": errors, "seconds": seconds}


def main() -> None:
    """Run a plan and print what came of it."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    json.dump(asyncio.run(load(plan)), sys.stdout)


if __name__ == "__main__":
    main()
