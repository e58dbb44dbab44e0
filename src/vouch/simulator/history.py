"""One partition of borrowers and everything that truly happened to their guarantees."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from vouch.simulator.borrowers import Borrowers, borrowers
from vouch.simulator.calibration import Section
from vouch.simulator.course import Course, Odds, draw_course, expected, fatal_days, odds
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


def history(
    world: World, rng: np.random.Generator, size: int, intercept: float, *, truth: bool = True
) -> History:
    """Live through `size` guarantees: borrowers in order, each with all turns in time.

    Without `truth` the true probabilities are left at zero, which is quicker; the same random
    numbers give the same guarantees either way.
    """
    people = borrowers(world.province, rng, size, world.first, world.until)
    rows, applied = np.arange(size), people.first_application
    turns, results = [], []
    for turn in range(world.province["repeat"]["most"]):
        agreed = terms(world.province, world.network, rng, people, rows, applied, turn, world.until)
        chances = odds(world.province, world.factors, agreed)
        lived = _live(world, rng, agreed, chances, intercept, truth)
        beside = supplements(world, rng, people, agreed, lived, chances, intercept, truth)
        turns += [agreed, beside[0]]
        results += [lived, beside[1]]
        rows, applied = _return(world, rng, agreed, lived)
        if not len(rows):
            break
    return _cut(people, join_terms(turns), _join_outcomes(results), size)


def _live(
    world: World,
    rng: np.random.Generator,
    agreed: Terms,
    chances: Odds,
    intercept: float,
    truth: bool,
) -> Outcomes:
    course = draw_course(chances, intercept, rng)
    due = fatal_days(agreed, chances.width, world.province["arrears"]["due_day"])
    has_failed = course.default_month > 0
    missed = np.where(has_failed, due[np.arange(len(agreed)), course.default_month], NEVER)
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
        within_36_months=_within(agreed, chances, due, intercept) if truth else np.zeros(len(due)),
    )


def _within(
    agreed: Terms, chances: Odds, due: Ints, intercept: float, begin: Ints | None = None
) -> Floats:
    """Probability of compensation within 36 months of the start, seen from the start."""
    in_time = due + agreed.grace[:, None] <= _label_end(agreed)[:, None]
    within: Floats = (expected(chances, intercept, begin).default * in_time).sum(axis=1)
    return within


def supplements(
    world: World,
    rng: np.random.Generator,
    people: Borrowers,
    main: Terms,
    lived: Outcomes,
    chances: Odds,
    intercept: float,
    truth: bool,
) -> tuple[Terms, Outcomes]:
    """Second guarantees beside some of `main`: due with it, extended with it, called with it.

    They are agreed while the borrower is well, so their course is the main one's from then on.
    """
    rule = world.province["supplement"]
    asks = (rng.random(len(main)) < rule["share"]) & (main.tenor >= rule["least_tenor"])
    at = np.flatnonzero(asks)
    month = rng.integers(rule["earliest_month"], main.tenor[at] - rule["months_left"] + 1)
    applied = first_day(month_of(main.start[at]) + month) + rng.integers(15, size=len(at))
    beside = terms(
        world.province, world.network, rng, people, main.borrower[at], applied, 0, world.until
    )
    month = month_of(beside.start) - month_of(main.start[at])
    ended = month_of(np.minimum(lived.missed, lived.repaid)) - month_of(main.start)
    runs = (month < np.minimum(ended, main.tenor)[at] - 1) & (applied <= world.until)
    runs &= lived.strained_for[at, month] == 0
    keep = np.flatnonzero(runs)
    at, month, beside = at[keep], month[keep], beside.take(keep)
    agreed = _due_with(rule, rng, main.take(at), beside, month)
    parent = Odds(
        chances.trouble[at],
        chances.strained_default[at],
        main.tenor[at],
        main.extension[at],
        chances.course,
    )
    due = fatal_days(main.take(at), parent.width, world.province["arrears"]["due_day"])
    within = _within(agreed, parent, due, intercept, month) if truth else np.zeros(len(at))
    return agreed, _outcomes_from(lived.take(at), agreed, month, within)


def _due_with(
    rule: Section, rng: np.random.Generator, main: Terms, beside: Terms, month: Ints
) -> Terms:
    low, high = rule["amount_share"]
    part = low + (high - low) * rng.random(len(month))
    million = 1_000_000  # fen: amounts are agreed in 万元
    amount = np.maximum(np.rint(main.amount * part / million), 1).astype(np.int64) * million
    share = beside.guaranteed / beside.amount
    return replace(
        beside,
        turn=main.turn,
        maturity=main.maturity,
        tenor=main.tenor - month,
        amount=amount,
        guaranteed=np.rint(amount * share).astype(np.int64),
        grace=main.grace,
        extension=main.extension,
        log_risk=main.log_risk,
    )


def _outcomes_from(lived: Outcomes, agreed: Terms, month: Ints, within: Floats) -> Outcomes:
    """The outcomes of `lived` as they look from `month` on."""

    def later(matrix: Any) -> Any:
        columns = np.arange(matrix.shape[1])[None, :] + month[:, None]
        shifted = np.take_along_axis(matrix, np.minimum(columns, matrix.shape[1] - 1), axis=1)
        return np.where(columns < matrix.shape[1], shifted, 0)

    fails = lived.default_month > 0
    return replace(
        lived,
        default_month=np.where(fails, lived.default_month - month, 0),
        compensated=np.where(fails, lived.missed + agreed.grace, NEVER),
        strained_for=later(lived.strained_for),
        intensity=later(lived.intensity),
        within_36_months=within,
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
