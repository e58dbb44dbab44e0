"""The book's facts sorted by whom they are about, kept beside the book by a process that serves.

Parquet files hold what came together, so to read one case means to search all of them. Sorted and
mapped into memory, a case's facts are a slice: nothing is searched, and little of it is held.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vouch.book.schema import Table
from vouch.book.tables import TABLES

if TYPE_CHECKING:
    from vouch.book.book import Book

# Slices of more entities than these are gathered slower than a query finds them.
FEW = 16
_BATCH_ROWS = 500_000


@dataclass(frozen=True)
class Sorted:
    """A table's rows by entity: `rows[starts[i]:starts[i + 1]]` are about `names[i]`, in UTF-8."""

    rows: pa.Table
    names: NDArray[np.bytes_]
    starts: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path, entity: str) -> Sorted:
        """Map a file that `write` made."""
        rows = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        about: Any = pc.run_end_encode(rows[entity].combine_chunks(), run_end_type=pa.int64())
        names = np.array([name.encode() for name in about.values.to_pylist()], dtype="S")
        ends = about.run_ends.to_numpy(zero_copy_only=False).astype(np.int64)
        return cls(rows.drop_columns([entity]), names, np.concatenate([[0], ends]))

    def histories(self, entities: Sequence[str], as_of: date) -> pa.Table:
        """As `Known.histories`."""
        parts, positions = [self.rows.slice(0, 0)], []
        for position, name in enumerate(entities):
            place = int(np.searchsorted(self.names, np.bytes_(name.encode())))
            if place < len(self.names) and self.names[place] == name.encode():
                first, end = self.starts[place : place + 2].tolist()
                parts.append(self.rows.slice(first, end - first))
                positions += [position] * (end - first)
        found = pa.concat_tables(parts).append_column("position", pa.array(positions, pa.int32()))
        return found.filter(pc.less_equal(found["known_at"], pa.scalar(as_of, pa.date32())))


class ByEntity:
    """Sorted copies of tables of a book as it stood at one commit.

    Args:
        tables: by name.
    """

    def __init__(self, tables: dict[str, Sorted]) -> None:
        self._tables = tables

    @classmethod
    def of(cls, book: Book, folder: Path, names: Sequence[str]) -> ByEntity:
        """The copies in a folder, made there where this state of the book has none; older ones go.

        Raises:
            OSError: they cannot be written.
            duckdb.Error: the book cannot be read.
        """
        target = folder / book.fingerprint()[:32]
        if not target.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=folder, prefix=".draft-"))
            try:
                for name in names:
                    _write(book, TABLES[name], draft / f"{name}.arrow")
                os.replace(draft, target)
            except OSError:
                if not target.is_dir():  # else another process was quicker
                    raise
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        for other in folder.iterdir():
            if other != target and not other.name.startswith("."):
                shutil.rmtree(other, ignore_errors=True)  # what is mapped stays until let go
        read = {n: Sorted.read(target / f"{n}.arrow", TABLES[n].entity) for n in names}
        return cls(read)

    def histories(self, table: str, entities: Sequence[str], as_of: date) -> pa.Table | None:
        """As `Known.histories`; None where a query is the better way."""
        found = self._tables.get(table)
        if found is None or len(entities) > FEW:
            return None
        return found.histories(entities, as_of)


def _write(book: Book, table: Table, path: Path) -> None:
    order = [*table.key, "known_at"]
    order = [table.entity, *(name for name in order if name != table.entity)]
    with book.cursor() as cursor:
        rows = cursor.sql(
            f"SELECT * EXCLUDE (source, batch) FROM all_{table.name} "
            f"WHERE {table.entity} IS NOT NULL ORDER BY {', '.join(order)}"
        ).to_arrow_reader(_BATCH_ROWS)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as out:
            for batch in rows:
                out.write_batch(batch)
