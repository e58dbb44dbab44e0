"""Lists beside single calls: how much quicker a row is in a list of 1,000."""

from __future__ import annotations

import time

import httpx

from benchmarks.serving.load import HOST
from benchmarks.serving.material import Material

ROWS = 1000
_SINGLES = 20


def batch_words(port: int, path: str, material: Material) -> str:
    """Both ways of asking, measured one after the other, in words."""
    headers = {"authorization": f"Bearer {material.key}", "content-type": "application/json"}
    asked = {"with their facts": material.facts, "by identifier": material.known}
    lines = []
    with httpx.Client(base_url=f"http://{HOST}:{port}", headers=headers, timeout=60) as client:
        for way, bodies in asked.items():
            alone = _seconds(client, path, bodies[:_SINGLES]) / _SINGLES
            rows = [bodies[i % len(bodies)] for i in range(ROWS)]
            each = _seconds(client, path, [f"[{','.join(rows)}]"]) / ROWS
            lines.append(
                f"cases {way}: {1000 * alone:.2f} ms alone, {1000 * each:.2f} ms each in a list of "
                f"{ROWS:,}: {alone / each:.1f} times as quick"
            )
    return "\n".join(lines)


def _seconds(client: httpx.Client, path: str, bodies: list[str]) -> float:
    began = time.perf_counter()
    for body in bodies:
        client.post(path, content=body.encode()).raise_for_status()
    return time.perf_counter() - began
