"""The score scale, each expectation derived in place."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.scale import ScoreScale

SCALE = ScoreScale(anchor_score=600, anchor_odds=50, points_to_double=40)


@pytest.mark.parametrize(
    ("odds", "score"),
    [
        (50, 600),  # the anchor
        (100, 640),  # odds doubled: 40 more
        (25, 560),  # odds halved: 40 fewer
        (400, 720),  # doubled three times
        (1, 374),  # 600 - 40·log2(50) = 600 - 225.75 = 374.25
    ],
)
def test_score_of_odds(odds: float, score: int) -> None:
    assert SCALE.score(1 / (1 + odds)) == score


@given(st.floats(min_value=-12, max_value=12))
def test_score_is_the_rounded_exact_score(margin: float) -> None:
    probability = 1 / (1 + math.exp(-margin))
    assert abs(SCALE.score(probability) - SCALE.exact_score(margin)) <= 0.5 + 1e-6
