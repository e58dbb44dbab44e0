"""The command line: what it prints, what it refuses, and that every command is documented."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from tests.conftest import ROOT
from training.commands import register
from vouch import cli
from vouch.book.book import Book
from vouch.book.tables import TABLES
from vouch.documents import pages, stale, write
from vouch.errors import VouchError
from vouch.settings import Settings

pytestmark = pytest.mark.slow

register(cli.app)
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("VOUCH_BOOK", "VOUCH_STORE_URL", "MLFLOW_TRACKING_URI", "VOUCH_SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VOUCH_HOME", str(tmp_path / "home"))

    def call(*words: Any) -> Result:
        return CliRunner().invoke(cli.app, [str(word) for word in words])

    return call


def refusal(result: Result) -> str:
    """The message of a command that a user can mend."""
    assert isinstance(result.exception, VouchError), result.output
    return str(result.exception)


def commands() -> list[str]:
    return sorted(get_command(cli.app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", commands())
def test_every_command_says_what_it_does(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in commands() if f"vouch {name}" not in text] == []


def test_every_setting_is_in_the_readme_or_listed(run: Run) -> None:
    listed = {row["variable"] for row in json.loads(run("settings", "--json").output)}
    assert {"VOUCH_HOME", "VOUCH_STORE_URL", "MLFLOW_TRACKING_URI", "VOUCH_SMTP_URL"} <= listed
    assert "VOUCH_HOME" in run("settings").output


def test_secrets_are_not_listed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_SMTP_URL", "smtps://me:hush@mail.example.com:465")
    monkeypatch.setenv("VOUCH_STORE_URL", "postgresql+psycopg://me:hush@db.example.com/vouch")
    output = run("settings").output + run("settings", "--json").output
    assert "hush" not in output
    assert "mail.example.com" in output


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("VOUCH_PORT", "many", "VOUCH_PORT is 'many'"),
        ("VOUCH_PORT", "70000", "from 1 to 65535"),
        ("VOUCH_PACKED", "perhaps", "write yes or no"),
        ("VOUCH_SMTP_URL", "ftp://x", "must look like"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert message in refusal(run("settings"))


def test_simulate_show_and_case(run: Run, tmp_path: Path) -> None:
    book = tmp_path / "book"
    made = run(
        "simulate", "--guarantees", 300, "--seed", 2, "--book", book, "--until", "2025-06-30"
    )
    assert made.exit_code == 0, made.output
    assert "guarantee 300" in made.output.replace(",", "") or "guarantee" in made.output
    shown = json.loads(run("book", "show", "--book", book, "--json").output)
    assert shown[0]["source"] == "simulated"
    assert "simulated" in run("book", "show", "--book", book).output
    again = run("simulate", "--guarantees", 300, "--seed", 2, "--book", book)
    assert "folder" in refusal(again)
    known = Book(book).known(Book(book).newest_known_at)  # type: ignore[arg-type]
    guarantee_id = known.rows("guarantee")["guarantee_id"][0].as_py()
    case = json.loads(run("book", "case", guarantee_id, "--book", book).output)
    assert case["guarantee"]["guarantee_id"] == guarantee_id
    assert case["as_of"] == case["guarantee"]["event_at"]
    assert "no guarantee 'nobody'" in refusal(run("book", "case", "nobody", "--book", book))


SAMPLE = "guarantee_id,borrower_id,amount,event_at,known_at\nG1,B1,100.00,2024-01-05,2024-01-06\n"


def test_import_prints_what_went_in_and_what_did_not(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "guarantee.csv"
    file.write_text(SAMPLE + "G2,B2,-5,2024-01-05,2024-01-06\n", encoding="utf-8")
    result = run("import", "vouch", file, "--book", tmp_path / "book")
    assert result.exit_code == 0, result.output
    assert "row 3, amount" in result.output
    body = json.loads(run("import", "vouch", file, "--book", tmp_path / "book", "--json").output)
    assert (body["accepted"], body["already_known"], body["quarantined_rows"]) == (0, 1, 1)


def test_import_refuses_what_it_does_not_know(run: Run, tmp_path: Path) -> None:
    assert "known are" in refusal(run("import", "excel", "x.xls", "--book", tmp_path / "b"))
    missing = run("import", "vouch", tmp_path / "guarantee.csv", "--book", tmp_path / "b")
    assert "guarantee.csv" in refusal(missing)


def test_sources_say_what_is_never_read(run: Run) -> None:
    assert "TermInMonths" in run("sources").output
    assert {row["name"] for row in json.loads(run("sources", "--json").output)} >= {
        "sba-foia",
        "sba-national",
        "monthly-status",
        "vouch",
    }


@pytest.mark.parametrize("language", ["zh", "en"])
def test_templates_are_written_once(run: Run, tmp_path: Path, language: str) -> None:
    result = run("book", "template", tmp_path / "t", "--language", language)
    assert result.exit_code == 0
    assert len(list((tmp_path / "t").iterdir())) == len(TABLES)
    assert run("book", "template", tmp_path / "t", "--language", language).exception is not None


def test_what_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    window = ("--from", "2024-01-01", "--until", "2024-12-31")
    nowhere = tmp_path / "nowhere"
    assert "there is no stage 'x'" in refusal(run("train", "x", "--book", nowhere))
    assert "there is no book at" in refusal(run("train", "pre_loan", "--book", nowhere))
    out = ("--out", tmp_path / "o.parquet")
    no_champion = run("score", "pre_loan", "--book", nowhere, *window, *out)
    assert "pre_loan has no champion" in refusal(no_champion)
    assert "version 9" in refusal(run("promote", "pre_loan", "--version", "9"))
    assert "not a date" in refusal(
        run("train", "pre_loan", "--book", nowhere, "--until", "yesterday")
    )
    assert "--once" in refusal(run("watch", "--book", nowhere))


def test_models_of_an_empty_registry(run: Run) -> None:
    assert json.loads(run("models", "--json").output) == []


def test_features_are_listed_in_both_languages(run: Run) -> None:
    assert "近180天最长逾期" in run("features").output
    found = {row["name"] for row in json.loads(run("features", "--json").output)}
    assert "worst_arrears_180d" in found


def test_generated_documents_are_current() -> None:
    assert stale(ROOT / "docs") == []


def test_documents_are_written_and_checked(run: Run, tmp_path: Path) -> None:
    assert sorted(stale(tmp_path)) == sorted(pages())
    assert "run `vouch docs`" in refusal(run("docs", "--check", "--folder", tmp_path))
    write(tmp_path)
    assert run("docs", "--check", "--folder", tmp_path).exit_code == 0


def test_a_mistake_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vouch", "train", "pre_loan", "--book", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("vouch: there is no book at")
    assert len(done.stderr.splitlines()) == 1


def test_settings_have_defaults_under_one_home(tmp_path: Path) -> None:
    settings = Settings.from_env({"VOUCH_HOME": str(tmp_path)})
    assert settings.book == tmp_path / "book"
    assert settings.store_url == f"sqlite:///{tmp_path / 'vouch.db'}"
    assert settings.smtp_url is None
