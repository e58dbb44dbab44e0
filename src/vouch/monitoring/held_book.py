"""The book as a running process holds it: opened once, its portfolio indexed, ready in memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from threading import RLock

import pyarrow as pa

from vouch import clock
from vouch.book.book import Book
from vouch.book.by_entity import ByEntity
from vouch.book.owners import Owners
from vouch.domain.advice.case import Missing, PortfolioState
from vouch.features.facts import CASE_TABLES
from vouch.features.portfolio import PortfolioIndex
from vouch.monitoring.measures.catalogue import Indicator
from vouch.monitoring.portfolio_state import PortfolioDay
from vouch.policy.reading import Policy
from vouch.scoring.subject import Subject

log = logging.getLogger("vouch.book")

# One day's portfolio is a scan of the book and is kept, so a service looks back so far only.
_DAYS_BACK = 31
_DAYS_KEPT = _DAYS_BACK + 1


@dataclass(frozen=True)
class _OpenBook:
    """A book with its portfolio, as of so many commits."""

    book: Book
    commits: int
    days: dict[date, PortfolioDay] = field(default_factory=dict)
    owners: dict[date, Owners] = field(default_factory=dict)
    ready: set[date] = field(default_factory=set)

    @cached_property
    def portfolio(self) -> PortfolioIndex | None:
        newest = self.book.newest_known_at
        if newest is None:
            return None
        index = PortfolioIndex.of(self.book.known(newest))
        for lazy in ("by_borrower", "compensations_by_borrower"):
            getattr(index, lazy)
        dict(index.tracks)
        return index


class HeldBook:
    """The book in a folder, opened anew when something was added to it.

    Args:
        folder: of the book; there may be none yet.
        indicators: the definitions by which the portfolio is read.
        policy: where the schemes are.
        cache: the folder for a copy sorted by entity, from which a case is read quickly.
    """

    def __init__(
        self,
        folder: Path,
        indicators: Mapping[str, Indicator],
        policy: Policy,
        cache: Path | None = None,
    ) -> None:
        self._folder = folder
        self._indicators = indicators
        self._policy = policy
        self._cache = cache
        self._lock = RLock()
        self._open: _OpenBook | None = None
        self._is_held = False

    def book(self) -> Book | None:
        """The book as it stands now, or None where there is none.

        Raises:
            BookError: its log cannot be read.
        """
        found = self._opened()
        return found.book if found else None

    def portfolio(self) -> PortfolioIndex | None:
        """The portfolio's history with everything known now, or None without a book.

        One index serves every as-of date: what it gives a case counts only days before the case's.
        """
        found = self._opened()
        return found.portfolio if found else None

    def owners(self) -> Owners | None:
        """Whose each guarantee is today, or None without a book."""
        found, today = self._opened(), clock.today()
        if found is None:
            return None
        if today not in found.owners:
            made = Owners.of(found.book.known(today))
            found.owners.clear()
            found.owners[today] = made
        return found.owners[today]

    def hold(self) -> None:
        """Make the book as it stands now ready to answer from memory, then use it.

        From then on what is imported later counts after the next call: a service that reads the
        book while it answers would keep callers waiting.

        Raises:
            BookError: its log cannot be read; the book used before goes on.
        """
        found, today = self._looked_up(), clock.today()
        if found is not None and found.portfolio is not None:
            found.owners.setdefault(today, Owners.of(found.book.known(today)))
            self._ready(found, today)
            self._sort(found.book)
        with self._lock:
            self._open, self._is_held = found, True

    def _sort(self, book: Book) -> None:
        """Sort a copy of the book; without one a case is read from the book itself."""
        if self._cache is None or book.by_entity is not None:
            return
        try:
            book.by_entity = ByEntity.of(book, self._cache, CASE_TABLES)
        except (OSError, pa.ArrowException) as error:
            log.warning("the book is not sorted for quick reading: %s", error)

    def holds(self, today: date) -> bool:
        """Whether what a case of today needs of the book is in memory."""
        held = self._open
        return self._is_held and (held is None or today in held.owners)

    def holds_state(self, day: date, today: date) -> bool:
        """Whether how the portfolio stood on a day is in memory, or too long ago to be read."""
        held = self._open
        return held is None or day in held.ready or day < today - timedelta(days=_DAYS_BACK)

    def states(
        self, subjects: Sequence[Subject], oldest: date | None = None
    ) -> list[PortfolioState | Missing]:
        """How the portfolio stands towards each subject on its own day.

        Args:
            oldest: days before this one are not read.
        """
        opened = self._opened()
        if opened is None or opened.book.newest_known_at is None:
            return [Missing.NO_BOOK] * len(subjects)
        found: list[PortfolioState | Missing] = [
            Missing.TOO_OLD if oldest is not None and one.as_of < oldest else Missing.NO_GUARANTOR
            for one in subjects
        ]
        rows: dict[date, list[int]] = {}
        for row, one in enumerate(subjects):
            if found[row] is Missing.NO_GUARANTOR and one.asked and one.guarantor_id:
                rows.setdefault(one.as_of, []).append(row)
        for day, here in rows.items():
            states = self._ready(opened, day).states([subjects[row] for row in here])
            for row, state in zip(here, states, strict=True):
                found[row] = state
        return found

    def recent_states(self, subjects: Sequence[Subject]) -> list[PortfolioState | Missing]:
        """The same for a service, which looks back a month at most."""
        return self.states(subjects, clock.today() - timedelta(days=_DAYS_BACK))

    def portfolio_on(self, day: date) -> PortfolioDay:
        """The portfolio on a day.

        Raises:
            BookError: there is no book.
        """
        return self._day(self._opened() or _OpenBook(Book(self._folder), 0), day)

    def _ready(self, opened: _OpenBook, day: date) -> PortfolioDay:
        """The portfolio on a day with all that its states need in memory."""
        found = self._day(opened, day)
        if day not in opened.ready:
            found.prepare()
            opened.ready.add(day)
        return found

    def _day(self, opened: _OpenBook, day: date) -> PortfolioDay:
        with self._lock:
            if day not in opened.days:
                known = opened.book.known(day)
                opened.days[day] = PortfolioDay(known, self._indicators, self._policy)
            found = opened.days[day]
            while len(opened.days) > _DAYS_KEPT:
                oldest = min(opened.days)
                opened.ready.discard(oldest)
                opened.days.pop(oldest)
            return found

    def _opened(self) -> _OpenBook | None:
        with self._lock:
            if not self._is_held:
                self._open = self._looked_up()
            return self._open

    def _looked_up(self) -> _OpenBook | None:
        """The book as it stands: the one open already where nothing was committed since."""
        folder = self._folder / "log"
        if not folder.is_dir():
            return None
        commits = sum(1 for _ in folder.glob("[0-9]*.json"))
        known = self._open
        if known is not None and known.commits == commits:
            return known
        return _OpenBook(Book(self._folder), commits)
