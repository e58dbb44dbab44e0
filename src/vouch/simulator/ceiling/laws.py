"""How likely each signal is in every hidden state, against being well.

States, in the order of every matrix here: well; strained for 1 to 7 months; strained for longer;
called (the fatal payment missed) since 0 to 5 month ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from vouch.simulator.calibration import Section
from vouch.simulator.incidents import happened
from vouch.simulator.months import Flags, Floats, Ints
from vouch.simulator.names import Texts
from vouch.simulator.reports import depth, grade_chances, part_left, season_of

STRAINED, CALLED = 8, 6
STATES = 1 + STRAINED + CALLED
_LONGER = 10  # months strained that stand for all longer strains
_BEFORE_CALLED = 2  # months strained that stand for what came before the missed payment
_RARE = 1e-12


@dataclass(frozen=True)
class Signals:
    """Signals, a row each; `borrower` counts the borrowers of the cases, days are numbers."""

    borrower: Ints
    kind: Texts
    value: Floats
    event: Ints
    known: Ints
    month: Ints

    def where(self, rows: Flags) -> Signals:
        """The signals at `rows`."""
        return Signals(
            self.borrower[rows],
            self.kind[rows],
            self.value[rows],
            self.event[rows],
            self.known[rows],
            self.month[rows],
        )


@dataclass(frozen=True)
class Profile:
    """What the first application says of each borrower: its month, revenue in yuan, headcount."""

    first_month: Ints
    revenue: Floats
    headcount: Floats


def depths(signal: Section) -> Floats:
    """The depth of the strain in every state."""
    strained = [*range(1, STRAINED), _LONGER]
    called = [_BEFORE_CALLED + since for since in range(CALLED)]
    return depth(signal, np.array([0, *strained, *called]))


def is_called() -> Flags:
    """Which states are called."""
    return np.arange(STATES) >= 1 + STRAINED


def incident_chances(province: Section, law: Section) -> Floats:
    """The monthly chance of an incident in every state."""
    return happened(law, depths(province["signal"]), is_called())


def signal_weights(province: Section, profile: Profile, seen: Signals) -> Floats:
    """Log-likelihood of each signal in every state less that of being well."""
    found = np.zeros((len(seen.value), STATES))
    for law in province["report"]:
        rows = seen.kind == law["kind"]
        found[rows] = _report(province, law, profile, seen.where(rows))
    for law in province["count"]:
        rows = seen.kind == law["kind"]
        found[rows] = _count(province, law, seen.where(rows))
    for law in province["grade"]:
        rows = seen.kind == law["kind"]
        chances = grade_chances(law, np.arange(STATES) > 0)
        grade = np.rint(seen.value[rows]).astype(np.int64) - 1
        found[rows] = _against_well(np.log(chances[:, grade].T))
    for law in province["incident"]:
        rows = seen.kind == law["kind"]
        chance = np.maximum(incident_chances(province, law), _RARE)
        found[rows] = _against_well(np.log(chance / (1 - chance)))
    found[seen.month < profile.first_month[seen.borrower]] = 0.0
    return found


def _against_well(logs: Floats) -> Floats:
    against: Floats = logs - logs[..., :1]
    return against


def _count(province: Section, law: Section, seen: Signals) -> Floats:
    rate = law["well"] + law["strained"] * depths(province["signal"])
    more = np.maximum(seen.value - law["least"], 0.0)[:, None]
    return _against_well(more * np.log(rate) - rate)


def _report(province: Section, law: Section, profile: Profile, seen: Signals) -> Floats:
    """Amounts against each borrower's own usual level, as learnt while it was surely well."""
    season = season_of(province, law, seen.month)
    logs = np.log(np.maximum(seen.value, 0.5 if law["digits"] == 0 else 1e-4) / season)
    mean, variance = _usual_level(law, profile, seen, logs)
    spread = np.sqrt(law["spread"] ** 2 + variance)[seen.borrower][:, None]
    centre = mean[seen.borrower][:, None] + np.log(part_left(law, depths(province["signal"])))
    well, strained = law["gap"]
    gap = np.where(np.arange(STATES) > 0, strained, well)
    if law["digits"] == 0:
        high = np.log((seen.value + 0.5) / season)[:, None]
        low = np.log(np.maximum(seen.value - 0.5, _RARE) / season)[:, None]
        fits = np.log(
            np.maximum(ndtr((high - centre) / spread) - ndtr((low - centre) / spread), _RARE)
        )
        return _against_well(fits)
    fits = -0.5 * ((logs[:, None] - centre) / spread) ** 2 + np.log(1 - gap)
    nothing = np.log(np.maximum(gap, _RARE)) + np.zeros_like(fits)
    return _against_well(np.where(seen.value[:, None] == 0, nothing, fits))


def _usual_level(
    law: Section, profile: Profile, seen: Signals, logs: Floats
) -> tuple[Floats, Floats]:
    """Mean and variance of each borrower's log level: what it states, and reports while well."""
    base = {"revenue": profile.revenue, "headcount": profile.headcount}.get(
        law["base"], np.ones(len(profile.revenue))
    )
    stated = 0.12 if law["base"] == "revenue" else 0.02  # restated revenue; nothing for the rest
    prior_variance = stated**2 + law["own_spread"] ** 2
    early = (seen.month < profile.first_month[seen.borrower]) & (seen.value > 0)
    size = len(profile.revenue)
    count = np.bincount(seen.borrower[early], minlength=size)
    total = np.bincount(seen.borrower[early], logs[early], minlength=size)
    precision = 1 / prior_variance + count / law["spread"] ** 2
    mean = np.log(np.maximum(base * law["factor"], _RARE)) / prior_variance
    mean = (mean + total / law["spread"] ** 2) / precision
    return mean, 1 / precision
