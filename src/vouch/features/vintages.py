"""The level of the whole book: what recent vintages have shown so far, against older ones.

A guarantee granted today has an outcome years from now. What is known today are the whole course
of old vintages and the first months of recent ones. Let h(a) be the compensations of vintages
older than three years per guarantee in its a-th quarter of age, r the compensations of the recent
vintages over those that h would have made of them at the ages they have reached, shrunk towards 1.
The level is r · Σ h(a) over three years: a discrete-time hazard with guarantees that are not yet
old enough counted up to the age they have, none left out.

A guarantee released early stays in the denominator (Fine and Gray 1999): its release ends the
risk for good, so the sum estimates the share that is ever compensated, not what would have been
compensated had nobody repaid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vouch.features.asof import Floats

QUARTER, QUARTERS = 91.0, 12

# Vintages of the last three years are recent: none of them has run its three years yet.
RECENT_DAYS = QUARTER * QUARTERS

# The recent vintages' record is pulled towards the old ones' by this many compensations.
PRIOR_COMPENSATIONS = 5.0

# Fewer compensations of old vintages than this draw no course that could be scaled.
FEWEST_OLD_COMPENSATIONS = 10


@dataclass(frozen=True)
class Vintages:
    """Days on which guarantees became known (ascending) and were called (infinite where not)."""

    known: Floats
    called: Floats

    def level(self, day: float) -> float:
        """Expected compensations per guarantee within three years, by what was known before `day`.

        NaN where old vintages say too little.
        """
        reached = np.searchsorted(self.known, [day - RECENT_DAYS, day], "left")
        events, exposure = self._course(slice(0, int(reached[0])), day)
        if events.sum() < FEWEST_OLD_COMPENSATIONS:
            return float("nan")
        hazard = np.divide(events, exposure, out=np.zeros(QUARTERS), where=exposure > 0)
        seen, recent = self._course(slice(int(reached[0]), int(reached[1])), day)
        ratio = (seen.sum() + PRIOR_COMPENSATIONS) / (hazard @ recent + PRIOR_COMPENSATIONS)
        return float(ratio * hazard.sum())

    def _course(self, rows: slice, day: float) -> tuple[Floats, Floats]:
        """By quarter of age: compensations known before `day`, and guarantee-quarters at risk."""
        known = self.known[rows]
        called = self.called[rows]
        lost = np.flatnonzero(called < day)
        ages = np.minimum(day - known, RECENT_DAYS)
        exposure = _quarters(ages) - _quarters(ages[lost])
        until_called = np.minimum(called[lost] - known[lost], RECENT_DAYS)
        at = np.floor((called[lost] - known[lost]) / QUARTER).astype(np.int64)
        events = np.bincount(np.maximum(at[at < QUARTERS], 0), minlength=QUARTERS)
        return events.astype(np.float64), exposure + _quarters(until_called)


def _quarters(ages: Floats) -> Floats:
    """Days lived in each quarter of age by guarantees of these ages, summed, in quarters."""
    ordered = np.sort(np.maximum(ages, 0.0))
    running = np.concatenate([[0.0], np.cumsum(ordered)])
    edges = QUARTER * np.arange(QUARTERS + 1)
    below = np.searchsorted(ordered, edges, "left")
    lived = running[below] + edges * (len(ordered) - below)  # of each edge: Σ min(age, edge)
    return np.asarray(np.diff(lived) / QUARTER)
