"""From a source's files into the book: whole, or not at all."""

import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vouch.book.book import Book, Commit
from vouch.book.checks import (
    FILE,
    ROW,
    Draft,
    Fault,
    Reading,
    check,
    faults_at,
    repeats,
    without,
)
from vouch.book.schema import Kind, Table
from vouch.book.tables import GUARANTEE, TABLES
from vouch.book.versions import Status, standing, statuses, unheld


class Source(Protocol):
    """A layout in which guarantee history comes.

    `unread` names the columns of the layout that are never read because they were written, or
    rewritten, after the outcome, each with the reason. `outcomes` names the columns that say how a
    guarantee turned out and go into compensations and releases only. Checks hold every source to
    both. `restated` names columns of the book (`table.column`) that hold what the file's day says
    though they are dated back, each with the reason: training asks why a model may read them.
    """

    name: str
    about: str
    unread: dict[str, str]
    outcomes: tuple[str, ...]
    restated: dict[str, str]

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a file with this header line is of this layout."""
        ...

    def read(self, files: Sequence[Path]) -> Reading:
        """Read whole files.

        Raises:
            SourceError: a file is not of this layout, damaged, or in another encoding.
        """
        ...


@dataclass
class ImportReport:
    """What an import did, in rows of the files read.

    `waiting` counts, by table, the guarantees whose facts came before they did.
    """

    source: str
    rows: int
    accepted: int
    already_known: int
    quarantined: list[Fault]
    facts: dict[str, int]
    batch: str | None
    unread: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)

    @property
    def quarantined_rows(self) -> int:
        """How many rows were refused, each counted once."""
        return len({(fault.file, fault.row) for fault in self.quarantined})


# Rows stand in the order of their entities, in groups small enough that a reader of some entities
# passes most of a large file by.
_ROW_GROUP = 1 << 15


@dataclass
class _Incoming:
    draft: Draft
    rows: pd.DataFrame


def ingest(book: Book, source: Source, files: Sequence[Path], today: date) -> ImportReport:
    """Read `files` with `source` and add what is new to `book`, in one commit.

    Files may come in any order: a compensation of a guarantee that is not in the book yet is kept,
    and the report says that it waits.

    Args:
        today: no fact may lie after this day, nor after the day the files describe.

    Raises:
        SourceError: a whole file is refused; the book is as it was.
        BookError: another writer added to the book meanwhile; the book is as that one left it.
    """
    seen = len(book.commits())
    reading = source.read(files)
    incoming, faults = _checked(reading, min(today, reading.snapshot_at or today))
    fresh, conflicts = _compare(book, source.name, incoming, reading.snapshot_at)
    faults += conflicts
    fresh = {name: without(rows, faults) for name, rows in fresh.items()}
    refused = {(fault.file, fault.row) for fault in faults}
    accepted = _rows_behind(fresh, reading)
    waiting = _waiting(book, fresh)
    reading.notes += [_waits(table, ids) for table, ids in waiting.items()]
    batch = _write(book, source, _origins(files, reading.snapshot_at), fresh, faults, reading, seen)
    return ImportReport(
        source=source.name,
        rows=reading.rows,
        accepted=accepted,
        already_known=reading.rows - accepted - len(refused),
        quarantined=faults,
        facts={name: len(rows) for name, rows in fresh.items() if len(rows)},
        batch=batch,
        unread=source.unread,
        notes=reading.notes,
        waiting={table: len(ids) for table, ids in waiting.items()},
    )


_SHOWN = 5


def _waiting(book: Book, fresh: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    """By table, the guarantees named by new facts that neither the book nor the files hold."""
    column = GUARANTEE.entity
    arriving = set(fresh[GUARANTEE.name][column]) if GUARANTEE.name in fresh else set()
    found = {}
    for name, rows in fresh.items():
        if name == GUARANTEE.name or TABLES[name].entity != column or rows.empty:
            continue
        ids = pa.array(sorted(set(rows[column]) - arriving), pa.string())
        missing = unheld(ids, GUARANTEE, book.files(GUARANTEE.name))
        if missing:
            found[name] = missing
    return found


def _waits(table: str, ids: list[str]) -> str:
    more = ", …" if len(ids) > _SHOWN else ""
    return (
        f"{table}: {len(ids):,} guarantees are not in the book ({', '.join(ids[:_SHOWN])}{more}); "
        "their rows are kept and wait for them: import the guarantees, or correct the numbers"
    )


def _rows_behind(fresh: dict[str, pd.DataFrame], reading: Reading) -> int:
    """How many rows of the files bring something new."""
    places = [rows[[FILE, ROW]] for rows in fresh.values() if len(rows)]
    if not places:
        return 0
    distinct = pd.concat(places).drop_duplicates()
    behind = reading.stands_for.get
    at = zip(distinct[FILE].tolist(), distinct[ROW].tolist(), strict=True)
    return sum(behind(place, 1) for place in at)


def _checked(reading: Reading, latest: date) -> tuple[list[_Incoming], list[Fault]]:
    faults = list(reading.faults)
    incoming = []
    for draft in reading.drafts:
        sound = replace(draft, frame=without(draft.frame, reading.faults))
        rows, found = check(sound, latest)
        faults += found
        incoming.append(_Incoming(draft, rows))
    for part in incoming:  # a row refused in one table is refused in all
        part.rows = without(part.rows, faults)
    found = [fault for part in incoming for fault in repeats(part.draft, part.rows)]
    for part in incoming:
        part.rows = without(part.rows, found)
        if part.draft.is_derived:  # only now, so that a refused row does not take its peers' along
            part.rows = part.rows.drop_duplicates([*part.draft.table.key, "known_at"])
    return incoming, faults + found


def _compare(
    book: Book, source: str, incoming: list[_Incoming], snapshot_at: date | None
) -> tuple[dict[str, pd.DataFrame], list[Fault]]:
    fresh: dict[str, list[pd.DataFrame]] = {}
    faults: list[Fault] = []
    is_late = snapshot_at is not None and _has_later_snapshot(book, source, snapshot_at)
    for part in incoming:
        table = part.draft.table
        if part.rows.empty:
            continue
        if snapshot_at is None:
            new, clashing = _against_versions(book, part)
        else:
            new, clashing = _against_snapshot(book, part, snapshot_at, is_late)
        if not part.draft.is_derived:
            faults += faults_at(clashing, ", ".join(table.key), clashing[table.key[0]], _CLASH)
        fresh.setdefault(table.name, []).append(new)
    return {name: pd.concat(parts) for name, parts in fresh.items()}, faults


_CLASH = (
    "contradicts what the book holds as known on that day or later; a correction needs a later "
    "known_at, and files of several days are imported oldest first"
)


def _against_versions(book: Book, part: _Incoming) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The new rows, and those that contradict a version known the same day."""
    table = part.draft.table
    status = statuses(
        arrow_rows(table, part.rows), table, part.draft.content, book.files(table.name)
    )
    return part.rows[status == Status.NEW], part.rows[status == Status.CONFLICT]


def _against_snapshot(
    book: Book, part: _Incoming, snapshot_at: date, is_late: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The new rows and corrections, and those that contradict what the book holds on that day.

    A snapshot says what holds on its day. What the book holds differently is corrected from that
    day on; of facts that many rows repeat only the newest may correct.
    """
    table, rows = part.draft.table, part.rows
    files, given = book.files(table.name), arrow_rows(table, part.rows)
    held = standing(given, table, part.draft.content, files, snapshot_at)
    held.index = rows.index
    is_new = held["held_since"].isna()
    may_correct = ~is_new & ~held["is_same"]
    if part.draft.is_derived:
        status = statuses(given, table, part.draft.content, files)
        is_new = pd.Series(status == Status.NEW, rows.index)
        newest = rows.groupby(list(table.key))["known_at"].transform("max")
        may_correct &= ~is_new & (rows["known_at"] == newest)
    can = may_correct & (held["held_since"] < pd.Timestamp(snapshot_at)) & (not is_late)
    corrections = rows[can].assign(known_at=pd.Timestamp(snapshot_at))
    return pd.concat([rows[is_new], corrections]), rows[may_correct & ~can]


def _has_later_snapshot(book: Book, source: str, snapshot_at: date) -> bool:
    days = [
        origin.get("snapshot_at", "")
        for commit in book.commits()
        if commit.source == source
        for origin in commit.origins
    ]
    return max(days, default="") > snapshot_at.isoformat()


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
                pa.array(
                    values.astype("Float64").to_numpy("float64", na_value=float("nan")),
                    from_pandas=True,
                ).cast(pa.int64())
            )
        elif column.kind in (Kind.RATE, Kind.NUMBER):
            arrays.append(pa.array(values.astype("float64"), pa.float64(), from_pandas=True))
        else:
            arrays.append(pa.array(values, column.arrow_type, from_pandas=True))
    return pa.table(arrays, names=[column.name for column in table.columns])


def _write(
    book: Book,
    source: Source,
    origins: list[dict[str, str]],
    fresh: dict[str, pd.DataFrame],
    faults: list[Fault],
    reading: Reading,
    seen: int,
) -> str | None:
    tables = {name: arrow_rows(TABLES[name], rows) for name, rows in fresh.items() if len(rows)}
    if not tables:
        return None
    batch = uuid.uuid4().hex[:12]
    write_batch(book, batch, source.name, tables, origins, faults, reading.notes, seen)
    return batch


def write_batch(
    book: Book,
    batch: str,
    source: str,
    tables: dict[str, pa.Table],
    origins: list[dict[str, str]],
    faults: Sequence[Fault] = (),
    notes: Sequence[str] = (),
    after: int | None = None,
) -> None:
    """Write typed tables as one commit of the book, the one after the first `after` commits."""
    written: dict[str, list[str]] = {}
    newest: list[date] = []
    for name, rows in tables.items():
        size = rows.num_rows
        ordered = rows.sort_by(TABLES[name].entity)
        stamped = ordered.append_column("source", pa.array([source] * size)).append_column(
            "batch", pa.array([batch] * size)
        )
        target = book.path / "facts" / name / f"{batch}-0.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_durably(stamped.cast(TABLES[name].arrow_schema), target)
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
        ),
        after,
    )


def _write_durably(rows: pa.Table, target: Path) -> None:
    """Write and flush to disk, since the log may only name what a power cut cannot take away."""
    with target.open("wb") as stream:
        pq.write_table(rows, stream, compression="zstd", row_group_size=_ROW_GROUP)
        stream.flush()
        os.fsync(stream.fileno())


def _write_quarantine(book: Book, batch: str, faults: Sequence[Fault]) -> None:
    target = book.path / "quarantine" / f"{batch}.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(fault), ensure_ascii=False) for fault in faults]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _origins(files: Sequence[Path], snapshot_at: date | None) -> list[dict[str, str]]:
    day = {"snapshot_at": snapshot_at.isoformat()} if snapshot_at else {}
    return [
        {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} | day
        for path in files
    ]
