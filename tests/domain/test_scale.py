"""The score scale and the rounding of points, each expectation derived in place."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.scale import ScoreScale, share_out

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


parts = st.lists(
    st.one_of(st.just(0.0), st.floats(min_value=-200, max_value=200)), min_size=1, max_size=40
)


@given(parts, st.floats(min_value=-1, max_value=1))
def test_points_sum_to_the_total_and_keep_their_sign(exact: list[float], drift: float) -> None:
    total = round(math.fsum(exact) + drift)
    shared = share_out(exact, total)
    assert sum(shared) == total
    open_parts = sum(value != math.floor(value) for value in exact)
    missing = total - sum(math.floor(value) for value in exact)
    if 0 <= missing <= open_parts:  # they can take it up: nobody moves past its own rounding
        for value, points in zip(exact, shared, strict=True):
            assert abs(points - value) <= 1 + 1e-9
            assert value * points >= 0


def test_nothing_to_share() -> None:
    assert share_out([], 0) == []
    assert share_out([0.0, 0.0], 1) == [1, 0]  # no remainder anywhere: someone has to carry it
