"""Whether the reasons of any version are true, on as many rows as asked.

python -m benchmarks.reasons [--stage STAGE --version V] [--rows 100000] [--book DIR] [--json FILE]

Counts rows whose points do not sum to the score, whose score is not the rounded score of the
probability, whose order is turned round, and raised values of signed features that moved points
or score against their sign. All have to be zero; the exit code says so. Rows are the cases of the
book where one is given (drawn with replacement up to the number asked), else drawn column by column
from the rows noted in training. Without a version the champions are looked at; where a stage has
none, its specification is trained on a simulated province.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.explain import shipped
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.features.describe import describe, silent
from vouch.features.facts import Cases, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import spine
from vouch.scoring.bundle import Bundle
from vouch.scoring.registry import Registry
from vouch.scoring.truth import against_sign, truth
from vouch.settings import Settings


def noted(bundle: Bundle, rows: int) -> Mapping[str, Any]:
    """Rows that mix the values noted in training, each column drawn by itself."""
    random = np.random.default_rng(5)
    found = {}
    for name in bundle.encoder.names:
        kind = object if name in bundle.encoder.levels else np.float64
        values = np.array([row["features"][name] for row in bundle.self_test], dtype=kind)
        drawn = values[random.integers(0, len(values), rows)]
        found[name] = drawn if kind is object else drawn * random.uniform(0.5, 1.5, rows)
    return found


def of_book(bundle: Bundle, book: Book, rows: int) -> Mapping[str, Any]:
    """The cases of a book, drawn with replacement."""
    newest = book.newest_known_at
    if newest is None:
        raise SystemExit(f"{book.path} holds nothing")
    known = book.known(newest)
    first = known.query(f"SELECT min(event_at) AS day FROM {known.versions('guarantee')}")
    cases = spine(known, bundle.spec.moment, first["day"][0].as_py(), newest)
    random = np.random.default_rng(5)
    cases = cases.take(np.sort(random.choice(len(cases), min(rows, len(cases)), replace=False)))
    columns = describe(
        known, cases.cases, list(bundle.encoder.names), PortfolioIndex.of(known), silent
    )
    drawn = np.arange(rows) % len(cases)
    return {name: columns[name][drawn] for name in bundle.encoder.names}


def asked_for(settings: Settings, stage: str | None, version: str | None) -> Iterator[Bundle]:
    """One registered version, or the champions."""
    if stage and version:
        registry = Registry(settings.mlflow_tracking_uri, settings.home / "cache")
        yield registry.load(Stage.parse(stage), version)
        return
    yield from (b for b in shipped(settings) if stage is None or b.stage is Stage.parse(stage))


def main() -> None:
    """Count and print, as JSON too where a file is named; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reasons")
    parser.add_argument("--stage")
    parser.add_argument("--version")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--book", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = []
    for bundle in asked_for(Settings.from_env(), asked.stage, asked.version):
        source = of_book(bundle, Book(asked.book), asked.rows) if asked.book else None
        columns = source or noted(bundle, asked.rows)
        day = float(to_days(bundle.training.last_case))
        cases = Cases([""] * asked.rows, np.full(asked.rows, day))
        counted = truth(bundle, cases, columns)
        known = {"model": bundle.stage.model_name, "version": bundle.version}
        found.append(known | vars(counted) | {"unproven_signs": against_sign(bundle)})
        print(json.dumps(found[-1]))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    promises = ("points_off", "scores_off", "inversions", "turned", "beyond_rounding")
    sys.exit(any(row[name] for row in found for name in promises))


if __name__ == "__main__":
    main()
