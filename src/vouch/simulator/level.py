"""Find the level of risk at which the province compensates what it should."""

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
    due = fatal_days(agreed, chances.width, world.province["arrears"]["due_day"])
    compensated = due + agreed.grace[:, None]
    for _ in range(pilot["rounds"]):
        rate = _expected_rate(world, chances, agreed, due, compensated, intercept)
        intercept += float(np.log(target / rate))
    return intercept


def _expected_rate(
    world: World, chances: Odds, agreed: Terms, due: Ints, compensated: Ints, intercept: float
) -> float:
    ahead = expected(chances, intercept)
    owed = agreed.guaranteed[:, None] * _outstanding(world, agreed, chances.width)
    called = ahead.default * _within(world, compensated)
    paid = (called * owed).sum()
    released = ((ahead.repaid * _within(world, due) + called) * agreed.guaranteed[:, None]).sum()
    return float(paid / released)


def _within(world: World, days: Ints) -> Floats:
    """1.0 for days in the window that is calibrated: the last year, or all of a young book."""
    span = (world.until - world.first) / 30.4
    is_long = span >= world.province["pilot"]["shortest_history_months"]
    start = world.until - WINDOW if is_long else world.first - 1
    last = world.until if is_long else np.inf
    return ((days > start) & (days <= last)).astype(np.float64)


def _outstanding(world: World, agreed: Terms, width: int) -> Floats:
    """Part of the guaranteed amount that a compensation in each month would cover."""
    owed = owed_after(world.province, agreed, width)
    line = world.province["revolving"]
    drawn = repays_by(world.province, agreed, "revolving")[:, None]
    before = np.roll(owed, 1, axis=1)  # the payment of the month itself is missed
    interest = agreed.interest * (agreed.grace + UNPAID_DAYS) / 365
    used = np.where(drawn, min(line["usual"] + line["strained_add"], 1.0), before)
    return used * (1 + interest)[:, None]
