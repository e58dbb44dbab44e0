"""What every target is asked: a simulated book, a model learnt from it, and its applications."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from training.run import train
from vouch import clock
from vouch.book.book import Book
from vouch.book.case import case_facts
from vouch.bootstrap import Vouch, build
from vouch.domain.stage import Stage
from vouch.features.facts import Facts, compute
from vouch.features.spine import spine
from vouch.scoring.registry import CHAMPION
from vouch.scoring.spec import Spec
from vouch.settings import Settings
from vouch.simulator import simulate

GUARANTEES = 20_000
APPLICATIONS = 2_000


@dataclass(frozen=True)
class Material:
    """Settings with a trained champion, and the same applications in the form of each target."""

    settings: Settings
    facts: list[str]
    rows: list[str]
    frames: list[str]
    model_uri: str
    trees: Path
    levels: Path


def made(folder: Path) -> Material:
    """Simulate, train and promote (once for a folder), and write the applications down."""
    settings = Settings.from_env({"VOUCH_HOME": str(folder)})
    parts = build(settings)
    if parts.registry.champion_version(Stage.PRE_LOAN) is None:
        _prepare(parts)
    facts, features = applications(parts)
    bundle = parts.champion(Stage.PRE_LOAN)
    trees, levels = folder / "trees.txt", folder / "levels.json"
    trees.write_text(bundle.trees.model_to_string(), encoding="utf-8")
    levels.write_text(json.dumps(bundle.encoder.levels), encoding="utf-8")
    return Material(
        settings,
        facts,
        [json.dumps(row) for row in features],
        [json.dumps({"dataframe_records": [row]}) for row in features],
        f"models:/{Stage.PRE_LOAN.model_name}@{CHAMPION}",
        trees,
        levels,
    )


def _prepare(parts: Vouch) -> None:
    """A simulated book and a champion learnt from it."""
    last = clock.today().replace(day=1) - timedelta(days=1)
    first = last.replace(year=last.year - 10, month=1, day=1)
    simulate(Book(parts.settings.book, create=True), GUARANTEES, 1, first=first, until=last)
    spec = Spec.read(parts.settings.models / Stage.PRE_LOAN.value / "spec.toml")
    version = train(Book(parts.settings.book), spec, parts.policy, parts.registry, last).version
    parts.registry.promote(Stage.PRE_LOAN, version)


def applications(parts: Vouch) -> tuple[list[str], list[dict[str, Any]]]:
    """The newest applications: as facts, and as the features the model reads."""
    book, bundle = Book(parts.settings.book), parts.champion(Stage.PRE_LOAN)
    newest = book.newest_known_at or clock.today()
    found = spine(book.known(newest), "application", newest - timedelta(days=730), newest)
    found = found.take(np.arange(len(found))[-APPLICATIONS:])
    ids, days = (found.table[name].to_pylist() for name in ("guarantee_id", "as_of"))
    facts = [
        json.dumps(case_facts(book, guarantee, day), ensure_ascii=False, default=str)
        for guarantee, day in zip(ids, days, strict=True)
    ]
    known = Facts.of(book.known(newest), ids)
    columns = compute(bundle.features, found.cases, known, parts.portfolio())
    rows = [
        {name: _plain(values[i]) for name, values in columns.items()} for i in range(len(found))
    ]
    return facts, rows


def _plain(value: Any) -> Any:
    found = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(found, float) and not np.isfinite(found) else found
