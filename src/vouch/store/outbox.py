"""Mails written with what they report, delivered afterwards, each once.

A sender claims mails before it hands them over, so that two processes do not send the same one;
if it dies, its claim lapses and the mail goes out under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from vouch.store.tables import OUTBOX

CLAIM = timedelta(minutes=30)
# A warning asks for an answer within a day; a week later it no longer says anything true.
GIVE_UP_AFTER = timedelta(days=7)


class MailState(StrEnum):
    """Where a mail stands."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Mail:
    """A mail as it goes over the wire; `content` is ASCII and holds the Message-ID."""

    message_id: str
    recipient: str
    content: str


@dataclass(frozen=True)
class QueuedMail(Mail):
    """A mail of the outbox; `settled_at` is when it was sent or given up."""

    queued_at: datetime
    state: MailState
    attempts: int
    settled_at: datetime | None
    last_error: str | None


def queue(connection: Connection, mails: Sequence[Mail], now: datetime) -> None:
    """Add mails to the outbox."""
    rows = [
        {
            "message_id": mail.message_id,
            "recipient": mail.recipient,
            "content": mail.content,
            "queued_at": now,
            "state": MailState.QUEUED.value,
            "attempts": 0,
        }
        for mail in mails
    ]
    if rows:
        connection.execute(insert(OUTBOX), rows)


def claim(connection: Connection, now: datetime) -> list[QueuedMail]:
    """Take the queued mails that no other process is delivering, oldest first."""
    free = or_(OUTBOX.c.claimed_until.is_(None), OUTBOX.c.claimed_until <= now)
    query = (
        update(OUTBOX)
        .where(OUTBOX.c.state == MailState.QUEUED.value, free)
        .values(claimed_until=now + CLAIM)
        .returning(OUTBOX)
    )
    mails = [_mail(row) for row in connection.execute(query).mappings()]
    return sorted(mails, key=lambda mail: (mail.queued_at, mail.message_id))


def settle(connection: Connection, mail: QueuedMail, error: str | None, now: datetime) -> MailState:
    """Note how an attempt ended: sent, to be tried again, or given up."""
    if error is None:
        state = MailState.SENT
    else:
        is_too_old = now - mail.queued_at >= GIVE_UP_AFTER
        state = MailState.FAILED if is_too_old else MailState.QUEUED
    connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.message_id == mail.message_id)
        .values(
            state=state.value,
            attempts=OUTBOX.c.attempts + 1,
            claimed_until=None,
            settled_at=None if state is MailState.QUEUED else now,
            last_error=error,
        )
    )
    return state


def mails(connection: Connection, state: MailState | None) -> list[QueuedMail]:
    """The mails in a state, or all, oldest first."""
    query = select(OUTBOX).order_by(OUTBOX.c.queued_at, OUTBOX.c.message_id)
    if state is not None:
        query = query.where(OUTBOX.c.state == state.value)
    return [_mail(row) for row in connection.execute(query).mappings()]


def _mail(row: RowMapping) -> QueuedMail:
    values = {name: row[name] for name in QueuedMail.__dataclass_fields__}
    return QueuedMail(**values | {"state": MailState(row["state"])})
