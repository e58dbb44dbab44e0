"""The truth beside the book agrees with what happened in it."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from vouch.book.book import Book
from vouch.simulator import simulate

UNTIL = date(2025, 6, 30)


def read(book: Book, name: str) -> pd.DataFrame:
    files = sorted((book.path / "truth").glob(f"{name}-*.parquet"))
    return pd.concat([pq.read_table(file).to_pandas() for file in files])


def sampling_error(probabilities: pd.Series) -> float:
    """Standard error of the share of events, each with its own probability."""
    variance = float((probabilities * (1 - probabilities)).sum())
    return float(np.sqrt(variance)) / len(probabilities)


def test_compensations_within_36_months_come_as_often_as_they_should(book: Book) -> None:
    known = book.known(UNTIL)
    guarantees = known.query(
        "SELECT guarantee_id, "
        "coalesce(c.event_at <= g.start_on + INTERVAL 36 MONTH, false) AS paid "
        f"FROM {known.current('guarantee')} g LEFT JOIN {known.current('compensation')} c "
        "USING (guarantee_id) WHERE g.start_on < DATE '2022-05-01'"
    ).to_pandas()
    both = guarantees.merge(read(book, "outcome"), on="guarantee_id")
    true = both["compensated_within_36_months"]
    assert len(both) == len(guarantees) > 500
    assert abs(both["paid"].mean() - true.mean()) < 4 * sampling_error(true)


def test_defaults_come_as_often_as_their_intensities(book: Book) -> None:
    hazard = read(book, "hazard")
    hazard["month_end"] = pd.to_datetime(hazard["month_end"])
    hazard = hazard[hazard["month_end"] < "2025-01-01"]
    assert hazard["default_intensity"].between(0, 1).all()
    called = book.known(UNTIL).rows("compensation").num_rows
    expected, error = hazard["default_intensity"].sum(), np.sqrt(hazard["default_intensity"].sum())
    assert abs(called - expected) < 4 * error + 5  # the last months' defaults are not yet paid


def test_the_truth_orders_outcomes(book: Book) -> None:
    called = set(book.known(UNTIL).rows("compensation")["guarantee_id"].to_pylist())
    truth = read(book, "outcome")
    is_called = truth["guarantee_id"].isin(called)
    mean = truth.groupby(is_called)["compensated_within_36_months"].mean()
    assert mean[True] > 1.5 * mean[False]


@pytest.mark.slow
def test_a_province_compensates_about_what_it_should(tmp_path: Path) -> None:
    """Some 60 compensations fall in the last year of 20,000 guarantees, of very unequal size.

    The standard error of their sum is about a quarter, so single books lie between half and twice
    the target; the truth, which has less luck in it, is held to a narrower band.
    """
    book = Book(tmp_path, create=True)
    report = simulate(book, 20_000, 1)
    assert report.compensation_rate == pytest.approx(0.013, abs=0.006)
    known = book.known(UNTIL)
    amounts = known.query(
        "SELECT guarantee_id, guaranteed_amount::DOUBLE AS amount "
        f"FROM {known.current('guarantee')}"
    ).to_pandas()
    both = read(book, "outcome").merge(amounts, on="guarantee_id")
    life = np.average(both["compensated_within_36_months"], weights=both["amount"])
    assert 0.010 < life < 0.018
