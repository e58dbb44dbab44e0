"""A file as text columns: found, whole, of a known encoding, with the header it should have.

Rows are numbered as a spreadsheet shows them: the header of a CSV is row 1, its first record
row 2. A record whose quoted text holds line breaks still counts as one row. A Parquet file has no
header row; its first row is 1.
"""

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from vouch.book.checks import FILE, ROW, Fault
from vouch.errors import SourceError

_END = "\x1e"  # a record of our own after the last: if an open quote swallows it, the file is cut
_LARGEST_BLOCK = 2**31 - 1
_SAMPLE = 1 << 16


@dataclass(frozen=True)
class Layout:
    """The columns a source needs of one kind of file, and those it takes where present."""

    source: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ("utf-8",)

    def fits(self, header: Sequence[str]) -> bool:
        """Whether every column needed is there."""
        return set(self.required) <= set(header)


@dataclass
class TextRows:
    """The rows of a file as text with `_file` and `_row`, and the rows that do not fit."""

    frame: pd.DataFrame
    faults: list[Fault]

    @property
    def count(self) -> int:
        """Rows in the file, good or bad, blank ones left out."""
        return len(self.frame) + len(self.faults)


class SourceFile:
    """A file that could be opened, decoded and has a header.

    Args:
        path: CSV (perhaps gzipped) or Parquet.
        label: what to call the file in faults.
        encodings: encodings to accept for CSV, in order of trial.

    Raises:
        SourceError: the file is missing, empty, damaged, in another encoding or not a table.
    """

    def __init__(self, path: Path, label: str, encodings: Sequence[str] = ("utf-8",)) -> None:
        self.path = path
        self.label = label
        self._data = _unzipped(path, _loaded(path))
        self._is_parquet = self._data[:4] == b"PAR1"
        if not self._is_parquet:
            self._data = _as_utf8(path, self._data, encodings)
        self._columns = self._parquet().schema_arrow.names if self._is_parquet else self._first()
        self.header = tuple(name.strip() for name in self._columns)
        twice = [name for name, times in Counter(self.header).items() if times > 1]
        if twice:
            raise SourceError(f"{path}: column {_listed(twice)} stands twice; remove one")

    def rows(self, columns: Sequence[str]) -> TextRows:
        """Read these columns, and no others, as text.

        Raises:
            SourceError: the file has no rows, or ends inside a quotation.
        """
        wanted = [raw for raw in self._columns if raw.strip() in set(columns)]
        read = self._parquet_rows(wanted) if self._is_parquet else self._csv_rows(wanted)
        if read.count == 0:
            raise SourceError(f"{self.path} has a header but no rows; there is nothing to import")
        return read

    def _first(self) -> list[str]:
        sample = self._data[:_SAMPLE].decode("utf-8", errors="ignore")
        header = next(csv.reader(io.StringIO(sample)), [])
        if len(header) < 2:
            shown = (header or [""])[0].strip()[:60]
            raise SourceError(
                f"{self.path} is not CSV: its first line has no commas, it reads {shown!r}; "
                "save it as comma-separated values with a header line"
            )
        return header

    def _csv_rows(self, wanted: list[str]) -> TextRows:
        bad: list[pyarrow.csv.InvalidRow] = []
        data = self._data if self._data.endswith((b"\n", b"\r")) else self._data + b"\n"
        table = self._parsed(data + _END.encode() + b"\n", wanted, bad)
        if not bad or bad[-1].text != _END:
            raise SourceError(
                f"{self.path} ends inside a quotation: a quotation mark opened in row "
                f"{table.num_rows + len(bad) + 1} or before is never closed; mend it or fetch the "
                "file again"
            )
        numbers = np.arange(2, table.num_rows + len(bad) + 2)
        numbers = np.setdiff1d(numbers, [row.number for row in bad], assume_unique=True)
        faults = [
            Fault(self.label, row.number, "row", _cells(row.actual_columns, row.expected_columns))
            for row in bad[:-1]
            if row.text.strip()
        ]
        return TextRows(self._labelled(table, numbers), faults)

    def _parsed(
        self, data: bytes, wanted: list[str], bad: list[pyarrow.csv.InvalidRow]
    ) -> pa.Table:
        def skip(row: pyarrow.csv.InvalidRow) -> str:
            bad.append(row)
            return "skip"

        try:
            return pyarrow.csv.read_csv(
                pa.BufferReader(data),
                # rows are numbered for the handler only where one thread reads
                pyarrow.csv.ReadOptions(
                    use_threads=False, block_size=min(len(data) + 1, _LARGEST_BLOCK)
                ),
                pyarrow.csv.ParseOptions(
                    newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip
                ),
                pyarrow.csv.ConvertOptions(
                    include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())
                ),
            )
        except pa.ArrowInvalid as error:
            raise SourceError(f"{self.path} is not CSV: {error}") from error

    def _parquet(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(pa.BufferReader(self._data))
        except (pa.ArrowException, OSError) as error:
            raise SourceError(
                f"{self.path} is a damaged Parquet file ({error}); fetch it again"
            ) from error

    def _parquet_rows(self, wanted: list[str]) -> TextRows:
        try:
            table = self._parquet().read(columns=wanted)
            text = pa.table([_text(column) for column in table.columns], names=wanted)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{self.path} cannot be read as text columns: {error}") from error
        return TextRows(self._labelled(text, np.arange(1, text.num_rows + 1)), [])

    def _labelled(self, table: pa.Table, numbers: np.ndarray) -> pd.DataFrame:
        frame: pd.DataFrame = table.to_pandas()
        frame.columns = pd.Index([name.strip() for name in frame.columns])
        is_blank = np.ones(len(frame), dtype=bool)
        for name in frame.columns:
            if not is_blank.any():
                break
            is_blank &= (frame[name] == "").to_numpy()
        frame[FILE] = self.label
        frame[ROW] = numbers
        return frame[~is_blank] if is_blank.any() else frame


def opened(files: Sequence[Path], encodings: Sequence[str] = ("utf-8",)) -> list[SourceFile]:
    """Open files, each labelled with its name, or its path where two names are alike."""
    if not files:
        raise SourceError("no file was given; name at least one")
    names = Counter(path.name for path in files)
    return [
        SourceFile(path, path.name if names[path.name] == 1 else str(path), encodings)
        for path in files
    ]


def read(files: Sequence[Path], layout: Layout) -> list[TextRows]:
    """Read files that all have one layout."""
    found = []
    for file in opened(files, layout.encodings):
        require(file, layout)
        found.append(file.rows((*layout.required, *layout.optional)))
    return found


def require(file: SourceFile, layout: Layout) -> None:
    """Refuse a file without the columns the layout needs.

    Raises:
        SourceError: with the missing columns and, where known, the layout the file does have.
    """
    missing = [name for name in layout.required if name not in file.header]
    if missing:
        raise SourceError(
            f"{file.path}: missing {_listed(missing)}; "
            + (other_layout(file.header, layout.source) or _remedy(layout))
        )


def other_layout(header: Sequence[str], source: str) -> str:
    """A hint where the header is that of another source, else nothing."""
    from vouch.book.sources import SOURCES

    for other in SOURCES.values():
        if other.name != source and other.recognises(header):
            return f"this looks like the {other.name} layout; use `vouch import {other.name}`"
    return ""


def _remedy(layout: Layout) -> str:
    return f"the {layout.source} layout needs them, fetch the complete file or mend the header line"


def _loaded(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist; check the path") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    if not data:
        raise SourceError(f"{path} is empty (0 bytes); fetch it again")
    return data


def _unzipped(path: Path, data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        data = gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise SourceError(
            f"{path} is truncated or damaged ({str(error).rstrip('.')}); fetch it again"
        ) from error
    if not data:
        raise SourceError(f"{path} is empty (0 bytes once unpacked); fetch it again")
    return data


def _as_utf8(path: Path, data: bytes, encodings: Sequence[str]) -> bytes:
    if data[:2] == b"PK":
        raise SourceError(f"{path} is a workbook or zip archive; save the sheet as CSV UTF-8")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SourceError(f"{path} is UTF-16; save it as CSV UTF-8")
    if b"\x00" in data:
        raise SourceError(f"{path} is binary, not text; give a CSV or Parquet file")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        plain = data if encoding == "utf-8" else text.encode("utf-8")
        return plain.removeprefix(b"\xef\xbb\xbf")
    names = " nor ".join(name.upper() for name in encodings)
    raise SourceError(f"{path} is not {names} text; save it as CSV UTF-8")


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.date32(), safe=False)
    return column.cast(pa.string()).fill_null("")


def _cells(actual: int, expected: int) -> str:
    return f"has {actual} cells where the header has {expected}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
