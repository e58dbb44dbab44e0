"""`vouch keys`: a key is shown once, listed without its secret, rotated, revoked."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vouch.cli import app
from vouch.cli.terminal import UsageError


@pytest.fixture
def keys(tmp_path: Path):
    runner = CliRunner(env={"VOUCH_HOME": str(tmp_path)})

    def run(*words: str) -> str:
        return runner.invoke(app, ["keys", *words], catch_exceptions=False).output

    return run


def test_a_key_lives_from_create_to_revoke(keys) -> None:
    words = ("create", "工行太原", "--role", "bank", "--institution", "lender:L1", "--json")
    made = json.loads(keys(*words))
    assert made["key"].startswith(f"vouch_{made['key_id']}_")
    rotated = json.loads(keys("rotate", made["key_id"], "--json"))
    assert rotated["rotated_from"] == made["key_id"]
    assert "is revoked" in keys("revoke", made["key_id"])
    listed = keys("list", "--json")
    assert made["key"] not in listed
    assert [row["state"] for row in json.loads(listed)] == ["revoked", "live"]
    assert "工行太原" in keys("list")


def test_the_key_is_the_first_line(keys) -> None:
    first = keys("create", "li", "--role", "account-manager").splitlines()[0]
    assert first.startswith("vouch_")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("create", "x", "--role", "king"), "the roles are underwriter"),
        (("create", "x", "--role", "risk", "--institution", "city:1"), "guarantor:IDENTIFIER"),
    ],
)
def test_what_cannot_be_is_said(keys, words, says) -> None:
    with pytest.raises(UsageError, match=says):
        keys(*words)
