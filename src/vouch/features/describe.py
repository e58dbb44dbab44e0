"""Features of many cases, partition by partition, so that memory does not grow with the book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

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
    """The named features of every case: one array each.

    Cases are taken in the order of their guarantees, so that the facts of each are read once,
    however many dates it is looked at on.
    """
    features = named(names)
    if not len(cases):
        return compute(features, cases, Facts.of(known, []), history)
    order = np.asarray(pa.compute.sort_indices(pa.array(cases.guarantee_ids, pa.string())))
    found: dict[str, Any] = {
        f.name: np.empty(len(cases), dtype=object if f.is_category else float) for f in features
    }
    for start in range(0, len(cases), PARTITION):
        rows = order[start : start + PARTITION]
        part = cases.take(rows)
        facts = Facts.of(known, part.guarantee_ids)
        for name, values in compute(features, part, facts, history).items():
            found[name][rows] = values
        progress(start + len(part), len(cases))
    return found
