"""A lease: of many processes one acts, and if it dies another takes over when its time is up."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from vouch.store.tables import LEASES

# Every step of a run renews it; none takes nearly as long.
LEASE = timedelta(minutes=5)


def hold(connection: Connection, name: str, holder: str, now: datetime) -> bool:
    """Take a free or lapsed lease, or keep one's own; inside a transaction that excludes others."""
    row = connection.execute(select(LEASES).where(LEASES.c.name == name)).mappings().one_or_none()
    values = {"holder": holder, "until": now + LEASE}
    if row is None:
        connection.execute(insert(LEASES), {"name": name, **values})
        return True
    if row["holder"] != holder and row["until"] > now:
        return False
    connection.execute(update(LEASES).where(LEASES.c.name == name).values(values))
    return True


def give_back(connection: Connection, name: str, holder: str, now: datetime) -> None:
    """End one's own lease now."""
    mine = (LEASES.c.name == name) & (LEASES.c.holder == holder)
    connection.execute(update(LEASES).where(mine).values(until=now))
