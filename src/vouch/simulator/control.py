"""The level of risk at which the province, as drawn, compensates what it should."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vouch.simulator.history import History, World, history
from vouch.simulator.ledger import Ledger, ledger
from vouch.simulator.level import WINDOW, intercept_of
from vouch.simulator.months import Ints
from vouch.simulator.names import Texts
from vouch.simulator.settlement import (
    compensation_facts,
    payments,
    recovery_facts,
    release_facts,
)

PARTITION = 20_000
PILOT, PARTITIONS = 1, 2  # streams of random numbers under one seed


@dataclass(frozen=True)
class Rate:
    """What was paid and released in the year that ends on the last day, in fen."""

    paid: int
    released: int

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(self.paid + other.paid, self.released + other.released)

    @property
    def value(self) -> float | None:
        """Paid over released, by amount; None where nothing was released."""
        return self.paid / self.released if self.released else None


def partitions(guarantees: int) -> list[tuple[int, int]]:
    """How many guarantees come before each partition, and how many are in it."""
    return [(done, min(PARTITION, guarantees - done)) for done in range(0, guarantees, PARTITION)]


def controlled_intercept(world: World, seed: int, guarantees: int) -> float:
    """The intercept at which the rolling rate of this very book comes near its target.

    A pilot finds where the expected rate is the target. A large book is then drawn at that level,
    and at others near it while chance takes its rate too far away. The truth beside the book is
    that of the level taken. Books of fewer than `from_guarantees` are left to chance, as their
    rates hang on a handful of compensations; so are those of more than `to_guarantees`, whose
    rates are near the target anyway.
    """
    control = world.province["control"]
    target = world.province["level"]["target_compensation_rate"]
    intercept = intercept_of(world, np.random.default_rng([seed, PILOT]))
    if not control["from_guarantees"] <= guarantees <= control["to_guarantees"]:
        return intercept
    best = tried = intercept
    nearest = np.inf
    for _ in range(control["rounds"]):
        rate = _drawn_rate(world, seed, guarantees, tried).value
        if not rate:
            break
        miss = float(np.log(target / rate))
        if abs(miss) < nearest:
            best, nearest = tried, abs(miss)
        if nearest <= control["near"]:
            break
        tried += miss
    return best


def _drawn_rate(world: World, seed: int, guarantees: int, intercept: float) -> Rate:
    rate = Rate(0, 0)
    for partition, (_, size) in enumerate(partitions(guarantees)):
        rng = np.random.default_rng([seed, PARTITIONS, partition])
        past = history(world, rng, size, intercept, truth=False)
        ids = np.arange(len(past.terms)).astype(str).astype(object)
        rate = rate + settled(world, rng, past, ids)[2]
    return rate


def settled(
    world: World, rng: np.random.Generator, past: History, ids: Texts
) -> tuple[Ledger, dict[str, pa.Table], Rate]:
    """The ledger of one partition, its events of money, and what they add to the rolling rate."""
    written = ledger(world, rng, past)
    paid = payments(past, written)
    money = {
        "compensation": compensation_facts(world, rng, ids, paid),
        "recovery": recovery_facts(world, rng, past, ids, paid),
        "release": release_facts(world, rng, past, ids, written),
    }
    until = world.until
    rate = Rate(_last_year(money["compensation"], until), _last_year(money["release"], until))
    return written, money, rate


def _last_year(rows: pa.Table, until: int) -> int:
    """Fen of a table's events in the 365 days that end on day `until`."""
    days: Ints = rows["event_at"].cast(pa.int32()).to_numpy()
    fen = rows["amount"].cast(pa.float64()).to_numpy() * 100
    return round(float(fen[days > until - WINDOW].sum()))
