"""Expected compensation of a capped pool: the worked example, enumeration, limits, refusals."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.oracles.enumerated_pool import SmallPool
from vouch.domain.risk_sharing import Party, Scheme
from vouch.errors import FactsError, PolicyError
from vouch.monitoring.expectation import (
    Amount,
    Assumptions,
    Forecast,
    Period,
    Pool,
    capped_expectation,
    common_factor,
    outcome,
    read_assumptions,
)

TODAY = date(2025, 6, 30)
SHARES = {
    Party.BANK: "0.20",
    Party.CITY_GUARANTOR: "0.30",
    Party.PROVINCE: "0.20",
    Party.NATIONAL_FUND: "0.30",
}
BATCH = Scheme("batch", {p: Decimal(s) for p, s in SHARES.items()}, date(2020, 1, 1), None, "")
BANK_ONLY = Scheme("bank", {Party.BANK: Decimal(1)}, date(2020, 1, 1), None, "")

# Four within one group of probabilities, the dearest the least likely, so that a simulation that
# took the group's highest for all would be found out; and one alone.
PROBABILITIES = [0.30, 0.28, 0.26, 0.25, 0.02]
EXPOSURES = [100_000.00, 150_000.00, 350_000.00, 500_000.01, 800_000.00]
DAYS = [10, 4, 10, 7, 1]
HORIZON = 10


def forecast(
    cap: str | None = None,
    probabilities: list[float] = PROBABILITIES,
    exposures: list[float] = EXPOSURES,
    days: list[int] | None = None,
    so_far: str = "0",
    correlation: float = 0.08,
    scenarios: int = 20_000,
    seed: int = 5,
    **options: float,
) -> Forecast:
    room = None if cap is None else Decimal(cap)
    period = Period(TODAY, TODAY + timedelta(days=HORIZON), room, Decimal(so_far))
    pool = Pool.of(probabilities, exposures, days)
    return capped_expectation(
        pool, BATCH, period, Assumptions(correlation, scenarios, seed), **options
    )


def assert_close(amount: Amount, exact: float) -> None:
    assert abs(amount.expected - exact) < 4 * amount.standard_error


def test_the_three_scenarios_of_the_domain_notes() -> None:
    """D is 10, 30, 60 million with 70, 25, 5 %: 14, 5 and 1 of 20 equally likely scenarios."""
    defaults = np.repeat([10.0, 30.0, 60.0], [14, 5, 1])

    free, capped = outcome(defaults, BATCH), outcome(defaults, BATCH, room=24.0)

    assert free.system.expected == pytest.approx(14.0)
    assert free.bank.expected == pytest.approx(3.5)
    assert capped.system.expected == pytest.approx(12.8)
    assert capped.bank.expected == pytest.approx(4.7)


def test_what_is_paid_under_the_cap_is_shared_inside_the_system() -> None:
    """24 million at 30/20/30 are 9, 6 and 9; the bank has the rest of 40."""
    capped = outcome(np.array([40.0, 40.0]), BATCH, room=24.0)

    parts = {party: amount.expected for party, amount in capped.by_party.items()}
    assert parts == pytest.approx(
        {
            Party.BANK: 16.0,
            Party.CITY_GUARANTOR: 9.0,
            Party.PROVINCE: 6.0,
            Party.NATIONAL_FUND: 9.0,
        }
    )


def test_quantiles_are_those_of_the_scenarios() -> None:
    defaults = np.arange(1, 101, dtype=float)

    found = outcome(defaults, BATCH).system

    assert (found.quantile_95, found.quantile_99) == pytest.approx((0.8 * 95, 0.8 * 99))


@pytest.mark.parametrize("correlation", [0.0, 0.08, 0.3])
def test_every_set_of_defaults_enumerated(correlation: float) -> None:
    exact = SmallPool(PROBABILITIES, EXPOSURES, DAYS, correlation, 0.8, 480_000.0)

    found = forecast("480000", days=DAYS, correlation=correlation, scenarios=40_000)

    assert_close(found.with_cap.system, exact.expected(exact.paid))
    assert_close(found.with_cap.bank, exact.expected(lambda d: d - exact.paid(d)))
    assert_close(found.without_cap.system, exact.expected(lambda d: 0.8 * d))


@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_the_spread_of_defaults_is_that_of_the_enumeration(correlation: float) -> None:
    exact = SmallPool(PROBABILITIES, EXPOSURES, DAYS, correlation, 0.8, 0.0)
    mean = exact.expected(lambda d: d)
    variance = exact.expected(lambda d: (d - mean) ** 2)

    drawn = common_factor.simulate(
        Pool.of(PROBABILITIES, EXPOSURES), Assumptions(correlation, 40_000, 3), HORIZON
    )

    squares = (drawn.losses / 100 - mean) ** 2
    error = squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean() - variance) < 4 * error


@pytest.mark.parametrize("correlation", [0.0, 0.2])
def test_probability_and_day_of_reaching_the_cap_enumerated(correlation: float) -> None:
    exact = SmallPool(PROBABILITIES, EXPOSURES, DAYS, correlation, 0.8, 360_000.0)

    pool, fen = Pool.of(PROBABILITIES, EXPOSURES, DAYS), 45_000_000  # 0.8 · 450,000 is the cap
    drawn = common_factor.simulate(
        pool, Assumptions(correlation, 20_000, 5), HORIZON, loss_to_reach=fen
    )

    for day in range(1, HORIZON + 1):
        by_then = ((drawn.reached >= 0) & (drawn.reached <= day)).mean()
        chance = exact.reached_by(day)
        assert abs(by_then - chance) < 4 * np.sqrt(chance * (1 - chance) / 20_000)
    days = drawn.reached[drawn.reached >= 0]
    error = days.std() / np.sqrt(len(days))
    assert abs(days.mean() - exact.expected_day(HORIZON)) < 4 * error


def test_the_dates_of_the_cap_are_those_of_the_scenarios_that_reach_it() -> None:
    """A certain default, on days 1 to 10 as likely, reaches the cap by itself: day 5.5."""
    reached = forecast("8", [1.0], [10.0]).cap_reached

    assert reached is not None
    found = (reached.quantile_5_on, reached.quantile_95_on)
    assert found == (TODAY + timedelta(days=1), TODAY + timedelta(days=10))
    assert reached.expected_on in (TODAY + timedelta(days=5), TODAY + timedelta(days=6))
    assert reached.quantile_50_on in (TODAY + timedelta(days=5), TODAY + timedelta(days=6))


@pytest.mark.slow
def test_a_dozen_guarantees_enumerated() -> None:
    probabilities = [0.5, 0.45, 0.3, 0.2, 0.19, 0.18, 0.1, 0.09, 0.05, 0.02, 1e-3, 1e-6]
    exposures = [1e5 * (1 + number % 5) for number in range(12)]
    exact = SmallPool(probabilities, exposures, [10] * 12, 0.08, 0.8, 500_000.0)

    found = forecast("500000", probabilities, exposures, scenarios=400_000)

    assert_close(found.with_cap.system, exact.expected(exact.paid))
    assert found.cap_reached is not None
    difference = abs(found.cap_reached.probability - exact.reached_by(HORIZON))
    assert difference < 4 * found.cap_reached.standard_error


@pytest.mark.slow
def test_a_mixed_book_against_drawing_each_guarantee() -> None:
    """Mean, spread and tail agree with one Gaussian per guarantee and scenario."""
    rng = np.random.default_rng(8)
    probabilities, exposures = rng.beta(0.5, 20, 2_000), rng.lognormal(13, 1.2, 2_000).round(2)
    from scipy.special import ndtri

    plain = np.empty(10_000)
    for scenario in range(len(plain)):
        worth = np.sqrt(0.08) * rng.standard_normal() + np.sqrt(0.92) * rng.standard_normal(2_000)
        plain[scenario] = exposures[worth < ndtri(probabilities)].sum()

    drawn = common_factor.simulate(
        Pool.of(probabilities, exposures), Assumptions(0.08, 100_000, 2), 365
    )

    fast = drawn.losses / 100
    error = np.hypot(plain.std() / 100, fast.std() / np.sqrt(1e5))
    assert abs(fast.mean() - plain.mean()) < 4 * error
    assert fast.std() == pytest.approx(plain.std(), rel=0.06)
    for level in (0.05, 0.5, 0.95, 0.99):
        below = (plain <= np.quantile(fast, level)).mean()
        assert abs(below - level) < 4.5 * np.sqrt(level * (1 - level) / len(plain))


@pytest.mark.parametrize("correlation", [0.0, 0.08])
def test_without_a_cap_the_simulation_meets_the_sum_over_guarantees(correlation: float) -> None:
    rng = np.random.default_rng(4)
    probabilities, exposures = rng.beta(0.5, 25, 3_000), rng.lognormal(13, 1, 3_000).round(2)

    check = forecast(None, probabilities, exposures, correlation=correlation, severity=0.6).check

    assert check.expected == pytest.approx(0.6 * probabilities @ exposures)
    assert check.by_party[Party.PROVINCE] == pytest.approx(0.2 * check.expected)
    assert check.z_score is not None
    assert abs(check.z_score) < 4


@pytest.mark.slow
def test_the_z_scores_of_many_seeds_are_standard_normal() -> None:
    scores = [forecast(seed=seed, scenarios=5_000).check.z_score for seed in range(200)]

    assert abs(np.mean(scores)) < 4 / np.sqrt(200)
    assert np.std(scores) == pytest.approx(1, abs=4 / np.sqrt(400))


def test_a_higher_cap_lets_the_system_pay_more() -> None:
    paid = [forecast(cap).with_cap.system.expected for cap in ("0", "100000", "400000", "9e9")]

    assert paid == sorted(set(paid))
    assert paid[-1] == forecast(None).without_cap.system.expected


def test_correlation_moves_the_tail_and_not_the_mean() -> None:
    probabilities, exposures = [0.02] * 2_000, [100_000.0] * 2_000
    alone, together = (
        forecast(None, probabilities, exposures, correlation=rho).without_cap.system
        for rho in (0.0, 0.2)
    )

    error = np.hypot(alone.standard_error, together.standard_error)
    assert abs(alone.expected - together.expected) < 4 * error
    assert together.quantile_99 > 2 * alone.quantile_99


def test_the_same_seed_gives_the_same_on_any_number_of_threads() -> None:
    one, two, three = (forecast("300000", threads=threads) for threads in (1, 2, 3))

    assert one == two == three
    assert one.check.simulated != forecast("300000", seed=6).check.simulated


def test_more_scenarios_begin_with_the_same_ones() -> None:
    pool = Pool.of(PROBABILITIES, EXPOSURES)
    few, many = (
        common_factor.simulate(pool, Assumptions(0.08, scenarios, 1), HORIZON).losses
        for scenarios in (300, 1_000)
    )

    assert (few == many[:300]).all()


def test_the_compiled_draw_is_the_python_one(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = ([0.3, 0.28, 1.0, 0.0, 1e-7, 1e-300], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    pool, assumptions = Pool.of(*draw), Assumptions(0.3, 400, 9)
    compiled = common_factor.simulate(pool, assumptions, HORIZON, 1.0, 500, threads=1)

    names = (
        "conditional_probability",
        "claim_day",
        "draw_defaults",
        "total_and_day",
        "draw_scenarios",
    )
    for name in names:
        monkeypatch.setattr(common_factor, name, getattr(common_factor, name).py_func)
    plain = common_factor.simulate(pool, assumptions, HORIZON, 1.0, 500, threads=1)

    assert (compiled.losses == plain.losses).all()
    assert (compiled.reached == plain.reached).all()


def test_an_empty_pool_costs_nothing() -> None:
    found = forecast("1000", [], [])

    assert found.with_cap.system == Amount(0.0, 0.0, 0.0, 0.0)
    assert found.check.z_score is None
    assert found.cap_reached is not None
    assert (found.cap_reached.probability, found.cap_reached.expected_on) == (0.0, None)


def test_certain_and_impossible_defaults() -> None:
    """Of 100 certain and 900 impossible the system owes 80, of which the cap leaves 50."""
    found = forecast("50", [1.0, 0.0], [100.0, 900.0], days=[1, 1])

    assert found.without_cap.system == Amount(80.0, 0.0, 80.0, 80.0)
    assert found.with_cap.bank == Amount(50.0, 0.0, 50.0, 50.0)
    assert found.cap_reached is not None
    assert found.cap_reached.probability == 1.0
    assert found.cap_reached.expected_on == TODAY + timedelta(days=1)


def test_a_cap_met_to_the_fen_is_reached() -> None:
    reached, missed = (forecast(cap, [1.0], [30.0]).cap_reached for cap in ("24.00", "24.01"))

    assert reached is not None
    assert missed is not None
    assert (reached.probability, missed.probability) == (1.0, 0.0)


def test_one_guarantee() -> None:
    found = forecast("40000", [0.1], [100_000.0])

    assert_close(found.with_cap.system, 0.1 * 40_000)
    assert_close(found.with_cap.bank, 0.1 * 60_000)


def test_a_cap_of_nothing_is_reached_today_and_leaves_all_to_the_bank() -> None:
    found = forecast("0", [0.5], [100.0])

    assert found.with_cap.system.expected == 0
    assert found.with_cap.bank.expected == pytest.approx(found.check.simulated)
    assert found.burn_today is None
    assert found.cap_reached is not None
    assert found.cap_reached.expected_on == TODAY


def test_without_a_cap_there_is_no_burn_and_nothing_to_reach() -> None:
    found = forecast(None)

    assert found.with_cap == found.without_cap
    assert (found.burn_today, found.cap_reached) == (None, None)


def test_claims_so_far_have_used_up_their_part_of_the_cap() -> None:
    """60 of 100 are claimed, 80 more come: 40 are paid, 60 stay with the bank."""
    found = forecast("100", [1.0], [100.0], so_far="60")

    assert found.burn_today == pytest.approx(0.6)
    assert found.with_cap.system.expected == pytest.approx(40.0)
    assert found.with_cap.bank.expected == pytest.approx(60.0)


def test_a_cap_already_used_up_is_reached_today() -> None:
    found = forecast("100", [1.0], [100.0], so_far="150")

    assert found.burn_today == pytest.approx(1.5)
    assert found.with_cap.system.expected == 0
    assert found.cap_reached is not None
    assert found.cap_reached.quantile_50_on == TODAY


def test_a_scheme_of_the_bank_alone_asks_nothing_of_others() -> None:
    period = Period(TODAY, TODAY + timedelta(days=1))

    found = capped_expectation(Pool.of([1.0], [100.0]), BANK_ONLY, period, Assumptions(0.0, 10))

    assert found.with_cap.system.expected == 0
    assert found.with_cap.bank.expected == 100.0


def test_the_answer_is_plain_json() -> None:
    answer = json.loads(json.dumps(forecast("300000", so_far="30000").answer(), allow_nan=False))

    assert answer["period"]["as_of"] == "2025-06-30"
    assert answer["burn_today"] == pytest.approx(0.1)
    assert set(answer["with_cap"]["by_party"]) == {party.value for party in SHARES}
    assert answer["assumptions"] == {"correlation": 0.08, "scenarios": 20_000, "seed": 5}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0.1, 1.2], [1, 1]), r"default_probabilities\[1\]: is 1.2, must be in \[0, 1\]; write"),
        (([0.1, -0.1], [1, 1]), r"default_probabilities\[1\]: is -0.1"),
        (([float("nan")], [1]), r"default_probabilities\[0\]: is nan"),
        (([0.1], [-5]), r"exposures\[0\]: is -5.0, must be a yuan amount of zero or more"),
        (([0.1], [float("inf")]), r"exposures\[0\]: is inf"),
        (([0.1, 0.1], [4e16, 4e16]), r"exposures: sum to 8e\+16 yuan, too much"),
        (([0.1], [1, 2]), "exposures: has 2 rows, default_probabilities has 1"),
        (([0.1], ["dear"]), "exposures: must be numbers"),
        (([[0.1]], [1]), "default_probabilities: has 2 dimensions"),
        (([0.1], [1], [0]), r"days\[0\]: is 0.0, must be a whole number of 1 or more"),
        (([0.1], [1], [2.5]), r"days\[0\]: is 2.5"),
    ],
)
def test_a_wrong_column_is_refused_with_its_place(columns: tuple[list], message: str) -> None:
    with pytest.raises(FactsError, match=message):
        Pool.of(*columns)


def test_amounts_may_come_as_decimals() -> None:
    assert Pool.of([0.5], [Decimal("0.29")]).losses_in_fen() == [29]


@pytest.mark.parametrize("correlation", [-0.1, 1.0, 8.0, float("nan")])
def test_a_correlation_outside_its_range_is_refused(correlation: float) -> None:
    with pytest.raises(ValueError, match=r"correlation is .*, must lie in \[0, 1\)"):
        Assumptions(correlation)


def test_too_few_scenarios_and_a_negative_seed_are_refused() -> None:
    with pytest.raises(ValueError, match="scenarios is 1, must be two or more"):
        Assumptions(0.08, scenarios=1)
    with pytest.raises(ValueError, match="seed is -1"):
        Assumptions(0.08, seed=-1)


def test_a_wrong_period_or_severity_is_refused() -> None:
    with pytest.raises(ValueError, match="until is 2025-06-30, must be after as_of"):
        Period(TODAY, TODAY)
    with pytest.raises(ValueError, match="cap_amount is -1, must be zero or more"):
        Period(TODAY, date(2025, 12, 31), Decimal(-1))
    with pytest.raises(ValueError, match="claims_so_far is NaN"):
        Period(TODAY, date(2025, 12, 31), None, Decimal("NaN"))
    with pytest.raises(ValueError, match="severity is 60"):
        forecast(severity=60)
    with pytest.raises(ValueError, match="cap_amount: scheme 'bank' has no party but the bank"):
        capped_expectation(Pool.of([], []), BANK_ONLY, Period(TODAY, date(2026, 1, 1), Decimal(1)))


def test_the_shipped_assumptions() -> None:
    assert read_assumptions() == Assumptions(0.08, 100_000, 20250630)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('correlation = "8"\nscenarios = 10\nseed = 1', "correlation is 8, must lie in"),
        ('correlation = "1"\nscenarios = 10\nseed = 1', "correlation is 1.0, must lie in"),
        ("scenarios = 10\nseed = 1", "correlation must be a fraction in quotes"),
        ('correlation = "0.1"\nscenarios = 1e5\nseed = 1', "scenarios is 100000.0; write a whole"),
        ('correlation = "0.1"\nscenarios = 10', "seed is None; write a whole number"),
        ('rho = "0.1"', "rho is no key here; known are correlation"),
    ],
)
def test_wrong_assumptions_are_refused_with_file_and_key(
    tmp_path: Path, body: str, message: str
) -> None:
    (tmp_path / "portfolio.toml").write_text(body, encoding="utf-8")

    with pytest.raises(PolicyError, match=rf"portfolio.toml: {message}"):
        read_assumptions(tmp_path)
