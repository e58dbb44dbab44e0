"""What became of each case: the only reader that looks past the as-of date.

The outcome of a case is *compensated* (1), *clear* (0) or not yet known (NaN). "Not yet known" is a
value, not a zero: it holds until the whole horizon has passed, plus the lag with which the book
learns of compensations. A guarantee that was cancelled before any money was paid out has no outcome
and is left out (NaN) as well, from the day the cancellation was known.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from vouch.book.book import Known
from vouch.features.asof import Floats
from vouch.features.facts import to_days
from vouch.features.spine import Spine


def reporting_lag(known: Known) -> int:
    """Days within which the book learns of 99 % of compensations; 0 where it has none.

    Of first versions only: a later correction is not late news.
    """
    found = known.query(
        "SELECT quantile_cont(learnt - happened, 0.99) AS lag FROM ("
        "SELECT min(known_at) AS learnt, arg_min(event_at, known_at) AS happened "
        f"FROM {known.versions('compensation')} WHERE compensation_no = 1 GROUP BY guarantee_id)"
    )["lag"][0].as_py()
    return int(np.ceil(found or 0))


def outcomes(known: Known, spine: Spine, ends: list[date]) -> Floats:
    """The outcome of each case as known on `known.as_of`.

    Args:
        known: the door at the day on which the outcomes are read.
        spine: the cases.
        ends: the last day of each case's horizon.

    Returns:
        1 compensated within the horizon, 0 not, NaN not yet known or cancelled.
    """
    events = known.query(
        f"""
        SELECT w.position, min(c.event_at) AS compensated_on,
            bool_or(r.cause = 'cancelled') AS cancelled
        FROM wanted w
        LEFT JOIN {known.current("compensation")} c USING (guarantee_id)
        LEFT JOIN {known.current("release")} r USING (guarantee_id)
        GROUP BY w.position ORDER BY w.position""",
        given={
            "wanted": pa.table(
                {
                    "guarantee_id": spine.table["guarantee_id"],
                    "position": pa.array(np.arange(len(spine))),
                }
            )
        },
    )
    compensated = _days(events["compensated_on"])
    cancelled = events["cancelled"].fill_null(False).to_numpy()
    end = np.array([to_days(day) for day in ends])
    settled = to_days(known.as_of - timedelta(days=reporting_lag(known)))
    as_of = spine.cases.as_of
    found = np.where(end <= settled, 0.0, np.nan)
    found[(compensated > as_of) & (compensated <= end)] = 1.0
    # An outcome read early would be known for the bad and not for the good of the same day.
    found[end > settled] = np.nan
    found[cancelled & np.isnan(compensated)] = np.nan
    return found


def _days(column: pa.ChunkedArray) -> Floats:
    values = column.cast(pa.int32()).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)
