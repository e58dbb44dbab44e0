"""Hours' worth of load in minutes: the service's memory, its answers, its log, its replay.

python -m benchmarks.soak [--requests 200000] [--clients 8] [--swaps 0] [--json FILE]
                          [--list-every 20] [--list-length 20]

One worker on SQLite is asked one case at a time and now and again a list. With `--swaps` the
champion is changed so often meanwhile, to and fro between two versions. It ends with the audit log
verified and a sample of decisions made again, and fails where

    a request was not answered with 200,
    one version said two things of one case, or named another model than its own,
    the worker's memory in the second half is more than 5 % above that in the first,
    the log does not verify, or a decision comes out another way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

import psutil

from benchmarks.serving.load import Connection, requests
from benchmarks.serving.material import Material, made
from benchmarks.serving.targets import Running, Target, started, targets
from vouch.domain.stage import Stage
from vouch.monitoring.replay import replay
from vouch.scoring.bundle import Bundle
from vouch.scoring.registry import Registry, connect
from vouch.store.store import Store

_WARM_UP = 0.05
_SAMPLE_SECONDS = 0.5
_FOLLOW_SECONDS = 0.5
_WAIT_SECONDS = 60.0
PRE = Stage.PRE_LOAN


@dataclass
class Course:
    """What was asked and answered so far."""

    wanted: int
    list_every: int
    list_length: int
    asked: int = 0
    decisions: int = 0
    errors: list[str] = field(default_factory=list)
    said: dict[tuple[int, str], tuple[int, str]] = field(default_factory=dict)
    memory: list[tuple[int, float]] = field(default_factory=list)
    swaps: int = 0

    def note(self, bodies: list[int], status: int, content: bytes) -> None:
        """One answer to these cases."""
        self.asked += 1
        if status != 200:
            self.errors.append(f"{status} {content[:200].decode(errors='replace')}")
            return
        answers = json.loads(content)
        for body, answer in zip(
            bodies, answers if isinstance(answers, list) else [answers], strict=True
        ):
            self.decisions += 1
            says = answer["score"], answer["model"]["hash"]
            before = self.said.setdefault((body, answer["model"]["version"]), says)
            if before != says:
                self.errors.append(f"version {answer['model']['version']} said {before} and {says}")


def worker(running: Running) -> psutil.Process:
    """The process that decides: of all the largest."""
    top = psutil.Process(running.process.pid)
    return max((top, *top.children(recursive=True)), key=lambda one: one.memory_info().rss)


async def ask(course: Course, target: Target, lists: Target, numbers: Iterator[int]) -> None:
    """One client."""
    connection = Connection(target.port)
    one_by_one = requests(vars(target))
    listed = requests(vars(lists))
    for number in numbers:
        is_list = number % course.list_every == 0
        turn = number // course.list_every % len(listed) if is_list else number % len(one_by_one)
        length = course.list_length if is_list else 1
        bodies = list(range(turn * length, turn * length + length))
        unique = f"idempotency-key: soak-{number}\r\n".encode()
        request = (listed if is_list else one_by_one)[turn] % unique
        try:
            found = await asyncio.wait_for(connection.ask(request), _WAIT_SECONDS)
            course.note(bodies, *found)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            course.errors.append(repr(error))
            connection.close()
    connection.close()


async def warm_up(port: int, made_requests: list[bytes]) -> None:
    """Ask everything once; what is late is late once, because the book's days are read then."""
    connection = Connection(port)
    for number, request in enumerate(made_requests):
        await connection.ask(request % (b"idempotency-key: warm-%d\r\n" % number))
    connection.close()


async def watch(course: Course, process: psutil.Process) -> None:
    """The worker's memory now and again."""
    while True:
        course.memory.append((course.asked, process.memory_info().rss / 1e6))
        await asyncio.sleep(_SAMPLE_SECONDS)


async def swap(course: Course, registry: Registry, versions: list[str], swaps: int) -> None:
    """Change the champion, evenly over the whole course, each time once the last is followed."""
    client = connect(registry.tracking_uri).MlflowClient()
    for turn in range(swaps):
        version = versions[(turn + 1) % 2]
        while course.asked < course.wanted * (turn + 0.5) / (swaps + 1):
            await asyncio.sleep(0.05)
        await asyncio.to_thread(
            client.set_registered_model_alias, PRE.model_name, "champion", version
        )
        course.swaps += 1
        await asyncio.sleep(2 * _FOLLOW_SECONDS)


async def run(
    course: Course, running: Running, material: Material, clients: int, versions: list[str], n: int
) -> None:
    """The whole course."""
    target = running.target
    length = course.list_length
    groups = [
        target.bodies[at : at + length] for at in range(0, len(target.bodies) - length + 1, length)
    ]
    lists = replace(target, bodies=[f"[{','.join(group)}]" for group in groups])
    await warm_up(target.port, [*requests(vars(lists)), *requests(vars(target))[:50]])
    watching = asyncio.create_task(watch(course, worker(running)))
    registry = Registry(material.settings.mlflow_tracking_uri, material.settings.home / "cache")
    swapping = asyncio.create_task(swap(course, registry, versions, n))
    numbers = iter(range(course.wanted))
    await asyncio.gather(*(ask(course, target, lists, numbers) for _ in range(clients)))
    watching.cancel()
    await swapping


def second_version(material: Material, folder: Path) -> list[str]:
    """The champion and a registered version of it that is a little stricter."""
    registry = Registry(material.settings.mlflow_tracking_uri, material.settings.home / "cache")
    first = registry.champion(PRE)
    other = replace(first, intercept=first.intercept + 0.25)
    columns = [row["features"] for row in first.self_test]
    told = [
        float(other.probabilities(other.encoder.matrix({n: [row[n]] for n in row}))[0])
        for row in columns
    ]
    rows = [{"features": f, "default_probability": p} for f, p in zip(columns, told, strict=True)]
    return [first.version, _registered(registry, replace(other, self_test=rows), folder)]


def _registered(registry: Registry, bundle: Bundle, folder: Path) -> str:
    mlflow = connect(registry.tracking_uri)
    hash_ = bundle.save(folder / "bundle")
    name = f"soak {time.time_ns()}"
    made_in = mlflow.create_experiment(name, artifact_location=(folder / "runs").as_uri())
    with mlflow.start_run(experiment_id=made_in) as started_run:
        logged = mlflow.pyfunc.log_model(
            name="bundle",
            loader_module="vouch.scoring.mlflow_model",
            data_path=str(folder / "bundle"),
            pip_requirements=["vouch"],
        )
    return registry.register(PRE, logged.model_id, started_run.info.run_id, hash_, [])


def judged(course: Course, store: Store, sample: int, seconds: float) -> dict[str, Any]:
    """The figures, and what fails."""
    after_warm_up = [(at, mb) for at, mb in course.memory if at >= course.wanted * _WARM_UP]
    halves = [
        [mb for at, mb in after_warm_up if (at >= course.wanted / 2) == is_second]
        for is_second in (False, True)
    ]
    first, second = (mean(half) if half else float("nan") for half in halves)
    verified = store.verify()
    replayed = replay(store.decisions, store.decisions.sample(sample))
    return {
        "requests": course.asked,
        "decisions": course.decisions,
        "seconds": round(seconds, 1),
        "requests_per_second": round(course.asked / seconds, 1),
        "errors": len(course.errors),
        "first_error": course.errors[0] if course.errors else None,
        "swaps": course.swaps,
        "versions": sorted({version for _, version in course.said}),
        "memory_first_half_mb": round(first, 1),
        "memory_second_half_mb": round(second, 1),
        "memory_growth": round(second / first - 1, 4),
        "audit_entries": verified.entries,
        "audit_decisions": verified.decisions,
        "audit_faults": verified.faults,
        "replayed": replayed.decisions,
        "identical": replayed.identical,
    }


def failures(row: dict[str, Any]) -> list[str]:
    """What was promised and is not so."""
    checks = {
        "requests failed": row["errors"] == 0,
        "memory grew": row["memory_growth"] <= 0.05,
        "the audit log does not verify": not row["audit_faults"],
        "decisions answered and stored differ in number": row["audit_decisions"]
        >= row["decisions"],
        "decisions come out another way": row["identical"] == row["replayed"],
    }
    return [words for words, holds in checks.items() if not holds]


def soak(given: argparse.Namespace) -> dict[str, Any]:
    """Start the service, run the course, judge it."""
    with tempfile.TemporaryDirectory(prefix="vouch-soak-") as name:
        folder = Path(name)
        material = made(given.home or folder / "home")
        versions = second_version(material, folder) if given.swaps else []
        (target,) = (t for t in targets(material, folder, given.port) if t.name == "vouch")
        environment = {**target.environment, "VOUCH_FOLLOW_SECONDS": str(_FOLLOW_SECONDS)}
        target = replace(target, environment=environment)
        course = Course(given.requests, given.list_every, given.list_length)
        with started(target, folder / "vouch.log") as running:
            began = time.monotonic()
            asyncio.run(run(course, running, material, given.clients, versions, given.swaps))
            seconds = time.monotonic() - began
        return judged(course, Store(material.settings.store_url), given.sample, seconds)


def main() -> None:
    """Run, print, and fail where a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--list-every", type=int, default=20, help="every so many requests a list")
    parser.add_argument("--list-length", type=int, default=20, help="cases in a list")
    parser.add_argument("--swaps", type=int, default=0)
    parser.add_argument("--sample", type=int, default=2_000, help="decisions made again")
    parser.add_argument("--port", type=int, default=35_330)
    parser.add_argument("--home", type=Path, help="kept, and used again by the next run")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    row = soak(given)
    print(json.dumps(row, ensure_ascii=False, indent=1))
    if given.json:
        given.json.write_text(json.dumps(row, ensure_ascii=False, indent=1), encoding="utf-8")
    if failed := failures(row):
        raise SystemExit("; ".join(failed))


if __name__ == "__main__":
    main()
