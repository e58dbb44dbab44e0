"""What is owed month by month: balances and arrears."""

from dataclasses import dataclass

import numpy as np

from vouch.simulator.calibration import Section
from vouch.simulator.history import History, Outcomes, World
from vouch.simulator.months import Flags, Floats, Ints, first_day, last_day, month_of
from vouch.simulator.schedule import owed_after, repays_by
from vouch.simulator.terms import Terms

_MONTHS_OF_ARREARS = 6  # the longest grace and its processing, in month ends


@dataclass(frozen=True)
class Ledger:
    """Matrices by guarantee and month after the start month; money in fen.

    `is_open` says where there is a month end on which the guarantee is in force; `trouble_months`
    for how many months the borrower has been strained, the months of arrears included;
    `late_days` how late the payment of each month came, if it did come; `due` when it was due.
    """

    month_end: Ints
    is_open: Flags
    balance: Ints
    days_past_due: Ints
    trouble_months: Ints
    late_days: Ints
    due: Ints


def ledger(world: World, rng: np.random.Generator, past: History) -> Ledger:
    """Write up every month end of every guarantee."""
    agreed, lived = past.terms, past.outcomes
    width = lived.strained_for.shape[1] + _MONTHS_OF_ARREARS
    ends = last_day(month_of(agreed.start)[:, None] + np.arange(width))
    is_open = (ends >= agreed.start[:, None]) & (ends < lived.ended[:, None])
    trouble = _trouble_months(lived, width)
    owed = _owed(world.province, rng, agreed, lived, trouble > 0)
    late, due = _late_payments(world.province["arrears"], rng, agreed, trouble > 0)
    days = _days_shown(late, due, ends)
    has_failed = ends >= lived.missed[:, None]
    counts = (lived.default_month[:, None] == 0) | (
        np.arange(width)[None, :] < lived.default_month[:, None]
    )
    return Ledger(
        month_end=ends,
        is_open=is_open & (ends <= world.until),
        balance=np.rint(agreed.guaranteed[:, None] * owed).astype(np.int64),
        days_past_due=np.where(has_failed, ends - lived.missed[:, None], days),
        trouble_months=trouble,
        late_days=np.where(counts, late, 0),
        due=due,
    )


def _trouble_months(lived: Outcomes, width: int) -> Ints:
    """Months strained, counted on through the arrears that end in compensation."""
    count = np.pad(lived.strained_for, ((0, 0), (0, width - lived.strained_for.shape[1])))
    month = np.arange(width)[None, :]
    fatal = lived.default_month[:, None]
    before = count[np.arange(len(count)), np.maximum(lived.default_month - 1, 0)][:, None]
    return np.where((fatal > 0) & (month >= fatal), before + month - fatal + 1, count)


def _owed(
    province: Section, rng: np.random.Generator, agreed: Terms, lived: Outcomes, strained: Flags
) -> Floats:
    """Part of the guaranteed amount owed at each month end; frozen from the fatal payment on."""
    width = strained.shape[1]
    line = province["revolving"]
    own = line["usual"] + line["own_spread"] * rng.standard_normal(len(agreed))[:, None]
    drawn = own + line["strained_add"] * strained
    drawn = drawn + line["monthly_spread"] * rng.standard_normal(strained.shape, dtype=np.float32)
    revolves = repays_by(province, agreed, "revolving")[:, None]
    owed = np.where(
        revolves, np.clip(drawn, line["lowest"], 1.0), owed_after(province, agreed, width)
    )
    last_paid = np.where(lived.default_month > 0, lived.default_month - 1, width)
    frozen = np.minimum(np.arange(width)[None, :], last_paid[:, None])
    return np.take_along_axis(owed, frozen, axis=1)


def late_chances(arrears: Section, log_risk: Floats, strained: Flags) -> Floats:
    """Monthly chance of a payment that comes late, while strained or well."""
    risk = np.exp(arrears["risk_power"] * (log_risk - arrears["usual_log_risk"]))
    chance: Floats = np.where(strained, arrears["strained_monthly"], arrears["well_monthly"] * risk)
    return chance


def _late_payments(
    arrears: Section, rng: np.random.Generator, agreed: Terms, strained: Flags
) -> tuple[Ints, Ints]:
    """How many days late the payment of each month comes (0 in time), and when it is due."""
    size, width = strained.shape
    month = np.arange(width)[None, :]
    due = first_day(month_of(agreed.start)[:, None] + month) + arrears["due_day"] - 1
    chance = late_chances(arrears, agreed.log_risk[:, None], strained)
    late = rng.random((size, width), dtype=np.float32) < chance
    late &= (month > 0) & (month < agreed.tenor[:, None])
    length = rng.integers(arrears["shortest_days"], arrears["longest_days"] + 1, size=late.shape)
    return np.where(late, length, 0), due


def _days_shown(late: Ints, due: Ints, ends: Ints) -> Ints:
    """Days past due, at each month end, of late payments that were made good in the end."""
    width = late.shape[1]
    days = np.zeros(late.shape, dtype=np.int64)
    for back in range(3):  # an episode of 60 days can show at three month ends
        since = ends[:, back:] - due[:, : width - back]
        shows = since < late[:, : width - back]
        days[:, back:] = np.maximum(days[:, back:], np.where(shows, since, 0))
    return days
