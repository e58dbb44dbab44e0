"""A store as one file, whichever database it is in, and back again.

The file is gzipped JSON, a line per row, all of one moment; it ends with a count, so that a file
cut short is noticed. It can be restored into the other kind of database.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Date,
    LargeBinary,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    select,
    text,
)

from vouch.errors import StoreError
from vouch.store.engine import Canonical, Database
from vouch.store.tables import AUDIT_HEAD, METADATA, Moment

FORMAT = 2
_PAGE = 500


def backup(database: Database, target: Path) -> dict[str, int]:
    """Write every row to a file, which appears whole or not at all; rows by table.

    Raises:
        StoreError: the file cannot be written.
    """
    counts: dict[str, int] = {}
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # only for the owner: it holds what the store holds
        private = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(private, "wb") as raw,
            gzip.open(raw, "wt", encoding="utf-8") as file,
            database.snapshot() as connection,
        ):
            _write(file, {"format": FORMAT, "revision": _revision(connection)})
            for table in METADATA.sorted_tables:
                counts[table.name] = 0
                for row in _rows(connection, table):
                    _write(file, {"table": table.name, "row": row})
                    counts[table.name] += 1
            _write(file, {"end": counts})
        draft.replace(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return counts


def restore(database: Database, source: Path) -> dict[str, int]:
    """Fill an empty store from a file, all of it or nothing; rows by table.

    Raises:
        StoreError: the store holds something, or the file is damaged or of another version.
    """
    counts: dict[str, int] = {}
    with database.locked() as connection:
        _refuse_full(connection, database)
        try:
            with gzip.open(source, "rt", encoding="utf-8") as file:
                ended = _fill(connection, (json.loads(line) for line in file), counts, source)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{source} is not whole ({error}); nothing was restored") from error
        if not ended:
            raise StoreError(f"{source} was cut short; nothing was restored")
        _renumber(connection)
    return counts


def _fill(
    connection: Connection, lines: Iterator[dict[str, Any]], counts: dict[str, int], source: Path
) -> bool:
    first = next(lines)
    here = _revision(connection)
    if first.get("format") != FORMAT or first.get("revision") != here:
        raise StoreError(
            f"{source} is of revision {first.get('revision')}, this version's stores are of "
            f"{here}; restore it with the version that made it, then open it with this one"
        )
    connection.execute(delete(AUDIT_HEAD))
    page: list[dict[str, Any]] = []
    of: Table | None = None
    for line in lines:
        if "end" in line:
            _insert(connection, of, page)
            return {k: v for k, v in line["end"].items() if v} == counts
        table = METADATA.tables[line["table"]]
        if table is not of or len(page) == _PAGE:
            _insert(connection, of, page)
            page, of = [], table
        page.append(_read(table, line["row"]))
        counts[table.name] = counts.get(table.name, 0) + 1
    return False


def _insert(connection: Connection, table: Table | None, page: list[dict[str, Any]]) -> None:
    if table is not None and page:
        connection.execute(insert(table), page)


def _refuse_full(connection: Connection, database: Database) -> None:
    for table in METADATA.sorted_tables:
        limit = 1 if table is AUDIT_HEAD else 0
        if connection.execute(select(func.count()).select_from(table)).scalar_one() > limit:
            raise StoreError(
                f"the store {database.name} is not empty ({table.name}); name a fresh one in "
                "VOUCH_STORE_URL"
            )


def _renumber(connection: Connection) -> None:
    """PostgreSQL counts on from its own sequence, which inserted numbers do not move."""
    if connection.dialect.name != "postgresql":
        return
    for table in METADATA.sorted_tables:
        column = table.c.get("number")
        if column is not None and column.autoincrement is True:
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'number'), "
                    f"COALESCE((SELECT max(number) FROM {table.name}), 0) + 1, false)"
                )
            )


def _revision(connection: Connection) -> str:
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    return str(found)


def _rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """Every row, a page at a time by primary key."""
    keys = list(table.primary_key.columns)
    query = select(*(_as_it_stands(column) for column in table.c)).order_by(*keys).limit(_PAGE)
    start = 0
    while True:
        page = connection.execute(query.offset(start)).mappings().all()
        yield from ({name: _plain(value) for name, value in row.items()} for row in page)
        if len(page) < _PAGE:
            return
        start += _PAGE


def _as_it_stands(column: Column[Any]) -> ColumnElement[Any]:
    """A column as it is backed up: JSON as its text, because the text is what was hashed."""
    is_json = isinstance(column.type, JSON)
    return cast(column, Text).label(column.name) if is_json else column


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | datetime) else value


def _read(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _typed(table.c[name].type, value) for name, value in row.items()}


def _typed(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, JSON):
        return Canonical(value)
    if isinstance(kind, Moment):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return base64.b64decode(value) if isinstance(kind, LargeBinary) else value


def _write(file: Any, body: Mapping[str, Any]) -> None:
    file.write(json.dumps(body, ensure_ascii=False) + "\n")
