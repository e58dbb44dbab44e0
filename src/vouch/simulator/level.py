"""Find the level of risk at which the province compensates what it should."""

from dataclasses import dataclass

import numpy as np

from vouch.simulator.course import Odds, expected, fatal_days, odds
from vouch.simulator.history import World, history
from vouch.simulator.months import Floats, Ints
from vouch.simulator.schedule import owed_after, repays_by
from vouch.simulator.settlement import UNPAID_DAYS
from vouch.simulator.terms import Terms

WINDOW = 365


def intercept_of(world: World, rng: np.random.Generator) -> float:
    """The intercept that makes the expected rolling rate on the last day the target.

    The terms are drawn once at a provisional level; then only expected amounts are followed, so
    the book itself is free to fall above or below the target by luck.
    """
    pilot = world.province["pilot"]
    target = world.province["level"]["target_compensation_rate"]
    intercept = float(pilot["first_intercept"])
    agreed = history(world, rng, pilot["guarantees"], intercept).terms
    chances = odds(world.province, world.factors, agreed)
    amounts = _amounts(world, agreed, chances.width)
    for _ in range(pilot["rounds"]):
        intercept += float(np.log(target / _expected_rate(chances, amounts, intercept)))
    return intercept


@dataclass(frozen=True)
class _Amounts:
    """What counts in the calibrated window, by month of the event."""

    paid: Floats
    released_by_default: Floats
    released_by_repayment: Floats


def _amounts(world: World, agreed: Terms, width: int) -> _Amounts:
    due = fatal_days(agreed, width, world.province["arrears"]["due_day"])
    called = _within(world, due + agreed.grace[:, None]) * agreed.guaranteed[:, None]
    return _Amounts(
        paid=called * _part_paid(world, agreed, width),
        released_by_default=called,
        released_by_repayment=_within(world, due) * agreed.guaranteed[:, None],
    )


def _expected_rate(chances: Odds, amounts: _Amounts, intercept: float) -> float:
    ahead = expected(chances, intercept)
    paid = np.vdot(ahead.default, amounts.paid)
    released = np.vdot(ahead.repaid, amounts.released_by_repayment)
    return float(paid / (released + np.vdot(ahead.default, amounts.released_by_default)))


def _within(world: World, days: Ints) -> Floats:
    """1.0 for days in the window that is calibrated: the last year, or all of a young book."""
    span = (world.until - world.first) / 30.4
    if span < world.province["pilot"]["shortest_history_months"]:
        return np.ones(days.shape)
    return ((days > world.until - WINDOW) & (days <= world.until)).astype(np.float64)


def _part_paid(world: World, agreed: Terms, width: int) -> Floats:
    """What a compensation in each month would be, in parts of the guaranteed amount."""
    line = world.province["revolving"]
    drawn = repays_by(world.province, agreed, "revolving")[:, None]
    before = np.roll(owed_after(world.province, agreed, width), 1, axis=1)
    owed = np.where(drawn, min(line["usual"] + line["strained_add"], 1.0), before)
    interest = agreed.interest * (agreed.grace + UNPAID_DAYS) / 365
    return owed * (1 + interest)[:, None]
