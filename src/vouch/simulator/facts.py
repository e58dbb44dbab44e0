"""Columns of numbers into the typed tables of the book."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from vouch.book.schema import Kind, Table
from vouch.simulator.calibration import Section
from vouch.simulator.months import Flags, Ints


def money(fen: Ints) -> pa.Array:
    """Fen as the exact decimals of the book."""
    words = np.empty((len(fen), 2), dtype=np.int64)  # little-endian 128-bit integers
    words[:, 0] = fen
    words[:, 1] = fen >> 63
    return pa.Array.from_buffers(
        pa.decimal128(18, 2), len(fen), [None, pa.py_buffer(words.tobytes())]
    )


def facts(table: Table, columns: Mapping[str, Any], keep: Flags | None = None) -> pa.Table:
    """A typed table; columns not given are empty, rows not kept are left out.

    Money is in fen, days are day numbers, everything else as it is.
    """
    size = len(columns["known_at"])
    arrays = []
    for column in table.columns:
        values = columns.get(column.name)
        if values is None:
            arrays.append(pa.nulls(size, column.arrow_type))
        elif column.kind is Kind.MONEY:
            arrays.append(money(values))
        elif column.kind is Kind.DATE:
            arrays.append(pa.array(np.asarray(values, dtype=np.int32)).view(pa.date32()))
        elif isinstance(values, pa.Array):
            arrays.append(values)
        else:
            arrays.append(pa.array(values, column.arrow_type))
    made = pa.table(arrays, names=[column.name for column in table.columns])
    return made if keep is None else made.filter(pa.array(keep))


def known_days(lag: Section, usual: int, rng: np.random.Generator, events: Ints) -> Ints:
    """The first day each event can be known: its usual lag, and more for late arrivals."""
    size = len(events)
    is_late = rng.random(size) < lag["late_share"]
    more = rng.exponential(lag["late_mean_days"], size).astype(np.int64) + 1
    known: Ints = events + usual + np.where(is_late, more, 0)
    return known
