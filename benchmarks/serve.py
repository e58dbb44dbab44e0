"""The score service under load, beside what a user would run instead, all on this machine.

python -m benchmarks.serve [--seconds 6] [--rounds 3] [--target NAME ...] [--json FILE]

Each target is a process of its own with one worker, loaded over loopback by a second process with
real applications of a simulated province. The targets are asked in turn, round by round, so that a
machine whose speed drifts is fair to all; figures are over all rounds.

    vouch     access checked, features from facts, score, exact reasons, decision stored, idempotent
    constant  a stock BentoML endpoint that returns a constant of the same length
    plain     a stock BentoML service: ready-made features, a pandas row, shap.TreeExplainer
    mlflow    `mlflow models serve` of the same model: ready-made features, probability only
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving.batch import batch_words
from benchmarks.serving.material import made
from benchmarks.serving.targets import Running, Target, started, targets

CONCURRENCY = (1, 8, 32)
_WARM_UP_SECONDS = 2.0


def asked(
    target: Target, concurrency: int, seconds: float, folder: Path, least: int = 0
) -> dict[str, Any]:
    """One load of one target, from a process of its own; of `least` requests at least."""
    plan = {
        "port": target.port,
        "path": target.path,
        "headers": dict(target.headers),
        "bodies": target.bodies,
        "unique_header": target.unique_header,
        "concurrency": concurrency,
        "seconds": seconds,
        "least": least,
    }
    file = folder / "plan.json"
    file.write_text(json.dumps(plan, ensure_ascii=False), encoding="utf-8")
    words = [sys.executable, "-m", "benchmarks.serving.load", str(file)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(running: Running, concurrency: int, loads: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures over all rounds."""
    latencies = np.concatenate([load["latencies_ms"] for load in loads])
    errors = [error for load in loads for error in load["errors"]]
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99]) if len(latencies) else [np.nan] * 3
    return {
        "target": running.target.name,
        "concurrency": concurrency,
        "requests_per_second": round(
            (len(latencies) - len(errors)) / sum(load["seconds"] for load in loads), 1
        ),
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "p99_ms": round(float(p99), 2),
        "peak_rss_mb": round(running.memory_mb()),
        "errors": len(errors),
    }


def measure(
    names: list[str], seconds: float, rounds: int, port: int, home: Path | None
) -> list[dict[str, Any]]:
    """Start every target, load them in turn, and give the figures."""
    with tempfile.TemporaryDirectory(prefix="vouch-serve-") as name, ExitStack() as stack:
        folder = Path(name)
        material = made(home or folder / "home")
        found = [t for t in targets(material, folder, port) if t.name in names]
        running = [stack.enter_context(started(t, folder / f"{t.name}.log")) for t in found]
        for one in running:
            print(f"{one.target.name} was ready after {one.ready_seconds:.1f} s", flush=True)
            # every application once: no target meets one for the first time while it is measured
            asked(one.target, 8, _WARM_UP_SECONDS, folder, len(one.target.bodies))
        rows = []
        for concurrency in CONCURRENCY:
            loads: dict[str, list[dict[str, Any]]] = {t.name: [] for t in found}
            for _ in range(rounds):
                for target in found:
                    loads[target.name].append(asked(target, concurrency, seconds, folder))
            rows += [measured(one, concurrency, loads[one.target.name]) for one in running]
        for one in found:
            if one.name == "vouch":
                print(batch_words(one.port, one.path, material), flush=True)
        return rows


def table(rows: list[dict[str, Any]]) -> str:
    """For people; ratios are to the constant endpoint at the same concurrency."""
    base = {row["concurrency"]: row for row in rows if row["target"] == "constant"}
    lines = [
        "| target | clients | requests/s | of constant | p50 ms | p95 ms | p99 ms | MB | errors |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        of = base.get(row["concurrency"])
        ratio = f"{row['requests_per_second'] / of['requests_per_second']:.2f}" if of else "–"
        lines.append(
            f"| {row['target']} | {row['concurrency']} | {row['requests_per_second']:,.0f} | "
            f"{ratio} | {row['p50_ms']:.2f} | {row['p95_ms']:.1f} | {row['p99_ms']:.1f} | "
            f"{row['peak_rss_mb']:,} | {row['errors']} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print, as JSON too where a file is named."""
    names = ["vouch", "constant", "plain", "mlflow"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--target", action="append", choices=names)
    parser.add_argument("--port", type=int, default=35_310, help="first of four")
    parser.add_argument("--home", type=Path, help="kept, and used again by the next run")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = measure(given.target or names, given.seconds, given.rounds, given.port, given.home)
    print(table(rows))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
