"""Fill an empty book with a simulated province."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from vouch.book.book import Book
from vouch.book.ingest import write_batch
from vouch.errors import BookError
from vouch.simulator.calibration import province
from vouch.simulator.control import PARTITIONS, Rate, controlled_intercept, partitions, settled
from vouch.simulator.factors import factors
from vouch.simulator.history import History, World, history
from vouch.simulator.months import day_number, month_of
from vouch.simulator.network import network
from vouch.simulator.performance import performance_facts
from vouch.simulator.signals import signal_facts
from vouch.simulator.static import (
    borrower_facts,
    counter_facts,
    guarantee_facts,
    identifiers,
    institutions,
)
from vouch.simulator.truth import Law, write_law, write_truth

SOURCE = "simulated"
_SHARED = 0  # a stream of random numbers under one seed; the others are in `control`
_MONTHS_AFTER = 72  # common factors beyond the last day, for loans still running


@dataclass(frozen=True)
class SimulationReport:
    """What was simulated: facts by table, the period, and the rolling 365-day compensation rate.

    The rate is what was paid over what was released, by amount, both known on the last day; None
    where nothing was released.
    """

    counts: dict[str, int]
    start: date
    end: date
    compensation_rate: float | None


def simulate(
    book: Book,
    guarantees: int,
    seed: int,
    *,
    first: date = date(2016, 1, 1),
    until: date = date(2025, 6, 30),
    progress: Callable[[int, int], None] | None = None,
) -> SimulationReport:
    """Write a simulated province of `guarantees` guarantees into an empty book.

    Args:
        first: day of the first application.
        until: last day; nothing is known later.
        progress: called with the guarantees done and those wanted, after each partition.

    Raises:
        BookError: the book already holds facts, or nothing can be simulated as asked.
    """
    _refuse(book, guarantees, first, until)
    world = make_world(seed, first, until)
    intercept = controlled_intercept(world, seed, guarantees)
    write_law(book, Law(seed, first, until, intercept))
    counts: Counter[str] = Counter()
    rate = Rate(0, 0)
    for partition, (done, size) in enumerate(partitions(guarantees)):
        rng = np.random.default_rng([seed, PARTITIONS, partition])
        past = history(world, rng, size, intercept)
        tables, moved = _facts(book, world, rng, past, partition, done)
        batch = _batch(f"{seed} {guarantees} {first} {until} {partition}")
        write_batch(book, batch, SOURCE, tables, [], after=partition)
        counts.update({name: rows.num_rows for name, rows in tables.items()})
        rate = rate + moved
        if progress:
            progress(done + size, guarantees)
    return SimulationReport(dict(counts), first, until, rate.value)


def make_world(seed: int, first: date, until: date) -> World:
    """What all partitions under one seed share."""
    numbers = province()
    rng = np.random.default_rng([seed, _SHARED])
    net = network(numbers, rng)
    start, last = month_of(np.array([day_number(first), day_number(until)]))
    common = factors(numbers, rng, int(start), int(last - start) + _MONTHS_AFTER)
    return World(numbers, net, common, day_number(first), day_number(until))


def _refuse(book: Book, guarantees: int, first: date, until: date) -> None:
    if book.commits():
        raise BookError(
            f"the book at {book.path} already holds facts, which a simulation would mix with "
            "invented ones; name a new folder"
        )
    if guarantees < 1:
        raise BookError(f"cannot simulate {guarantees} guarantees; ask for at least 1")
    if until < first:
        raise BookError(f"the last day {until} lies before the first, {first}; swap them")


def _facts(
    book: Book,
    world: World,
    rng: np.random.Generator,
    past: History,
    partition: int,
    serial: int,
) -> tuple[dict[str, pa.Table], Rate]:
    """Every table of one partition that has rows; its truth is written beside the book."""
    ids = identifiers("G", partition, np.arange(len(past.terms)))
    borrower_ids = identifiers("B", partition, np.arange(len(past.people)))
    written, money, moved = settled(world, rng, past, ids)
    tables = institutions(world) if partition == 0 else {}
    tables |= {
        "borrower": borrower_facts(world, rng, past, partition, serial),
        "guarantee": guarantee_facts(world, past, partition),
        "counter_guarantee": counter_facts(world, rng, past, partition, ids),
        "performance": performance_facts(world, rng, past, ids, written),
        "signal": signal_facts(world, rng, past, borrower_ids, written),
        **money,
    }
    write_truth(book, partition, past, ids, written)
    return {name: rows for name, rows in tables.items() if rows.num_rows}, moved


def _batch(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
