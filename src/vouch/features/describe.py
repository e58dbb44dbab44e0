"""Features of many cases, partition by partition, so that memory does not grow with the book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from vouch.book.book import Known
from vouch.features.facts import Cases, Facts, compute
from vouch.features.portfolio import PortfolioIndex
from vouch.features.registry import named

Progress = Callable[[int, int], None]

# Cases described at once: bounds memory, and one partition's work stays a pure function of it.
PARTITION = 50_000


def silent(done: int, total: int) -> None:
    """No progress shown."""


def partitions(known: Known, cases: Cases) -> Iterator[tuple[Cases, Facts]]:
    """Cases in parts, each with its own facts and no others."""
    for start in range(0, len(cases), PARTITION):
        part = cases.slice(start, start + PARTITION)
        yield part, Facts.of(known, sorted(set(part.guarantee_ids)))


def describe(
    known: Known,
    cases: Cases,
    names: list[str],
    history: PortfolioIndex,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The named features of every case: one array each."""
    features = named(names)
    parts, done = [], 0
    for part, facts in partitions(known, cases):
        parts.append(compute(features, part, facts, history))
        done += len(part)
        progress(done, len(cases))
    if not parts:
        return compute(features, cases, Facts.of(known, []), history)
    return {name: np.concatenate([part[name] for part in parts]) for name in names}
