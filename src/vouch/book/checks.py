"""From text to typed rows, and which rows are refused, each with its reason in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera

from vouch.book.schema import Column, Kind, Table
from vouch.domain.resident_number import resident_number_fault

FILE, ROW = "_file", "_row"


@dataclass(frozen=True)
class Fault:
    """A row that was refused: where it stands and why."""

    file: str
    row: int
    column: str
    reason: str


@dataclass
class Draft:
    """Rows a source has read for one table, as text or typed, with `_file` and `_row`.

    `is_derived` marks facts that many rows of a file repeat (the lender of each loan): of those one
    per key and day is kept in silence, while a repeated row of anything else is a fault.
    `is_dated` is false where `event_at` is only the day of the file: the first file's day stands.
    """

    table: Table
    frame: pd.DataFrame
    is_derived: bool = False
    is_dated: bool = True

    @property
    def content(self) -> tuple[str, ...]:
        """The columns in which two versions of one key differ, if they do."""
        if self.is_dated and not self.is_derived:
            return self.table.content
        return tuple(name for name in self.table.content if name != "event_at")


@dataclass
class Reading:
    """What a source made of its files.

    `snapshot_at` is the day the files describe, where they say so: facts that differ from an
    earlier file's count as corrections known from that day on. `stands_for` says of a place (file
    and row) how many rows its facts sum up, where that is not one.
    """

    drafts: list[Draft]
    faults: list[Fault] = field(default_factory=list)
    rows: int = 0
    snapshot_at: date | None = None
    notes: list[str] = field(default_factory=list)
    stands_for: Mapping[tuple[str, int], int] = field(default_factory=dict)


_NUMBER = r"[-+]?(\d+|\d{1,3}(,\d{3})+)?(\.\d*)?([eE][-+]?\d+)?"
_NUMBERS = (Kind.MONEY, Kind.RATE, Kind.NUMBER, Kind.COUNT)
_TRUE = {"true", "yes", "y", "1", "t", "是"}
_FALSE = {"false", "no", "n", "0", "f", "否"}
_FLAGS = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
_WANTED = {
    Kind.DATE: "a date written YYYY-MM-DD",
    Kind.FLAG: "yes or no",
    Kind.MONEY: "an amount such as 60000.00",
    Kind.RATE: "a fraction such as 0.0465",
    Kind.NUMBER: "a number",
    Kind.COUNT: "a whole number",
}


def _is_text(series: pd.Series) -> bool:
    return bool(pd.api.types.is_string_dtype(series) or series.dtype == object)


def parse(series: pd.Series, column: Column) -> pd.Series:
    """Read text as the column's kind; what cannot be read becomes missing."""
    if not _is_text(series):
        return series
    text: pd.Series = series.astype("string").str.strip()
    text = text.mask(text == "")
    if column.kind in _NUMBERS:
        plain = text.where(text.str.fullmatch(_NUMBER).fillna(False), pd.NA)
        plain = plain.str.replace(",", "", regex=False)
        return pd.to_numeric(plain, errors="coerce").astype("float64")
    if column.kind is Kind.DATE:
        return pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    if column.kind is Kind.FLAG:
        return text.str.lower().map(_FLAGS).astype("boolean")
    return text


def _unreadable(raw: pd.Series, typed: pd.Series) -> pd.Series:
    if raw is typed or not _is_text(raw):
        return pd.Series(False, index=raw.index)
    return raw.notna() & (raw.astype("string").str.strip() != "") & typed.isna()


@cache
def row_schema(table: Table) -> pandera.DataFrameSchema:
    """The pandera schema of a table, made from its declaration; each check words its reason."""
    return pandera.DataFrameSchema(
        {
            column.name: pandera.Column(
                nullable=not column.required,
                checks=list(_value_checks(column)),
                required=True,
                title=column.zh,
                description=column.about,
            )
            for column in table.columns
        },
        name=table.name,
    )


def _value_checks(column: Column) -> Iterable[pandera.Check]:
    if column.kind in _NUMBERS:
        low, high = column.lowest, column.highest
        if low is not None:
            yield pandera.Check.ge(low, error=f"is below {low:g}")
        if high is not None:
            yield pandera.Check.le(high, error=f"is above {high:g}, absurd for {column.name}")
        yield pandera.Check(lambda s: np.isfinite(s.astype("float64")), error="is not finite")
    if column.kind in (Kind.COUNT,):
        yield pandera.Check(lambda s: s.astype("float64") % 1 == 0, error="is not a whole number")
    if column.kind is Kind.MONEY:
        yield pandera.Check(_is_exact_to_the_fen, error="is finer than 0.01")
    if column.choices:
        known = ", ".join(column.choices)
        yield pandera.Check.isin(column.choices, error=f"is unknown; known are {known}")
    if column.kind is Kind.TEXT and column.text_fault is None:  # which says more of a length
        longest = column.max_length
        yield pandera.Check.str_length(max_value=longest, error=f"is longer than {longest}")
    if column.kind is Kind.DATE:
        yield pandera.Check.ge(pd.Timestamp(1900, 1, 1), error="is before 1900")


def _is_exact_to_the_fen(series: pd.Series) -> pd.Series:
    fen = series.astype("float64") * 100
    coarseness = 4e-16 * fen.abs()  # of the float itself, 0.04 fen at the largest amounts
    return (fen - fen.round()).abs() <= 1e-6 + coarseness


def check(draft: Draft, today: date) -> tuple[pd.DataFrame, list[Fault]]:
    """Type the draft's rows and refuse the faulty ones.

    Returns:
        The good rows with every column of the table plus `_file` and `_row`, and the faults.
    """
    table, raw = draft.table, draft.frame
    typed = pd.DataFrame({FILE: raw[FILE], ROW: raw[ROW]}, index=raw.index)
    faults: list[Fault] = []
    for column in table.columns:
        values = raw[column.name] if column.name in raw else pd.Series(pd.NA, index=raw.index)
        typed[column.name] = parse(values, column)
        bad = _unreadable(values, typed[column.name])
        if bad.any():
            reason = f"is not {_WANTED.get(column.kind)}"
            faults += faults_at(raw[bad], column.name, values[bad], reason)
    unread = {(fault.file, fault.row, fault.column) for fault in faults}
    faults += [
        fault
        for fault in (
            *_schema_faults(table, typed),
            *_text_faults(table, typed),
            *_order_faults(typed, today),
        )
        if (fault.file, fault.row, fault.column) not in unread
    ]
    return without(typed, faults), faults


def _schema_faults(table: Table, typed: pd.DataFrame) -> list[Fault]:
    unique = typed.reset_index(drop=True)
    try:
        row_schema(table).validate(unique, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return []
    at = cases["index"].astype("int64").to_numpy()
    columns = zip(
        unique[FILE].to_numpy()[at],
        unique[ROW].to_numpy()[at],
        cases["column"],
        cases["check"],
        cases["failure_case"],
        strict=True,
    )
    return [
        Fault(str(file), int(row), str(column), _reason(str(broken), value))
        for file, row, column, broken, value in columns
    ]


def _reason(broken: str, value: Any) -> str:
    return "is missing" if broken == "not_nullable" else f"{_shown(value)} {broken}"


def _text_faults(table: Table, typed: pd.DataFrame) -> list[Fault]:
    """Texts that their column's own form refuses; each distinct text is judged once."""
    faults = []
    for column in table.columns:
        if column.text_fault is None:
            continue
        texts = typed[column.name].dropna().unique()
        reasons = {text: column.text_fault(str(text)) for text in texts}
        wrong = {text: reason for text, reason in reasons.items() if reason}
        bad = typed[typed[column.name].isin(list(wrong))]
        faults += [
            Fault(str(file), int(row), column.name, f"{_shown(text)} {wrong[text]}")
            for file, row, text in zip(bad[FILE], bad[ROW], bad[column.name], strict=True)
        ]
    return faults


def _order_faults(typed: pd.DataFrame, today: date) -> list[Fault]:
    limit = pd.Timestamp(today)
    faults = []
    for name in ("event_at", "known_at"):
        late = typed[name] > limit
        faults += faults_at(typed[late], name, typed[name][late], f"lies after {today}")
    early = typed["known_at"] < typed["event_at"]
    faults += faults_at(
        typed[early], "known_at", typed["known_at"][early], "is before event_at: known too early"
    )
    return faults


def faults_at(rows: pd.DataFrame, column: str, values: pd.Series, reason: str) -> list[Fault]:
    """One fault for each of `rows`, with the value seen before the reason."""
    if rows.empty:
        return []
    return [
        Fault(str(file), int(row), column, f"{_shown(value)} {reason}")
        for file, row, value in zip(rows[FILE], rows[ROW], values, strict=True)
    ]


def _shown(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    if pd.isna(value) or value == "":
        return "an empty cell"
    if isinstance(value, int | float):  # numpy's floats are floats; they print as plain numbers
        return f"{value:.12g}"
    text = str(value)
    if resident_number_fault(text) is None:
        return "a resident identity number (not repeated here)"
    return repr(text if len(text) <= 60 else text[:57] + "…")


def without(frame: pd.DataFrame, faults: Sequence[Fault]) -> pd.DataFrame:
    """The rows of `frame` that stand in no faulty row of a file."""
    return frame[~is_faulty(frame, faults)] if faults else frame


def is_faulty(frame: pd.DataFrame, faults: Sequence[Fault]) -> np.ndarray:
    """Which rows of `frame` stand in a faulty row of a file."""
    found = np.zeros(len(frame), dtype=bool)
    near = np.flatnonzero(frame[ROW].isin({fault.row for fault in faults}).to_numpy())
    places = {(fault.file, fault.row) for fault in faults}
    suspects = frame.iloc[near]
    found[near] = [at in places for at in zip(suspects[FILE], suspects[ROW], strict=True)]
    return found


def repeats(draft: Draft, frame: pd.DataFrame) -> list[Fault]:
    """Rows that stand twice, or that contradict each other under one key and known_at."""
    if draft.is_derived:
        return []
    key = [*draft.table.key, "known_at"]
    content = list(draft.table.content)
    same_key = frame.duplicated(key, keep=False)
    if not same_key.any():
        return []
    suspects = frame[same_key]
    twice = suspects.duplicated(key + content, keep="first")
    faults = faults_at(
        suspects[twice],
        ", ".join(draft.table.key),
        suspects[twice][draft.table.key[0]],
        "is a duplicate: every field equals an earlier row's",
    )
    distinct = suspects[~twice]
    conflict = distinct.duplicated(key, keep=False)
    return faults + faults_at(
        distinct[conflict],
        ", ".join(draft.table.key),
        distinct[conflict][draft.table.key[0]],
        "has conflicting versions known on the same day; give the corrected one a later known_at",
    )
