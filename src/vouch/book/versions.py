"""Which incoming facts are new to the book, known to it, or differ from what it holds."""

from datetime import date
from enum import IntEnum
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from vouch.book.schema import Table
from vouch.book.stored import stored


class Status(IntEnum):
    """How a row relates to the versions of its key known up to its own day."""

    NEW = 0
    KNOWN = 1
    CONFLICT = 2


def statuses(
    given: pa.Table, table: Table, content: tuple[str, ...], files: list[Path]
) -> np.ndarray:
    """The status of each given row against the version before it, in the book or in `given`."""
    key, fields = ", ".join(table.key), ", ".join(content)
    columns = ", ".join(dict.fromkeys((*table.key, "known_at", *content)))
    window = f"OVER (PARTITION BY {key} ORDER BY known_at, _at)"
    existing = f"SELECT {columns}, -1 AS _at FROM ({stored(table, files)}) UNION ALL"
    sql = f"""
        WITH everything AS ({existing} SELECT {columns}, _at FROM given),
        compared AS (
            SELECT _at, known_at, lag(known_at) {window} AS previous_known_at,
                row({fields}) IS NOT DISTINCT FROM lag(row({fields})) {window} AS is_same,
                lag(_at) {window} AS previous
            FROM everything
        )
        SELECT CASE
            WHEN previous IS NULL THEN {Status.NEW:d}
            WHEN is_same THEN {Status.KNOWN:d}
            WHEN previous_known_at = known_at THEN {Status.CONFLICT:d}
            ELSE {Status.NEW:d} END AS status
        FROM compared WHERE _at >= 0 ORDER BY _at
    """
    return np.asarray(_run(sql, given)["status"])


def standing(
    given: pa.Table, table: Table, content: tuple[str, ...], files: list[Path], on: date
) -> pd.DataFrame:
    """What the book holds of each given row's key as known `on` a day.

    Returns:
        `held_since`, missing where the key is not held, and `is_same`, in the order given.
    """
    if not files:
        return pd.DataFrame(
            {
                "held_since": pd.Series(pd.NaT, range(len(given)), dtype="datetime64[s]"),
                "is_same": False,
            }
        )
    key = ", ".join(table.key)
    mine, held = (", ".join(f"{side}.{name}" for name in content) for side in ("g", "h"))
    sql = f"""
        WITH held AS (
            SELECT * FROM ({stored(table, files)}) WHERE known_at <= DATE '{on}'
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY known_at DESC) = 1
        )
        SELECT h.known_at::TIMESTAMP_S AS held_since,
            coalesce(row({mine}) IS NOT DISTINCT FROM row({held}), false) AS is_same
        FROM given g LEFT JOIN held h USING ({key}) ORDER BY g._at
    """
    return _run(sql, given)


def unheld(ids: pa.Array, table: Table, files: list[Path]) -> list[str]:
    """Those of the ids that the book does not hold as an entity of the table, in their order."""
    sql = f"""
        SELECT id FROM given ANTI JOIN ({stored(table, files)}) held ON held.{table.entity} = id
        ORDER BY _at
    """
    found: list[str] = _run(sql, pa.table({"id": ids}))["id"].tolist()
    return found


def _run(sql: str, given: pa.Table) -> pd.DataFrame:
    numbered = given.append_column("_at", pa.array(range(len(given)), pa.int64()))
    with duckdb.connect() as connection:
        connection.register("given", numbered)
        found: pd.DataFrame = connection.execute(sql).df()
    return found
