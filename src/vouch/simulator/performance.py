"""Month ends as reported, with late reports and corrections."""

import numpy as np
import pyarrow as pa

from vouch.book.tables import PERFORMANCE
from vouch.simulator.facts import facts, known_days
from vouch.simulator.history import History, World
from vouch.simulator.ledger import Ledger
from vouch.simulator.months import month_of
from vouch.simulator.names import Texts


def performance_facts(
    world: World, rng: np.random.Generator, past: History, ids: Texts, book: Ledger
) -> pa.Table:
    """Every month end known in time; some first reports are wrong and corrected later."""
    row, column = np.nonzero(book.is_open)
    lag = world.province["lag"]
    events = book.month_end[row, column]
    maturity = past.terms.maturity[row]
    extended = past.outcomes.is_extended[row] & (month_of(events) == month_of(maturity))
    true = {
        "guarantee_id": ids[row],
        "balance": book.balance[row, column],
        "days_past_due": book.days_past_due[row, column],
        "is_extended": extended,
        "event_at": events,
        "known_at": known_days(lag, lag["performance"], rng, events),
    }
    correction = world.province["correction"]
    wrong = rng.random(len(row)) < correction["share"]
    first = dict(true)
    noise = 1 - np.abs(correction["balance_spread"] * rng.standard_normal(len(row)))
    misread = np.maximum(np.rint(true["balance"] * noise), 0).astype(np.int64)
    first["balance"] = np.where(wrong, misread, true["balance"])
    first["days_past_due"] = np.where(wrong, 0, true["days_past_due"])
    differs = first["balance"] != true["balance"]
    low, high = correction["days"]
    second = dict(true)
    second["known_at"] = true["known_at"] + rng.integers(low, high + 1, size=len(row))
    return pa.concat_tables(
        [
            facts(PERFORMANCE, first, first["known_at"] <= world.until),
            facts(PERFORMANCE, second, differs & (second["known_at"] <= world.until)),
        ]
    )
