"""What each party is expected to pay for a pool, with its cap and without; when the cap is reached.

With D the loans that default until the end of the period and G the system's share, the system's
claims are C = G·D, it pays min(C, what is left of the cap), its parties share that by sᵢ/G, and the
bank bears D less what is paid. All this is for claims from today on; recoveries come later and are
not part of it. A cap settled as claims come pays in the end what one settled at the period's end
pays, as long as it only grows, so the sums hold for both. The cap is that of the whole period.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouch.domain.risk_sharing import Party, Scheme
from vouch.monitoring.expectation.assumptions import Assumptions, read_assumptions
from vouch.monitoring.expectation.common_factor import NEVER, NOT_REACHED, simulate
from vouch.monitoring.expectation.pool import FloatArray, Pool

_ZERO = Decimal(0)


@dataclass(frozen=True)
class Period:
    """The time left of a cap's period, and where the cap stands today.

    Args:
        as_of: today; the first claim can come tomorrow.
        until: the last day, until which the pool's probabilities count.
        cap_amount: the most the system pays in the whole period, in yuan; None: no cap.
        claims_so_far: what the system was asked for in the period before any cap, in yuan.
    """

    as_of: date
    until: date
    cap_amount: Decimal | None = None
    claims_so_far: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.until <= self.as_of:
            raise ValueError(f"until is {self.until}, must be after as_of {self.as_of}")
        for key in ("cap_amount", "claims_so_far"):
            value = getattr(self, key)
            if value is not None and not (value.is_finite() and value >= 0):
                raise ValueError(f"{key} is {value}, must be zero or more")

    @property
    def days(self) -> int:
        """How many days are left."""
        return (self.until - self.as_of).days

    @property
    def room(self) -> Decimal | None:
        """What the system may still pay; None: any amount."""
        return None if self.cap_amount is None else max(self.cap_amount - self.claims_so_far, _ZERO)

    @property
    def burn(self) -> float | None:
        """Claims so far over the cap: 1 is the cap reached; None without a cap or of zero."""
        return float(self.claims_so_far / self.cap_amount) if self.cap_amount else None


@dataclass(frozen=True)
class Amount:
    """An amount over all scenarios, in yuan; the standard error is that of the expectation."""

    expected: float
    standard_error: float
    quantile_95: float
    quantile_99: float


@dataclass(frozen=True)
class Outcome:
    """Who pays what; `system` is all parties but the bank together."""

    system: Amount
    by_party: Mapping[Party, Amount]

    @property
    def bank(self) -> Amount:
        """What the bank loses."""
        return self.by_party[Party.BANK]


@dataclass(frozen=True)
class CapReached:
    """Whether and when claims reach the cap; the dates are given that they do, None if never."""

    probability: float
    standard_error: float
    expected_on: date | None
    quantile_5_on: date | None
    quantile_50_on: date | None
    quantile_95_on: date | None


@dataclass(frozen=True)
class AnalyticCheck:
    """Σ probability · exposure · severity beside the simulation without a cap, in yuan.

    `z_score` is their difference over the standard error, None where nothing is random. Beyond 4 it
    is no chance.
    """

    expected: float
    by_party: Mapping[Party, float]
    simulated: float
    standard_error: float
    z_score: float | None


@dataclass(frozen=True)
class Forecast:
    """Expected compensation of a pool until the end of its cap's period."""

    guarantees: int
    assumptions: Assumptions
    severity: float
    period: Period
    burn_today: float | None
    without_cap: Outcome
    with_cap: Outcome
    cap_reached: CapReached | None
    check: AnalyticCheck

    def answer(self) -> dict[str, Any]:
        """As plain JSON: amounts as numbers in yuan, dates as texts."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}


def capped_expectation(
    pool: Pool,
    scheme: Scheme,
    period: Period,
    assumptions: Assumptions | None = None,
    severity: float = 1.0,
    threads: int | None = None,
) -> Forecast:
    """Simulate a pool under one scheme and one cap.

    Args:
        assumptions: those of the shipped policy where None.
        severity: the share of an exposure that is compensated.
        threads: all cores where None; the result is the same.

    Raises:
        ValueError: the severity is outside [0, 1], or a cap has no system to limit.
    """
    if not 0 <= severity <= 1:
        raise ValueError(f"severity is {severity}, must lie in [0, 1]; write 60 % as 0.60")
    if period.cap_amount is not None and scheme.system_share == 0:
        raise ValueError(f"cap_amount: scheme {scheme.name!r} has no party but the bank to limit")
    assumptions = assumptions or read_assumptions()
    loss = _loss_to_reach(period, scheme)
    drawn = simulate(pool, assumptions, period.days, severity, loss, threads)
    defaults = drawn.losses / 100
    room = period.room
    return Forecast(
        guarantees=len(pool),
        assumptions=assumptions,
        severity=severity,
        period=period,
        burn_today=period.burn,
        without_cap=outcome(defaults, scheme),
        with_cap=outcome(defaults, scheme, None if room is None else float(room)),
        cap_reached=None if room is None else _cap_reached(drawn.reached, period.as_of),
        check=_check(pool, severity, scheme, defaults),
    )


def outcome(defaults: FloatArray, scheme: Scheme, room: float | None = None) -> Outcome:
    """Share the defaults of equally likely scenarios.

    Args:
        defaults: the loans in default in each scenario, in yuan, the bank's part included.
        room: what the system may still pay; None: any amount.
    """
    claims = float(scheme.system_share) * defaults
    paid = claims if room is None else np.minimum(claims, room)
    parts = {
        party: _amount(float(share / scheme.system_share) * paid)
        for party, share in scheme.shares.items()
        if party is not Party.BANK
    }
    return Outcome(_amount(paid), {Party.BANK: _amount(defaults - paid)} | parts)


def _amount(values: FloatArray) -> Amount:
    q95, q99 = np.quantile(values, [0.95, 0.99], method="inverted_cdf")
    return Amount(float(values.mean()), _standard_error(values), float(q95), float(q99))


def _standard_error(values: FloatArray) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def _loss_to_reach(period: Period, scheme: Scheme) -> int:
    """The least D in fen with claims so far + G·D at the cap or above, without rounding."""
    if period.cap_amount is None:
        return NEVER
    missing = Fraction(period.cap_amount) - Fraction(period.claims_so_far)
    return min(max(math.ceil(missing * 100 / Fraction(scheme.system_share)), 0), NEVER)


def _cap_reached(reached: NDArray[np.int32], as_of: date) -> CapReached:
    hits = (reached != NOT_REACHED).astype(np.float64)
    probability, error = float(hits.mean()), _standard_error(hits)
    if not hits.any():
        return CapReached(probability, error, None, None, None, None)
    days = reached[reached != NOT_REACHED]
    quantiles = np.quantile(days, [0.05, 0.5, 0.95], method="inverted_cdf")
    mean, q5, q50, q95 = (
        as_of + timedelta(days=round(float(day))) for day in (days.mean(), *quantiles)
    )
    return CapReached(probability, error, mean, q5, q50, q95)


def _check(pool: Pool, severity: float, scheme: Scheme, defaults: FloatArray) -> AnalyticCheck:
    expected, simulated = math.fsum(pool.expected_losses(severity)), float(defaults.mean())
    error = _standard_error(defaults)
    return AnalyticCheck(
        expected=expected,
        by_party={party: float(share) * expected for party, share in scheme.shares.items()},
        simulated=simulated,
        standard_error=error,
        z_score=(simulated - expected) / error if error else None,
    )


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
