"""By what alerts are ranked: value, and what is a repeat."""

from __future__ import annotations

from datetime import date

import pytest

from vouch.domain.ranking import INPUTS, Ranking


def ranking(money_power: float) -> Ranking:
    weights = dict.fromkeys(INPUTS, 0.0)
    return Ranking(date(2024, 1, 1), None, "test", 0.0, weights, money_power, 180, 3.0)


def test_the_chance_alone_or_with_what_is_at_stake() -> None:
    assert ranking(0.0).value(0.2, 1e6) == 0.2
    assert ranking(0.5).value(0.2, 10_000) == pytest.approx(20)  # 0.2 x 100
    assert ranking(0.5).value(0.2, 0.0) == 0.2  # nothing at stake counts as a yuan


@pytest.mark.parametrize(
    ("chance", "told", "is_repeat"),
    [(0.29, 0.1, True), (0.31, 0.1, False), (0.9, None, False)],
)
def test_a_repeat_is_what_was_told_of_and_has_not_grown_threefold(
    chance: float, told: float | None, is_repeat: bool
) -> None:
    assert ranking(0.0).is_repeat(chance, told) is is_repeat
