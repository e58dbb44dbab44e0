"""A book large enough to learn from out of time, and registries that start empty."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from vouch.book.book import Book
from vouch.scoring.registry import Registry
from vouch.simulator import simulate

UNTIL = date(2025, 6, 30)


@pytest.fixture(scope="session")
def province(tmp_path_factory: pytest.TempPathFactory) -> Book:
    book = Book(tmp_path_factory.mktemp("province") / "book", create=True)
    simulate(book, 6_000, seed=7, first=date(2015, 1, 1), until=UNTIL)
    return book


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}", tmp_path / "cache")
