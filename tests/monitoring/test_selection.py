"""What refused applicants could do to a rate, by hand; and that `evaluate` says it."""

from __future__ import annotations

import pytest

from vouch.monitoring.selection import Selection
from vouch.store.decisions import Verdict


def test_bounds_by_hand() -> None:
    # 60 granted of whom 3 % failed; 20 applicants were decided on, four of them are in the book,
    # so 16 are not: 10 advised against at 10 %, 6 approved (and gone elsewhere) at 2 %.
    verdicts = [
        *(Verdict(f"granted-{n}", "approve", 0.01) for n in range(4)),
        *(Verdict(f"refused-{n}", "decline", 0.10) for n in range(10)),
        *(Verdict(f"elsewhere-{n}", "approve", 0.02) for n in range(6)),
    ]
    book = {f"granted-{n}" for n in range(100)}
    found = Selection.of(verdicts, book, granted=60, observed=0.03)
    assert (found.refused, found.advised_against) == (16, 10)
    assert found.predicted == pytest.approx((10 * 0.10 + 6 * 0.02) / 16)  # 7 %
    assert found.share_refused == pytest.approx(16 / 76)
    rates = {bound.assumption: bound.everybody for bound in found.bounds}
    assert rates == pytest.approx(
        {
            "none fails": 60 * 0.03 / 76,
            "as predicted": (60 * 0.03 + 16 * 0.07) / 76,
            "twice as predicted": (60 * 0.03 + 16 * 0.14) / 76,
            "eight times as predicted": (60 * 0.03 + 16 * 0.56) / 76,
            "all fail": (60 * 0.03 + 16) / 76,
        }
    )
    assert found.lines() == [
        "selection: 16 of 76 applicants are in no book (21.1%; 10 advised against), predicted "
        "7.00%",
        "  observed of the granted 3.00%; of all applicants 2.37% if none fails, 3.84% if as "
        "predicted, 5.32% if twice as predicted, 14.16% if eight times as predicted, 23.42% if "
        "all fail",
    ]


def test_no_rate_of_the_refused_is_above_one() -> None:
    found = Selection.of([Verdict("a", "decline", 0.4)], (), granted=1, observed=0.0)
    assert [bound.refused for bound in found.bounds] == [0.0, 0.4, 0.8, 1.0, 1.0]


def test_nobody_known_outside_the_book_is_said_and_bounds_nothing() -> None:
    found = Selection.of([Verdict("a", None, 0.4)], {"a"}, granted=10, observed=0.1)
    assert found.summary() == {
        "refused": 0,
        "advised_against": 0,
        "share_refused": 0.0,
        "predicted_of_refused": None,
        "rate_of_everybody": [],
    }
    assert "nothing is known of those who were refused" in found.lines()[0]
