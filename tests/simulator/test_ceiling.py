"""The best reachable probabilities are true to what happens, and nothing orders cases better."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.oracles.true_state import true_within
from tests.simulator.conftest import SEED
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.errors import BookError
from vouch.features.spine import Spine, spine
from vouch.simulator import simulate
from vouch.simulator.ceiling import best_reachable

UNTIL = date(2025, 6, 30)


def expected_auc(score: np.ndarray, probability: np.ndarray) -> float:
    """The AUC of a score where each case happens with its own true probability."""
    order = np.argsort(score, kind="stable")
    happens, does_not = probability[order], 1 - probability[order]
    below = np.cumsum(does_not) - does_not
    return float((happens * below).sum() / (happens.sum() * does_not.sum()))


def likelihood_of_all(score: np.ndarray, probability: np.ndarray) -> float:
    """Mean log-likelihood of a probability where each case has its own true one."""
    kept = np.clip(score, 1e-9, 1 - 1e-9)
    return float((probability * np.log(kept) + (1 - probability) * np.log(1 - kept)).mean())


def truth(book: Book, cases: Spine) -> np.ndarray:
    files = sorted((book.path / "truth").glob("outcome-*.parquet"))
    table = pd.concat([pq.read_table(file).to_pandas() for file in files])
    true = table.set_index("guarantee_id")["compensated_within_36_months"]
    return true.loc[cases.table["guarantee_id"].to_pylist()].to_numpy()


@pytest.fixture(scope="module")
def applications(book: Book) -> Spine:
    return spine(book.known(UNTIL), "application", date(2016, 1, 1), date(2022, 6, 30))


def test_at_application_the_law_is_true_on_average_and_in_every_tenth(
    book: Book, applications: Spine
) -> None:
    """The true probabilities differ from it by hidden quality, the economy and the grace only.

    The economy moves whole years together by some ten per cent, which is what is allowed here.
    """
    best, true = best_reachable(book, Stage.PRE_LOAN, applications.cases), truth(book, applications)
    assert best.mean() == pytest.approx(true.mean(), rel=0.12)
    by_tenth = np.array_split(np.argsort(best), 10)
    ratio = np.array([true[rows].mean() / best[rows].mean() for rows in by_tenth])
    assert ratio.min() > 0.7
    assert ratio.max() < 1.4


def test_at_application_the_best_lies_between_what_shows_and_the_truth(
    book: Book, applications: Spine
) -> None:
    best, true = best_reachable(book, Stage.PRE_LOAN, applications.cases), truth(book, applications)
    reachable = expected_auc(best, true)
    assert 0.74 < reachable < 0.81  # few cases: single books differ by some hundredths
    assert reachable < expected_auc(true, true)


@pytest.fixture(scope="module")
def warnings(book: Book) -> Spine:
    """Guarantees in force at the quarter's ends of three years."""
    return spine(book.known(UNTIL), "quarter_end", date(2021, 1, 1), date(2023, 12, 31))


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "days"), [(Stage.POST_LOAN, 180), (Stage.IN_LOAN, 365)])
def test_while_running_the_filter_lies_between_what_is_quick_to_see_and_the_true_state(
    book: Book, warnings: Spine, stage: Stage, days: int
) -> None:
    cases = warnings.cases
    ends = [day + timedelta(days) for day in warnings.table["as_of"].to_pylist()]
    best = best_reachable(book, stage, cases, ends)
    true = true_within(book, SEED, 3_000, cases, days)
    # the level: the economy of those years and the grace are all that is averaged out
    assert best.mean() == pytest.approx(true.mean(), rel=0.25)
    # nobody who does not see the state orders better, or is less surprised, than the filter
    terms = best_reachable(book, Stage.PRE_LOAN, cases, ends)
    arrears = days_past_due(book, warnings)
    assert expected_auc(true, true) > expected_auc(best, true) + 0.005
    for rival in (terms, arrears, terms + arrears / 10, terms * (1 + arrears)):
        assert expected_auc(best, true) > expected_auc(rival, true) + 0.005
    assert likelihood_of_all(true, true) > likelihood_of_all(best, true)
    assert likelihood_of_all(best, true) > likelihood_of_all(np.full(len(best), true.mean()), true)
    high = best > 0.05
    assert true[high].mean() == pytest.approx(best[high].mean(), rel=0.3)


def days_past_due(book: Book, cases: Spine) -> np.ndarray:
    """The newest month end known on each case's day, 0 where there is none."""
    rows = book.known(UNTIL).query(
        "SELECT coalesce(max_by(p.days_past_due, p.event_at), 0)::DOUBLE AS days "
        "FROM cases c LEFT JOIN all_performance p ON p.guarantee_id = c.guarantee_id "
        "AND p.known_at <= c.as_of GROUP BY c.guarantee_id, c.as_of "
        "ORDER BY c.as_of, c.guarantee_id",
        given={"cases": cases.table},
    )
    return rows["days"].to_numpy()


def test_a_book_that_was_not_simulated_has_no_best(tmp_path: Path, book: Book) -> None:
    cases = spine(book.known(UNTIL), "application", date(2024, 6, 1), date(2024, 6, 30)).cases
    with pytest.raises(BookError, match="has a known truth"):
        best_reachable(Book(tmp_path, create=True), Stage.PRE_LOAN, cases)


def test_cases_of_another_book_are_refused(tmp_path: Path, book: Book) -> None:
    other = Book(tmp_path, create=True)
    simulate(other, 20, 5)
    cases = spine(book.known(UNTIL), "application", date(2016, 1, 1), date(2024, 6, 30)).cases
    with pytest.raises(BookError, match="are not in the book"):
        best_reachable(other, Stage.PRE_LOAN, cases)
