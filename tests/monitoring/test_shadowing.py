"""Champion and challenger on the same cases, worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from vouch.monitoring.shadowing import compare
from vouch.store.shadows import Pair, ShadowScore

NOW = datetime(2025, 3, 1, tzinfo=UTC)


def pair(number, before, after, champion="1", challenger="2"):
    """Each side is probability, score, grade, band."""
    shadow = ShadowScore(f"d{number}", "h", "m", challenger, NOW, *after)
    return Pair(NOW + timedelta(hours=number), champion, *before, shadow)


def test_figures_by_hand():
    a, b, c = (0.01, 700, "A", "approve"), (0.05, 600, "C", "refer"), (0.20, 500, "E", "decline")
    (found,) = compare([pair(0, a, a), pair(1, b, a), pair(2, c, b), pair(3, b, c)])
    assert (found.champion, found.challenger, found.cases) == ("1", "2", 4)
    assert (found.first, found.last) == (NOW, NOW + timedelta(hours=3))
    # (1 + 5 + 20 + 5) / 4 and (1 + 1 + 5 + 20) / 4 per cent
    assert found.champion_probability == pytest.approx(0.0775)
    assert found.challenger_probability == pytest.approx(0.0675)
    # changes 0, +100, +100, -100
    assert found.mean_score_change == 25
    assert found.score_change_p95 == 100
    assert (found.same_grade, found.same_band) == (0.25, 0.25)
    assert found.band_moves == {"refer → approve": 1, "decline → refer": 1, "refer → decline": 1}
    # ranks with ties 1, 2.5, 4, 2.5 and 1.5, 1.5, 3, 4, from their mean of 2.5
    # (-1.5, 0, 1.5, 0) and (-1, -1, 0.5, 1.5): products sum to 2.25, squares to 4.5 and 4.5
    assert found.rank_correlation == pytest.approx(2.25 / 4.5)


def test_versions_that_met_are_compared_apart_and_none_is_no_trouble():
    same = (0.01, 700, "A", "approve")
    found = compare([pair(0, same, same), pair(1, same, same, "1", "3"), pair(2, same, same, "2")])
    assert [(one.champion, one.challenger, one.cases) for one in found] == [
        ("1", "2", 1),
        ("1", "3", 1),
        ("2", "2", 1),
    ]
    assert {one.rank_correlation for one in found} == {None}
    assert compare([]) == []
