"""`vouch forecast`: for people, for programs, the file of guarantees, and what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.monitoring.test_book_forecast import book, guarantee
from vouch.cli import app
from vouch.errors import VouchError

Run = Callable[..., Result]
ASKED = ("--as-of", "2025-06-30", "--rate", "0.02", "--scenarios", "500")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command on a book with one capped guarantee and one without a cap."""
    rows = [
        guarantee("G1", date(2024, 10, 1), date(2025, 10, 1), "1000000.00"),
        guarantee("G2", date(2025, 1, 1), date(2026, 1, 1), "500000.00", "8:2"),
    ]
    book(tmp_path / "book", guarantee=rows)
    monkeypatch.setenv("VOUCH_BOOK", str(tmp_path / "book"))
    monkeypatch.setenv("VOUCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VOUCH_PACKED", "yes")
    monkeypatch.delenv("VOUCH_POLICY", raising=False)
    return lambda *words: CliRunner().invoke(app, ["forecast", *map(str, words)])


def test_a_forecast_for_programs(run: Run) -> None:
    result = run(*ASKED, "--json")
    assert result.exit_code == 0, result.output
    body = json.loads(result.stdout)
    (one,) = body["portfolios"]
    # 1,000,000 released in October after 365 days: 0.03 · 0.80 · 1,000,000
    assert one["periods"][0]["cap_amount_by_the_end"] == "24000.00"
    assert one["periods"][0]["scenarios"] == 500
    # 2 % · 60 % of 1,500,000
    assert body["guarantees"]["expected_compensation"]["total"] == "18000.00"
    assert body["guarantees"]["horizon_days"] == 365


def test_a_forecast_for_people(run: Run) -> None:
    result = run(*ASKED)
    assert result.exit_code == 0, result.output
    for words in ("18,000.00", "总对总", "期末上限", "cap by the end", "24,000", "国担基金"):
        assert words in result.output


def test_of_many_portfolios_the_likeliest_to_reach_their_cap_are_shown(
    run: Run, tmp_path: Path
) -> None:
    """25 guarantors have a portfolio each; the one whose guarantee matures has a cap to reach."""
    ends = {number: date(2026, 3, 1) for number in range(25)} | {17: date(2025, 10, 1)}
    rows = [
        guarantee(f"M{n}", date(2024, 10, 1), end, "1000000.00", guarantor_id=f"C-{n}")
        for n, end in ends.items()
    ]
    book(tmp_path / "many", guarantee=rows)
    output = run(*ASKED, "--book", tmp_path / "many").output
    assert "… 5 more, less likely to reach their cap" in output
    assert output.count("L1 · C-") == 20
    assert output.index("L1 · C-") == output.index("L1 · C-17 ")


def test_no_capped_portfolio_is_said(run: Run) -> None:
    assert "no portfolio is under a cap" in run(*ASKED, "--scheme", "8:2").output


@pytest.mark.parametrize("name", ["each.csv", "each.parquet"])
def test_a_row_for_each_guarantee(run: Run, tmp_path: Path, name: str) -> None:
    import pyarrow.parquet

    assert run(*ASKED, "--out", tmp_path / name).exit_code == 0
    if name.endswith("csv"):
        rows = list(csv.DictReader((tmp_path / name).read_text(encoding="utf-8").splitlines()))
    else:
        rows = pyarrow.parquet.read_table(tmp_path / name).to_pylist()
    found = {row["guarantee_id"]: Decimal(row["national_fund"]) for row in rows}
    # 12,000 · 30 % and 6,000 · 20 %
    assert found == {"G1": Decimal("3600.00"), "G2": Decimal("1200.00")}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--as-of", "2025-06-30"), "or give a yearly probability for every guarantee: --rate"),
        (("--as-of", "2025-06-30", "--rate", "2"), "--rate: the yearly rate is 2.0"),
        (("--as-of", "June", "--rate", "0.02"), "not a date"),
        ((*ASKED, "--scheme", "9:9"), "no risk-sharing scheme is called '9:9'"),
        ((*ASKED, "--until", "soon"), "not a date"),
        ((*ASKED, "--out", "each.xlsx"), "neither .csv nor .parquet"),
        (("--as-of", "2025-06-30", "--rate", "0.02", "--scenarios", "1"), "--scenarios: 1 is too"),
    ],
)
def test_what_cannot_be_forecast_is_refused(run: Run, words: tuple[str, ...], says: str) -> None:
    result = run(*words)
    assert isinstance(result.exception, VouchError), result.output
    assert says in str(result.exception)
