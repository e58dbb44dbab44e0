"""The gates of the calibration hold for the simulated province, and see what is wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vouch.book.book import Book
from vouch.errors import BookError
from vouch.simulator.gates import Gate, gates

# so few guarantees compensate too rarely, and hold too few large loans, for these to be held
BY_CHANCE = {
    "rolling 365-day compensation rate",
    "share of clients up to 5 million, by amount",
}


def test_a_small_province_keeps_every_gate_but_those_left_to_chance(book: Book) -> None:
    failed = {gate.name for gate in gates(book) if not gate.passed}
    assert failed <= BY_CHANCE


def test_limits_are_inclusive_and_what_cannot_be_measured_fails() -> None:
    assert Gate("", "", 1.5, 1.0, 0.5).passed
    assert not Gate("", "", 1.51, 1.0, 0.5).passed
    assert not Gate("", "", None, 0.0, 0.0).passed


def test_an_empty_book_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"is empty; fill it with `vouch simulate`"):
        gates(Book(tmp_path, create=True))


@pytest.mark.slow
def test_the_command_checks_a_book_that_is_there(book: Book, tmp_path: Path) -> None:
    from vouch.cli import app

    done = CliRunner().invoke(app, ["simulate", "--check", "--json", "--book", str(book.path)])
    told = json.loads(done.stdout)
    assert done.exit_code == (0 if all(gate["passed"] for gate in told) else 1)
    measured = {gate["name"]: gate["measured"] for gate in told}
    assert {gate.name: gate.measured for gate in gates(book)}.items() <= measured.items()
    assert 0.72 <= measured["best reachable AUC, pre-loan"] <= 0.80
