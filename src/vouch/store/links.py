"""What the links in mails stand for: each lets one reader acknowledge some alerts, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from vouch.store.tables import LINKS


@dataclass(frozen=True)
class Link:
    """A link that was mailed to `reader`."""

    link_id: str
    alert_ids: Sequence[str]
    reader: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


def add(connection: Connection, link: Link) -> None:
    """Keep a link."""
    connection.execute(insert(LINKS), {**vars(link), "alert_ids": list(link.alert_ids)})


def find(connection: Connection, link_id: str) -> Link | None:
    """The link of this identifier, used or not."""
    query = select(LINKS).where(LINKS.c.link_id == link_id)
    row = connection.execute(query).mappings().one_or_none()
    return Link(**row) if row else None


def use(connection: Connection, link_id: str, now: datetime) -> Link | None:
    """Mark an unused, unexpired link as used and give it back, or None."""
    free = LINKS.c.used_at.is_(None) & (LINKS.c.expires_at > now)
    query = update(LINKS).where((LINKS.c.link_id == link_id) & free).values(used_at=now)
    return find(connection, link_id) if connection.execute(query).rowcount else None
