"""Running cases count as far as they have run, by hand and on a book."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from tests.conftest import ROOT
from training.frame import Frame, assemble
from training.running import with_running
from vouch.book.book import Book
from vouch.features.asof import Floats
from vouch.features.describe import silent
from vouch.features.facts import to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import Spine
from vouch.scoring.spec import Spec

SPEC = replace(Spec.read(ROOT / "models" / "pre_loan" / "spec.toml"), running=True)
DAY = date(2020, 1, 1)
TODAY = to_days(DAY)


def frame(prefix: str, as_of: Floats, called: list[float | None], outcome: Floats) -> Frame:
    """Cases of a guarantee each, with one feature, their own number."""
    names = [f"{prefix}{n}" for n in range(len(as_of))]
    table = pa.table(
        {
            "guarantee_id": names,
            "borrower_id": names,
            "as_of": pa.array(as_of.astype(np.int32)).cast(pa.date32()),
        }
    )
    index = pa.table({"guarantee_id": names, "called_day": pa.array(called, pa.float64())})
    columns = {"amount": np.arange(len(as_of), dtype=float)}
    return Frame(Spine(table), columns, outcome, PortfolioIndex(index))


def settled() -> Frame:
    """Ten old cases, four compensated at ages of 100, 200, 300 and 400 days."""
    as_of = np.full(10, TODAY - 1500)
    called = [TODAY - 1500 + n * 100 if n in (1, 2, 3, 4) else None for n in range(10)]
    return frame("old", as_of, called, np.array([float(day is not None) for day in called]))


def running(ages: list[float], called: list[float | None]) -> Frame:
    return frame("new", TODAY - np.array(ages), called, np.full(len(ages), np.nan))


def test_a_clear_case_counts_by_the_share_of_compensations_behind_it() -> None:
    # Of the four compensations none had come by an age of 50 days, two by 250, all by 500.
    for age, share in ((50.0, 0.0), (250.0, 0.5), (500.0, 1.0)):
        made = with_running(SPEC, settled(), running([age] * 4000, [None] * 4000), DAY)
        counted = len(made) - 10
        assert counted == pytest.approx(4000 * share, abs=100), age  # 3 standard errors are 95
        assert made.outcome[10:].sum() == 0


def test_a_compensation_known_by_then_counts_and_a_later_one_is_not_seen() -> None:
    late = running([50.0, 50.0, 500.0], [TODAY - 10, TODAY + 1, TODAY + 300])
    made = with_running(SPEC, settled(), late, DAY)
    assert made.outcome[10:].tolist() == [1.0, 0.0]
    assert made.columns["amount"][10:].tolist() == [0.0, 2.0]


def test_the_expected_odds_are_those_of_a_settled_case() -> None:
    # 30 % of 20,000 fail, evenly over 400 days; 250 days have run, so F = 0.625 of the settled
    # record below. Compensated so far 0.3 · 0.625, clear so far 1 - 0.1875, of which 0.625 count.
    random = np.random.default_rng(5)
    ages = random.uniform(0, 400, 20_000)
    old = np.linspace(0.5, 399.5, 400)
    record = frame("old", np.full(400, TODAY - 1500), (TODAY - 1500 + old).tolist(), np.ones(400))
    fails = random.random(20_000) < 0.3
    called = [TODAY - 250 + age if fail else None for age, fail in zip(ages, fails, strict=True)]
    made = with_running(SPEC, record, running([250.0] * 20_000, called), DAY).outcome[400:]
    odds = made.sum() / (1 - made).sum()
    assert odds == pytest.approx(0.1875 / (0.8125 * 0.625), rel=0.05)


def test_the_draw_is_the_same_in_every_run_and_order() -> None:
    late = running([250.0] * 200, [None] * 200)
    once = with_running(SPEC, settled(), late, DAY).columns["amount"][10:]
    back = late.take(np.arange(200)[::-1])
    again = with_running(SPEC, settled(), back, DAY).columns["amount"][10:]
    assert set(once.tolist()) == set(again.tolist())
    assert 0 < len(once) < 200


def test_nothing_is_added_unless_the_specification_asks() -> None:
    late = running([500.0], [None])
    assert with_running(replace(SPEC, running=False), settled(), late, DAY).outcome.size == 10
    assert with_running(SPEC, settled(), None, DAY).outcome.size == 10


@pytest.mark.slow
def test_a_books_running_cases_are_those_after_its_settled_ones(small_book: Book) -> None:
    until = date(2024, 6, 30)
    found = assemble(small_book, SPEC, until, silent)
    assert found.running is not None
    assert np.isnan(found.running.outcome).all()
    assert found.running.as_of.min() >= found.as_of.max()
    assert found.running.as_of.max() < to_days(until)
    ended = to_days(SPEC.horizon.start(until))
    assert found.as_of.max() <= ended
    made = with_running(SPEC, found, found.running, until)
    assert len(made) > len(found)
    assert (np.diff(made.as_of) >= 0).all()
    plain = assemble(small_book, replace(SPEC, running=False), until, silent)
    assert plain.running is None
    np.testing.assert_array_equal(plain.outcome, found.outcome)
