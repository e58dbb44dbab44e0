"""What warnings are worth, on the card panel and on simulated provinces nobody tuned on.

python -m benchmarks.warning [--data DIR] [--folder DIR] [--budget 2] [--only province]
    [--seeds 31 32] [--json FILE]

The model learns from outcomes known before the looks that are judged. Provinces are ordered by the
shipped weights of `policy/ranking.toml`, which come from other seeds; the card panel, another
population, by weights that the same code learns from its own earlier months. Every method names up
to `budget` guarantees per manager and look.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models import panel
from benchmarks.warning.figures import Judged, figures, judge, paired
from benchmarks.warning.methods import ASSUMED, OURS, Method, ours, rivals, tell, tell_as_many
from benchmarks.warning.table import show
from training.ranking import Looks, champion, joined, learn, look
from vouch.book.book import Book
from vouch.book.ingest import ingest
from vouch.book.sources import SOURCES
from vouch.domain.ranking import Ranking
from vouch.policy.reading import Policy
from vouch.simulator import simulate

SEEDS = (31, 32)  # those that the shipped weights, thresholds and choices come from are 21 to 23
_CLIENTS = 30_000


def card(data: Path, folder: Path) -> tuple[Looks, Ranking]:
    """The card panel: model from 2015-06 to 2016-06, weights from 2017 to June, judged from 2018.

    Outcomes of the looks that weights are learnt from are known by the end of 2017.
    """
    book = Book(folder / "monthly-status", create=True)
    if not book.commits():
        files = [data / panel.STATUS, data / panel.APPLICATIONS]
        ingest(book, SOURCES["monthly-status"], files, date(2026, 1, 1))
    made = champion(book.known(date(2016, 12, 31)), date(2015, 6, 30), date(2016, 6, 30))
    earlier = look(book.known(date(2017, 12, 31)), made, date(2017, 1, 31), date(2017, 6, 30))
    intercept, weights = learn(earlier)
    ranking = replace(_shipped(date(2018, 1, 1)), intercept=intercept, weights=weights)
    last = book.newest_known_at
    assert last is not None
    looks = look(book.known(last), made, date(2018, 1, 31), date(2019, 6, 30))
    managers = _CLIENTS // int(ASSUMED["card_clients_per_manager"])
    names = [f"M{zlib.crc32(name.encode()) % managers}" for name in looks.guarantee.tolist()]
    return replace(looks, manager=np.array(names, dtype=object)), ranking


def provinces(folder: Path, seeds: Sequence[int]) -> tuple[Looks, Ranking]:
    """Simulated provinces: model from what was known by mid-2022, all of 2024 judged."""
    parts = []
    for seed in seeds:
        book = Book(folder / f"province-{seed}", create=True)
        if not book.commits():
            span = {"first": date(2014, 1, 1), "until": date(2025, 6, 30)}
            simulate(book, int(ASSUMED["province_guarantees"]), seed, **span)
        made = champion(book.known(date(2022, 6, 30)), date(2018, 3, 31), date(2021, 12, 31))
        last = book.newest_known_at
        assert last is not None
        looks = look(book.known(last), made, date(2024, 1, 31), date(2024, 12, 31))
        parts.append(_apart(looks, f"{seed}:"))
    return joined(parts), _shipped(date(2024, 1, 1))


def _apart(looks: Looks, prefix: str) -> Looks:
    """The same with names that no other book has."""
    names, managers = (
        np.array([prefix + name for name in values.tolist()], dtype=object)
        for values in (looks.guarantee, looks.manager)
    )
    return replace(looks, guarantee=names, manager=managers)


def _shipped(on: date) -> Ranking:
    return Policy().ranking(on)


def compare(looks: Looks, ranking: Ranking, budget: int) -> dict[str, Any]:
    """Every method at its budget, and the watch at as many alerts as each rule sends."""
    watch = ours(looks, ranking)
    plain = rivals(looks, has_memory=False)
    lent = {f"{name}, with memory": m for name, m in rivals(looks, has_memory=True).items()}
    others = {name: _told(looks, method, budget) for name, method in (plain | lent).items()}
    return {
        "looks": len(looks.day),
        "guarantees": len(set(looks.guarantee.tolist())),
        "managers": len(set(looks.manager.tolist())),
        "compensated": len(set(looks.guarantee[looks.outcome > 0].tolist())),
        "figures": {
            name: figures(looks, judged)
            for name, judged in ({OURS: _told(looks, watch, budget)} | others).items()
        },
        "at_as_many": {
            name: _at_as_many(looks, watch, theirs, budget) for name, theirs in others.items()
        },
    }


def _told(looks: Looks, method: Method, budget: int) -> Judged:
    return judge(looks, tell(looks, method, budget), method.again_from, method.value)


def _at_as_many(looks: Looks, watch: Method, theirs: Judged, budget: int) -> dict[str, Any]:
    rows = tell_as_many(looks, watch, budget, len(theirs.rows))
    mine = judge(looks, rows, watch.again_from, watch.value)
    return {
        "ours": figures(looks, mine),
        "theirs": figures(looks, theirs),
        "differences": paired(looks, mine, theirs),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print, as JSON too where a file is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warning")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, default=Path(".benchmarks"))
    parser.add_argument("--budget", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--only", choices=["card panel", "province"])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(argv)
    found: dict[str, Mapping[str, Any]] = {}
    for name in ("card panel", "province"):
        if asked.only in (None, name):
            is_card = name == "card panel"
            made = (
                card(asked.data, asked.folder) if is_card else provinces(asked.folder, asked.seeds)
            )
            found[name] = compare(*made, asked.budget)
            show(name, found[name])
            if asked.json:
                asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
