"""What feeds outside the loan show of a borrower's trouble, with gaps and noise."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vouch.book.tables import SIGNAL
from vouch.simulator.borrowers import FEEDS, Borrowers
from vouch.simulator.calibration import Section
from vouch.simulator.facts import facts, known_days
from vouch.simulator.history import History, World
from vouch.simulator.ledger import Ledger
from vouch.simulator.months import Flags, Floats, Ints, first_day, last_day, month_of
from vouch.simulator.names import Texts


@dataclass(frozen=True)
class Watch:
    """Months in which a borrower is looked at, a row each.

    `trouble` counts the months strained as far as signals show it; `depth` is the share of the
    usual level that a strained business has lost, before each signal's own measure.
    """

    borrower: Ints
    month: Ints
    years: Floats
    trouble: Ints
    depth: Floats

    def take(self, rows: Flags) -> "Watch":
        """The months at `rows`."""
        return Watch(
            self.borrower[rows],
            self.month[rows],
            self.years[rows],
            self.trouble[rows],
            self.depth[rows],
        )


def signal_facts(
    world: World, rng: np.random.Generator, past: History, ids: Texts, book: Ledger
) -> pa.Table:
    """Everything the feeds had delivered in time; `ids` are the borrowers'."""
    signal, people = world.province["signal"], past.people
    watch = _watch(world, past, book)
    quarterly = watch.take((watch.month + 1) % signal["quarterly"] == 0)
    tables = []
    for number, kind in enumerate(FEEDS):
        seen = watch if kind == "invoice_out" else quarterly
        seen = seen.take(people.feeds[seen.borrower, number])
        values = _VALUES[kind](signal, rng, people, seen)
        tables.append(_table(world, rng, kind, ids[seen.borrower], last_day(seen.month), values))
    chance = np.where(
        watch.trouble > 0, signal["court_strained_monthly"], signal["court_well_monthly"]
    )
    sued = watch.take(rng.random(len(chance)) < chance)
    days = first_day(sued.month) + rng.integers(28, size=len(sued.month))
    ones = np.ones(len(days))
    tables.append(_table(world, rng, "court_enforcement", ids[sued.borrower], days, ones))
    return pa.concat_tables(tables)


def _watch(world: World, past: History, book: Ledger) -> Watch:
    """From a year before the first application to the end of the last guarantee."""
    signal, people, agreed = world.province["signal"], past.people, past.terms
    start = month_of(people.first_application) - signal["history_months"]
    finish = np.zeros(len(people), dtype=np.int64)
    np.maximum.at(finish, agreed.borrower, month_of(np.minimum(past.outcomes.ended, world.until)))
    low, high = int(start.min()), int(finish.max())
    trouble = np.zeros((len(people), high - low + 1), dtype=np.int64)
    row, column = np.nonzero(book.is_open & (book.trouble_months > 0))
    when = month_of(book.month_end[row, column]) - low
    trouble[agreed.borrower[row], when] = book.trouble_months[row, column]
    trouble[people.silent] = 0
    months = np.arange(low, high + 1)[None, :]
    looked_at = (months >= start[:, None]) & (months <= finish[:, None])
    looked_at &= last_day(months) <= world.until
    borrower, at = np.nonzero(looked_at)
    count = trouble[borrower, at]
    depth = people.loss_scale[borrower] * -np.expm1(-count / signal["onset_months"])
    years = (last_day(at + low) - people.first_application[borrower]) / 365.25
    return Watch(borrower, at + low, years, count, depth)


def _usual(signal: Section, people: Borrowers, seen: Watch) -> Floats:
    """Yearly revenue as it drifts: businesses of low quality slowly shrink."""
    trend = signal["trend_of_quality"] * people.quality[seen.borrower]
    usual: Floats = people.revenue[seen.borrower] * np.exp(trend * seen.years)
    return usual


def _left(seen: Watch, loss: float) -> Floats:
    """Part of the usual level that is left."""
    return np.maximum(1 - loss * seen.depth, 0.02)


def _noise(rng: np.random.Generator, spread: float, size: int) -> Floats:
    noise: Floats = np.exp(spread * rng.standard_normal(size))
    return noise


def _tax_paid(signal: Section, rng: np.random.Generator, people: Borrowers, seen: Watch) -> Floats:
    quarter = _usual(signal, people, seen) * signal["tax_of_revenue"] * signal["quarterly"] / 12
    noise = _noise(rng, signal["tax_spread"], len(seen.month))
    paid: Floats = np.round(quarter * _left(seen, signal["tax_loss"]) * noise, 2)
    return paid


def _invoice_out(
    signal: Section, rng: np.random.Generator, people: Borrowers, seen: Watch
) -> Floats:
    season = np.array(signal["month_weights"])[seen.month % 12]
    month = _usual(signal, people, seen) / 12 * signal["invoice_of_revenue"] * season
    noise = _noise(rng, signal["invoice_spread"], len(seen.month))
    gap = np.where(seen.trouble > 0, signal["invoice_gap_strained"], signal["invoice_gap_well"])
    is_gap = rng.random(len(gap)) < gap
    return np.where(is_gap, 0.0, np.round(month * _left(seen, signal["invoice_loss"]) * noise, 2))


def _insured_headcount(
    signal: Section, rng: np.random.Generator, people: Borrowers, seen: Watch
) -> Floats:
    usual = people.headcount[seen.borrower] * signal["insured_of_headcount"]
    noise = _noise(rng, signal["insured_spread"], len(seen.month))
    insured: Floats = np.maximum(np.rint(usual * _left(seen, signal["insured_loss"]) * noise), 0.0)
    return insured


def _bureau_inquiries(
    signal: Section, rng: np.random.Generator, people: Borrowers, seen: Watch
) -> Floats:
    more = signal["inquiries_strained"] * np.minimum(seen.depth, 2.0)
    inquiries = rng.poisson(np.asarray(signal["inquiries_well"] + more))
    return inquiries.astype(np.float64)


_VALUES = {
    "tax_paid": _tax_paid,
    "invoice_out": _invoice_out,
    "insured_headcount": _insured_headcount,
    "bureau_inquiries": _bureau_inquiries,
}


def _table(
    world: World, rng: np.random.Generator, kind: str, ids: Texts, events: Ints, values: Floats
) -> pa.Table:
    known = known_days(world.province["lag"], kind, rng, events)
    columns = {
        "borrower_id": ids,
        "kind": np.full(len(ids), kind, dtype=object),
        "value": values,
        "event_at": events,
        "known_at": known,
    }
    return facts(SIGNAL, columns, (known <= world.until) & (events <= world.until))
