"""The rows of a source's files on their way to facts: what was read, and what was refused."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from vouch.book.checks import FILE, ROW, Draft, Fault, faults_at, is_faulty
from vouch.book.reading import TextRows
from vouch.book.schema import Table

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTH_NUMBERS = {name.lower(): f"{number:02d}" for number, name in enumerate(_MONTHS, start=1)}
_FIRST_YEAR_OF_THE_1900S = 60  # the SBA guaranteed its first loans after 1953, its data start later


class Sheet:
    """Text rows of one layout; columns come out typed, and what cannot be read is refused."""

    def __init__(self, parts: Sequence[TextRows]) -> None:
        self.frame = pd.concat([part.frame for part in parts], ignore_index=True)
        self.faults: list[Fault] = [fault for part in parts for fault in part.faults]
        self.count = sum(part.count for part in parts)

    def text(self, column: str) -> pd.Series:
        """A column without outer blanks, empty cells missing; all missing where it is absent."""
        if column not in self.frame:
            return pd.Series(pd.NA, index=self.frame.index, dtype="str")
        stripped = self.frame[column].str.strip()
        return stripped.mask(stripped == "")

    def refuse(self, bad: pd.Series, column: str, reason: str) -> None:
        """Refuse rows, with the reason."""
        self.faults += faults_at(self.frame[bad], column, self.text(column)[bad], reason)

    def good(self) -> pd.Series:
        """Which rows have not been refused so far."""
        return pd.Series(~is_faulty(self.frame, self.faults), self.frame.index)

    def days(self, column: str, order: str, wanted: str) -> pd.Series:
        """Dates in the order given as a strptime format."""
        return self._checked_days(
            column, pd.to_datetime(self.text(column), format=order, errors="coerce"), wanted
        )

    def short_days(self, column: str) -> pd.Series:
        """Dates such as 28-Feb-97; years from 60 on lie in the 1900s, the others in the 2000s."""
        parts = self.text(column).str.extract(r"^(\d{1,2})-([A-Za-z]{3})-(\d{4}|\d{2})$")
        month = parts[1].str.lower().map(_MONTH_NUMBERS)
        short = pd.to_numeric(parts[2])
        century = short.mask(short < 100, short + 1900).mask(
            short < _FIRST_YEAR_OF_THE_1900S, short + 2000
        )
        written = century.astype("Int64").astype("string") + "-" + month + "-" + parts[0]
        days = pd.to_datetime(written, format="%Y-%m-%d", errors="coerce")
        return self._checked_days(column, days, "a date such as 28-Feb-97")

    def _checked_days(self, column: str, days: pd.Series, wanted: str) -> pd.Series:
        self.refuse(days.isna() & self.text(column).notna(), column, f"is not {wanted}")
        return days

    def amounts(self, column: str) -> pd.Series:
        """Amounts as text without a currency sign."""
        return self.text(column).str.replace("$", "", regex=False).str.strip()

    def numbers(self, column: str) -> pd.Series:
        """Plain numbers."""
        text = self.text(column)
        numbers = pd.to_numeric(text, errors="coerce").astype("float64")
        self.refuse(numbers.isna() & text.notna(), column, "is not a number")
        return numbers

    def refuse_repeats(self, key: Sequence[str], columns: Sequence[str]) -> None:
        """Refuse rows equal in every column, then rows of one key that contradict each other."""
        suspects = self.frame[self.frame.duplicated(list(key), keep=False)]
        twice = suspects.duplicated(list(columns))
        bad = self.frame.index.isin(suspects.index[twice])
        self.refuse(
            pd.Series(bad, self.frame.index),
            key[0],
            "is a duplicate: every field read equals an earlier row's",
        )
        rest = suspects[~twice]
        bad = self.frame.index.isin(rest.index[rest.duplicated(list(key), keep=False)])
        self.refuse(
            pd.Series(bad, self.frame.index), key[0], "stands in rows that contradict each other"
        )

    def draft(
        self,
        table: Table,
        columns: Mapping[str, Any],
        only: pd.Series | None = None,
        *,
        is_derived: bool = False,
        is_dated: bool = True,
    ) -> Draft:
        """Facts for one table from these columns, from the rows of `only` where given."""
        frame = self.frame[[FILE, ROW]].assign(**columns)
        return Draft(table, frame if only is None else frame[only], is_derived, is_dated)


def slug(names: pd.Series, places: pd.Series) -> pd.Series:
    """Readable identifiers from names and places; missing where the name is."""
    distinct = pd.DataFrame({"name": names, "place": places}).drop_duplicates()
    made = {
        (name, place): _slug(str(name), "" if pd.isna(place) else str(place))
        for name, place in zip(distinct["name"], distinct["place"], strict=True)
        if not pd.isna(name)
    }
    found = [made.get(pair) for pair in zip(names.tolist(), places.tolist(), strict=True)]
    return pd.Series(found, index=names.index, dtype="str")


def _slug(name: str, place: str) -> str:
    words = re.sub(r"[^0-9a-z]+", "-", name.lower().replace("&", " and ")).strip("-")
    return "-".join(part for part in (words[:70] or name[:70], place.lower()) if part)
