"""Time and memory of simulating a capped portfolio, beside drawing every guarantee with NumPy.

python -m benchmarks.expectation [--guarantees 50000] [--scenarios 100000] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from vouch.domain.risk_sharing import Scheme
from vouch.monitoring.expectation import (
    Assumptions,
    Forecast,
    Period,
    Pool,
    capped_expectation,
    read_assumptions,
    read_timing,
)
from vouch.monitoring.expectation.timing import Lives
from vouch.policy.reading import Policy

MEAN_PROBABILITY = 0.0162
CAP_OVER_EXPECTED = 1.2
BLOCK = 50


@dataclass(frozen=True)
class Case:
    """What is simulated."""

    pool: Pool
    scheme: Scheme
    period: Period
    assumptions: Assumptions


def case(guarantees: int, scenarios: int) -> Case:
    """A made-up book: no two probabilities or exposures alike, median ticket 450,000 yuan."""
    rng = np.random.default_rng(1)
    probability = rng.beta(0.8, 0.8 / MEAN_PROBABILITY - 0.8, guarantees)
    exposure = np.clip(rng.lognormal(np.log(450_000), 1.2, guarantees), 1e4, 1e7).round(2)
    ages, tenors = rng.integers(0, 365, guarantees) * 1.0, np.full(guarantees, 365.0)
    paid = np.zeros(guarantees)
    days = Lives(ages, tenors, paid, paid).claim_days(read_timing(), 0, 365)
    pool = Pool.of(probability, exposure, claim_days=days)
    scheme = Policy().scheme("总对总", date(2025, 6, 30))
    expected = float(scheme.system_share) * pool.expected_losses().sum()
    cap = Decimal(f"{CAP_OVER_EXPECTED * expected:.2f}")
    period = Period(date(2025, 6, 30), date(2026, 6, 30), cap)
    shipped = read_assumptions()
    return Case(pool, scheme, period, Assumptions(shipped.correlation, scenarios, shipped.seed))


def numpy_paid(case: Case, scenarios: int) -> np.ndarray:
    """What the system pays, every guarantee drawn in blocks of scenarios."""
    rho, rng = case.assumptions.correlation, np.random.default_rng(case.assumptions.seed)
    heights = ndtri(case.pool.default_probabilities) / np.sqrt(1 - rho)
    paid = []
    for start in range(0, scenarios, BLOCK):
        rows = min(BLOCK, scenarios - start)
        shift = np.sqrt(rho / (1 - rho)) * rng.standard_normal((rows, 1))
        hits = rng.random((rows, len(heights))) < ndtr(heights - shift)
        paid.append(float(case.scheme.system_share) * (hits @ case.pool.exposures))
    return np.minimum(np.concatenate(paid), float(case.period.room or 0))


def measure(guarantees: int, scenarios: int, plain_scenarios: int) -> dict[str, Any]:
    """Run both and say what they took; compiling is counted apart."""
    book = case(guarantees, scenarios)
    compiling = _seconds(lambda: _forecast(book, Assumptions(0.08, 2)))
    before = _peak_mib()
    started = time.perf_counter()
    found = _forecast(book, book.assumptions)
    seconds, peak = time.perf_counter() - started, _peak_mib()
    plain_seconds = _seconds(lambda: numpy_paid(book, plain_scenarios))
    return {
        "guarantees": guarantees,
        "scenarios": scenarios,
        "cores": os.cpu_count(),
        "first_call_seconds": round(compiling, 2),
        "seconds": round(seconds, 2),
        "peak_mib": round(peak),
        "peak_mib_before": round(before),
        "numpy_scenarios": plain_scenarios,
        "numpy_seconds": round(plain_seconds, 2),
        "numpy_seconds_scaled": round(plain_seconds * scenarios / plain_scenarios),
        "numpy_peak_mib": round(_peak_mib()),
        "z_score": found.check.z_score,
        "forecast": found.answer(),
    }


def _forecast(book: Case, assumptions: Assumptions) -> Forecast:
    return capped_expectation(book.pool, book.scheme, book.period, assumptions)


def _seconds(run: Any) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _peak_mib() -> float:
    """The most memory this process has held; it never falls."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print, as JSON too where a file is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.expectation")
    parser.add_argument("--guarantees", type=int, default=50_000)
    parser.add_argument("--scenarios", type=int, default=100_000)
    parser.add_argument("--numpy-scenarios", type=int, default=500)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = measure(asked.guarantees, asked.scenarios, asked.numpy_scenarios)
    print(
        "{scenarios:,} scenarios of {guarantees:,} guarantees on {cores} cores: {seconds} s, peak "
        "{peak_mib} MiB ({peak_mib_before} before); first call, with loading or compiling, "
        "{first_call_seconds} s; against the analytic sum z = {z_score:.2f}\n"
        "NumPy, every guarantee drawn, one core: {numpy_scenarios:,} scenarios in {numpy_seconds} "
        "s, so {numpy_seconds_scaled:,} s for all; peak {numpy_peak_mib} MiB".format(**found)
    )
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
