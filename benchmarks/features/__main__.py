"""Time and peak memory of features for many guarantee-months, each way in its own process.

python -m benchmarks.features [--guarantees 1000000] [--beside 200000] [--json FILE]

Forty features of every guarantee over all its months; then, on a smaller book, the thirteen
features of monthly facts by Vouch, by one DuckDB query and by pandas, whose values must all be the
same.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.features import book
from benchmarks.features.ways import FORTY, MONTHLY, WAYS

_BESIDE = ("vouch-monthly", "duckdb-monthly", "pandas-monthly")


def measure_here(way: str, folder: Path, out: Path) -> None:
    """Run one way in this process and write down what it took."""
    done = WAYS[way](folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    single = {k: round(v, 2) for k, v in done.values.items() if isinstance(v, float)}
    if not single:
        np.savez(out.with_suffix(".npz"), **{n: done.values[n] for n in MONTHLY})
    out.write_text(
        json.dumps({"seconds": round(done.seconds, 2), "peak_mib": round(peak)} | single)
    )


def measure(way: str, folder: Path, guarantees: int, months: int) -> dict[str, Any]:
    """Run one way in a fresh process."""
    out = folder.parent / f"{way}.json"
    words = ["--way", way, "--book", str(folder), "--out", str(out)]
    subprocess.run([sys.executable, "-m", "benchmarks.features", *words], check=True)
    features = len(FORTY) if way in ("vouch-forty", "vouch-single") else len(MONTHLY)
    known = {"way": way, "features": features, "guarantees": guarantees, "months": months}
    return known | json.loads(out.read_text())


def differences(folder: Path) -> dict[str, float]:
    """The largest difference of each way's values from Vouch's, missing for missing."""
    ours, found = np.load(folder / "vouch-monthly.npz"), {}
    for way in _BESIDE[1:]:
        theirs = np.load(folder / f"{way}.npz")
        for name in MONTHLY:
            a, b = ours[name], theirs[name]
            same = (np.isnan(a) == np.isnan(b)).all()
            worst = float(np.nanmax(np.abs(a - b), initial=0.0)) if same else float("inf")
            found[way] = max(found.get(way, 0.0), worst)
    return found


def run(guarantees: int, beside: int, months: int) -> list[dict[str, Any]]:
    """Everything, with the books made and removed."""
    rows = []
    with tempfile.TemporaryDirectory() as made:
        large = Path(made) / "large"
        book.make(large / "book", guarantees, months)
        for way in ("vouch-forty", "vouch-single"):
            rows.append(measure(way, large / "book", guarantees, months))
            print(_line(rows[-1]), flush=True)
    with tempfile.TemporaryDirectory() as made:
        small = Path(made)
        book.make(small / "book", beside, months)
        for way in _BESIDE:
            rows.append(measure(way, small / "book", beside, months))
            print(_line(rows[-1]), flush=True)
        apart = differences(small)
    for row in rows:
        if row["way"] in apart:
            row["max_abs_difference"] = apart[row["way"]]
            print(f"{row['way']}: largest difference from Vouch {row['max_abs_difference']:g}")
    return rows


def _line(row: dict[str, Any]) -> str:
    what = f"{row['way']:15s} {row['features']} features, {row['guarantees']:,} guarantees"
    if "at_hand_ms" in row:
        return (
            f"{what}, one at a time: {row['at_hand_ms']} ms with its facts at hand (99 of 100 "
            f"within {row['at_hand_p99_ms']} ms), {row['by_id_ms']} ms read by its number"
        )
    facts = row["guarantees"] * row["months"]
    return f"{what}, {facts:,} monthly facts: {row['seconds']} s, peak {row['peak_mib']:,} MiB"


def main() -> None:
    """Measure and print, as JSON too where a file is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features")
    parser.add_argument("--guarantees", type=int, default=1_000_000)
    parser.add_argument("--beside", type=int, default=200_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--json", type=Path)
    for word in ("--way", "--book", "--out"):
        parser.add_argument(word, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        measure_here(asked.way, Path(asked.book), Path(asked.out))
        return
    rows = run(asked.guarantees, asked.beside, asked.months)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
