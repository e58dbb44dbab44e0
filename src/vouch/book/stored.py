"""The stored files of a table as one relation with every column that is declared today."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from vouch.book.schema import Table

_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.bool_(): "BOOLEAN",
}


def stored(table: Table, files: Sequence[Path]) -> str:
    """SQL for the rows of these files.

    A file written before a column was declared has it missing, so that a book outlives the
    tables it was made with.
    """
    columns = ", ".join(f"NULL::{_sql_type(f.type)} AS {f.name}" for f in table.arrow_schema)
    declared = f"SELECT {columns} WHERE false"
    if not files:
        return declared
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    rows = f"SELECT * FROM read_parquet([{names}], union_by_name = true)"
    return f"{declared} UNION ALL BY NAME {rows}"


def _sql_type(kind: pa.DataType) -> str:
    return _SQL_TYPES.get(kind, "DECIMAL(18, 2)")
