"""The best reachable probability of each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np

from vouch.book.book import Book
from vouch.domain.calendar import add_months
from vouch.domain.stage import Stage
from vouch.errors import BookError
from vouch.features.facts import Cases
from vouch.simulator.calibration import Section, shares
from vouch.simulator.ceiling.shown import Applications, applications, standing
from vouch.simulator.course import expected, fatal_days, odds
from vouch.simulator.factors import Factors, average_factors
from vouch.simulator.history import World
from vouch.simulator.months import Floats, Ints, as_date, day_number, month_of
from vouch.simulator.simulation import make_world
from vouch.simulator.truth import read_law

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_CHUNK = 20_000
_HORIZON_MONTHS = {Stage.PRE_LOAN: 36, Stage.IN_LOAN: 12}
_HORIZON_DAYS = 180


def best_reachable(
    book: Book, stage: Stage, cases: Cases, ends: Sequence[date] | None = None
) -> Floats:
    """Probability that each case is compensated by the end of its horizon, given what shows.

    It is the true law of the simulator with everything hidden replaced by its distribution given
    the facts known on the case's day: the quality of the borrower given the interest rates it was
    quoted, the state of the guarantee given its arrears and signals, the economy by its mean. No
    model that reads the book through the same door can order cases better, but for luck.

    Args:
        book: a simulated book.
        cases: guarantees and days, as numbers of days since 1970-01-01.
        ends: the last day that counts for each case; by default 36 months after an application, 12
            months after a review, 180 days after a warning date.

    Returns:
        Probabilities in [0, 1], one for each case.

    Raises:
        BookError: the book was not simulated, or a guarantee is not in it.
    """
    if stage is not Stage.PRE_LOAN:
        raise BookError(f"the best reachable of {stage.value} is not told yet; ask for pre_loan")
    law = read_law(book)
    world = make_world(law.seed, law.first, law.until)
    last = np.array([day_number(day) for day in ends or _ends(stage, cases)], dtype=np.float64)
    found = np.empty(len(cases))
    for begin in range(0, len(cases), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        some = cases.slice(begin, begin + _CHUNK)
        seen = applications(book, world, sorted(set(some.guarantee_ids)))
        rows = _rows(seen, some)
        found[part] = _at_application(world, law.intercept, seen, rows, some.as_of, last[part])
    return found


def _ends(stage: Stage, cases: Cases) -> list[date]:
    days = [as_date(int(day)) for day in cases.as_of]
    if stage in _HORIZON_MONTHS:
        return [add_months(day, _HORIZON_MONTHS[stage]) for day in days]
    return [as_date(int(day) + _HORIZON_DAYS) for day in cases.as_of]


def _rows(seen: Applications, cases: Cases) -> Ints:
    place = {name: at for at, name in enumerate(seen.guarantee_id)}
    missing = [name for name in cases.guarantee_ids if name not in place]
    if missing:
        raise BookError(
            f"{len(missing)} of the cases are not in the book, {missing[0]} the first; take cases "
            "from the same book"
        )
    return np.array([place[name] for name in cases.guarantee_ids], dtype=np.int64)


@dataclass(frozen=True)
class Loan:
    """The terms that decide a course, with a supposed risk and extension."""

    start: Ints
    maturity: Ints
    tenor: Ints
    extension: Ints
    city: Ints
    repayment: Ints
    log_risk: Floats

    @classmethod
    def of(cls, seen: Applications, rows: Ints, extension: Ints, log_risk: Floats) -> Loan:
        """The loans at `rows`."""
        names = {f.name for f in fields(cls)} & {f.name for f in fields(seen)}
        return cls(
            **{name: getattr(seen, name)[rows] for name in names},
            extension=extension,
            log_risk=log_risk,
        )


def grace_by(grace: Section, days: Floats) -> Floats:
    """Probability that the guarantor has paid so many days after the missed payment."""
    total = np.zeros(days.shape)
    steps = grace["processing_days"] + 1
    for base, share in zip(grace["days"], shares(grace["shares"]), strict=True):
        total += share * np.clip((np.floor(days) - base + 1) / steps, 0.0, 1.0)
    return total


def _at_application(
    world: World, intercept: float, seen: Applications, rows: Ints, as_of: Floats, end: Floats
) -> Floats:
    """Follow the loan from its start, or from when it joined the main one, for every quality."""
    province = world.province
    mean, variance = standing(world, seen, rows, as_of)
    root = seen.root[rows]
    joined = np.where(root == rows, 0, _month_between(seen.start[root], seen.start[rows]))
    common = average_factors(province)
    total = np.zeros(len(rows))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        quality = mean + np.sqrt(variance) * node
        risk = seen.risk[root] - province["risk"]["hidden_quality"] * quality
        for months in province["course"]["extend_months"]:
            loan = Loan.of(seen, root, np.full(len(rows), months), risk)
            paid = _paid_by(province, common, intercept, loan, joined, end)
            total += weight * paid / len(province["course"]["extend_months"])
    return total


def _paid_by(
    province: Section,
    common: Factors,
    intercept: float,
    loan: Loan,
    joined: Ints,
    end: Floats,
) -> Floats:
    chances = odds(province, common, loan)
    due = fatal_days(loan, chances.width, province["arrears"]["due_day"])
    in_time = grace_by(province["grace"], end[:, None] - due)
    missed = expected(chances, intercept, joined).default
    paid: Floats = (missed * in_time).sum(axis=1)
    return paid


def _month_between(first: Ints, second: Ints) -> Ints:
    return month_of(second) - month_of(first)
