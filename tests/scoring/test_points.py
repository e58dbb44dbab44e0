"""Whole points: their sum, their signs, and the same as the oracle's, tie for tie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.share_out import share_out
from vouch.scoring.points import whole_points


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    points_of([0.5], 1)  # before the clock of an example runs


def points_of(exact: list[float], total: int) -> list[int]:
    found = whole_points(np.array([exact], dtype=np.float64), np.array([total])).tolist()
    return list(found[0])


parts = st.lists(
    st.one_of(st.just(0.0), st.floats(min_value=-200, max_value=200)), min_size=1, max_size=40
)


@given(parts, st.floats(min_value=-1, max_value=1))
def test_points_sum_to_the_total_and_keep_their_sign(exact: list[float], drift: float) -> None:
    total = round(math.fsum(exact) + drift)
    shared = points_of(exact, total)
    assert sum(shared) == total
    open_parts = sum(value != math.floor(value) for value in exact)
    missing = total - sum(math.floor(value) for value in exact)
    if 0 <= missing <= open_parts:  # they can take it up: nobody moves past its own rounding
        for value, points in zip(exact, shared, strict=True):
            assert abs(points - value) <= 1 + 1e-9
            assert value * points >= 0


def test_nothing_to_share() -> None:
    assert points_of([], 0) == []
    assert points_of([0.0, 0.0], 1) == [1, 0]  # no remainder anywhere: someone has to carry it


@given(parts, st.integers(-60, 60))
def test_points_are_those_of_the_oracle_whatever_the_total(exact: list[float], off: int) -> None:
    total = round(math.fsum(exact)) + off
    assert points_of(exact, total) == share_out(exact, total)


@given(st.lists(st.sampled_from([-1.5, -0.5, 0.0, 0.25, 0.5, 2.5]), min_size=1, max_size=9))
def test_equal_remainders_go_by_position(exact: list[float]) -> None:
    for total in range(-9, 10):
        assert points_of(exact, total) == share_out(exact, total)
