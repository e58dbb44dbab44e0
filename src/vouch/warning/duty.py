"""What a watch works with, and that only the holder of the lease does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vouch.book.book import Known
from vouch.domain.calendar import WorkCalendar
from vouch.domain.portfolio_part import PortfolioPart
from vouch.domain.response import Terms
from vouch.errors import LeaseError
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.store.alerts import AlertDesk
from vouch.store.store import Store

if TYPE_CHECKING:
    from vouch.warning.linking import Linker
    from vouch.warning.notify import Courier, Mailer

LEASE_NAME = "watch"


@dataclass(frozen=True)
class Duty:
    """Everything a watch works with besides the book and the model.

    Args:
        holder: names this process in the lease.
        clock: what time it is.
        administrator: who hears of news that has nobody to go to, and of what went wrong.
        duty_list: the file of people, see `people`.
        linker: writes the links of acknowledgement; without it mails have none.
        robot: told of what is urgent besides the people.
        portfolio: the parts of the book that portfolio rules look at; without it none are.
    """

    policy: Policy
    store: Store
    mailer: Mailer
    calendar: WorkCalendar
    clock: Callable[[], datetime]
    holder: str
    administrator: str | None = None
    duty_list: Path | None = None
    linker: Linker | None = None
    robot: Courier | None = None
    portfolio: Callable[[Known, Bundle], Sequence[PortfolioPart]] | None = None
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def desk(self) -> Iterator[AlertDesk]:
        """A transaction over the alerts, which only the holder of the lease gets.

        Raises:
            LeaseError: another process is on watch.
        """
        with self.store.alert_desk() as desk:
            if not desk.hold(LEASE_NAME, self.holder, self.clock()):
                raise LeaseError("another process is on watch; this one stands back")
            yield desk

    def give_back(self) -> None:
        """Let another process go on watch at once."""
        self.store.give_back(LEASE_NAME, self.holder, self.clock())

    def terms(self) -> Terms:
        """The terms of response in force now."""
        return self.policy.response(self.calendar.day(self.clock()))
