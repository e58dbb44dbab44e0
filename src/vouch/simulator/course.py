"""How guarantees go: well, strained, and the missed payment that ends in compensation.

Each month a guarantee in force is *well* or *strained*. From either it may miss the payment that
leads to compensation (rarely when well), else be repaid early, else reach maturity and be repaid or
extended, else change state. Column `m` of every matrix is the `m`-th month after the start month;
the payment of month `m` falls due on the monthly due day, the last one at maturity.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vouch.simulator.calibration import Section
from vouch.simulator.factors import Factors
from vouch.simulator.months import Flags, Floats, Ints, add_months, first_day, month_of


class Lent(Protocol):
    """What decides how a loan can go; a row each."""

    @property
    def start(self) -> Ints: ...  # noqa: D102
    @property
    def maturity(self) -> Ints: ...  # noqa: D102
    @property
    def tenor(self) -> Ints: ...  # noqa: D102
    @property
    def extension(self) -> Ints: ...  # noqa: D102
    @property
    def city(self) -> Ints: ...  # noqa: D102
    @property
    def repayment(self) -> Ints: ...  # noqa: D102
    @property
    def log_risk(self) -> Floats: ...  # noqa: D102


@dataclass(frozen=True)
class Odds:
    """Monthly probabilities of each guarantee, but for the level of risk (`intercept`)."""

    trouble: Floats
    strained_default: Floats
    tenor: Ints
    extension: Ints
    course: Section

    @property
    def width(self) -> int:
        """Months covered, month 0 included."""
        return int(self.trouble.shape[1])

    def entry(self, intercept: float) -> Floats:
        """Probability of becoming strained, by month."""
        chance: Floats = -np.expm1(-np.exp(intercept) * self.trouble)
        return chance

    def sudden(self, entry: Floats) -> Floats:
        """Probability of missing the fatal payment while well."""
        return entry * float(self.course["sudden_share"])

    def ends(self, month: int) -> tuple[Flags, Flags, Flags]:
        """Which guarantees are on their way, at first maturity, at extended maturity."""
        at_first = self.tenor == month
        at_last = self.tenor + self.extension == month
        return ~at_first & (month < self.tenor + self.extension), at_first, at_last


def odds(province: Section, common: Factors, terms: Lent) -> Odds:
    """The monthly odds of guarantees on these terms."""
    course = province["course"]
    month = np.arange(int((terms.tenor + terms.extension).max(initial=0)) + 1)[None, :]
    when = month_of(terms.start)[:, None] + month
    ramp = np.array(course["ramp"])
    ramp = np.append(ramp, 1.0)[np.clip(month - 1, 0, len(ramp))]
    trouble = np.exp(terms.log_risk)[:, None] * ramp * common.at(terms.city[:, None], when)
    instalment = terms.repayment == province["repayment"]["names"].index("equal_instalment")
    last = np.where(instalment, course["instalment_at_maturity"], course["default_at_maturity"])
    is_last = (month == terms.tenor[:, None]) | (month == (terms.tenor + terms.extension)[:, None])
    pressure = np.where(is_last, last[:, None], 1.0) * common.season_of(when)
    trouble[:, 0] = 0.0
    return Odds(
        trouble=trouble,
        strained_default=-np.expm1(-course["default_monthly"] * pressure),
        tenor=terms.tenor,
        extension=terms.extension,
        course=course,
    )


def fatal_days(terms: Lent, width: int, due_day: int) -> Ints:
    """The day on which the payment of each month falls due."""
    month = np.arange(width)[None, :]
    days = first_day(month_of(terms.start)[:, None] + month) + due_day - 1
    extended = add_months(terms.maturity, terms.extension)
    days = np.where(month == terms.tenor[:, None], terms.maturity[:, None], days)
    last = (terms.tenor + terms.extension)[:, None]
    return np.where(month == last, extended[:, None], days)


@dataclass(frozen=True)
class Expected:
    """Probability, seen from the start, of missing the fatal payment in or ending in each month."""

    default: Floats
    repaid: Floats


def expected(chances: Odds, intercept: float, begin: Ints | None = None) -> Expected:
    """Follow both states forward, from month 0 or from being well at the end of month `begin`."""
    size, width = chances.trouble.shape
    entry = chances.entry(intercept)
    sudden = chances.sudden(entry)
    course = chances.course
    early, recover = course["repay_early_monthly"], course["recover_monthly"]
    default, repaid = np.zeros((size, width)), np.zeros((size, width))
    well, strained = np.ones(size), np.zeros(size)
    for month in range(1, width):
        if begin is not None:
            opens = begin == month - 1
            well, strained = np.where(opens, 1.0, well), np.where(opens, 0.0, strained)
        running, at_first, at_last = chances.ends(month)
        lost_well, lost_strained = (
            well * sudden[:, month],
            strained * chances.strained_default[:, month],
        )
        default[:, month] = lost_well + lost_strained
        well, strained = well - lost_well, strained - lost_strained
        stay = np.where(running, 1 - early * (month < chances.tenor), 0.0)
        stay_well = np.where(at_first, course["extend_well"], stay)
        stay_strained = np.where(at_first, course["extend_strained"], stay)
        stay_well[at_last] = stay_strained[at_last] = 0.0
        repaid[:, month] = well * (1 - stay_well) + strained * (1 - stay_strained)
        well, strained = well * stay_well, strained * stay_strained
        turned, healed = well * entry[:, month], strained * recover
        well, strained = well - turned + healed, strained + turned - healed
    if begin is not None:
        before = np.arange(width)[None, :] <= begin[:, None]
        default[before] = repaid[before] = 0.0
    return Expected(default, repaid)


@dataclass(frozen=True)
class Course:
    """What happened. A month of 0 means never.

    `strained_for[i, m]` counts the months strained at the end of month `m` (0 when well).
    """

    default_month: Ints
    repaid_month: Ints
    is_extended: Flags
    strained_for: Ints

    @property
    def last_month(self) -> Ints:
        """The month of the fatal payment or of repayment."""
        return np.maximum(self.default_month, self.repaid_month)


def draw_course(chances: Odds, intercept: float, rng: np.random.Generator) -> Course:
    """Draw what happens to each guarantee, month by month."""
    size, width = chances.trouble.shape
    entry = chances.entry(intercept)
    sudden = chances.sudden(entry)
    course = chances.course
    default, repaid = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    extended, alive = np.zeros(size, dtype=np.bool_), np.ones(size, dtype=np.bool_)
    strained = np.zeros((size, width), dtype=np.int64)
    for month in range(1, width):
        luck = rng.random((4, size), dtype=np.float32)
        before = strained[:, month - 1] > 0
        chance = np.where(before, chances.strained_default[:, month], sudden[:, month])
        fails = alive & (luck[0] < chance)
        default[fails] = month
        alive = alive & ~fails
        running, at_first, at_last = chances.ends(month)
        early = running & (month < chances.tenor) & (luck[1] < course["repay_early_monthly"])
        extend = np.where(before, course["extend_strained"], course["extend_well"])
        extended |= alive & at_first & (luck[2] < extend)
        done = alive & (early | (at_first & ~extended) | at_last)
        repaid[done] = month
        alive = alive & ~done
        change = luck[3] < np.where(before, course["recover_monthly"], entry[:, month])
        now = np.where(before, ~change, change) & alive
        strained[:, month] = np.where(now, strained[:, month - 1] + 1, 0)
    return Course(default, repaid, extended, strained)
