"""The laws of what happens at any time: courts, registry, news, prices."""

import numpy as np

from vouch.simulator.calibration import Section
from vouch.simulator.factors import Factors
from vouch.simulator.months import Flags, Floats, Ints

_AMOUNT_SPREAD = 0.6  # of the logarithm


def happened(law: Section, lost: Floats, called: Flags) -> Floats:
    """The chance of an incident in a month, by the depth of the strain and arrears without end."""
    well, strained, at_the_end = law["chances"]
    chance: Floats = np.where(called, at_the_end, well + (strained - well) * lost)
    return chance


def worth(law: Section, rng: np.random.Generator, ticket: Floats) -> Floats:
    """The value that each incident is told with; `ticket` is the usual loan in yuan."""
    size = len(ticket)
    values: Floats = np.ones(size)
    if "whole" in law:
        low, high = law["whole"]
        values = rng.integers(low, high + 1, size=size).astype(np.float64)
    elif "share" in law:
        low, high = law["share"]
        values = np.round(low + (high - low) * rng.random(size), 2)
    elif "amount_share" in law:
        noise = np.exp(_AMOUNT_SPREAD * rng.standard_normal(size))
        values = np.round(ticket * law["amount_share"] * noise, 2)
    return values


def sector_changes(sector: Section, factors: Factors, months: Ints) -> Floats:
    """Change of the price over three months where it fell enough to be told, else 0."""
    last = len(factors.coal) - 1
    now = factors.coal[np.clip(months - factors.first, 0, last)]
    before = factors.coal[np.clip(months - sector["months"] - factors.first, 0, last)]
    fall = now - before
    return np.where(fall > sector["fall"], -sector["change_per_unit"] * fall, 0.0)
