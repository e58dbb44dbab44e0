"""The best reachable probability of each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from itertools import cycle

import numpy as np

from vouch.book.book import Book
from vouch.domain.calendar import add_months
from vouch.domain.stage import Stage
from vouch.errors import BookError
from vouch.features.facts import Cases
from vouch.simulator.ceiling.evidence import evidence
from vouch.simulator.ceiling.following import Case, Course, follow, grace_by
from vouch.simulator.ceiling.shown import Applications, applications, standing
from vouch.simulator.course import expected, fatal_days, odds
from vouch.simulator.factors import average_factors
from vouch.simulator.history import World
from vouch.simulator.months import Floats, Ints, as_date, day_number, last_day, month_of
from vouch.simulator.simulation import make_world
from vouch.simulator.truth import read_law

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
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
    law = read_law(book)
    world = make_world(law.seed, law.first, law.until)
    end = np.array([day_number(day) for day in ends or _ends(stage, cases)], dtype=np.int64)
    found = np.empty(len(cases))
    order = np.argsort(np.array(cases.guarantee_ids, dtype=object), kind="stable")
    for begin in range(0, len(cases), _CHUNK):
        at = order[begin : begin + _CHUNK]
        names = [cases.guarantee_ids[row] for row in at]
        seen = applications(book, world, sorted(set(names)))
        rows = _rows(seen, names)
        asked = Asked(seen, rows, cases.as_of[at].astype(np.int64), end[at])
        if stage is Stage.PRE_LOAN:
            found[at] = at_application(world, law.intercept, asked)
        else:
            found[at] = while_running(book, world, law.intercept, asked)
    return found


def _ends(stage: Stage, cases: Cases) -> list[date]:
    days = [as_date(int(day)) for day in cases.as_of]
    if stage in _HORIZON_MONTHS:
        return [add_months(day, _HORIZON_MONTHS[stage]) for day in days]
    return [as_date(int(day) + _HORIZON_DAYS) for day in cases.as_of]


def _rows(seen: Applications, names: Sequence[str]) -> Ints:
    place = {name: at for at, name in enumerate(seen.guarantee_id)}
    missing = [name for name in names if name not in place]
    if missing:
        raise BookError(
            f"{len(missing)} of the cases are not in the book, {missing[0]} the first; take cases "
            "from the same book"
        )
    return np.array([place[name] for name in names], dtype=np.int64)


@dataclass(frozen=True)
class Asked:
    """Cases: rows of the applications seen, their days, and the last days that count."""

    seen: Applications
    rows: Ints
    as_of: Ints
    end: Ints

    @property
    def root(self) -> Ints:
        """The guarantee whose course each case follows."""
        return self.seen.root[self.rows]

    def take(self, rows: Ints) -> Asked:
        """The cases at `rows`."""
        return Asked(self.seen, self.rows[rows], self.as_of[rows], self.end[rows])


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


def at_application(world: World, intercept: float, asked: Asked) -> Floats:
    """Follow the loan from its start, or from when it joined the main one, for every quality."""
    province, seen, root = world.province, asked.seen, asked.root
    mean, variance = standing(world, seen, asked.rows, asked.as_of)
    joined = month_of(seen.start[asked.rows]) - month_of(seen.start[root])
    common = average_factors(province)
    total: Floats = np.zeros(len(root))
    lengths = province["course"]["extend_months"]
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        risk = _risk(world, asked, mean + np.sqrt(variance) * node)
        for months in lengths:
            loan = Loan.of(seen, root, np.full(len(root), months), risk)
            chances = odds(province, common, loan)
            due = fatal_days(loan, chances.width, province["arrears"]["due_day"])
            in_time = grace_by(province["grace"], asked.end[:, None] - due)
            missed = expected(chances, intercept, joined).default
            total = total + weight * (missed * in_time).sum(axis=1) / len(lengths)
    return total


def _risk(world: World, asked: Asked, quality: Floats) -> Floats:
    hidden = float(world.province["risk"]["hidden_quality"])
    return asked.seen.risk[asked.root] - hidden * quality


def while_running(book: Book, world: World, intercept: float, asked: Asked) -> Floats:
    """Filter what shows through the true law, for every quality, silent or not, extended or not."""
    found = np.empty(len(asked.rows))
    tenor = asked.seen.tenor[asked.root]
    for months in np.unique(tenor):  # loans of one tenor have matrices of one width
        at = np.flatnonzero(tenor == months)
        found[at] = _filtered(book, world, intercept, asked.take(at))
    return found


def _filtered(book: Book, world: World, intercept: float, asked: Asked) -> Floats:
    province, root = world.province, asked.root
    longest = max(province["course"]["extend_months"])
    width = int(asked.seen.tenor[root].max()) + longest + 1
    shown = evidence(book, province, asked.seen, asked.rows, asked.as_of, width)
    case = _case(asked)
    mean, variance = standing(world, asked.seen, asked.rows, asked.as_of)
    silent_share = province["feed"]["silent_share"]
    logs, paid = [], []
    # Extensions not yet made are supposed short and long in turn: the qualities' weights balance.
    lengths = cycle(province["course"]["extend_months"])
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        risk = _risk(world, asked, mean + np.sqrt(variance) * node)
        extension = np.where(shown.extended > 0, shown.extended, next(lengths))
        loan = Loan.of(asked.seen, root, extension, risk)
        chances = odds(province, average_factors(province), loan)
        due = fatal_days(loan, chances.width, province["arrears"]["due_day"])
        law = Course.of(chances, intercept, due, risk)
        for silent, share in ((False, 1 - silent_share), (True, silent_share)):
            likely, in_time = follow(province, law, case, shown, silent)
            logs.append(likely + np.log(weight * share))
            paid.append(in_time)
    weights = np.exp(np.array(logs) - np.max(logs, axis=0))
    best: Floats = (weights * np.array(paid)).sum(axis=0) / weights.sum(axis=0)
    return best


def _case(asked: Asked) -> Case:
    seen, root = asked.seen, asked.root
    begin = month_of(seen.start[root])
    month = month_of(asked.as_of)
    now = month - begin - (last_day(month) > asked.as_of)
    joined = np.full(len(seen), -1)
    beside = np.flatnonzero(seen.root != np.arange(len(seen)))
    joined[seen.root[beside]] = beside
    other = joined[root]
    known = (other >= 0) & (seen.applied[other] <= asked.as_of)
    month = month_of(seen.start[other]) - begin
    own = month_of(seen.start[asked.rows]) - begin
    return Case(asked.as_of, asked.end, begin, now, own, np.where(known, month, -1))
