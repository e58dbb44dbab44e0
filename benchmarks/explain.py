"""Exact reasons by Vouch, LightGBM's `pred_contrib`, shap and woodelf, on the same rows in one run.

python -m benchmarks.explain [--rows 200000] [--sample 1000] [--json FILE]

Models: one of 400 trees of 31 leaves on 40 features, five of them categorical with 20 to 1,000
levels and four with a sign; one of the same size on numbers alone, since woodelf refuses splits by
category; and the three shipped specifications: the champions of `VOUCH_HOME`, or trained on a
simulated province where there is none. Methods too slow for all rows run on a sample and their
seconds are scaled up, which the table says; all get the same number of threads, for one row one.
What a method refuses is printed above the table. woodelf is there after `make peers`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from training.fit import seen_features
from training.frame import assemble
from training.run import make_bundle
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.errors import VouchError
from vouch.features.asof import Floats
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.forest import Forest
from vouch.scoring.registry import Registry
from vouch.scoring.spec import Spec
from vouch.settings import Settings
from vouch.simulator import simulate

LEVELS = (20, 60, 150, 400, 1000)
SIGNS = {5: 1, 6: 1, 7: -1, 8: -1}
FEATURES, REPEATS, ENOUGH_SECONDS = 40, 301, 2.0
GUARANTEES, UNTIL = 3_000, date(2025, 6, 30)
SAMPLED = ("pred_contrib", "shap", "woodelf")
Explain = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Measured:
    """One method on one model; `measured_rows` of `rows` were run and the seconds scaled up."""

    model: str
    method: str
    rows: int
    seconds: float
    max_abs_difference: float
    measured_rows: int
    speed_against_pred_contrib: float = 1.0


def large_rows(count: int, seed: int) -> Floats:
    """Rows as a province's might be: categories, gaps, numbers."""
    random = np.random.default_rng(seed)
    table = random.normal(size=(count, FEATURES))
    for place, levels in enumerate(LEVELS):
        table[:, place] = random.integers(0, levels, count)
    gaps = random.random((count, 8)) < 0.2
    table[:, 10:18][gaps] = np.nan
    return table


def large_model(rows: int = 30_000, *, has_categories: bool = True) -> lightgbm.Booster:
    """400 trees of 31 leaves."""
    table = large_rows(rows, seed=1)
    known = np.nan_to_num(table)
    signal = 0.5 * known[:, 5] - 0.4 * known[:, 7] + 0.3 * known[:, 10] + np.sin(2 * known[:, 11])
    signal += 0.4 * (known[:, 0] % 3 == 0) + 0.4 * (known[:, 4] % 7 == 1) - 2
    signal += known[:, 12] * known[:, 13] / 2 + known[:, 20:] @ np.linspace(-0.3, 0.3, 20)
    outcome = np.random.default_rng(2).random(rows) < 1 / (1 + np.exp(-signal))
    settings = {
        "objective": "binary",
        "num_leaves": 31,
        "learning_rate": 0.05,
        "monotone_constraints": [SIGNS.get(place, 0) for place in range(FEATURES)],
        "deterministic": True,
        "force_row_wise": True,
        "seed": 1,
        "verbose": -1,
    }
    categories = list(range(len(LEVELS))) if has_categories else []
    data = lightgbm.Dataset(table, outcome, categorical_feature=categories)
    return lightgbm.train(settings, data, 400)


def shipped(settings: Settings) -> Iterator[Bundle]:
    """The champions that `vouch promote` put in use; where there is none, the specification's."""
    registry = Registry(settings.mlflow_tracking_uri, settings.home / "cache")
    for stage in Stage:
        try:
            yield registry.champion(stage)
        except VouchError as error:
            print(f"{error}; meanwhile it is trained on a simulated province")
            yield trained(Spec.read(settings.models / stage.value / "spec.toml"))


def trained(spec: Spec) -> Bundle:
    """A shipped specification on a simulated province."""
    with tempfile.TemporaryDirectory() as folder:
        book = province(folder)
        frame = assemble(book, spec, UNTIL, lambda done, total: None)
        names = seen_features(frame.columns, spec.feature_names)
        return make_bundle(spec, Policy(), frame, names, UNTIL)


def province(folder: str) -> Book:
    """A simulated guarantee book."""
    book = Book(Path(folder) / "book", create=True)
    simulate(book, GUARANTEES, seed=7, first=date(2015, 1, 1), until=UNTIL)
    return book


def seen_rows(bundle: Bundle, count: int) -> Floats:
    """Rows around those noted in training: each column drawn by itself, so ways mix."""
    names = bundle.encoder.names
    noted = {name: [row["features"][name] for row in bundle.self_test] for name in names}
    known = bundle.encoder.matrix(noted)
    random = np.random.default_rng(5)
    drawn = known[random.integers(0, len(known), (count, len(names))), np.arange(len(names))]
    numbers = [place for place in range(len(names)) if place not in bundle.encoder.categories]
    drawn[:, numbers] *= random.uniform(0.5, 1.5, (count, len(numbers)))
    return np.ascontiguousarray(drawn)


def methods(name: str, booster: lightgbm.Booster, threads: int) -> dict[str, Explain]:
    """Every method that is installed, by name."""
    import shap

    forest = Forest.parse(booster.model_to_string())
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    found: dict[str, Explain] = {
        "vouch": lambda rows: forest.contributions(rows, threads),
        "pred_contrib": lambda rows: np.asarray(
            booster.predict(rows, pred_contrib=True, num_threads=min(threads, len(rows)))
        )[:, :-1],
        "shap": lambda rows: np.asarray(explainer.shap_values(rows)),
    }
    try:
        from woodelf import WoodelfExplainer

        names = booster.feature_name()
        woodelf = WoodelfExplainer(booster, feature_perturbation="tree_path_dependent")
        found["woodelf"] = lambda rows: np.asarray(
            woodelf.shap_values(pd.DataFrame(rows, columns=names), verbose=False)
        )
    except Exception as error:  # a peer that cannot read this model is a finding, not a failure
        print(f"{name}: woodelf is not there: {type(error).__name__}: {error}")
    return found


def measure(
    name: str, booster: lightgbm.Booster, rows: Floats, sample: int, threads: int
) -> Iterator[Measured]:
    """All rows at once, then one row at a time; differences are from `pred_contrib`."""
    explain = methods(name, booster, threads)
    truth = explain["pred_contrib"](rows[:sample])
    explain["vouch"](rows[:100])
    for is_single in (False, True):
        found = []
        for method, run in explain.items():
            try:
                measured = _single(run, rows) if is_single else _bulk(method, run, rows, sample)
                values = run(rows[: 1 if is_single else sample])
            except Exception as error:  # as above
                print(f"{name}: {method} refuses: {type(error).__name__}: {error}")
                continue
            difference = float(np.abs(values - truth[: len(values)]).max())
            count, seconds = measured
            total = 1 if is_single else len(rows)
            found.append(Measured(name, method, total, seconds, difference, count))
        base = next(m.seconds for m in found if m.method == "pred_contrib")
        for one in found:
            yield Measured(**asdict(one) | {"speed_against_pred_contrib": base / one.seconds})


def _bulk(method: str, run: Explain, rows: Floats, sample: int) -> tuple[int, float]:
    measured = rows[:sample] if method in SAMPLED else rows
    started = time.perf_counter()
    run(measured)
    return len(measured), (time.perf_counter() - started) * len(rows) / len(measured)


def _single(run: Explain, rows: Floats) -> tuple[int, float]:
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < ENOUGH_SECONDS:
        one = rows[len(times) : len(times) + 1].copy()
        started = time.perf_counter()
        run(one)
        times.append(time.perf_counter() - started)
    return len(times), float(np.median(times))


def table(found: list[Measured]) -> str:
    """As Markdown."""
    head = "| model | method | rows | run | seconds | × pred_contrib | largest difference |"
    lines = [
        f"| {m.model} | {m.method} | {m.rows:,} | {m.measured_rows:,} | {m.seconds:.6g} | "
        f"{m.speed_against_pred_contrib:.1f} | {m.max_abs_difference:.1e} |"
        for m in found
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|", *lines])


def main() -> None:
    """Measure and print, as JSON too where a file is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explain")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--sample", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = large_rows(asked.rows, seed=3)
    given: list[tuple[str, lightgbm.Booster, Any]] = [
        ("400 x 31 x 40", large_model(), rows),
        ("400 x 31 x 40, numbers", large_model(has_categories=False), rows),
    ]
    for bundle in shipped(Settings.from_env()):
        given.append((bundle.stage.model_name, bundle.booster, seen_rows(bundle, asked.rows)))
    found = [
        one
        for name, booster, rows in given
        for one in measure(name, booster, rows, asked.sample, asked.threads)
    ]
    print(table(found))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(m) for m in found], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
