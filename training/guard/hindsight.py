"""A field that sees what was not known on its day, or that its source restates afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from training.frame import Frame
from training.guard.suspicion import Check, Suspicion
from vouch.book.book import Book
from vouch.book.sources import SOURCES
from vouch.features.asof import FactTable
from vouch.features.facts import EPOCH, Cases, Facts, compute
from vouch.features.portfolio import PortfolioIndex
from vouch.features.registry import named

_DAYS = 6
_CASES_A_DAY = 100


def unknown_then(book: Book, frame: Frame) -> Iterator[Suspicion]:
    """Fields that differ when they are computed from what was known on the case's own day.

    Looks at the busiest day of each of a few stretches of the frame.
    """
    differing: dict[str, tuple[int, str]] = {}
    seen = 0
    for rows in _busiest_days(frame):
        cases = frame.spine.take(rows).cases
        day = EPOCH + timedelta(days=int(cases.as_of[0]))
        known = book.known(day)
        facts = Facts.of(known, sorted(set(cases.guarantee_ids)))
        then = compute(named(list(frame.columns)), cases, facts, PortfolioIndex.of(known))
        seen += len(cases)
        for name, values in frame.columns.items():
            differs = np.flatnonzero(~_same(values[rows], then[name]))
            if len(differs):
                at = differs[0]
                count, example = differing.get(name, (0, ""))
                example = example or (
                    f"{values[rows][at]} instead of {then[name][at]} for "
                    f"{cases.guarantee_ids[at]} on {day}"
                )
                differing[name] = count + len(differs), example
    for name, (count, example) in differing.items():
        yield Suspicion(
            name,
            Check.HINDSIGHT,
            f"{count} of {seen} cases looked at have another value once later facts are known: "
            f"{example}",
        )


def _busiest_days(frame: Frame) -> Iterator[Any]:
    days, counts = np.unique(frame.as_of, return_counts=True)
    for stretch in np.array_split(np.arange(len(days)), min(_DAYS, len(days))):
        day = days[stretch[counts[stretch].argmax()]]
        yield np.flatnonzero(frame.as_of == day)[:_CASES_A_DAY]


def _same(left: Any, right: Any) -> Any:
    if left.dtype == object:
        return np.equal(left, right)
    return (left == right) | (np.isnan(left) & np.isnan(right))


def restated(book: Book, frame: Frame) -> Iterator[Suspicion]:
    """Fields that read a column of which the book's source says that it is restated.

    Which fields those are is found by exchanging the column's values among some cases.
    """
    names = {commit.source for commit in book.commits()} & set(SOURCES)
    declared = [
        (name, place, why)
        for name in sorted(names)
        for place, why in SOURCES[name].restated.items()
    ]
    if not declared:
        return
    rows = np.unique(np.linspace(0, len(frame) - 1, _DAYS * _CASES_A_DAY).astype(int))
    cases = frame.spine.take(rows).cases
    known = book.known(EPOCH + timedelta(days=int(frame.as_of.max())))
    facts = Facts.of(known, sorted(set(cases.guarantee_ids)))
    before = _values(frame, cases, facts)
    for source, place, why in declared:
        table, column = place.split(".")
        after = _values(frame, cases, _exchanged(facts, table, column))
        for name in frame.columns:
            if not np.all(_same(before[name], after[name])):
                yield Suspicion(name, Check.RESTATED, f"it reads {place}, and {source} says: {why}")


def _values(frame: Frame, cases: Cases, facts: Facts) -> Mapping[str, Any]:
    return compute(named(list(frame.columns)), cases, facts, frame.history)


def _exchanged(facts: Facts, table: str, column: str) -> Facts:
    old = facts.tables[table]
    columns = dict(old.columns) | {column: np.roll(old.columns[column], 1)}
    return Facts(dict(facts.tables) | {table: FactTable(columns, old.entities, old.starts)})
