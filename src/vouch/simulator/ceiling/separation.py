"""How well the best reachable probabilities tell cases apart."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from vouch.book.book import Book, Known
from vouch.domain.stage import Stage
from vouch.features.describe import describe
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import Spine, spine
from vouch.simulator.ceiling.reachable import best_reachable
from vouch.simulator.months import Floats

_MOMENTS = {
    Stage.PRE_LOAN: "application",
    Stage.IN_LOAN: "quarter_end",
    Stage.POST_LOAN: "month_end",
}
_YEARS = 3
_PERFORMING = 29.0  # days past due at most, for a review of the limit
_MOST = 12_000


def expected_auc(score: Floats, probability: Floats) -> float:
    """The AUC of a score where each case happens, by itself, with its own probability.

    >>> expected_auc(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    1.0
    """
    order = np.argsort(score, kind="stable")
    happens, does_not = probability[order], 1 - probability[order]
    below = np.cumsum(does_not) - does_not
    return float((happens * below).sum() / (happens.sum() * does_not.sum()))


def reachable_auc(book: Book, stage: Stage) -> float | None:
    """The AUC that the best reachable probabilities expect of themselves; None without cases.

    Of all applications of the last three years, of performing guarantees at the quarters' ends, of
    all in force at the months' ends; at most some thousand cases, evenly taken.
    """
    last = book.newest_known_at
    if last is None:
        return None
    known = book.known(last)
    cases = _evenly(spine(known, _MOMENTS[stage], _since(last), last))
    if stage is Stage.IN_LOAN:
        cases = _performing(known, cases)
    if not len(cases):
        return None
    best = best_reachable(book, stage, cases.cases)
    return expected_auc(best, best)


def _since(last: date) -> date:
    return last - timedelta(days=365 * _YEARS)


def _evenly(cases: Spine) -> Spine:
    size = len(cases)
    return cases.take(np.unique(np.linspace(0, size - 1, min(size, _MOST)).astype(np.int64)))


def _performing(known: Known, cases: Spine) -> Spine:
    columns = describe(known, cases.cases, ["days_past_due_now"], PortfolioIndex.of(known))
    days = np.asarray(columns["days_past_due_now"], dtype=np.float64)
    return cases.take(~(days > _PERFORMING))
