"""`vouch portfolio`: for people, for programs, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from vouch.book.book import Book
from vouch.book.ingest import write_batch
from vouch.book.tables import TABLES
from vouch.cli import app
from vouch.errors import VouchError

Run = Callable[..., Result]
RATE = "compensation_rate_rolling_365d"


def rows(name: str, *bodies: dict[str, object]) -> pa.Table:
    schema = pa.schema([(c.name, c.arrow_type) for c in TABLES[name].columns])
    plain = [{column: body.get(column) for column in schema.names} for body in bodies]
    return pa.Table.from_pylist(plain, schema=schema)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command on a book with one guarantee, half of which was released in March."""
    monkeypatch.setenv("VOUCH_BOOK", str(tmp_path / "book"))
    monkeypatch.delenv("VOUCH_POLICY", raising=False)
    signed = {"event_at": date(2024, 1, 10), "known_at": date(2024, 1, 10)}
    release = {"release_no": 1, "cause": "repaid", "is_final": False, "amount": Decimal("1234.50")}
    dates = {"event_at": date(2025, 3, 1), "known_at": date(2025, 3, 4)}
    guarantee = {"guarantee_id": "G1", "borrower_id": "B1", "lender_id": "L1"}
    tables = {
        "guarantee": rows("guarantee", guarantee | {"amount": Decimal("2469.00")} | signed),
        "lender": rows("lender", {"lender_id": "L1", "name": "晋商银行"} | signed),
        "release": rows("release", {"guarantee_id": "G1"} | release | dates),
    }
    write_batch(Book(tmp_path / "book", create=True), "b1", "test", tables, [])
    return lambda *words: CliRunner().invoke(app, ["portfolio", *map(str, words)])


def read(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    body: list[dict[str, Any]] = json.loads(result.stdout)
    return body


def test_figures_for_programs(run: Run) -> None:
    found = read(run("--as-of", "2025-06-30", "--json", "--indicator", RATE))
    assert found == [
        {
            "indicator": RATE,
            "version": 1,
            "group": None,
            "numerator": "0.00",
            "denominator": "1234.50",
            "value": 0.0,
        }
    ]
    # the release of 1 March was not known before the 4th, and without one there is no rate
    (before,) = read(run("--as-of", "2025-03-03", "--json", "--indicator", RATE))
    assert (before["denominator"], before["value"]) == ("0.00", None)


def test_figures_for_people_by_lender(run: Run) -> None:
    result = run("--as-of", "2025-06-30", "--by", "lender")
    assert result.exit_code == 0, result.output
    assert "在保余额" in result.output
    assert "Balance in force" in result.output
    assert "晋商银行" in result.output
    assert "1,234.50" in result.output
    assert "0.0000%" in result.output


def test_figures_that_the_book_does_not_hold(run: Run, tmp_path: Path) -> None:
    given = tmp_path / "figures.toml"
    given.write_text('[unknown]\nfees_of_year = "1200.00"\n', encoding="utf-8")
    words = ("--as-of", "2025-06-30", "--json", "--indicator", "unearned_reserve")
    assert read(run(*words, "--figures", given))[0]["value"] == "600.00"
    assert read(run(*words))[0]["value"] is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--as-of", "June"), "not a date"),
        (("--as-of", "2025-06-30", "--by", "colour"), "cannot group by 'colour'"),
        (("--as-of", "2025-06-30", "--indicator", "x"), "no indicator 'x'; known are"),
        (("--as-of", "2025-06-30", "--figures", "none.toml"), "none.toml"),
        (("--as-of", "2025-06-30", "--book", "nowhere"), "there is no book at nowhere"),
    ],
)
def test_what_cannot_be_measured_is_refused(run: Run, words: tuple[str, ...], says: str) -> None:
    result = run(*words)
    assert isinstance(result.exception, VouchError), result.output
    assert says in str(result.exception)
