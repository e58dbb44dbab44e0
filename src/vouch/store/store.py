"""The store: decisions made, models promoted, alerts raised, mails to deliver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, text

from vouch.domain.alert import Alert, AlertChange
from vouch.store import alerts, lease, links, outbox, runs
from vouch.store.alerts import AlertDesk, AlertEvent
from vouch.store.at_once import AtOnce
from vouch.store.audit import AuditHead, AuditLog
from vouch.store.backup import backup, restore
from vouch.store.decisions import Decisions
from vouch.store.engine import Database
from vouch.store.keys import KeyRing
from vouch.store.links import Link
from vouch.store.outbox import CLAIMED_AT_ONCE, Channel, MailState, QueuedMail, Refused
from vouch.store.retention import Retention
from vouch.store.reviews import Reviews
from vouch.store.runs import Run
from vouch.store.shadows import Shadows
from vouch.store.tables import PROMOTIONS
from vouch.store.verify import Verified, verify

# What an entry of the ledger of promotions says was done.
PROPOSE, PROMOTE, ROLL_BACK = "propose", "promote", "roll_back"


@dataclass(frozen=True)
class Promotion:
    """An entry of the ledger: a version proposed, made champion, or gone back to.

    `previous` was champion before; `who` did it, and approved it where another proposed it;
    `evidence` names the hashes of model and data, and the gates.
    """

    stage: str
    version: str
    previous: str | None
    who: str
    at: datetime
    note: str
    act: str = PROMOTE
    proposed_by: str | None = None
    evidence: dict[str, Any] | None = None


class Store:
    """What must not be lost, in SQLite or PostgreSQL; several processes may use one at once.

    Args:
        url: `sqlite:////folder/vouch.db` or `postgresql+psycopg://user:password@host/database`.

    Raises:
        StoreError: it cannot be reached or was made by a newer version (also from every method).
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.keys = KeyRing(self._database)
        self.decisions = Decisions(self._database)
        self.reviews = Reviews(self._database)
        self.shadows = Shadows(self._database)
        self.retention = Retention(self._database)
        self.audit = AuditLog(self._database)

    @cached_property
    def at_once(self) -> AtOnce | None:
        """Adds decisions without waiting, where the database can."""
        return AtOnce(self._database) if self._database.is_sqlite else None

    def checkpoint(self) -> None:
        """Bring home what was added at once."""
        if self.at_once is not None:
            self.at_once.checkpoint(self._database)

    def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            StoreError: there is none.
        """
        with self._database.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Give back all connections."""
        if vars(self).get("at_once"):
            vars(self).pop("at_once").close()
        self._database.close()

    def verify(self, noted: AuditHead | None = None) -> Verified:
        """Check the audit log and every decision against it."""
        return verify(self._database, noted)

    def backup(self, target: Path) -> dict[str, int]:
        """Write every row to a file; rows by table."""
        return backup(self._database, target)

    def restore(self, source: Path) -> dict[str, int]:
        """Fill this store, which has to be empty, from a backup; rows by table."""
        return restore(self._database, source)

    def add_promotion(self, promotion: Promotion) -> None:
        """Keep an entry of the ledger; it can never be changed."""
        with self._database.writing() as connection:
            connection.execute(insert(PROMOTIONS), vars(promotion))

    def promotions(self, stage: str) -> list[Promotion]:
        """The ledger of a stage, oldest entry first."""
        query = (
            select(*(PROMOTIONS.c[name] for name in Promotion.__dataclass_fields__))
            .where(PROMOTIONS.c.stage == stage)
            .order_by(PROMOTIONS.c.number)
        )
        with self._database.reading() as connection:
            return [Promotion(**row) for row in connection.execute(query).mappings()]

    @contextmanager
    def alert_desk(self) -> Iterator[AlertDesk]:
        """One transaction over the live alerts and the outbox; one process at a time."""
        with self._database.locked() as connection:
            yield AlertDesk(connection)

    def give_back(self, name: str, holder: str, now: datetime) -> None:
        """End one's own lease."""
        with self._database.locked() as connection:
            lease.give_back(connection, name, holder, now)

    def change_alerts(
        self, alert_ids: Sequence[str], change: Callable[[Alert], AlertChange | None]
    ) -> list[AlertChange]:
        """Change alerts in one transaction; returns what was changed."""
        with self._database.locked() as connection:
            return alerts.matching(connection, alert_ids, change)

    def alerts(self, guarantee_id: str | None = None, live_only: bool = True) -> list[Alert]:
        """Alerts, the most urgent first: of one guarantee or all, closed ones on request."""
        with self._database.reading() as connection:
            return alerts.alerts(connection, guarantee_id, live_only)

    def alerts_by_id(self, alert_ids: Sequence[str]) -> list[Alert]:
        """These alerts, the most urgent first; unknown ones are left out."""
        with self._database.reading() as connection:
            return AlertDesk(connection).by_id(alert_ids)

    def alert_events(self, alert_id: str) -> list[AlertEvent]:
        """The history of an alert, oldest first."""
        with self._database.reading() as connection:
            return alerts.alert_events(connection, alert_id)

    def link(self, link_id: str) -> Link | None:
        """What a link of a mail stands for, used or not."""
        with self._database.reading() as connection:
            return links.find(connection, link_id)

    def watch_runs(self, most: int = 20) -> list[Run]:
        """The latest runs of the watch, newest first."""
        with self._database.reading() as connection:
            return runs.newest(connection, most)

    def claim_mails(
        self,
        now: datetime,
        due_by: datetime | None = None,
        channels: Sequence[Channel] = tuple(Channel),
        most: int = CLAIMED_AT_ONCE,
    ) -> list[QueuedMail]:
        """Take queued messages that are due and that no other process is delivering.

        Args:
            now: a claim runs from this moment.
            due_by: only messages that were due by then; by default `now`.
            channels: only messages of these.
            most: how many at once.
        """
        with self._database.writing() as connection:
            return outbox.claim(connection, now, due_by, channels, most)

    def settle_mail(self, mail: QueuedMail, refused: Refused | None, now: datetime) -> MailState:
        """Note how an attempt to deliver ended; unless refused the message is sent."""
        with self._database.writing() as connection:
            return outbox.settle(connection, mail, refused, now)

    def bounce_mail(
        self, message_id: str, recipient: str | None, reason: str, now: datetime
    ) -> int:
        """Note that a message came back; returns how many recipients that concerns."""
        with self._database.writing() as connection:
            return outbox.bounce(connection, message_id, recipient, reason, now)

    def mails(self, state: MailState | None = None) -> list[QueuedMail]:
        """The outbox, oldest first."""
        with self._database.reading() as connection:
            return outbox.mails(connection, state)
