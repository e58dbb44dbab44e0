"""The watch as a process of its own: takes in what arrived, catches up, runs each day, chases."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from threading import Event

from vouch.book.book import Book
from vouch.errors import LeaseError, VouchError
from vouch.features.describe import Progress, silent
from vouch.scoring.bundle import Bundle
from vouch.warning.arrivals import Arrival, take_in
from vouch.warning.chasing import chase
from vouch.warning.duty import Duty
from vouch.warning.telling import readdress, tell_all
from vouch.warning.watch import WatchReport, send, staff_of, watch_once

log = logging.getLogger("vouch.watch")

PAUSE_SECONDS = 60.0


@dataclass
class Rounds:
    """What a process on watch did since it began."""

    runs: int = 0
    stood_back: int = 0
    failures: int = 0
    last: str = ""


@dataclass(frozen=True)
class Watchman:
    """A process on watch.

    Args:
        duty: what it works with.
        folder: the book.
        champion: gives the model in use.
        inbox: folder of files to import.
        progress: called with guarantees done and in all.
    """

    duty: Duty
    folder: Path
    champion: Callable[[], Bundle]
    inbox: Path | None = None
    progress: Progress = silent
    seen: dict[str, object] = field(default_factory=dict)

    def forever(self, stop: Event, pause: float = PAUSE_SECONDS) -> Rounds:
        """Go round until told to stop; what fails is logged and tried again in the next round."""
        rounds = Rounds()
        while not stop.is_set():
            try:
                reports = self.round()
                rounds.runs += len(reports)
            except LeaseError as error:
                rounds.stood_back += 1
                log.debug("%s", error)
            except VouchError as error:
                rounds.failures += 1
                rounds.last = str(error)
                log.error("%s", error)
            except Exception:
                # whatever it is, alerts are safe in the store and the next round may succeed
                rounds.failures += 1
                log.exception("a round of the watch failed")
            stop.wait(pause)
        self.duty.give_back()
        return rounds

    def round(self) -> list[WatchReport]:
        """One round: import what arrived, look at the days not looked at yet, chase, deliver.

        Raises:
            LeaseError: another process is on watch.
        """
        with self.duty.desk() as desk:
            unfinished, newest = desk.unfinished_run(), desk.newest_watch
        arrivals = self._take_in()
        book = Book(self.folder)
        state = book.fingerprint()
        this_day = today(self.duty)
        # a file that brought nothing is reported too
        is_new = bool(arrivals) or unfinished is not None or self.seen.get("state") != state
        days = self._days(newest, this_day)
        if not days and not is_new:
            self._chase(book, this_day)
            return []
        days = days or [this_day]
        reports = [self._run(book, day, day == days[-1], this_day, arrivals) for day in days]
        self.seen["state"] = state
        return reports

    def _take_in(self) -> list[Arrival]:
        if self.inbox is None:
            return []
        return take_in(self.inbox, self.folder, today(self.duty))

    def _days(self, newest: date | None, last: date) -> list[date]:
        """The days since the last look, today included; none where today was looked at."""
        if newest is None:
            return [last]
        missed = (last - newest).days
        most = self.duty.terms().catch_up_days
        return [last - timedelta(days=n) for n in range(min(missed, most) - 1, -1, -1)]

    def _run(
        self, book: Book, day: date, is_last: bool, last: date, arrivals: Sequence[Arrival]
    ) -> WatchReport:
        known_at = None if day == last else self.duty.calendar.end_of(day)
        return watch_once(
            self.duty,
            book,
            self.champion(),
            day,
            known_at,
            self.progress,
            tells=is_last,
            arrivals=arrivals if is_last else (),
        )

    def _chase(self, book: Book, day: date) -> None:
        staff = staff_of(self.duty, book, day)
        if readdress(self.duty, staff):
            (run,) = self.duty.store.watch_runs(1)
            tell_all(self.duty, staff, run, urgent_only=False)
        chase(self.duty, staff)
        send(self.duty)


def today(duty: Duty) -> date:
    """The day where people are."""
    return duty.calendar.day(duty.clock())
