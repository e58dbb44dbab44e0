"""From a source's files into the book: whole, or not at all."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vouch.book.book import Book, Commit
from vouch.book.checks import FILE, ROW, Draft, Fault, Reading, check, repeats, without
from vouch.book.schema import Kind, Table


class Source(Protocol):
    """A layout in which guarantee history comes.

    `unread` names the columns of the layout that are never read because they were written, or
    rewritten, after the outcome, each with the reason; a check holds every source to it.
    """

    name: str
    about: str
    unread: dict[str, str]

    def read(self, files: Sequence[Path]) -> Reading:
        """Read whole files.

        Raises:
            SourceError: a file is not of this layout, damaged, or in another encoding.
        """
        ...


@dataclass
class ImportReport:
    """What an import did, in rows of the files read."""

    source: str
    rows: int
    accepted: int
    already_known: int
    quarantined: list[Fault]
    facts: dict[str, int]
    batch: str | None
    unread: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def quarantined_rows(self) -> int:
        """How many rows were refused, each counted once."""
        return len({(fault.file, fault.row) for fault in self.quarantined})


@dataclass
class _Incoming:
    draft: Draft
    rows: pd.DataFrame


def ingest(book: Book, source: Source, files: Sequence[Path], today: date) -> ImportReport:
    """Read `files` with `source` and add what is new to `book`, in one commit.

    Args:
        today: no fact may lie after this day, nor after the day the files describe.

    Raises:
        SourceError: a whole file is refused; the book is as it was.
    """
    reading = source.read(files)
    latest = min(today, reading.snapshot_at or today)
    incoming, faults = _checked(reading, latest)
    fresh, conflicts = _compare(book, incoming, reading.snapshot_at)
    faults += conflicts
    fresh = {name: without(rows, faults) for name, rows in fresh.items()}
    refused = {(fault.file, fault.row) for fault in faults}
    new_rows = {at for rows in fresh.values() for at in zip(rows[FILE], rows[ROW], strict=True)}
    batch = _write(book, source, files, fresh, faults, reading.notes)
    return ImportReport(
        source=source.name,
        rows=reading.rows,
        accepted=len(new_rows),
        already_known=reading.rows - len(new_rows) - len(refused),
        quarantined=faults,
        facts={name: len(rows) for name, rows in fresh.items() if len(rows)},
        batch=batch,
        unread=source.unread,
        notes=reading.notes,
    )


def _checked(reading: Reading, latest: date) -> tuple[list[_Incoming], list[Fault]]:
    faults = list(reading.faults)
    incoming = []
    for draft in reading.drafts:
        rows, found = check(draft, latest)
        faults += found
        incoming.append(_Incoming(draft, rows))
    for part in incoming:  # a row refused in one table is refused in all
        part.rows = without(part.rows, faults)
    for part in incoming:
        faults += repeats(part.draft, part.rows)
    for part in incoming:
        part.rows = without(part.rows, faults)
    return incoming, faults


def _compare(
    book: Book, incoming: list[_Incoming], snapshot_at: date | None
) -> tuple[dict[str, pd.DataFrame], list[Fault]]:
    fresh: dict[str, list[pd.DataFrame]] = {}
    faults: list[Fault] = []
    for part in incoming:
        table = part.draft.table
        status = _status(book, table, part.rows)
        clashing = part.rows[status == "conflict"]
        new = part.rows[status == "new"]
        corrected = _as_corrections(clashing, snapshot_at)
        if len(corrected):
            again = _status(book, table, corrected)
            new = pd.concat([new, corrected[again == "new"]])
            clashing = clashing[~clashing.index.isin(corrected[again != "conflict"].index)]
        if not part.draft.is_derived:
            faults += [_conflict(table, row) for _, row in clashing.iterrows()]
        fresh.setdefault(table.name, []).append(new)
    return {name: pd.concat(parts) for name, parts in fresh.items()}, faults


def _as_corrections(rows: pd.DataFrame, snapshot_at: date | None) -> pd.DataFrame:
    if snapshot_at is None:
        return rows.iloc[:0]
    later = rows[rows["known_at"] < pd.Timestamp(snapshot_at)].copy()
    later["known_at"] = pd.Timestamp(snapshot_at)
    return later


def _conflict(table: Table, row: pd.Series) -> Fault:
    reason = (
        f"{row[table.key[0]]!r} contradicts the version in the book known on "
        f"{row['known_at'].date()}; a correction needs a later known_at"
    )
    return Fault(str(row[FILE]), int(row[ROW]), ", ".join(table.key), reason)


def _status(book: Book, table: Table, rows: pd.DataFrame) -> pd.Series:
    """Whether each row is new, already known, or contradicts a version known the same day."""
    if rows.empty:
        return pd.Series([], dtype="str", index=rows.index)
    given = arrow_rows(table, rows).append_column("_at", pa.array(range(len(rows)), pa.int64()))
    content = ", ".join(table.content)
    key = ", ".join(table.key)
    columns = ", ".join(c.name for c in table.columns)
    window = f"OVER (PARTITION BY {key} ORDER BY known_at, _at)"
    files = [str(path) for path in book.files(table.name)]
    existing = f"SELECT {columns}, -1 AS _at FROM read_parquet(?) UNION ALL" if files else ""
    sql = f"""
        WITH everything AS ({existing} SELECT {columns}, _at FROM given),
        compared AS (
            SELECT _at, known_at, lag(known_at) {window} AS previous_known_at,
                row({content}) IS NOT DISTINCT FROM lag(row({content})) {window} AS is_same,
                lag(_at) {window} AS previous
            FROM everything
        )
        SELECT CASE
            WHEN previous IS NULL THEN 'new'
            WHEN is_same THEN 'known'
            WHEN previous_known_at = known_at THEN 'conflict'
            ELSE 'new' END AS status
        FROM compared WHERE _at >= 0 ORDER BY _at
    """
    with duckdb.connect() as connection:
        connection.register("given", given)
        found = connection.execute(sql, [files] if files else []).to_arrow_table()
    return pd.Series(found["status"].to_pylist(), index=rows.index)


def arrow_rows(table: Table, rows: pd.DataFrame) -> pa.Table:
    """The table's columns of `rows` in the types of storage."""
    arrays = []
    for column in table.columns:
        values: Any = rows[column.name]
        if column.kind is Kind.MONEY:
            yuan = values.astype("Float64").to_numpy("float64", na_value=float("nan"))
            arrays.append(pa.array(yuan, from_pandas=True).cast(column.arrow_type))
        elif column.kind is Kind.DATE:
            arrays.append(pa.array(values, pa.timestamp("us"), from_pandas=True).cast(pa.date32()))
        elif column.kind is Kind.COUNT:
            arrays.append(
                pa.array(values.astype("Float64").to_numpy("float64", na_value=float("nan")),
                         from_pandas=True).cast(pa.int64())
            )
        elif column.kind in (Kind.RATE, Kind.NUMBER):
            arrays.append(pa.array(values.astype("float64"), pa.float64(), from_pandas=True))
        else:
            arrays.append(pa.array(values, column.arrow_type, from_pandas=True))
    return pa.table(arrays, names=[column.name for column in table.columns])


def _write(
    book: Book,
    source: Source,
    files: Sequence[Path],
    fresh: dict[str, pd.DataFrame],
    faults: list[Fault],
    notes: list[str],
) -> str | None:
    fresh = {name: rows for name, rows in fresh.items() if len(rows)}
    if not fresh:
        return None
    from vouch.book.tables import TABLES

    batch = uuid.uuid4().hex[:12]
    tables = {name: arrow_rows(TABLES[name], rows) for name, rows in fresh.items()}
    write_batch(book, batch, source.name, tables, _origins(files), faults, notes)
    return batch


def write_batch(
    book: Book,
    batch: str,
    source: str,
    tables: dict[str, pa.Table],
    origins: list[dict[str, str]],
    faults: Sequence[Fault] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write typed tables as one commit of the book."""
    from vouch.book.tables import TABLES

    written: dict[str, list[str]] = {}
    newest: list[date] = []
    for name, rows in tables.items():
        size = rows.num_rows
        stamped = rows.append_column("source", pa.array([source] * size)).append_column(
            "batch", pa.array([batch] * size)
        )
        target = book.path / "facts" / name / f"{batch}-0.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(stamped.cast(TABLES[name].arrow_schema), target, compression="zstd")
        written[name] = [str(target.relative_to(book.path))]
        newest.append(pa.compute.max(rows["known_at"]).as_py())
    if faults:
        _write_quarantine(book, batch, faults)
    counts = {name: rows.num_rows for name, rows in tables.items()}
    book.commit(
        Commit(
            batch=batch,
            source=source,
            origins=origins,
            files=written,
            counts=counts,
            newest_known_at=max(newest).isoformat(),
            quarantined=len({(fault.file, fault.row) for fault in faults}),
            notes=list(notes),
        )
    )


def _write_quarantine(book: Book, batch: str, faults: Sequence[Fault]) -> None:
    target = book.path / "quarantine" / f"{batch}.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(fault), ensure_ascii=False) for fault in faults]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _origins(files: Sequence[Path]) -> list[dict[str, str]]:
    return [
        {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in files
    ]
