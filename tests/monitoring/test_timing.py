"""When guarantees are claimed, worked out by hand on a curve of two months."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vouch.errors import FactsError, PolicyError
from vouch.monitoring.expectation import Assumptions, Pool, Timing, common_factor, read_timing
from vouch.monitoring.expectation.timing import Lives
from vouch.policy.reading import SHIPPED

# half of all defaults in the loan's month, half in the month after it, of 365 / 12 days; a loan of
# 100 days stretches the first month to its 100 days
CURVE = Timing((0.5, 0.5), tenor_months=1, grace_days=10)
AFTER = 365 / 12


def lives(age: float, tenor: float = 100, past_due: float = 0, unseen: float = 99) -> Lives:
    """Without a report for longer than the grace, unless told otherwise."""
    return Lives(*(np.array([days], dtype=float) for days in (age, tenor, past_due, unseen)))


def within(stand: Lives, first: int, last: int, horizon: int = 110, chance: float = 0.19) -> float:
    found = stand.claimed_within(CURVE, np.array([chance]), horizon, first, last)
    return float(found[0])


@pytest.mark.parametrize(
    ("age", "share"),
    [(-5, 0), (0, 0), (50, 0.25), (100, 0.5), (100 + AFTER / 2, 0.75), (100 + AFTER, 1), (999, 1)],
)
def test_the_curve_is_stretched_to_the_tenor_and_goes_on_in_months(
    age: float, share: float
) -> None:
    assert CURVE.defaulted_by(np.array([age]), np.array([100.0]))[0] == pytest.approx(share)


@pytest.mark.parametrize(
    ("share", "age"), [(0, 0), (0.25, 50), (0.5, 100), (0.75, 100 + AFTER / 2)]
)
def test_the_age_at_a_share(share: float, age: float) -> None:
    assert CURVE.age_at(np.array([share]), np.array([100.0]))[0] == pytest.approx(age)


def test_the_horizons_probability_is_spread_along_the_curve() -> None:
    """A horizon of 110 days holds half the curve, up to age 100. 0.81 = 0.9², and 0.729 = 0.9³."""
    assert within(lives(0), 0, 110) == pytest.approx(0.19)
    assert within(lives(0), 0, 60) == pytest.approx(0.1)  # up to age 50: half of that, √0.81
    assert within(lives(0), 60, 110) == pytest.approx(0.09)
    assert within(lives(0), 0, 10) == 0  # nobody is claimed within the grace
    late = round(110 + AFTER / 2, 0)  # about half as much again
    assert within(lives(0), 0, int(late)) == pytest.approx(1 - 0.729, abs=0.002)


def test_a_claim_may_come_after_maturity_until_the_curve_ends() -> None:
    """At age 100 less the grace of 10, 0.45 have come; at 100 0.5; from 100 + 365/12 on all."""
    assert within(lives(100), 0, 10, horizon=50) == pytest.approx(1 - 0.81 ** (0.05 / 0.55))
    assert within(lives(100), 41, 400, horizon=50) == 0


def test_a_loan_seen_to_be_paid_today_is_not_claimed_before_a_grace_has_passed() -> None:
    """At age 50 it has paid: a claim within 10 days would be of a payment missed before.

    Up to day 60, age 100, comes another quarter of all defaults, and half of that up to day 35.
    Reported 4 days ago, it may have missed a payment since: claims begin after day 6.
    """
    paid, reported = lives(50, unseen=0), lives(50, unseen=4)
    assert within(paid, 0, 10, horizon=60) == 0
    assert within(paid, 0, 60, horizon=60) == pytest.approx(0.19)
    assert within(paid, 0, 35, horizon=60) == pytest.approx(0.1)
    assert paid.claim_days(CURVE, 0, 60)[0][[0, 16, 32]] == pytest.approx([10, 35, 60])
    assert within(reported, 0, 6, horizon=60) == 0
    assert within(reported, 0, 7, horizon=60) > 0
    assert reported.claim_days(CURVE, 0, 60)[0][0] == pytest.approx(6)


def test_a_loan_older_than_the_curve_may_be_claimed_on_any_day_alike() -> None:
    assert within(lives(300), 0, 50, horizon=100) == pytest.approx(0.1)
    days = lives(300).claim_days(CURVE, 0, 50)
    assert days[0] == pytest.approx(np.linspace(0, 50, 33))


@pytest.mark.parametrize(("past_due", "day"), [(30, 60), (80, 10), (200, 1)])
def test_a_loan_in_default_is_claimed_when_its_grace_is_over(past_due: int, day: int) -> None:
    curve = Timing((0.5, 0.5), 1, grace_days=90, in_default_from_days=30)
    stand, chance = lives(50, past_due=past_due), np.array([0.4])
    assert stand.claimed_within(curve, chance, 180, 0, day)[0] == 0.4
    assert stand.claimed_within(curve, chance, 180, 0, day - 1)[0] == 0
    assert stand.claimed_within(curve, chance, 180, day, 180)[0] == 0
    assert set(np.floor(stand.claim_days(curve, 0, 100)[0])) == {day - 1}


def test_short_arrears_are_no_default_yet() -> None:
    assert within(lives(0, past_due=29), 0, 60) == pytest.approx(0.1)


def test_certain_and_impossible_claims() -> None:
    assert within(lives(0), 0, 110, chance=1.0) == pytest.approx(1)
    assert within(lives(0), 60, 110, chance=1.0) == pytest.approx(0, abs=1e-7)
    assert within(lives(0), 0, 110, chance=0.0) == 0


def test_the_day_of_a_claim_follows_the_curve_after_the_grace() -> None:
    """To day 110 come ages 0 to 100, evenly: a quarter by day 10 + 25, half by day 60."""
    days = lives(0).claim_days(CURVE, 0, 110)[0]
    assert [days[n] for n in (0, 8, 16, 32)] == pytest.approx([10, 35, 60, 110])
    # of a period that begins after day 60, ages 50 to 100 remain, counted from day 60
    assert lives(0).claim_days(CURVE, 60, 110)[0][[0, 16, 32]] == pytest.approx([0, 25, 50])


def test_claims_are_drawn_on_the_days_of_the_quantiles() -> None:
    pool = Pool.of([1.0], [1.0], claim_days=np.array([[10.0, 20.0, 60.0]]))
    drawn = common_factor.simulate(pool, Assumptions(0.0, 20_000, 1), 60, loss_to_reach=1).reached
    assert (drawn.min(), drawn.max()) == (11, 60)
    assert (drawn <= 20).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(20_000))
    assert (drawn <= 40).mean() == pytest.approx(0.75, abs=4 * 0.44 / np.sqrt(20_000))


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ([[1.0, 2.0]] * 2, "must have 1 rows"),
        ([[1.0]], "two quantiles or more"),
        ([[2.0, 1.0]], r"claim_days\[0\]: must be days of zero or more that do not fall"),
        ([[-1.0, 1.0]], "zero or more"),
        ([[float("nan"), 1.0]], "zero or more"),
    ],
)
def test_quantiles_that_are_none(days: list[list[float]], message: str) -> None:
    with pytest.raises(FactsError, match=message):
        Pool.of([0.1], [1.0], claim_days=np.array(days))


def test_the_shipped_curve() -> None:
    """Domain §7: 1, 1.5, 2 … 1.5 % over 19 months; two thirds default by the end of month 12."""
    shipped = read_timing()
    assert len(shipped.default_shares) == 19
    assert sum(shipped.default_shares[:12]) == pytest.approx(0.665)
    assert (shipped.tenor_months, shipped.grace_days) == (12, 90)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[timing]", "[times]", r"\[timing\] is missing; write tenor_months"),
        ('"0.010", ', "", r"timing.default_shares sum to 0.990, must sum to 1"),
        ('"0.010"', '"1.0"', "sum to"),
        ('"0.010"', '"10"', "write 20 % as 0.20"),
        ("grace_days = 90", "grace_days = -1", "timing.grace_days is -1; write a whole number"),
        ("grace_days = 90", "grace = 90", "timing.grace is no key here"),
        ("tenor_months = 12", "tenor_months = 20", "timing.tenor_months is 20, must be 1 to 19"),
        ("default_shares = [", "default_shares = 1\nx = [", "timing.x is no key here"),
    ],
)
def test_a_wrong_curve_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (SHIPPED / "portfolio.toml").read_text(encoding="utf-8")
    (tmp_path / "portfolio.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=message) as refusal:
        read_timing(tmp_path)
    assert "portfolio.toml" in str(refusal.value)
