from datetime import date

import pandas as pd
import pytest

from vouch.book.book import Book
from vouch.book.tables import TABLES
from vouch.simulator import SimulationReport, simulate

UNTIL = date(2025, 6, 30)
SEED = 20250630


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Book, SimulationReport]:
    book = Book(tmp_path_factory.mktemp("book") / "small", create=True)
    return book, simulate(book, 3_000, SEED)


@pytest.fixture(scope="session")
def book(simulated: tuple[Book, SimulationReport]) -> Book:
    return simulated[0]


@pytest.fixture(scope="session")
def rows(book: Book) -> dict[str, pd.DataFrame]:
    """The latest version of every fact, by table, dates as timestamps."""
    known = book.known(UNTIL)
    tables = {}
    for name in TABLES:
        frame = known.rows(name).to_pandas()
        for column in frame.columns:
            if column.endswith(("_at", "_on")):
                frame[column] = pd.to_datetime(frame[column])
        tables[name] = frame
    return tables
