"""The book on disk, and the one door to it, which takes a date.

Layout of a book folder::

    log/000001.json       one commit: which files belong to the book from then on
    facts/<table>/<batch>-<n>.parquet
    quarantine/<batch>.jsonl

A reader sees the files that the log names and nothing else, so an import killed half-way leaves
the book as it was; its stray files are overwritten or ignored. A commit is the creation of the
next numbered log file, which only one writer can win.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from vouch.book.by_entity import ByEntity
from vouch.book.stored import stored
from vouch.book.tables import TABLES
from vouch.errors import BookError

FORMAT = 1


@dataclass(frozen=True)
class Commit:
    """One line of the book's log.

    `files` maps a table to paths relative to the book folder; `counts` maps a table to rows.
    """

    batch: str
    source: str
    origins: list[dict[str, str]]
    files: dict[str, list[str]]
    counts: dict[str, int]
    newest_known_at: str | None
    format: int = FORMAT
    quarantined: int = 0
    notes: list[str] = field(default_factory=list)


class Book:
    """A guarantee book in a folder.

    Args:
        path: the folder.
        create: make an empty book where there is none.

    Raises:
        BookError: there is no book at `path`, or its log cannot be read.
    """

    def __init__(self, path: Path | str, *, create: bool = False) -> None:
        self.path = Path(path)
        # a sorted copy of this state, where a process that serves has made one
        self.by_entity: ByEntity | None = None
        if create:
            try:
                (self.path / "log").mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise BookError(f"cannot make a book at {self.path}: {error}") from error
        if not (self.path / "log").is_dir():
            raise BookError(
                f"there is no book at {self.path}; import one with `vouch import SOURCE FILE "
                f"--book {self.path}` or make one with `vouch simulate --book {self.path}`"
            )

    def commits(self) -> list[Commit]:
        """Every commit, oldest first."""
        found = []
        for path in sorted((self.path / "log").glob("[0-9]*.json")):
            try:
                found.append(Commit(**json.loads(path.read_text(encoding="utf-8"))))
            except (ValueError, TypeError) as error:
                raise BookError(f"the book's log is damaged at {path}: {error}") from error
            if found[-1].format != FORMAT:
                raise BookError(
                    f"{path} has format {found[-1].format}, this version reads {FORMAT}"
                )
        return found

    def commit(self, commit: Commit, after: int | None = None) -> None:
        """Add a commit to the log, atomically.

        Args:
            after: how many commits the writer saw when it compared its facts with the book's;
                without it, however many there are now.

        Raises:
            BookError: another writer came first; nothing of this commit is visible.
        """
        number = (len(self.commits()) if after is None else after) + 1
        target = self.path / "log" / f"{number:06d}.json"
        draft = self.path / "log" / f".{commit.batch}.draft"
        with draft.open("w", encoding="utf-8") as stream:
            json.dump(asdict(commit), stream, ensure_ascii=False, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, target)
        except FileExistsError:
            raise BookError(
                f"another writer added to {self.path} meanwhile; nothing of this import went in, "
                "run it again"
            ) from None
        finally:
            draft.unlink()
        self.by_entity = None
        for stale in ("_connections", "newest_known_at"):
            self.__dict__.pop(stale, None)

    def files(self, table: str) -> list[Path]:
        """The Parquet files of a table, oldest first."""
        return [self.path / name for c in self.commits() for name in c.files.get(table, [])]

    @cached_property
    def newest_known_at(self) -> date | None:
        """The last day anything in the book became known, or None for an empty book."""
        days = [c.newest_known_at for c in self.commits() if c.newest_known_at]
        return date.fromisoformat(max(days)) if days else None

    def fingerprint(self) -> str:
        """What identifies the book's content: the hash of its list of commits."""
        import hashlib

        text = json.dumps([asdict(c) for c in self.commits()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB cursor on the book's files, safe to use in the calling thread."""
        return self._connections[0].cursor()

    @cached_property
    def _connections(self) -> list[duckdb.DuckDBPyConnection]:
        connection = duckdb.connect()
        connection.execute("SET preserve_insertion_order = true")
        # A file that the log names never changes, so what was read of its layout stays true.
        connection.execute("SET parquet_metadata_cache = true")
        lost = [path for table in TABLES for path in self.files(table) if not path.exists()]
        if lost:
            raise BookError(
                f"{lost[0]} is named in the book's log and is not there ({len(lost)} files are "
                "missing); restore them from a backup, or import the book anew"
            )
        for table in TABLES.values():
            rows = stored(table, self.files(table.name))
            try:
                connection.execute(f"CREATE VIEW all_{table.name} AS {rows}")
            except duckdb.Error as error:
                raise BookError(
                    f"table {table.name} of the book at {self.path} cannot be read: {error}; put "
                    "the file back from a copy of the book, or import into an empty one"
                ) from error
        connections = [connection]
        # Let go before the interpreter ends: DuckDB complains of connections that outlive it.
        weakref.finalize(self, connections.clear)
        return connections

    def known(self, as_of: date) -> Known:
        """The door: everything that was known on `as_of` (that day included), and nothing else."""
        return Known(self, as_of)


class Known:
    """The facts known on one day.

    `current` is the latest version of each natural key; `versions` is every version, with
    `superseded_at`, the day from which a later known version replaces it (null if none).
    """

    def __init__(self, book: Book, as_of: date) -> None:
        self._book = book
        self.as_of = as_of

    def versions(self, table: str, among: str = "") -> str:
        """SQL for all known versions of `table`.

        Args:
            among: SQL that yields the wanted entities; the others are left out before versions are
                told apart, which is what makes a part of a large book quick to read.
        """
        key, entity = ", ".join(TABLES[table].key), TABLES[table].entity
        only = f" AND {entity} IN ({among})" if among else ""
        return (
            f"(SELECT *, lead(known_at) OVER (PARTITION BY {key} ORDER BY known_at) "
            f"AS superseded_at FROM all_{table} WHERE known_at <= DATE '{self.as_of}'{only})"
        )

    def current(self, table: str) -> str:
        """SQL for the latest known version of each key of `table`."""
        return f"(SELECT * FROM {self.versions(table)} WHERE superseded_at IS NULL)"

    def histories(self, table: str, entities: Sequence[str]) -> pa.Table:
        """Every known version of the facts of some entities, without provenance.

        Args:
            entities: distinct names of what the table is gathered by.

        Returns:
            The table's columns, but for the entity's name `position`, its place in `entities`
            (int32): names are long and repeat with every fact. Ordered by position, the rest of the
            key and known_at, so that the versions of a key stand together.
        """
        by_entity = self._book.by_entity
        sliced = by_entity.histories(table, entities, self.as_of) if by_entity else None
        if sliced is not None:
            return sliced
        layout = TABLES[table]
        order = ["position", *(name for name in layout.key if name != layout.entity), "known_at"]
        left_out = ", ".join((layout.entity, "source", "batch"))
        wanted = {
            layout.entity: pa.array(entities, pa.string()),
            "position": pa.array(range(len(entities)), pa.int32()),
        }
        return self.query(
            f"SELECT * EXCLUDE ({left_out}) FROM all_{table} JOIN wanted USING ({layout.entity}) "
            f"WHERE known_at <= DATE '{self.as_of}' ORDER BY {', '.join(order)}",
            given={"wanted": pa.table(wanted)},
        )

    def query(
        self, sql: str, parameters: Iterable[Any] = (), given: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        """Run `sql` (made from `versions` and `current`) and return an Arrow table.

        `given` are further tables by name that the query may join.
        """
        cursor = self._book.cursor()
        for name, table in (given or {}).items():
            cursor.register(name, table)
        return cursor.sql(sql, params=list(parameters) or None).to_arrow_table()

    def rows(self, table: str) -> pa.Table:
        """The latest known version of every key, ordered by key."""
        order = ", ".join(TABLES[table].key)
        return self.query(f"SELECT * FROM {self.current(table)} ORDER BY {order}")
