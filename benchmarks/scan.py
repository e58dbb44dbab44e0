"""The whole watch over a large book, beside LightGBM's bare `predict` and `pred_contrib`.

python -m benchmarks.scan --guarantees 100000 200000 400000 1000000 [--model large] [--json FILE]

Writes a book of 36 monthly rows a guarantee to disk, a commit for each month, then runs
`vouch watch --once` on it in a process of its own with a fresh store: facts on disk, features,
score, points of every guarantee, rules, alerts, mails (into files, an account manager for every
400 guarantees). It is the first day of such a book, on which every warning is new.

Two models: `champion`, that of the post-loan stage in `VOUCH_HOME` (`vouch train` and `vouch
promote` make one), and `large`, 400 trees of 31 leaves on the champion's features in its place.
`predict` and `pred_contrib` run on features of a sample of the book's guarantees, on two threads,
and their seconds are scaled up.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa

from benchmarks.explain import seen_rows
from vouch.book.book import Book
from vouch.book.ingest import write_batch
from vouch.book.tables import TABLES
from vouch.domain.calendar import month_ends
from vouch.domain.stage import Stage
from vouch.features.describe import describe
from vouch.features.facts import Cases
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import in_force
from vouch.scoring.bundle import Bundle
from vouch.scoring.registry import Registry
from vouch.settings import Settings

AS_OF = date(2025, 6, 30)
TAUGHT = 100_000  # rows the large model learns from
MONTHS, PART, PER_MANAGER, LENDERS, SAMPLE = 36, 100_000, 400, 40, 20_000
LATE = 0.02  # share of guarantees whose last three months are in arrears
SLIP = 0.003  # share of payments that come ten days late


@dataclass(frozen=True)
class Scan:
    """One run; `sample` rows were predicted and explained by LightGBM and their seconds scaled.

    `cpu_seconds` is what the watch used of all cores, whatever else ran beside it.
    """

    model: str
    guarantees: int
    seconds: float
    cpu_seconds: float
    rows_per_second: float
    peak_rss_mb: float
    predict_seconds: float
    pred_contrib_seconds: float
    pred_contrib_cpu_seconds: float
    alerts: int
    sample: int


def write_book(folder: Path, guarantees: int) -> Book:
    """A book of so many guarantees in force, as feeds would fill it: month after month."""
    book, random = Book(folder, create=True), np.random.default_rng(1)
    managers = -(-guarantees // PER_MANAGER)
    write_batch(book, "staff", "scan", {"manager": _managers(managers), "lender": _lenders()}, [])
    amounts = np.round(np.exp(random.normal(13, 0.8, guarantees)), 2)
    for first in range(0, guarantees, PART):
        numbers = np.arange(first, min(first + PART, guarantees))
        part = _part(numbers, amounts[numbers], managers, random)
        write_batch(book, f"part-{first:08d}", "scan", part, [])
    names = _names("G", np.arange(guarantees))
    late = random.random(guarantees) < LATE
    behind = random.integers(1, 60, guarantees)
    for number, day in enumerate(month_ends(date(2022, 7, 31), AS_OF), 1):
        days = np.where(random.random(guarantees) < SLIP, 10.0, 0.0)
        if number > MONTHS - 3:
            days = np.where(late, behind + 30.0 * (number - MONTHS + 2), days)
        month = _month(names, day, np.round(amounts * (1 - number / 60), 2), days)
        write_batch(book, f"month-{number:02d}", "scan", {"performance": month}, [])
    return book


def _typed(name: str, columns: dict[str, Any], rows: int) -> pa.Table:
    """The columns given, the rest empty."""
    schema = pa.schema([TABLES[name].arrow_schema.field(c.name) for c in TABLES[name].columns])
    given = {"known_at": columns["event_at"], **columns}
    arrays = [
        pa.array(given[field.name]).cast(field.type)
        if field.name in given
        else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def _names(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pa.array([f"{prefix}{number:08d}" for number in numbers.tolist()])


def _managers(count: int) -> pa.Table:
    numbers = np.arange(count)
    emails = [f"m{number}@example.org" for number in numbers]
    columns = {"manager_id": _names("M", numbers), "email": emails, "name": emails}
    return _typed("manager", columns | {"event_at": [date(2020, 1, 1)] * count}, count)


def _lenders() -> pa.Table:
    columns = {"lender_id": _names("L", np.arange(LENDERS))}
    return _typed("lender", columns | {"event_at": [date(2020, 1, 1)] * LENDERS}, LENDERS)


def _part(
    numbers: np.ndarray, amounts: np.ndarray, managers: int, random: np.random.Generator
) -> dict[str, pa.Table]:
    rows = len(numbers)
    start = [date(2022, 6, 30)] * rows
    guarantee = {
        "guarantee_id": _names("G", numbers),
        "borrower_id": _names("B", numbers),
        "lender_id": _names("L", random.integers(0, LENDERS, rows)),
        "manager_id": _names("M", random.integers(0, managers, rows)),
        "scheme": ["总对总"] * rows,
        "event_at": start,
        "start_on": start,
        "maturity_on": [date(2027, 6, 30)] * rows,
        "amount": amounts,
        "guaranteed_amount": amounts,
        "interest_rate": np.round(random.uniform(0.03, 0.07, rows), 4),
        "tenor_months": np.full(rows, 60.0),
    }
    borrower = {
        "borrower_id": _names("B", numbers),
        "name": [f"企业{number}有限公司" for number in numbers.tolist()],
        "kind": random.choice(["micro_enterprise", "small_enterprise"], rows),
        "headcount": random.integers(1, 80, rows).astype(float),
        "annual_revenue": np.round(amounts * random.uniform(2, 9, rows), 2),
        "established_on": [date(2015, 1, 1)] * rows,
        "event_at": start,
    }
    return {
        "guarantee": _typed("guarantee", guarantee, rows),
        "borrower": _typed("borrower", borrower, rows),
    }


def _month(names: pa.Array, day: date, balances: np.ndarray, days: np.ndarray) -> pa.Table:
    columns = {
        "guarantee_id": names,
        "event_at": pa.array(np.full(len(names), day, dtype="datetime64[D]")),
        "balance": balances,
        "days_past_due": days,
        "is_extended": np.zeros(len(names), dtype=bool),
    }
    return _typed("performance", columns, len(names))


def large(champion: Bundle) -> Bundle:
    """The champion with 400 trees of 31 leaves in place of its own, taught what it says itself."""
    table = seen_rows(champion, TAUGHT)
    odds = champion.raw_margins(table) + np.nan_to_num(table[:, 1:3]).sum(axis=1) % 2
    outcome = np.random.default_rng(2).random(TAUGHT) < 1 / (1 + np.exp(-odds))
    settings = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.05, "verbose": -1}
    data = lightgbm.Dataset(table, outcome, categorical_feature=champion.encoder.categories)
    trees = lightgbm.train(settings | {"min_data_in_leaf": 5, "seed": 1}, data, 400)
    trees = lightgbm.Booster(model_str=trees.model_to_string())
    made = replace(champion, trees=trees, linear=None, version="large")
    proof = []
    for row in champion.self_test:
        matrix = made.encoder.matrix({n: [row["features"][n]] for n in made.encoder.names})
        proof.append(row | {"default_probability": float(made.probabilities(matrix)[0])})
    return replace(made, self_test=proof)


def packed(bundle: Bundle, folder: Path) -> None:
    """Put a model where `vouch watch` finds it."""
    target = folder / Stage.POST_LOAN.slug
    body = {"version": bundle.version, "hash": bundle.save(target)}
    (target / "version.json").write_text(json.dumps(body), encoding="utf-8")


def watched(book: Path, home: Path) -> tuple[float, Any, dict[str, Any]]:
    """Seconds, resources used and report of one run of the watch in a process of its own."""
    own = {"VOUCH_HOME": str(home), "VOUCH_BOOK": str(book), "VOUCH_PACKED": "yes"}
    words = ["watch", "--once", "--as-of", str(AS_OF), "--json"]
    with (home / "report.json").open("w+") as report:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "vouch", *words], stdout=report, env=os.environ | own
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        report.seek(0)
        if child.returncode:
            sys.exit(f"the watch ended with {child.returncode}")
        return seconds, used, json.loads(report.read())


def bare(book: Book, champion: Bundle, sample: int) -> tuple[float, float, float]:
    """Seconds a row of LightGBM's `predict` and `pred_contrib` on the features of a sample.

    Last what `pred_contrib` used of all cores.
    """
    known = book.known(AS_OF)
    cases = in_force(known, [AS_OF]).cases
    some = Cases(list(cases.guarantee_ids[:sample]), cases.as_of[:sample])
    names = list(champion.encoder.names)
    matrix = champion.encoder.matrix(describe(known, some, names, PortfolioIndex.of(known)))
    seconds, cores = [], 0.0
    for asked in ({"raw_score": True}, {"pred_contrib": True}):
        started, used = time.perf_counter(), time.process_time()
        champion.booster.predict(matrix, num_threads=2, **asked)
        seconds.append((time.perf_counter() - started) / len(matrix))
        cores = (time.process_time() - used) / len(matrix)
    return seconds[0], seconds[1], cores


def scan(guarantees: int, model: Bundle, name: str, sample: int) -> Scan:
    """Write a book, watch it, and let LightGBM do its part."""
    with tempfile.TemporaryDirectory(prefix="scan-") as folder:
        home = Path(folder) / "home"
        packed(model, home / "champions")
        book = write_book(Path(folder) / "book", guarantees)
        seconds, used, report = watched(book.path, home)
        predict, contrib, cores = bare(book, model, min(sample, guarantees))
    return Scan(
        model=name,
        guarantees=guarantees,
        seconds=round(seconds, 1),
        cpu_seconds=round(used.ru_utime + used.ru_stime, 1),
        rows_per_second=round(guarantees / seconds),
        peak_rss_mb=round(used.ru_maxrss / 1024),
        predict_seconds=round(predict * guarantees, 1),
        pred_contrib_seconds=round(contrib * guarantees, 1),
        pred_contrib_cpu_seconds=round(cores * guarantees, 1),
        alerts=int(report["alerts"]),
        sample=min(sample, guarantees),
    )


def main() -> None:
    """Measure and print, as JSON too where a file is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan")
    parser.add_argument("--guarantees", type=int, nargs="+", default=[100_000, 200_000])
    parser.add_argument("--model", choices=["champion", "large"], default="champion")
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    settings = Settings.from_env()
    champion = Registry(settings.mlflow_tracking_uri, settings.home).champion(Stage.POST_LOAN)
    model = large(champion) if asked.model == "large" else champion
    found = []
    for guarantees in asked.guarantees:
        one = scan(guarantees, model, asked.model, asked.sample)
        found.append(one)
        print(json.dumps(asdict(one)), flush=True)
        longer = one.pred_contrib_seconds / one.seconds
        by_cores = one.pred_contrib_cpu_seconds / one.cpu_seconds
        print(f"pred_contrib alone: {longer:.1f} times as long, {by_cores:.1f} times the cores")
    for less, more in pairwise(found):
        step = math.log(more.guarantees / less.guarantees)
        growth = math.log(more.seconds / less.seconds) / step
        by_cpu = math.log(more.cpu_seconds / less.cpu_seconds) / step
        print(
            f"{less.guarantees:,} to {more.guarantees:,}: time grows with exponent {growth:.2f}, "
            f"time of the cores with {by_cpu:.2f}"
        )
    if asked.json:
        asked.json.write_text(json.dumps([asdict(s) for s in found], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
