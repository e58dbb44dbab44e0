"""API keys: shown once, kept as hashes, expiring, revocable, rotated without an interruption.

A key is `vouch_<key_id>_<secret>`; the secret has 256 random bits, so a plain SHA-256 of the key
is as good as a slow one, and looking a caller up costs one index access.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from vouch.domain.access import Caller, Institution, Role, check_pairing
from vouch.errors import NotFoundError, StoreError
from vouch.store.audit import AuditEntry, append
from vouch.store.engine import Database
from vouch.store.tables import API_KEYS


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; the secret is not."""

    key_id: str
    lineage: str
    name: str
    role: Role
    institution: Institution
    rate_per_minute: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it opens anything now; one revoked never does, even if clocks go back."""
        return now < self.expires_at and self.revoked_at is None

    @property
    def caller(self) -> Caller:
        """Who calls with it; the same before and after a rotation."""
        return Caller(
            f"key:{self.lineage}", self.name, self.role, self.institution, self.rate_per_minute
        )


@dataclass(frozen=True)
class NewKey:
    """What a key is to be."""

    name: str
    role: Role
    institution: Institution
    expires_at: datetime
    rate_per_minute: int | None = None


def key_hash(secret: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()


class KeyRing:
    """The keys of a store; every change goes into the audit log with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, new: NewKey, who: str, now: datetime) -> tuple[ApiKey, str]:
        """Make a key; its text is returned this once.

        Raises:
            StoreError: role and institution do not go together, or it would be born expired.
        """
        try:
            check_pairing(new.role, new.institution)
        except ValueError as error:
            raise StoreError(f"no key was made: {error}") from None
        if new.expires_at <= now:
            raise StoreError("no key was made: it would have expired already")
        key_id = secrets.token_hex(6)
        with self._database.writing() as connection:
            return _add(connection, new, key_id, key_id, who, now)

    def rotate(
        self, key_id: str, old_until: datetime, expires_at: datetime, who: str, now: datetime
    ) -> tuple[ApiKey, str]:
        """Make a successor of a key; the old one goes on until `old_until`.

        Raises:
            NotFoundError: there is no such key, or it opens nothing any more.
        """
        with self._database.writing() as connection:
            old = _one(connection, key_id)
            if not old.is_live(now):
                raise NotFoundError(f"key {key_id} has expired or was revoked; create a new one")
            new = NewKey(old.name, old.role, old.institution, expires_at, old.rate_per_minute)
            until = min(old.expires_at, old_until)
            _set(connection, key_id, expires_at=until)
            made = _add(connection, new, secrets.token_hex(6), old.lineage, who, now)
            detail = {"successor": made[0].key_id, "old_until": until.isoformat()}
            append(connection, AuditEntry(now, who, "rotate_key", key_id, detail))
        return made

    def revoke(self, key_id: str, who: str, now: datetime) -> None:
        """End a key at once.

        Raises:
            NotFoundError: there is no such key.
        """
        with self._database.writing() as connection:
            if _one(connection, key_id).revoked_at is None:
                _set(connection, key_id, revoked_at=now)
                append(connection, AuditEntry(now, who, "revoke_key", key_id))

    def find(self, hash_: str) -> ApiKey | None:
        """The key of this hash, live or not."""
        query = select(API_KEYS).where(API_KEYS.c.hash == hash_)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return _key(row) if row else None

    def every(self) -> list[ApiKey]:
        """Every key there ever was, oldest first."""
        query = select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.key_id)
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(query).mappings()]


def _add(
    connection: Connection, new: NewKey, key_id: str, lineage: str, who: str, now: datetime
) -> tuple[ApiKey, str]:
    secret = f"vouch_{key_id}_{secrets.token_urlsafe(32)}"
    key = ApiKey(key_id, lineage, **vars(new), created_at=now, created_by=who, revoked_at=None)
    row = {**vars(key), "role": key.role.value, "institution": str(key.institution)}
    connection.execute(insert(API_KEYS), {**row, "hash": key_hash(secret)})
    detail = {
        "name": key.name,
        "role": row["role"],
        "institution": row["institution"],
        "expires_at": key.expires_at.isoformat(),
    }
    append(connection, AuditEntry(now, who, "create_key", key_id, detail))
    return key, secret


def _one(connection: Connection, key_id: str) -> ApiKey:
    query = select(API_KEYS).where(API_KEYS.c.key_id == key_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no key {key_id}; `vouch keys list` names them")
    return _key(row)


def _set(connection: Connection, key_id: str, **changed: datetime) -> None:
    connection.execute(update(API_KEYS).where(API_KEYS.c.key_id == key_id).values(**changed))


def _key(row: RowMapping) -> ApiKey:
    values = {name: row[name] for name in ApiKey.__dataclass_fields__}
    return ApiKey(
        **values | {"role": Role(row["role"]), "institution": Institution.parse(row["institution"])}
    )
