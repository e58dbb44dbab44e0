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
from vouch.domain.access import Institution, Level, Role
from vouch.domain.stage import Stage
from vouch.features.facts import Facts, compute
from vouch.features.spine import spine
from vouch.scoring.registry import CHAMPION
from vouch.scoring.spec import Spec
from vouch.settings import Settings
from vouch.simulator import simulate
from vouch.store.keys import NewKey

GUARANTEES = 20_000
APPLICATIONS = 500


@dataclass(frozen=True)
class Material:
    """Settings with a trained champion, and the same applications in the form of each target.

    `key` opens the service for the guarantor whose applications they are.
    """

    settings: Settings
    key: str
    facts: list[str]
    known: list[str]
    rows: list[str]
    frames: list[str]
    model_uri: str
    trees: Path
    levels: Path


def made(folder: Path) -> Material:
    """Simulate, train and promote (once for a folder), and write the applications down."""
    # a list of 1,000 cases with all their facts is larger than the service takes unasked
    settings = Settings.from_env({"VOUCH_HOME": str(folder), "VOUCH_MAX_BODY_BYTES": "20000000"})
    parts = build(settings)
    if parts.registry.champion_version(Stage.PRE_LOAN) is None:
        _prepare(parts)
    institution, facts, known, features = applications(parts)
    bundle = parts.champion(Stage.PRE_LOAN)
    trees, levels = folder / "trees.txt", folder / "levels.json"
    trees.write_text(bundle.trees.model_to_string(), encoding="utf-8")
    levels.write_text(json.dumps(bundle.encoder.levels), encoding="utf-8")
    return Material(
        settings,
        _key(parts, institution),
        facts,
        known,
        [json.dumps(row) for row in features],
        [json.dumps({"dataframe_records": [row]}) for row in features],
        f"models:/{Stage.PRE_LOAN.model_name}@{CHAMPION}",
        trees,
        levels,
    )


def _key(parts: Vouch, institution: Institution) -> str:
    """A key that is never asked to wait."""
    now = clock.now()
    new = NewKey("benchmark", Role.UNDERWRITER, institution, now + timedelta(days=1), 10**9)
    return parts.store().keys.create(new, "benchmark", now)[1]


def _prepare(parts: Vouch) -> None:
    """A simulated book and a champion learnt from it."""
    last = clock.today().replace(day=1) - timedelta(days=1)
    first = last.replace(year=last.year - 10, month=1, day=1)
    simulate(Book(parts.settings.book, create=True), GUARANTEES, 1, first=first, until=last)
    spec = Spec.read(parts.settings.models / Stage.PRE_LOAN.value / "spec.toml")
    version = train(Book(parts.settings.book), spec, parts.policy, parts.registry, last).version
    parts.registry.promote(Stage.PRE_LOAN, version)


def applications(
    parts: Vouch,
) -> tuple[Institution, list[str], list[str], list[dict[str, Any]]]:
    """The newest applications of the largest guarantor: facts, identifiers, model's features."""
    book, bundle = Book(parts.settings.book), parts.champion(Stage.PRE_LOAN)
    newest = book.newest_known_at or clock.today()
    door = book.known(newest)
    largest, names = (
        door.query(
            "SELECT guarantor_id, list(guarantee_id) AS names "
            f"FROM {door.current('guarantee')} GROUP BY 1 ORDER BY len(names) DESC, 1 LIMIT 1"
        )
        .to_pylist()[0]
        .values()
    )
    found = spine(door, "application", newest - timedelta(days=1100), newest)
    own = set(names)
    theirs = [i for i, name in enumerate(found.table["guarantee_id"].to_pylist()) if name in own]
    found = found.take(np.array(theirs[-APPLICATIONS:]))
    ids, days = (found.table[name].to_pylist() for name in ("guarantee_id", "as_of"))
    facts = [
        json.dumps(case_facts(book, guarantee, day), ensure_ascii=False, default=str)
        for guarantee, day in zip(ids, days, strict=True)
    ]
    columns = compute(
        bundle.features, found.cases, Facts.of(door, ids), parts.held_book.portfolio()
    )
    rows = [
        {name: _plain(values[i]) for name, values in columns.items()} for i in range(len(found))
    ]
    known = [json.dumps({"guarantee_id": name}) for name in ids]
    return Institution(Level.GUARANTOR, largest), facts, known, rows


def _plain(value: Any) -> Any:
    found = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(found, float) and not np.isfinite(found) else found
