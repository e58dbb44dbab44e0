"""What shows of a borrower's trouble outside the loan and beside it, with gaps and noise."""

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from vouch.book.tables import SIGNAL
from vouch.simulator.borrowers import Borrowers
from vouch.simulator.calibration import Section
from vouch.simulator.facts import facts, known_days
from vouch.simulator.history import History, World
from vouch.simulator.incidents import happened, sector_changes, worth
from vouch.simulator.ledger import Ledger
from vouch.simulator.loan_signs import loan_signs
from vouch.simulator.months import Flags, Floats, Ints, first_day, last_day, month_of
from vouch.simulator.names import Texts
from vouch.simulator.reports import counted, depth, graded, reported


@dataclass(frozen=True)
class Watch:
    """Months in which a borrower is looked at, a row each.

    `trouble` counts the months strained as far as signals show it; `called` says that a payment
    was missed and the compensation is to come; `before` is how many months before the first
    application it is, negative after it.
    """

    borrower: Ints
    month: Ints
    before: Ints
    trouble: Ints
    called: Flags

    def take(self, rows: Flags) -> "Watch":
        """The months at `rows`."""
        return Watch(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def signal_facts(
    world: World, rng: np.random.Generator, past: History, ids: Texts, book: Ledger
) -> pa.Table:
    """Everything the feeds had delivered in time; `ids` are the borrowers'."""
    names = pa.array(ids, pa.string())
    watch = _watch(world, past, book)
    tables = [
        *_reports(world, rng, past.people, names, watch),
        *_incidents(world, rng, past.people, names, watch),
        *_sector(world, rng, past.people, names, watch),
    ]
    for kind, borrower, days, values in loan_signs(world, rng, past, book):
        lag = world.province["lag"]["loan"]
        tables.append(_table(world, rng, kind, names, borrower, days, values, lag))
    return pa.concat_tables(tables)


def _watch(world: World, past: History, book: Ledger) -> Watch:
    """From a year before the first application to the end of the last guarantee."""
    people, agreed = past.people, past.terms
    applied = month_of(people.first_application)
    start = applied - world.province["signal"]["history_months"]
    finish = np.zeros(len(people), dtype=np.int64)
    np.maximum.at(finish, agreed.borrower, month_of(np.minimum(past.outcomes.ended, world.until)))
    low, high = int(start.min()), int(finish.max())
    trouble = np.zeros((len(people), high - low + 1), dtype=np.int64)
    called = np.zeros(trouble.shape, dtype=np.bool_)
    row, column = np.nonzero(book.is_open & (book.trouble_months > 0))
    when = month_of(book.month_end[row, column]) - low
    trouble[agreed.borrower[row], when] = book.trouble_months[row, column]
    fatal = book.month_end[row, column] >= past.outcomes.missed[row]
    called[agreed.borrower[row[fatal]], when[fatal]] = True
    trouble[people.silent], called[people.silent] = 0, False
    months = np.arange(low, high + 1)[None, :]
    looked_at = (months >= start[:, None]) & (months <= finish[:, None])
    looked_at &= last_day(months) <= world.until
    borrower, at = np.nonzero(looked_at)
    before = applied[borrower] - (at + low)
    return Watch(borrower, at + low, before, trouble[borrower, at], called[borrower, at])


def _with_feed(province: Section, people: Borrowers, watch: Watch, feed: str) -> Flags:
    if not feed:
        return np.ones(len(watch.month), dtype=np.bool_)
    number = province["feed"]["names"].index(feed)
    has_feed: Flags = people.feeds[watch.borrower, number]
    return has_feed


def _reports(
    world: World, rng: np.random.Generator, people: Borrowers, names: pa.Array, watch: Watch
) -> list[pa.Table]:
    """Amounts, counts and grades that come at fixed times."""
    province, tables = world.province, []

    def add(law: Section, seen: Watch, values: Floats) -> None:
        days = last_day(seen.month)
        tables.append(
            _table(world, rng, law["kind"], names, seen.borrower, days, values, law["lag"])
        )

    def due(law: Section) -> Watch:
        comes = (watch.month + 1) % law["every"] == 0
        comes &= watch.before <= law["before"]
        return watch.take(comes & _with_feed(province, people, watch, law["feed"]))

    for number, law in enumerate(province["report"]):
        seen = due(law)
        usual = people.own[seen.borrower, number] * law["factor"]
        if law["base"] != "one":
            usual = usual * getattr(people, law["base"])[seen.borrower]
        add(law, seen, reported(province, law, rng, usual, seen.month, seen.trouble))
    for law in province["count"]:
        seen = due(law)
        add(law, seen, counted(law, rng, depth(province["signal"], seen.trouble)))
    for law in province["grade"]:
        comes = watch.month % 12 == law["month"] - 1
        seen = watch.take(comes & _with_feed(province, people, watch, law["feed"]))
        add(law, seen, graded(law, rng, seen.trouble > 0))
    return tables


def _incidents(
    world: World, rng: np.random.Generator, people: Borrowers, names: pa.Array, watch: Watch
) -> list[pa.Table]:
    tables = []
    lost = depth(world.province["signal"], watch.trouble)
    for law in world.province["incident"]:
        chance = happened(law, lost, watch.called)
        comes = rng.random(len(chance)) < chance
        seen = watch.take(comes & _with_feed(world.province, people, watch, law["feed"]))
        days = first_day(seen.month) + rng.integers(28, size=len(seen.month))
        values = worth(law, rng, people.ticket[seen.borrower])
        if "companion" in law:
            kind = law["companion"]
            tables.append(_table(world, rng, kind, names, seen.borrower, days, values, law["lag"]))
            values = np.ones(len(days))
        tables.append(
            _table(world, rng, law["kind"], names, seen.borrower, days, values, law["lag"])
        )
    return tables


def _sector(
    world: World, rng: np.random.Generator, people: Borrowers, names: pa.Array, watch: Watch
) -> list[pa.Table]:
    """Falls of the sector's price, the same for everyone in the industry."""
    sector = world.province["sector"]
    codes = world.province["industry"]["codes"]
    touched = [codes.index(code) for code in sector["industries"]]
    change = sector_changes(sector, world.factors, watch.month)
    hit = watch.take((change < 0) & np.isin(people.industry[watch.borrower], touched))
    values = np.round(sector_changes(sector, world.factors, hit.month), 3)
    days = last_day(hit.month)
    return [
        _table(world, rng, "sector_price_change", names, hit.borrower, days, values, sector["lag"])
    ]


def _table(
    world: World,
    rng: np.random.Generator,
    kind: str,
    names: pa.Array,
    borrower: Ints,
    events: Ints,
    values: Floats,
    lag: int,
) -> pa.Table:
    known = known_days(world.province["lag"], lag, rng, events)
    columns = {
        "borrower_id": names.take(pa.array(borrower)),
        "kind": pa.repeat(kind, len(borrower)),
        "value": values,
        "event_at": events,
        "known_at": known,
    }
    return facts(SIGNAL, columns, (known <= world.until) & (events <= world.until))
