"""The ways to the same features; each is measured in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.features.book import AS_OF
from vouch.book.book import Book
from vouch.features.describe import describe
from vouch.features.facts import Cases, Facts, compute, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.registry import named

MONTHLY = [
    "days_past_due_now",
    "worst_arrears_90d",
    "worst_arrears_180d",
    "worst_arrears_365d",
    "months_in_arrears_180d",
    "months_in_arrears_365d",
    "months_late_365d",
    "days_since_arrears",
    "arrears_change_90d",
    "months_seen",
    "months_without_balance_365d",
    "extensions_180d",
    "months_in_arrears_change_180d",
]
OTHERS = [
    "balance_share",
    "balance_change_180d",
    "days_on_book",
    "days_to_maturity",
    "amount",
    "guaranteed_share",
    "interest_rate",
    "tenor_months",
    "product",
    "borrower_kind",
    "industry",
    "years_in_business",
    "headcount",
    "annual_revenue",
    "amount_to_revenue",
    "earlier_guarantees",
    "earlier_compensations",
    "amount_change_from_earlier",
    "book_compensation_rate_1y",
    "lender_relative_rate_5y",
    "lender_relative_rate_1y",
    "lender_band_relative_rate_5y",
    "industry_relative_rate_5y",
    "terms_relative_rate_5y",
    "region_relative_rate_5y",
    "scheme_relative_rate_5y",
    "lender_volume_2y",
]
FORTY = [*MONTHLY, *OTHERS]

_SINGLE_ROWS = 200
_BY_ID = 20

Values = dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """Seconds of the work itself, and what came of it."""

    seconds: float
    values: Values


def vouch_forty(book: Path) -> Measured:
    """Forty features, the index of the portfolio made on the way."""
    return _vouch(book, FORTY)


def vouch_monthly(book: Path) -> Measured:
    """The features of monthly facts alone."""
    return _vouch(book, MONTHLY)


def _vouch(book: Path, names: list[str]) -> Measured:
    known = Book(book).known(AS_OF)
    ids = known.rows("guarantee")["guarantee_id"].to_pylist()
    started = time.perf_counter()
    cases = Cases(ids, np.full(len(ids), to_days(AS_OF)))
    values = describe(known, cases, names, PortfolioIndex.of(known))
    return Measured(time.perf_counter() - started, values)


def vouch_single(book: Path) -> Measured:
    """Milliseconds of the forty features of one guarantee: facts at hand, and read by its id."""
    known = Book(book).known(AS_OF)
    index, features = PortfolioIndex.of(known), named(FORTY)
    ids = known.rows("guarantee")["guarantee_id"].to_pylist()[: _SINGLE_ROWS + 1]
    facts = Facts.of(known, ids)
    day = np.array([to_days(AS_OF)])
    at_hand = [_seconds(lambda i=i: compute(features, Cases([i], day), facts, index)) for i in ids]
    by_id = [
        _seconds(lambda i=i: compute(features, Cases([i], day), Facts.of(known, [i]), index))
        for i in ids[: _BY_ID + 1]
    ]
    found = {
        "at_hand_ms": 1e3 * float(np.median(at_hand[1:])),
        "at_hand_p99_ms": 1e3 * float(np.quantile(at_hand[1:], 0.99)),
        "by_id_ms": 1e3 * float(np.median(by_id[1:])),
    }
    return Measured(sum(at_hand), found)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


_SQL = """
WITH versions AS (
    SELECT *, lead(known_at) OVER (PARTITION BY guarantee_id, event_at ORDER BY known_at) AS later
    FROM read_parquet({files}) WHERE known_at <= DATE '{day}'),
seen AS (
    SELECT guarantee_id, event_at, balance, is_extended, days_past_due AS late,
        DATE '{day}' - event_at AS age
    FROM versions WHERE later IS NULL AND event_at <= DATE '{day}')
SELECT guarantee_id,
    arg_max(late, event_at) AS days_past_due_now,
    max(late) FILTER (age < 90) AS worst_arrears_90d,
    max(late) FILTER (age < 180) AS worst_arrears_180d,
    max(late) FILTER (age < 365) AS worst_arrears_365d,
    count(*) FILTER (age < 180 AND late > 0) AS months_in_arrears_180d,
    count(*) FILTER (age < 365 AND late > 0) AS months_in_arrears_365d,
    count(*) FILTER (age < 365 AND late >= 30) AS months_late_365d,
    min(age) FILTER (late > 0) AS days_since_arrears,
    arg_max(late, event_at) - coalesce(max(late) FILTER (age >= 90 AND age < 180), 0)
        AS arrears_change_90d,
    count(*) AS months_seen,
    count(*) FILTER (age < 365 AND balance = 0) AS months_without_balance_365d,
    count(*) FILTER (age < 180 AND is_extended) AS extensions_180d,
    count(*) FILTER (age < 180 AND late > 0)
        - count(*) FILTER (age >= 180 AND age < 360 AND late > 0) AS months_in_arrears_change_180d
FROM seen GROUP BY 1 ORDER BY 1
"""


def duckdb_monthly(book: Path) -> Measured:
    """One SQL query over the same files, versions told apart by a window."""
    files = [str(path) for path in Book(book).files("performance")]
    started = time.perf_counter()
    with duckdb.connect() as connection:
        found = connection.execute(_SQL.format(files=files, day=AS_OF)).df()
    return Measured(time.perf_counter() - started, _plain(found))


def pandas_monthly(book: Path) -> Measured:
    """The same files in one data frame: sort, drop what was corrected, group."""
    columns = ["guarantee_id", "event_at", "known_at", "days_past_due", "balance", "is_extended"]
    started = time.perf_counter()
    parts = [pq.read_table(path, columns=columns) for path in Book(book).files("performance")]
    rows = pa.concat_tables(parts).to_pandas(date_as_object=False)
    day = pd.Timestamp(AS_OF)
    rows = rows[(rows["known_at"] <= day) & (rows["event_at"] <= day)]
    rows = rows.sort_values(["guarantee_id", "event_at", "known_at"])
    rows = rows.drop_duplicates(["guarantee_id", "event_at"], keep="last")
    found = _grouped(rows, (day - rows["event_at"]).dt.days)
    return Measured(time.perf_counter() - started, _plain(found))


def _grouped(rows: pd.DataFrame, age: pd.Series) -> pd.DataFrame:
    late, by = rows["days_past_due"], rows["guarantee_id"]

    def worst(mask: pd.Series) -> pd.Series:
        return late.where(mask).groupby(by).max()

    def count(mask: pd.Series) -> pd.Series:
        return mask.groupby(by).sum()

    now, half, before = late.groupby(by).last(), age < 180, (age >= 180) & (age < 360)
    made = {
        "days_past_due_now": now,
        "worst_arrears_90d": worst(age < 90),
        "worst_arrears_180d": worst(half),
        "worst_arrears_365d": worst(age < 365),
        "months_in_arrears_180d": count(half & (late > 0)),
        "months_in_arrears_365d": count((age < 365) & (late > 0)),
        "months_late_365d": count((age < 365) & (late >= 30)),
        "days_since_arrears": age.where(late > 0).groupby(by).min(),
        "arrears_change_90d": now - worst((age >= 90) & half).fillna(0),
        "months_seen": late.groupby(by).size(),
        "months_without_balance_365d": count((age < 365) & (rows["balance"].astype(float) == 0)),
        "extensions_180d": count(half & rows["is_extended"].astype(bool)),
        "months_in_arrears_change_180d": count(half & (late > 0)) - count(before & (late > 0)),
    }
    return pd.DataFrame(made).sort_index()


def _plain(found: pd.DataFrame) -> Values:
    return {name: found[name].to_numpy("float64", na_value=np.nan) for name in MONTHLY}


WAYS: dict[str, Callable[[Path], Measured]] = {
    "vouch-forty": vouch_forty,
    "vouch-monthly": vouch_monthly,
    "vouch-single": vouch_single,
    "duckdb-monthly": duckdb_monthly,
    "pandas-monthly": pandas_monthly,
}
