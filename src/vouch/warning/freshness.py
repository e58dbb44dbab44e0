"""How fresh each feed is; a source that has fallen silent is something people must hear of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from vouch.book.book import Book

RULE, CAUSE = "FD01", "silent_feed"
RULE_ZH, RULE_EN = "数据源静默", "Silent feed"
RULE_ABOUT = (
    "A source has brought nothing new into a table for longer than it may. The alert is told to "
    "the administrator and closed when the source speaks again."
)


@dataclass(frozen=True)
class Feed:
    """A table as one source fills it: when something new was last known, and how often that is."""

    source: str
    table: str
    newest: date
    silent_days: int
    may_be_silent: int

    @property
    def is_silent(self) -> bool:
        """Whether it has said nothing for longer than it may."""
        return self.silent_days > self.may_be_silent

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.source}/{self.table}"


def feeds(book: Book, as_of: date, may_be_silent: Mapping[str, int]) -> list[Feed]:
    """Every feed that policy expects to speak regularly, with its silence up to a day.

    Args:
        book: the book.
        as_of: silence counts up to this day.
        may_be_silent: days by table; tables not named may be silent for ever.
    """
    found = []
    for table, days in may_be_silent.items():
        files = book.files(table)
        if not files:
            continue
        rows = book.known(as_of).query(
            f"SELECT source, max(known_at) AS newest FROM all_{table} "
            f"WHERE known_at <= DATE '{as_of}' GROUP BY 1 ORDER BY 1"
        )
        for row in rows.to_pylist():
            silent = (as_of - row["newest"]).days
            found.append(Feed(row["source"], table, row["newest"], silent, days))
    return found
