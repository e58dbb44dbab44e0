"""The five classes at every age of arrears that changes them."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.classification import RiskClass, read_classification_standards
from vouch.domain.dated import in_force
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED

CASES = Path(__file__).parents[1] / "cases" / "classification" / "floors.toml"
SHIPPED_FILE = SHIPPED / "classification.toml"
STANDARD = in_force(read_classification_standards(SHIPPED_FILE), date(2025, 6, 30))


@pytest.mark.parametrize("case", tomllib.loads(CASES.read_text(encoding="utf-8"))["case"])
def test_worked_case(case: dict[str, Any]) -> None:
    paid = case.get("is_compensated", False)
    assert STANDARD.floor(case["days_past_due"], is_compensated=paid).zh == case["class"]


@given(days=st.integers(0, 2000), more=st.integers(0, 2000), paid=st.booleans())
def test_it_never_gets_better_with_more_days_or_a_compensation(
    days: int, more: int, paid: bool
) -> None:
    here = STANDARD.floor(days, is_compensated=paid)
    assert here >= STANDARD.floor(days)
    assert STANDARD.floor(days + more, is_compensated=paid) >= here


def test_a_compensated_guarantee_is_non_performing() -> None:
    assert STANDARD.floor(0, is_compensated=True).is_non_performing
    assert not STANDARD.floor(90).is_non_performing


def test_negative_days_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        STANDARD.floor(-1)


@pytest.mark.parametrize("member", list(RiskClass))
def test_a_class_is_read_by_number_and_either_name(member: RiskClass) -> None:
    for text in (str(int(member)), member.slug, member.zh, f" {member.zh}类 "):
        assert RiskClass.parse(text) is member


def test_an_unknown_class_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="known are 1 正常, 2 关注, 3 次级, 4 可疑, 5 损失"):
        RiskClass.parse("6")


def test_before_the_rule_there_is_no_floor() -> None:
    with pytest.raises(PolicyError, match="no version is in force on 2023-06-30"):
        in_force([STANDARD], date(2023, 6, 30))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("substandard = 90", "substandard = 300", "rise by class"),
        ("substandard = 90", 'substandard = "90"', "wrong or missing|rise by class"),
        (", loss = 360", "", "wrong or missing 'loss'"),
        ('at_least = "substandard"', 'at_least = "bad"', "'bad' is no class of risk"),
        ("2023-07-01", '"soon"', "effective_from"),
    ],
)
def test_a_wrong_rule_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "classification.toml"
    text = SHIPPED_FILE.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=message) as refusal:
        read_classification_standards(path)
    assert "classification.toml" in str(refusal.value)
