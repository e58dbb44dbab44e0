"""Events of money: compensations, recoveries, releases."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vouch.book.tables import COMPENSATION, RECOVERY, RELEASE
from vouch.simulator.calibration import Section
from vouch.simulator.facts import facts, known_days
from vouch.simulator.history import History, World
from vouch.simulator.ledger import Ledger
from vouch.simulator.months import NEVER, Flags, Floats, Ints, last_day, month_of
from vouch.simulator.names import Texts
from vouch.simulator.schedule import repays_by

UNPAID_DAYS = 30  # interest runs from the last payment, a month before the missed one
_COMPENSATED, _REPAID = "compensated", "repaid"


@dataclass(frozen=True)
class Payments:
    """Compensations, a row each; money in fen, `row` is the guarantee's."""

    row: Ints
    day: Ints
    principal: Ints
    interest: Ints


def payments(past: History, book: Ledger) -> Payments:
    """What the guarantors paid: the principal still owed and interest from the last payment on."""
    row = np.flatnonzero(past.outcomes.compensated < NEVER)
    agreed, lived = past.terms.take(row), past.outcomes.take(row)
    principal = book.balance[row, lived.default_month]
    days = lived.compensated - lived.missed + UNPAID_DAYS
    interest = np.rint(principal * agreed.interest * days / 365).astype(np.int64)
    return Payments(row, lived.compensated, principal, interest)


def compensation_facts(
    world: World, rng: np.random.Generator, ids: Texts, paid: Payments
) -> pa.Table:
    """The compensations known in time."""
    lag = world.province["lag"]
    known = known_days(lag, lag["compensation"], rng, paid.day)
    columns = {
        "guarantee_id": ids[paid.row],
        "compensation_no": np.ones(len(paid.row), dtype=np.int64),
        "amount": paid.principal + paid.interest,
        "principal": paid.principal,
        "interest": paid.interest,
        "event_at": paid.day,
        "known_at": known,
    }
    return facts(COMPENSATION, columns, known <= world.until)


def recovery_facts(
    world: World, rng: np.random.Generator, past: History, ids: Texts, paid: Payments
) -> pa.Table:
    """What came back, in a few receipts each."""
    recovery, size = world.province["recovery"], len(paid.row)
    receipts = rng.integers(recovery["receipts"][0], recovery["receipts"][1] + 1, size=size)
    parts = rng.gamma(1.0, size=(size, recovery["receipts"][1]))
    parts *= np.arange(parts.shape[1]) < receipts[:, None]
    parts /= parts.sum(axis=1, keepdims=True)
    total = _shares_recovered(recovery, rng, past.terms.collateral[paid.row])
    gross = np.floor((paid.principal + paid.interest)[:, None] * total[:, None] * parts)
    days = paid.day[:, None] + np.sort(_waits(recovery, rng, parts.shape), axis=1)
    number = np.cumsum(gross > 0, axis=1)
    real = gross > 0
    events, amounts = days[real], gross[real].astype(np.int64)
    lag = world.province["lag"]
    known = known_days(lag, lag["recovery"], rng, events)
    columns = {
        "guarantee_id": ids[np.broadcast_to(paid.row[:, None], real.shape)[real]],
        "recovery_no": number[real],
        "gross": amounts,
        "cost": np.rint(amounts * recovery["cost_rate"]).astype(np.int64),
        "event_at": events,
        "known_at": known,
    }
    return facts(RECOVERY, columns, known <= world.until)


def _shares_recovered(recovery: Section, rng: np.random.Generator, secured: Flags) -> Floats:
    plain = recovery["cumulative"][-1]
    secured_share = secured.mean() if len(secured) else 0.0
    # the curve is that of the whole book, so what secured debts return more, others return less
    plain = plain / (1 + (recovery["collateral_multiplier"] - 1) * secured_share)
    mean = plain * np.where(secured, recovery["collateral_multiplier"], 1.0)
    weight = recovery["concentration"]
    drawn: Floats = rng.beta(mean * weight, (1 - mean) * weight)
    return drawn


def _waits(recovery: Section, rng: np.random.Generator, shape: tuple[int, ...]) -> Ints:
    """Days from compensation to a receipt, by the curve."""
    cumulative = np.array(recovery["cumulative"])
    months = np.interp(rng.random(shape), cumulative / cumulative[-1], recovery["months"])
    return 1 + (months * 30.4).astype(np.int64)


def release_facts(
    world: World, rng: np.random.Generator, past: History, ids: Texts, book: Ledger
) -> pa.Table:
    """Quarterly releases as instalments are paid, and the last one of each guarantee."""
    row, day, amount = _instalments_released(world.province, past, book)
    before = np.bincount(row, amount, minlength=len(ids)).astype(np.int64)
    done = np.flatnonzero(past.outcomes.ended < NEVER)
    rows = np.concatenate([row, done])
    days = np.concatenate([day, past.outcomes.ended[done]])
    is_final = np.arange(len(rows)) >= len(row)
    order = np.lexsort((days, is_final, rows))
    rows, days, is_final = rows[order], days[order], is_final[order]
    amounts = np.concatenate([amount, (past.terms.guaranteed - before)[done]])[order]
    called = is_final & (past.outcomes.compensated[rows] < NEVER)
    lag = world.province["lag"]
    known = known_days(lag, lag["release"], rng, days)
    columns = {
        "guarantee_id": ids[rows],
        "release_no": numbers(rows),
        "amount": amounts,
        "cause": np.where(called, _COMPENSATED, _REPAID).astype(object),
        "is_final": is_final,
        "event_at": days,
        "known_at": known,
    }
    return facts(RELEASE, columns, known <= world.until)


def _instalments_released(
    province: Section, past: History, book: Ledger
) -> tuple[Ints, Ints, Ints]:
    """Row, day and amount of every quarter end at which a balance had fallen."""
    months = month_of(past.terms.start)[:, None] + np.arange(book.balance.shape[1])
    ends = last_day(months)
    at = (months % 3 == 2) & (ends < past.outcomes.ended[:, None])
    at &= ends >= past.terms.start[:, None]
    at &= repays_by(province, past.terms, "equal_instalment")[:, None]
    row, column = np.nonzero(at)
    balance = book.balance[row, column]
    is_first = np.diff(row, prepend=-1) != 0
    previous = np.where(is_first, past.terms.guaranteed[row], np.roll(balance, 1))
    fell = previous > balance
    return row[fell], ends[row, column][fell], (previous - balance)[fell]


def numbers(rows: Ints) -> Ints:
    """1, 2, … within each run of equal rows."""
    at = np.arange(len(rows))
    starts = np.maximum.accumulate(np.where(np.diff(rows, prepend=-1) != 0, at, 0))
    return at - starts + 1
