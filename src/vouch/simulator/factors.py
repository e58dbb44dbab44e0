"""What moves all guarantees of a month together: the economy and the price of coal."""

from dataclasses import dataclass

import numpy as np

from vouch.simulator.calibration import Section
from vouch.simulator.months import Floats, Ints


@dataclass(frozen=True)
class Factors:
    """Multipliers of risk by city and month; column 0 is month `first`.

    `coal` is the standardised price of coal, turned round: high when the price is low.
    """

    first: int
    trouble: Floats
    season: Floats
    coal: Floats

    def at(self, cities: Ints, months: Ints) -> Floats:
        """The multiplier of becoming strained, for each city and month."""
        last = self.trouble.shape[1] - 1
        return self.trouble[cities, np.clip(months - self.first, 0, last)]

    def season_of(self, months: Ints) -> Floats:
        """The multiplier of missing a payment, by month of the year."""
        return self.season[months % 12]


def average_factors(province: Section) -> Factors:
    """The common factors of an average month: what is expected of months nobody knows."""
    return Factors(
        first=0,
        trouble=np.ones((len(province["city"]["codes"]), 1)),
        season=_seasons(province["course"]),
        coal=np.zeros(1),
    )


def factors(province: Section, rng: np.random.Generator, first: int, months: int) -> Factors:
    """Draw the common factors of `months` months from month `first` on."""
    factor, course = province["factor"], province["course"]
    economy = _wave(rng, months, factor["persistence"])
    coal = _wave(rng, months, factor["persistence"])
    loading = np.sqrt(factor["rho"] / (1 - factor["rho"]))
    coal_loading = factor["coal_loading"] * np.array(province["city"]["coal"], dtype=np.float64)
    drift = -(loading**2 + coal_loading**2) / 2
    trouble = np.exp(loading * economy[None, :] + coal_loading[:, None] * coal + drift[:, None])
    return Factors(first, trouble, _seasons(course), coal)


def _seasons(course: Section) -> Floats:
    season = np.array(course["season"], dtype=np.float64)
    return np.roll(season / season.mean(), -course["season_lead_months"])


def _wave(rng: np.random.Generator, size: int, persistence: float) -> Floats:
    """A first-order autoregression of unit variance."""
    shocks = rng.standard_normal(size) * np.sqrt(1 - persistence**2)
    wave = np.empty(size)
    level = rng.standard_normal()
    for month in range(size):
        level = persistence * level + shocks[month]
        wave[month] = level
    return wave
