"""The weights of the ranking: those shipped, and files that are refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from vouch.domain.ranking import INPUTS
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED, Policy


def test_the_shipped_weights_have_every_input_and_say_where_they_come_from() -> None:
    found = Policy().ranking(date(2025, 6, 30))
    assert found.weights.keys() == INPUTS.keys()
    assert found.weights["level"] > 0  # a worse score is a higher chance
    assert "seeds" in found.source


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("\nlevel =", "\nlevels =", "weights must have a number for each of level"),
        ("again_from = 3", "again_from = 0.5", "again_from one or more"),
        ("again_after_days = 180", "again_after_days = 1.5", "again_after_days must be whole"),
        ("money_power = 0.15", 'money_power = "much"', "money_power is 'much'; write a number"),
    ],
)
def test_a_wrong_file_is_refused_by_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = (SHIPPED / "ranking.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "ranking.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=says):
        Policy(tmp_path).ranking(date(2025, 6, 30))
