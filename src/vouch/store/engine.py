"""Connections to the database: how it is opened, brought up to date, written and read."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from vouch.errors import StoreError

BUSY_SECONDS = 30
# Any number will do as long as every process of Vouch takes the same one.
_POSTGRES_LOCK = 7_605_883_104
_MIGRATIONS = Path(__file__).parent / "migrations"


class Canonical(str):
    """JSON text in the one way of writing that is hashed; it is stored as it stands."""

    __slots__ = ()

    @classmethod
    def of(cls, value: Any) -> Canonical:
        """Write a value: keys sorted, no blanks.

        Raises:
            StoreError: a number in it is not finite.
        """
        try:
            return cls(_CANONICAL.encode(value))
        except ValueError as error:
            raise StoreError(f"only finite numbers can be stored: {error}") from None

    @classmethod
    def quickly(cls, value: Any) -> Canonical:
        """The same for a value known to be plain and finite: what is not finite would become null.

        Very large and very small numbers have other exponents than those of `of`, so such a text
        is hashed as it was stored and not written anew.
        """
        return cls(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())


_CANONICAL = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


class Database:
    """A database by URL, at the newest revision of the schema.

    Raises:
        StoreError: it cannot be reached, or a newer version of Vouch made it.
    """

    def __init__(self, url: str) -> None:
        self._url = _parsed(url)
        self.name = self._url.render_as_string(hide_password=True)
        self._engine = _engine(self._url)
        try:
            with self._explained("opened"):
                self._upgrade()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for queries; they never wait for a writer."""
        with self._explained("read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection for queries that all see the same moment."""
        with self.reading() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it happens or none; what it reads no other can change."""
        with self._explained("written"), self._engine.connect() as plain:
            connection = plain.execution_options(vouch_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def locked(self) -> Iterator[Connection]:
        """A transaction that waits until no other process is in one of these."""
        with self.writing() as connection:
            _lock(connection)
            yield connection

    @property
    def dialect(self) -> Dialect:
        """How values are written."""
        return self._engine.dialect

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self._url.drivername == "sqlite"

    def sqlite_alone(self) -> sqlite3.Connection:
        """A connection of SQLite's own driver that does not wait for other writers."""
        path = str(self._url.database)
        found = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
        _prepare_sqlite(found, None)
        return found

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def _upgrade(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        script = ScriptDirectory.from_config(config)
        with self._engine.connect() as connection:
            if self._revision(connection, script) == script.get_current_head():
                return
        with self.locked() as connection:
            self._revision(connection, script)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _revision(self, connection: Connection, script: ScriptDirectory) -> str | None:
        revision = MigrationContext.configure(connection).get_current_revision()
        try:
            if revision is not None:
                script.get_revision(revision)
        except CommandError:
            raise StoreError(
                f"the store {self.name} was made by a newer version of Vouch (revision {revision});"
                " run that version, or name another store in VOUCH_STORE_URL"
            ) from None
        return revision

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            reason = str(cause).strip().splitlines()[0] if str(cause).strip() else repr(cause)
            if isinstance(error, IntegrityError):
                raise StoreError(f"the store {self.name} refuses this: {reason}") from error
            raise StoreError(
                f"the store {self.name} cannot be {verb}: {reason}; check that it is there and "
                "that VOUCH_STORE_URL names it"
            ) from error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(
            "VOUCH_STORE_URL is no database address; write sqlite:////folder/vouch.db or "
            "postgresql+psycopg://user:password@host/database"
        ) from None
    if parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise StoreError(
            f"VOUCH_STORE_URL names {parsed.drivername!r}; use sqlite or postgresql+psycopg"
        )
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("the store must be a file that all processes share: sqlite:////path.db")
    return parsed


def _engine(url: URL) -> Engine:
    if url.drivername != "sqlite":
        return create_engine(
            url,
            json_serializer=_json,
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
        )
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder of the store {path}: {error}") from error
    engine = create_engine(
        url,
        json_serializer=_json,
        hide_parameters=True,
        connect_args={"timeout": float(BUSY_SECONDS)},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _json(value: Any) -> str:
    if isinstance(value, Canonical):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise StoreError(f"only finite numbers can be stored: {error}") from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transactions begin too late (at the first change) and not at all for DDL.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    _switch_to_wal(connection)


def _switch_to_wal(connection: Any) -> None:
    # SQLite does not wait out its busy timeout for this one change of a fresh file.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that began as a reader could not wait for it any more.
    writes = connection.get_execution_options().get("vouch_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
