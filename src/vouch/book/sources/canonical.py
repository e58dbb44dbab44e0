"""Vouch's own layout: one CSV or Parquet file per table of the book, as templates lay it out.

A file is of the table that its name says (`guarantee.csv`, `担保.csv`), or else the one whose
columns its header has. Headers are the English names or the Chinese ones, or a mixture. Where
`known_at` is absent or empty the fact counts as known on the day it happened.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd

from vouch.book.checks import Draft, Reading
from vouch.book.reading import SourceFile, opened, other_layout
from vouch.book.schema import Column, Kind, Table
from vouch.book.tables import TABLES
from vouch.domain.vocabulary import term_of
from vouch.errors import SourceError

_NAME = "vouch"
_DAY = r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?$"
_UNREAD: dict[str, str] = {}


class Canonical:
    """One file per table, with English or Chinese headers."""

    name = _NAME
    about = "Vouch's own templates, one CSV or Parquet file per table (see `vouch book template`)"
    unread = _UNREAD
    outcomes: tuple[str, ...] = ()
    restated: ClassVar[dict[str, str]] = {}

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a file with this header line fits exactly one table."""
        return len(_best(header)) == 1

    def read(self, files: Sequence[Path]) -> Reading:
        """Read whole files, any number per table.

        Raises:
            SourceError: a file is damaged or is of no table.
        """
        reading = Reading([])
        for file in opened(files, encodings=("utf-8", "gb18030")):
            _add(reading, file, _table(file))
        return reading


def write_templates(folder: Path, language: str = "zh") -> list[Path]:
    """Write one CSV per table with a header line and nothing else.

    Args:
        language: `zh` for Chinese file and column names, `en` for English ones.

    Raises:
        SourceError: a file of that name exists; nothing was written.
    """
    if language not in ("zh", "en"):
        raise SourceError(f"there are no templates in {language!r}; known are zh, en")
    headers = {
        folder / f"{_word(table, language)}.csv": [_word(c, language) for c in table.columns]
        for table in TABLES.values()
    }
    for path in headers:
        if path.exists():
            raise SourceError(f"{path} exists already; give an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path, header in headers.items():
        # a byte-order mark makes spreadsheet programs show Chinese rather than noise
        with path.open("x", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream).writerow(header)
    return list(headers)


def _word(named: Table | Column, language: str) -> str:
    return named.zh if language == "zh" else named.name


def _names(table: Table) -> dict[str, str]:
    """Column names by any name a header may give them."""
    return {word: c.name for c in table.columns for word in (c.name, c.zh)}


def _missing(table: Table, header: Sequence[str]) -> list[str]:
    names = _names(table)
    found = {names.get(word) for word in header} | {"known_at"}
    return [f"{c.name} ({c.zh})" for c in table.columns if c.required and c.name not in found]


def _best(header: Sequence[str]) -> list[Table]:
    """The tables that take most of the header's columns, of those that lack none."""
    fits = {
        name: len(set(header) & set(_names(table)))
        for name, table in TABLES.items()
        if not _missing(table, header)
    }
    return [TABLES[name] for name, size in fits.items() if size == max(fits.values())]


def _table(file: SourceFile) -> Table:
    stem = file.path.name.split(".")[0].strip().lower()
    for table in TABLES.values():
        if stem in (table.name, table.zh):
            missing = _missing(table, file.header)
            if missing:
                hint = other_layout(file.header, _NAME) or "the templates show the header line"
                raise SourceError(f"{file.path}: missing {', '.join(missing)}; {hint}")
            return table
    found = _best(file.header)
    if len(found) != 1:
        hint = other_layout(file.header, _NAME) or (
            "name it after its table, such as guarantee.csv or 担保.csv; "
            "`vouch book template` writes one of each"
        )
        raise SourceError(f"{file.path}: its columns are those of no one table; {hint}")
    return found[0]


def _add(reading: Reading, file: SourceFile, table: Table) -> None:
    names = _names(table)
    taken = [word for word in file.header if word in names]
    doubled = {names[word] for word in taken if [names[w] for w in taken].count(names[word]) > 1}
    if doubled:
        raise SourceError(f"{file.path}: {', '.join(doubled)} stands under two names; remove one")
    read = file.rows(taken)
    unknown = [word for word in file.header if word not in names]
    if unknown:
        reading.notes.append(
            f"{file.label}: not read, unknown to {table.name}: {', '.join(unknown)}"
        )
    frame = _plain(read.frame.rename(columns=names), table)
    assumed = frame["known_at"] == "" if "known_at" in frame else pd.Series(True, frame.index)
    if assumed.any():
        reading.notes.append(
            f"{file.label}: {int(assumed.sum())} rows without known_at count as known on event_at"
        )
        frame["known_at"] = frame["event_at"].where(assumed, frame.get("known_at"))
    reading.drafts.append(Draft(table, frame))
    reading.faults.extend(read.faults)
    reading.rows += read.count


def _plain(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Chinese words for choices and other ways to write a day, as the book writes them."""
    for column in table.columns:
        if column.name not in frame:
            continue
        text = frame[column.name].str.strip()
        if column.choices:
            terms = {word: term_of(word, column.terms) or word for word in text.unique()}
            text = text.map(terms)
        elif column.kind is Kind.DATE:
            text = text.str.replace(_DAY, r"\1-\2-\3", regex=True)
        frame[column.name] = text
    return frame


SOURCE = Canonical()
