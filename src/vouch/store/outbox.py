"""Messages written with what they report, delivered afterwards, each once.

A sender claims messages before it hands them over, so that two processes do not send the same
one; if it dies, its claim lapses and the message goes out under the same Message-ID. One that is
not taken is tried again, after ever longer waits; a recipient refused for good three times, or a
message a week old, is given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, or_, select, tuple_, update

from vouch.store.tables import OUTBOX

# A batch is claimed at once; no server is waited for longer than this over all of it.
CLAIM = timedelta(minutes=10)
CLAIMED_AT_ONCE = 20
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=60)
# A warning asks for an answer within a day; a week later it no longer says anything true.
GIVE_UP_AFTER = timedelta(days=7)
MOST_REFUSALS = 3
# So long nobody is written to where a mail came back; then it is tried again.
DEAD_FOR = timedelta(days=7)


class MailState(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    BOUNCED = "bounced"


class Channel(StrEnum):
    """How a message goes out."""

    MAIL = "mail"
    WEBHOOK = "webhook"


@dataclass(frozen=True)
class Mail:
    """A message to one recipient; of a mail, `content` is ASCII and holds the Message-ID."""

    message_id: str
    recipient: str
    content: str
    channel: Channel = Channel.MAIL


@dataclass(frozen=True)
class Refused:
    """Why a message was not taken.

    `for_good` where the server will never take it, `is_outage` where it takes nothing at all.
    """

    reason: str
    for_good: bool = False
    is_outage: bool = False


@dataclass(frozen=True, kw_only=True)
class QueuedMail(Mail):
    """A message of the outbox; `settled_at` is when it was sent or given up."""

    queued_at: datetime
    state: MailState
    attempts: int
    refusals: int
    settled_at: datetime | None
    last_error: str | None


def queue(connection: Connection, mails: Sequence[Mail], now: datetime) -> None:
    """Add messages to the outbox."""
    rows = [
        {
            "message_id": mail.message_id,
            "recipient": mail.recipient,
            "channel": mail.channel.value,
            "content": mail.content,
            "queued_at": now,
            "state": MailState.QUEUED.value,
            "attempts": 0,
            "refusals": 0,
            "not_before": now,
        }
        for mail in mails
    ]
    if rows:
        connection.execute(insert(OUTBOX), rows)


def claim(
    connection: Connection,
    now: datetime,
    due_by: datetime | None = None,
    channels: Sequence[Channel] = tuple(Channel),
    most: int = CLAIMED_AT_ONCE,
) -> list[QueuedMail]:
    """Take queued messages that are due and that no other process is delivering, oldest first."""
    free = or_(OUTBOX.c.claimed_until.is_(None), OUTBOX.c.claimed_until <= now)
    due = (OUTBOX.c.state == MailState.QUEUED.value) & free
    due &= OUTBOX.c.not_before <= (due_by or now)
    due &= OUTBOX.c.channel.in_([channel.value for channel in channels])
    oldest = (
        select(OUTBOX.c.message_id, OUTBOX.c.recipient)
        .where(due)
        .order_by(OUTBOX.c.queued_at, OUTBOX.c.message_id, OUTBOX.c.recipient)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    keys = [tuple(row) for row in connection.execute(oldest)]
    if not keys:
        return []
    mine = tuple_(OUTBOX.c.message_id, OUTBOX.c.recipient).in_(keys)
    connection.execute(update(OUTBOX).where(mine).values(claimed_until=now + CLAIM))
    rows = {(r["message_id"], r["recipient"]): r for r in _rows(connection, mine)}
    return [_mail(rows[key]) for key in keys]


def _rows(connection: Connection, which: Any) -> Sequence[RowMapping]:
    return connection.execute(select(OUTBOX).where(which)).mappings().all()


def settle(
    connection: Connection, mail: QueuedMail, refused: Refused | None, now: datetime
) -> MailState:
    """Note how an attempt ended: sent, to be tried again, or given up."""
    refusals = mail.refusals + bool(refused and refused.for_good)
    state = _state_after(mail, refused, refusals, now)
    wait = min(FIRST_WAIT * 2**mail.attempts, LONGEST_WAIT)
    connection.execute(
        update(OUTBOX)
        .where(_is(mail.message_id, mail.recipient))
        .values(
            state=state.value,
            attempts=OUTBOX.c.attempts + 1,
            refusals=refusals,
            not_before=now + wait,
            claimed_until=None,
            settled_at=None if state is MailState.QUEUED else now,
            last_error=refused.reason if refused else None,
        )
    )
    return state


def _state_after(
    mail: QueuedMail, refused: Refused | None, refusals: int, now: datetime
) -> MailState:
    if refused is None:
        return MailState.SENT
    if refusals >= MOST_REFUSALS:
        return MailState.BOUNCED
    return MailState.FAILED if now - mail.queued_at >= GIVE_UP_AFTER else MailState.QUEUED


def bounce(
    connection: Connection, message_id: str, recipient: str | None, reason: str, now: datetime
) -> int:
    """Note that a message that was sent came back; returns how many recipients that concerns."""
    which = OUTBOX.c.message_id == message_id
    if recipient is not None:
        which &= OUTBOX.c.recipient == recipient
    bounced = {"state": MailState.BOUNCED.value, "settled_at": now, "last_error": reason}
    return connection.execute(update(OUTBOX).where(which).values(bounced)).rowcount


def dead_addresses(connection: Connection, since: datetime) -> set[str]:
    """Where a mail came back since then, and none was taken later."""
    ended = func.max(OUTBOX.c.settled_at)
    query = select(OUTBOX.c.recipient, OUTBOX.c.state, ended).where(
        OUTBOX.c.settled_at >= since, OUTBOX.c.channel == Channel.MAIL.value
    )
    last: dict[str, dict[str, datetime]] = {}
    for recipient, state, at in connection.execute(
        query.group_by(OUTBOX.c.recipient, OUTBOX.c.state)
    ):
        last.setdefault(recipient, {})[state] = at
    return {
        recipient
        for recipient, ends in last.items()
        if (bounced := ends.get(MailState.BOUNCED.value)) is not None
        and bounced >= ends.get(MailState.SENT.value, bounced)
    }


def mails(connection: Connection, state: MailState | None) -> list[QueuedMail]:
    """The messages in a state, or all, oldest first."""
    query = select(OUTBOX).order_by(OUTBOX.c.queued_at, OUTBOX.c.message_id, OUTBOX.c.recipient)
    if state is not None:
        query = query.where(OUTBOX.c.state == state.value)
    return [_mail(row) for row in connection.execute(query).mappings()]


def _is(message_id: str, recipient: str) -> Any:
    return (OUTBOX.c.message_id == message_id) & (OUTBOX.c.recipient == recipient)


def _mail(row: RowMapping) -> QueuedMail:
    values = {name: row[name] for name in QueuedMail.__dataclass_fields__}
    enums = {"state": MailState(row["state"]), "channel": Channel(row["channel"])}
    return QueuedMail(**values | enums)
