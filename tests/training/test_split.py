"""Learning rows end one horizon before the first judging row; folds keep borrowers together."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from tests.scoring.conftest import SPEC
from training.frame import Frame
from training.split import FEWEST_COMPENSATIONS, folds, out_of_time
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import Spine
from vouch.scoring.spec import Spec

SPEC_36 = Spec.parse(SPEC)  # 36 months' horizon, 24 months judged


def frame(first: date, days: int, each: int = 10, bad_of_each: int = 2) -> Frame:
    dates = [first + timedelta(days=n) for n in range(days) for _ in range(each)]
    outcome = np.array([float(n % each < bad_of_each) for n in range(len(dates))])
    table = pa.table(
        {
            "guarantee_id": [f"G{n}" for n in range(len(dates))],
            "borrower_id": [f"B{n % 97}" for n in range(len(dates))],
            "lender": ["L"] * len(dates),
            "as_of": pa.array(dates, pa.date32()),
            "amount": [1.0] * len(dates),
        }
    )
    return Frame(Spine(table), {}, outcome, PortfolioIndex(pa.table({})))


def test_an_embargo_of_one_horizon() -> None:
    # last case 2020-12-31: judged are the 24 months from 2019-01-01, so learning cases have a
    # horizon that ends by 2018-12-31, which is 36 months after 2015-12-31
    found = frame(date(2012, 1, 1), (date(2020, 12, 31) - date(2012, 1, 1)).days + 1)
    split = out_of_time(SPEC_36, found)
    assert split is not None
    days = np.array(found.spine.table["as_of"].to_pylist())
    assert split.judged_from == date(2019, 1, 1)
    assert (days[split.learn].max(), days[split.judge].min()) == (
        date(2015, 12, 31),
        date(2019, 1, 1),
    )
    assert (days[split.judge].max(), days[split.learn].min()) == (
        date(2020, 12, 31),
        date(2012, 1, 1),
    )


def test_too_short_a_book_has_no_out_of_time_split() -> None:
    assert out_of_time(SPEC_36, frame(date(2019, 1, 1), 700)) is None
    few = frame(date(2012, 1, 1), 3288, each=1, bad_of_each=0)
    few.outcome[: FEWEST_COMPENSATIONS - 1] = 1.0
    few.outcome[-100:] = 1.0
    assert out_of_time(SPEC_36, few) is None


def test_folds_keep_a_borrower_together_and_repeat() -> None:
    found = frame(date(2019, 1, 1), 100)
    numbers = folds(found, 5)
    borrowers = np.array(found.spine.table["borrower_id"].to_pylist())
    assert set(numbers) == {0, 1, 2, 3, 4}
    for name in set(borrowers):
        assert len(set(numbers[borrowers == name])) == 1
    np.testing.assert_array_equal(numbers, folds(found, 5))
