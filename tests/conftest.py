"""What all tests share: the project's root, the real data where it is, a small hand-made book."""

from datetime import date
from pathlib import Path

import pytest

from vouch.book.book import Book

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
