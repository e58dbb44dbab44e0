"""The same store tests on SQLite and on a real PostgreSQL server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vouch.store.store import Store


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
