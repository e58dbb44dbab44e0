"""The best reachable probabilities are true to what happens, and nothing orders cases better."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

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
