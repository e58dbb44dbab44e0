"""`vouch scheme`, and that a scheme nobody has heard of is one file and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.monitoring.test_book_forecast import book, guarantee
from vouch import cli
from vouch.domain.risk_sharing import Party
from vouch.errors import VouchError
from vouch.policy.reading import SHIPPED, Policy
from vouch.scoring.decision import share_expected
from vouch.scoring.subject import Subject

Run = Callable[..., Result]

NEW = Path(__file__).parents[1] / "cases" / "new_scheme"
SIX = (NEW / "six_parties.toml").read_text(encoding="utf-8")
CASE = tomllib.loads((NEW / "case.toml").read_text(encoding="utf-8"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("VOUCH_POLICY", raising=False)
    return lambda *words: CliRunner().invoke(cli.app, ["scheme", *map(str, words)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy folder of one's own with one scheme more, in use."""
    (tmp_path / "risk_sharing").mkdir()
    (tmp_path / "risk_sharing" / "six.toml").write_text(SIX, encoding="utf-8")
    for name in ("loss.toml", "risk_sharing/8-2.toml"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    monkeypatch.setenv("VOUCH_POLICY", str(tmp_path))
    return tmp_path


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def refusal(result: Result) -> str:
    assert isinstance(result.exception, VouchError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_an_unheard_of_scheme_of_six_parties_is_one_file(run: Run, folder: Path) -> None:
    scheme = Policy(folder).scheme("六方共担", date(2024, 1, 1))
    assert set(scheme.shares) == set(Party)
    parts = {party: Decimal(text) for party, text in CASE["payment"].items()}
    assert scheme.split(Decimal(CASE["exposure"])) == parts
    assert "六方共担" in run("list").output
    shared = answer(run("allocate", "六方共担", "--loss", CASE["exposure"], "--json"))
    assert shared["payment"] == shared["loss"] == CASE["payment"]
    # 0.02 × 0.90 × 100,000 = 1,800; the scheme suspends what is past its cap
    asked = ("cap", "六方共担", "--released", 100000, "--claims", "1000,900", "--json")
    capped = answer(run(*asked))
    assert capped["cap_amount"] == "1800.00"
    assert [row["suspended"] for row in capped["claims"]] == ["0.00", "100.00"]
    assert capped["rejected"] == "0.00"


def test_a_score_shares_its_expectation_by_the_unheard_of_scheme(folder: Path) -> None:
    day, expected = date(2024, 6, 1), CASE["expected"]
    subject = Subject("G1", "B1", day, day, None, Decimal(expected["exposure"]))
    found = share_expected(Policy(folder), subject, expected["probability"], "六方共担").answer()
    assert found["total"] == expected["total"]
    assert found["by_party"] == expected["by_party"]


def test_every_version_is_listed_with_its_terms(run: Run) -> None:
    rows = answer(run("list", "--json"))
    assert {row["name"] for row in rows} == set(Policy().schemes)
    old, new = (row for row in rows if row["name"] == "5:5")
    assert (old["effective_until"], old["cap"]) == ("2024-12-31", None)
    assert new["cap"]["rate"] == "0.04"
    assert new["shares"]["bank"] == "0.50"
    batch = next(row for row in rows if row["name"] == "总对总")
    assert batch["cap"]["period"] == "calendar_year"
    assert batch["follows_lender"] is True
    assert batch["reguarantee_fee"][0]["rate"] == "0.003"
    assert "倒2:8" in run("list").output


def test_a_loss_is_shared_as_worked(run: Run) -> None:
    asked = ("allocate", "8:2", "--loss", "1011465.75", "--recovered", "342013.01")
    found = answer(run(*asked, "--on", "2025-06-30", "--json"))
    assert (found["scheme"], found["on"]) == ("8:2", "2025-06-30")
    assert found["payment"]["city_guarantor"] == "404586.30"
    assert found["recovery"]["city_guarantor"] == "136805.21"
    assert found["loss"]["city_guarantor"] == "267781.09"
    assert found["loss"]["bank"] == "133890.55"
    assert "267,781.09" in run(*asked).output


def test_claims_meet_the_cap_as_worked(run: Run) -> None:
    asked = ("cap", "总对总", "--released", 10**9, "--claims", "10000000,9000000,8000000")
    found = answer(run(*asked, "--json"))
    assert found["cap_amount"] == "24000000.00"
    assert [row["paid"] for row in found["claims"]] == ["10000000.00", "9000000.00", "5000000.00"]
    assert [row["rejected"] for row in found["claims"]] == ["0.00", "0.00", "3000000.00"]
    assert (found["paid"], found["rejected"]) == ("24000000.00", "3000000.00")
    assert found["burn"] == "1.1250"
    assert found["claims"][2]["paid_by_party"]["national_fund"] == "1875000.00"  # 30/80 of 5 m
    assert "burn 112.50%" in run(*asked).output


def test_nothing_released_has_no_burn(run: Run) -> None:
    asked = ("cap", "总对总", "--released", 0, "--claims", "5")
    found = answer(run(*asked, "--json"))
    assert (found["burn"], found["paid"], found["rejected"]) == (None, "0.00", "5.00")
    assert "unknown" in run(*asked).output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("allocate", "7:3", "--loss", "1"), "no risk-sharing scheme is called '7:3'; known are"),
        (
            ("allocate", "科创1", "--loss", "1", "--on", "2024-07-23"),
            r"it holds 2024-07-24 on; choose another day or add .*effective_from to risk_sharing/",
        ),
        (("allocate", "8:2", "--loss", "1", "--on", "today"), "write it as YYYY-MM-DD"),
        (("allocate", "8:2", "--loss", "much"), "--loss: 'much' is no amount; write yuan"),
        (("allocate", "8:2", "--loss", "NaN"), "no amount"),
        (("allocate", "8:2", "--loss", "1e30"), "no amount"),
        (("allocate", "8:2", "--loss", "-1"), "--loss: '-1' is no amount"),
        (("allocate", "8:2", "--loss", "0.001"), "finer than a fen"),
        (("allocate", "8:2", "--loss", "1", "--recovered", "2"), "more than the exposure"),
        (("cap", "8:2", "--released", "1", "--claims", "1"), r"has no cap .* choose one of 5:5"),
        (("cap", "总对总", "--released", "x", "--claims", "1"), "--released: 'x'"),
        (("cap", "总对总", "--released", "1", "--claims", "1,"), "--claims: ''"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(run: Run, words: tuple[str, ...], message: str) -> None:
    assert re.search(message, refusal(run(*words)))


OLDER = SIX[SIX.index("[[version]]") :].replace("2024-01-01", "2023-01-01")


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        (SIX.replace('"0.35"', '"0.30"'), "shares sum to 0.95", "must sum to exactly 1"),
        (SIX + OLDER, "version from 2023-01-01 overlaps", "give it an effective_until before"),
        (SIX.replace("county_", "village_"), "shares.village_guarantor", "known are bank, city_"),
        (SIX.replace('"0.35"', '"35"'), "shares.city_guarantor is 35", "write 20 % as 0.20"),
        (SIX.replace('"0.02"', '"2"'), "cap.rate is 2", "write 20 % as 0.20"),
        (SIX.replace('period = "agreement_year"\n', ""), "cap.period is missing", "write one of"),
    ],
    ids=["sum", "overlap", "party", "percentage", "cap in per cent", "cap without a period"],
)
@pytest.mark.parametrize(
    "words",
    [
        ("scheme", "list"),
        ("scheme", "allocate", "8:2", "--loss", "1"),
        ("scheme", "cap", "六方共担", "--released", "1", "--claims", "1"),
        ("forecast", "--as-of", "2025-06-30", "--rate", "0.02", "--scheme", "8:2"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_wrong_file_is_refused_with_its_name_key_and_remedy(
    folder: Path,
    open_book: Callable[[], None],
    text: str,
    key: str,
    remedy: str,
    words: tuple[str, ...],
) -> None:
    if words[0] == "forecast":
        open_book()
    (folder / "risk_sharing" / "six.toml").write_text(text, encoding="utf-8")
    told = refusal(CliRunner().invoke(cli.app, list(words)))
    for part in (str(folder / "risk_sharing" / "six.toml"), key, remedy):
        assert part in told


@pytest.fixture
def open_book(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make a book with one guarantee of 8:2, and the rest of the policy."""

    def make() -> None:
        (folder / "portfolio.toml").write_bytes((SHIPPED / "portfolio.toml").read_bytes())
        book(tmp_path / "book", guarantee=[guarantee("G1", date(2025, 1, 1), None, "1.00", "8:2")])
        monkeypatch.setenv("VOUCH_BOOK", str(tmp_path / "book"))

    return make


@pytest.mark.slow
def test_a_mistake_is_one_line_and_exit_code_1() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vouch", "scheme", "allocate", "7:3", "--loss", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("vouch: no risk-sharing scheme is called '7:3'")
    assert len(done.stderr.splitlines()) == 1
