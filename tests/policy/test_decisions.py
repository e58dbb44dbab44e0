"""A wrong decision.toml, lenders.toml or band is refused with its name, the key and the remedy."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from vouch.domain.advice.terms import Outcome
from vouch.domain.stage import Stage
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED, Policy

ON = date(2025, 6, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("decision.toml", "lenders.toml", "score.toml"):
        shutil.copy(SHIPPED / name, tmp_path / name)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_shipped_numbers_of_the_law() -> None:
    terms = Policy().decision(ON)
    assert (terms.single_client.share, terms.group.share) == (Decimal("0.10"), Decimal("0.15"))
    assert (terms.leverage.times, terms.leverage.times_small) == (10, 15)
    assert terms.natural_kinds == ("sole_trader", "owner", "farmer", "person")
    assert terms.single_client.outcome is Outcome.DECLINE
    assert terms.target.rates[Stage.IN_LOAN] == Decimal("0.04")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('share = "0.10"', 'share = "10"', "single_client.share is 10, must lie in .0, 1."),
        ('share = "0.10"', 'share = "0"', "single_client.share is zero, must be above it"),
        ('outcome = "decline"', 'outcome = "reject"', "single_client.outcome is 'reject'; write"),
        ("[version.group]", "[version.groups]", "groups is no key here"),
        ('times_small = "15"', 'times_small = "9"', "leverage.times_small is 9, must be 10"),
        ('times = "10"', 'times = "ten"', "leverage.times must be a number"),
        ('"farmer", "person"]', '"human"]', "natural_person.kinds names 'human'; known are"),
        ('in_loan = "0.04"', 'later = "0.04"', "target.later is no key here"),
        ('in_loan = "0.04"', "", "target.in_loan must be a fraction"),
        ('limit_step = "10000.00"', "", "limit_step is missing; write yuan in quotes"),
        ("source = \"Choice of this project\"", 'source = ""', "review.source is missing"),
        ("effective_from = 1900-01-01", "", "a version needs effective_from"),
        ("effective_from = 1900-01-01", "effective_from = 2026-01-01", "no version is in force"),
    ],
)  # fmt: skip
def test_a_wrong_number_is_refused(folder: Path, old: str, new: str, text: str) -> None:
    change(folder / "decision.toml", old, new)
    with pytest.raises(PolicyError, match=text) as caught:
        Policy(folder).decision(ON)
    assert "decision.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("policy = 30", "policy = -1", "weights.policy is missing or below zero"),
        ("policy = 30", "fit = 30", "weights.fit is no key here"),
        ('lender_kinds = ["state"]', "", "appetite.lender_kinds is missing"),
        ('["state"]', '["big"]', "names 'big'; known are state"),
        ('ticket_from = "1000000.00"', 'ticket_from = "40000000.00"', "above ticket_to"),
        ('reach = "city"', 'reach = "town"', "appetite.reach is 'town'; write one of city"),
    ],
)
def test_a_wrong_appetite_is_refused(folder: Path, old: str, new: str, text: str) -> None:
    change(folder / "lenders.toml", old, new)
    with pytest.raises(PolicyError, match=text) as caught:
        Policy(folder).lender_fit(ON)
    assert "lenders.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('band = "approve"', 'band = "ok"', "grade A: band is 'ok'; write one of approve"),
        ('band = "approve"', 'band = "decline"', "grade A is better than B, but its band"),
    ],
)
def test_a_band_that_contradicts_is_refused(folder: Path, old: str, new: str, text: str) -> None:
    change(folder / "score.toml", old, new)
    with pytest.raises(PolicyError, match=text):
        Policy(folder).grade(700)
