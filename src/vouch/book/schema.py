"""How a table of facts is declared: one declaration serves storage, checks, templates and HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import pyarrow as pa


class Kind(StrEnum):
    """What a column holds and in which unit."""

    TEXT = "text"
    DATE = "date"
    MONEY = "money"  # yuan (or the book's currency) to the fen
    RATE = "rate"  # a fraction: 0.0465 is 4.65 %
    NUMBER = "number"
    COUNT = "count"
    FLAG = "flag"


ARROW_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.MONEY: pa.decimal128(18, 2),
    Kind.RATE: pa.float64(),
    Kind.NUMBER: pa.float64(),
    Kind.COUNT: pa.int64(),
    Kind.FLAG: pa.bool_(),
}

NO_CHOICES: tuple[str, ...] = ()

# What is wrong with a text, in words that follow it; None where nothing is.
TextFault = Callable[[str], str | None]


@dataclass(frozen=True)
class Column:
    """One column: its name, what it holds, its Chinese name and what it means.

    `lowest` and `highest` are inclusive limits outside which a value is absurd rather than rare.
    `text_fault` judges a text that has a form of its own, such as one with a check digit. `terms`
    are the choices with their Chinese names.
    """

    name: str
    kind: Kind
    zh: str
    about: str
    required: bool = False
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[str, ...] = NO_CHOICES
    max_length: int = 200
    text_fault: TextFault | None = None
    terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False, compare=False)

    @property
    def arrow_type(self) -> pa.DataType:
        """The type in Parquet."""
        return ARROW_TYPES[self.kind]


EVENT_AT = Column("event_at", Kind.DATE, "发生日期", "The day it happened.", required=True)
KNOWN_AT = Column(
    "known_at", Kind.DATE, "获知日期", "The first day we could know it.", required=True
)

PROVENANCE = (
    Column("source", Kind.TEXT, "数据来源", "The source module that read it.", required=True),
    Column("batch", Kind.TEXT, "导入批次", "The import that brought it.", required=True),
)


@dataclass(frozen=True)
class Table:
    """A table of facts. `key` is the natural key; a later `known_at` of the same key corrects it.

    `entity` is the column by which histories are gathered (a guarantee, a borrower, …).
    """

    name: str
    zh: str
    about: str
    key: tuple[str, ...]
    entity: str
    own_columns: tuple[Column, ...] = field(repr=False)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns that a source fills in, the two dates last."""
        return (*self.own_columns, EVENT_AT, KNOWN_AT)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Columns by name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def content(self) -> tuple[str, ...]:
        """The columns that make two versions of one key the same or different."""
        return tuple(c.name for c in self.columns if c.name not in (*self.key, "known_at"))

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The layout in Parquet, provenance included."""
        return pa.schema([(c.name, c.arrow_type) for c in (*self.columns, *PROVENANCE)])

    def empty(self) -> dict[str, list[Any]]:
        """No rows, every column."""
        return {column.name: [] for column in self.columns}
