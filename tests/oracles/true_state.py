"""The true probability of compensation given what nobody sees, one guarantee at a time.

Written anew from the description of the course: well or strained, each month in this order the
fatal payment is missed, the loan is repaid early, matures and is repaid or extended, or the state
changes.
"""

import numpy as np

from vouch.book.book import Book
from vouch.features.facts import Cases
from vouch.simulator.control import PARTITIONS
from vouch.simulator.course import fatal_days, odds
from vouch.simulator.history import history
from vouch.simulator.months import as_date, month_of
from vouch.simulator.simulation import make_world
from vouch.simulator.truth import read_law


def true_within(book: Book, seed: int, guarantees: int, cases: Cases, days: int) -> np.ndarray:
    """Probability that each case is compensated within `days` days, in the world as it was.

    The book must be of one partition. Everything hidden is known: the state, the quality, the
    economy, the grace, and whether the fatal payment has been missed.
    """
    law = read_law(book)
    world = make_world(law.seed, law.first, law.until)
    rng = np.random.default_rng([seed, PARTITIONS, 0])
    past = history(world, rng, guarantees, law.intercept)
    agreed, lived = past.terms, past.outcomes
    chances = odds(world.province, world.factors, agreed)
    entry = chances.entry(law.intercept)
    sudden, strained = chances.sudden(entry), chances.strained_default
    due = fatal_days(agreed, chances.width, world.province["arrears"]["due_day"])
    found = np.empty(len(cases))
    for at, (name, day) in enumerate(zip(cases.guarantee_ids, cases.as_of, strict=True)):
        row, today = int(name.split("-")[1]), int(day)
        end = today + days
        if lived.missed[row] <= today or lived.ended[row] <= today:
            found[at] = today < lived.compensated[row] <= end
            continue
        month = int(month_of(np.array([today]))[0] - month_of(agreed.start[[row]])[0])
        if as_date(today + 1).day != 1:
            month -= 1
        is_strained = month >= 0 and lived.strained_for[row, month] > 0
        found[at] = _ahead(
            world.province["course"],
            entry[row],
            sudden[row],
            strained[row],
            due[row] + agreed.grace[row] <= end,
            (int(agreed.tenor[row]), int(agreed.extension[row])),
            max(month, 0),
            bool(is_strained),
        )
    return found


def _ahead(
    course: dict[str, float],
    entry: np.ndarray,
    sudden: np.ndarray,
    strained_default: np.ndarray,
    in_time: np.ndarray,
    term: tuple[int, int],
    month: int,
    is_strained: bool,
) -> float:
    tenor, extension = term
    well, strained, total = float(not is_strained), float(is_strained), 0.0
    for at in range(month + 1, tenor + extension + 1):
        total += (well * sudden[at] + strained * strained_default[at]) * in_time[at]
        well, strained = well * (1 - sudden[at]), strained * (1 - strained_default[at])
        if at < tenor:
            well *= 1 - course["repay_early_monthly"]
            strained *= 1 - course["repay_early_monthly"]
        if at == tenor:
            well, strained = well * course["extend_well"], strained * course["extend_strained"]
        turned, healed = well * entry[at], strained * course["recover_monthly"]
        well, strained = well - turned + healed, strained + turned - healed
    return total
