"""Which guarantees are looked at, and when: the cases of a stage between two dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from vouch.book.book import Known
from vouch.domain.calendar import month_ends
from vouch.features.asof import Floats
from vouch.features.facts import Cases, Facts, to_days

MOMENT_STEPS = {"month_end": 1, "quarter_end": 3}


@dataclass(frozen=True)
class Spine:
    """Cases with what identifies them to a reader, one row each, ordered by date and guarantee.

    `table` has guarantee_id, borrower_id, lender, day (of the application or review), as_of (the
    first date on which it could be looked at: the day, or later where the guarantee was not known
    then), amount (float64, yuan).
    """

    table: pa.Table

    def __len__(self) -> int:
        """Number of cases."""
        return int(self.table.num_rows)

    @property
    def cases(self) -> Cases:
        """What the as-of engine needs of it."""
        days = self.table["as_of"].cast(pa.int32()).to_numpy().astype(np.float64)
        return Cases(self.table["guarantee_id"].to_pylist(), days)

    def take(self, rows: object) -> Spine:
        """The cases at these positions, or where this mask holds."""
        mask = np.asarray(rows)
        if mask.dtype == bool:
            return Spine(self.table.filter(pa.array(mask)))
        return Spine(self.table.take(pa.array(mask)))


_COLUMNS = (
    "g.guarantee_id, g.borrower_id, coalesce(l.name, g.lender_id) AS lender, {day} AS day, "
    "{as_of} AS as_of, "
    "g.amount::DOUBLE AS amount"
)


def spine(known: Known, moment: str, since: date, until: date) -> Spine:
    """The cases of a moment from `since` to `until`, both included.

    "application": every guarantee on the day it was applied for. "month_end", "quarter_end":
    every guarantee in force on such a day. Identifying columns show the facts as known at
    `known.as_of`.
    """
    if moment == "application":
        return Spine(known.query(_applications(known, since, until)))
    days = month_ends(since, until, MOMENT_STEPS[moment])
    return in_force(known, days)


def in_force(known: Known, days: list[date]) -> Spine:
    """Every guarantee in force on each of `days`, by what was known on that day.

    In force: started, and neither compensated nor finally released as known on the day.
    """
    given = {"days": pa.table({"as_of": pa.array(days, pa.date32())})}
    columns = _COLUMNS.format(day="d.as_of", as_of="d.as_of")
    return Spine(
        known.query(
            f"""
        WITH ended AS (
            SELECT guarantee_id, min(known_at) AS ended_at FROM (
                SELECT guarantee_id, known_at FROM {known.versions("compensation")}
                UNION ALL
                SELECT guarantee_id, known_at FROM {known.versions("release")} WHERE is_final)
            GROUP BY 1),
        started AS (SELECT guarantee_id, min(known_at) AS known_since,
                min(coalesce(start_on, event_at)) AS started_on
            FROM {known.versions("guarantee")} GROUP BY 1)
        SELECT {columns}
        FROM {known.current("guarantee")} g
        JOIN started s USING (guarantee_id)
        LEFT JOIN ended e USING (guarantee_id)
        LEFT JOIN {known.current("lender")} l ON l.lender_id = g.lender_id
        JOIN days d ON d.as_of >= s.started_on AND d.as_of >= s.known_since
            AND (e.ended_at IS NULL OR e.ended_at > d.as_of)
        ORDER BY d.as_of, g.guarantee_id""",
            given=given,
        )
    )


def _applications(known: Known, since: date, until: date) -> str:
    columns = _COLUMNS.format(day="g.event_at", as_of="greatest(f.applied_on, f.known_since)")
    return (
        f"SELECT {columns} FROM {known.current('guarantee')} g "
        "JOIN (SELECT guarantee_id, min(known_at) AS known_since, "
        "arg_min(event_at, known_at) AS applied_on "
        f"FROM {known.versions('guarantee')} GROUP BY 1) f USING (guarantee_id) "
        f"LEFT JOIN {known.current('lender')} l ON l.lender_id = g.lender_id "
        f"WHERE g.event_at BETWEEN DATE '{since}' AND DATE '{until}' "
        "ORDER BY as_of, g.guarantee_id"
    )


def application_days(facts: Facts, guarantee_ids: Sequence[str]) -> Floats:
    """The first day on which each application could be looked at, NaN for one not known."""
    table = facts.tables["guarantee"]
    numbers = table.numbers(guarantee_ids)
    first = np.where(numbers >= 0, table.starts[numbers], 0)  # the first version of each
    known = (numbers >= 0) & (table.starts[numbers + 1] > first)
    found = np.full(len(guarantee_ids), np.nan)
    days = [np.asarray(table.columns[n], dtype=np.float64) for n in ("event_at", "known_at")]
    found[known] = np.maximum(*(day[first[known]] for day in days))
    return found


def one(guarantee_id: str, as_of: date) -> Cases:
    """A single case, whether or not it is in force."""
    return Cases([guarantee_id], np.array([to_days(as_of)]))
