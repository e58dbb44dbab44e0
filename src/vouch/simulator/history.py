"""One partition of borrowers and everything that truly happened to their guarantees."""

from dataclasses import dataclass, fields

import numpy as np

from vouch.simulator.borrowers import Borrowers, borrowers
from vouch.simulator.calibration import Section
from vouch.simulator.course import Course, draw_course, expected, fatal_days, odds
from vouch.simulator.factors import Factors
from vouch.simulator.months import (
    NEVER,
    Flags,
    Floats,
    Ints,
    add_months,
    first_day,
    month_of,
)
from vouch.simulator.network import Network
from vouch.simulator.terms import Terms, join_terms, terms

LABEL_MONTHS = 36


@dataclass(frozen=True)
class World:
    """What all partitions share: calibration, institutions, common factors, the period."""

    province: Section
    network: Network
    factors: Factors
    first: int
    until: int


@dataclass(frozen=True)
class Outcomes:
    """What happened to each guarantee, a row each; days are numbers, `NEVER` if it did not happen.

    `ended` is the day of repayment or compensation. The last three columns are the truth:
    probabilities of becoming strained (while well) and of missing the fatal payment in the next
    month, at each month end, and of compensation within 36 months of the start.
    """

    default_month: Ints
    missed: Ints
    compensated: Ints
    repaid: Ints
    is_extended: Flags
    strained_for: Ints
    intensity: Floats
    within_36_months: Floats

    @property
    def ended(self) -> Ints:
        """The day on which nothing was guaranteed any more."""
        return np.minimum(self.compensated, self.repaid)

    def take(self, rows: Ints | Flags) -> "Outcomes":
        """The outcomes at `rows`."""
        return Outcomes(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True)
class History:
    """The truth of one partition."""

    people: Borrowers
    terms: Terms
    outcomes: Outcomes


def history(world: World, rng: np.random.Generator, size: int, intercept: float) -> History:
    """Live through `size` guarantees: borrowers in order, each with all turns in time."""
    people = borrowers(world.province, rng, size, world.first, world.until)
    rows, applied = np.arange(size), people.first_application
    turns, results = [], []
    for turn in range(world.province["repeat"]["most"]):
        agreed = terms(world.province, world.network, rng, people, rows, applied, turn)
        lived = _live(world, rng, agreed, intercept)
        turns.append(agreed)
        results.append(lived)
        rows, applied = _return(world, rng, agreed, lived)
        if not len(rows):
            break
    return _cut(people, join_terms(turns), _join_outcomes(results), size)


def _live(world: World, rng: np.random.Generator, agreed: Terms, intercept: float) -> Outcomes:
    chances = odds(world.province, world.factors, agreed)
    course = draw_course(chances, intercept, rng)
    due = fatal_days(agreed, chances.width, world.province["arrears"]["due_day"])
    at = np.arange(len(agreed))
    has_failed = course.default_month > 0
    missed = np.where(has_failed, due[at, course.default_month], NEVER)
    ahead = expected(chances, intercept)
    in_time = due + agreed.grace[:, None] <= _label_end(agreed)[:, None]
    entry = chances.entry(intercept)
    now = np.where(
        course.strained_for[:, :-1] > 0,
        chances.strained_default[:, 1:],
        chances.sudden(entry)[:, 1:],
    )
    return Outcomes(
        default_month=course.default_month,
        missed=missed,
        compensated=np.where(has_failed, missed + agreed.grace, NEVER),
        repaid=_repaid_days(rng, agreed, course),
        is_extended=course.is_extended,
        strained_for=course.strained_for,
        intensity=now,
        within_36_months=(ahead.default * in_time).sum(axis=1),
    )


def _label_end(agreed: Terms) -> Ints:
    return add_months(agreed.start, np.full(len(agreed), LABEL_MONTHS))


def _repaid_days(rng: np.random.Generator, agreed: Terms, course: Course) -> Ints:
    maturity = np.where(
        course.is_extended, add_months(agreed.maturity, agreed.extension), agreed.maturity
    )
    is_early = course.repaid_month < agreed.tenor
    month = month_of(agreed.start) + course.repaid_month
    days = np.where(is_early, first_day(month) + rng.integers(28, size=len(agreed)), maturity)
    days = np.minimum(days, maturity)
    return np.where(course.repaid_month > 0, days, NEVER)


def _return(
    world: World, rng: np.random.Generator, agreed: Terms, lived: Outcomes
) -> tuple[Ints, Ints]:
    """Which borrowers apply again after repaying, and when."""
    repeat = world.province["repeat"]
    size = len(agreed)
    prompt = rng.integers(repeat["prompt_days"][0], repeat["prompt_days"][1] + 1, size=size)
    later = rng.integers(repeat["later_days"][0], repeat["later_days"][1] + 1, size=size)
    wait = np.where(rng.random(size) < repeat["prompt_share"], prompt, later)
    wants = rng.random(size) < repeat["probability"]
    again = wants & (lived.repaid < NEVER) & (lived.repaid + wait <= world.until)
    return agreed.borrower[again], (lived.repaid + wait)[again]


def _join_outcomes(parts: list[Outcomes]) -> Outcomes:
    joined: dict[str, np.ndarray] = {}
    for field in fields(Outcomes):
        arrays = [getattr(part, field.name) for part in parts]
        if arrays[0].ndim == 2:
            width = max(array.shape[1] for array in arrays)
            arrays = [np.pad(a, ((0, 0), (0, width - a.shape[1]))) for a in arrays]
        joined[field.name] = np.concatenate(arrays)
    return Outcomes(**joined)


def _cut(people: Borrowers, agreed: Terms, lived: Outcomes, size: int) -> History:
    """Keep the first `size` guarantees, ordered by borrower and turn."""
    order = np.lexsort((agreed.turn, agreed.borrower))[:size]
    agreed, lived = agreed.take(order), lived.take(order)
    return History(people.take(np.arange(agreed.borrower[-1] + 1)), agreed, lived)
