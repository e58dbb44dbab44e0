"""The level of the whole book: what recent vintages have shown so far, against older ones.

A guarantee granted today has an outcome years from now. What is known today are the whole course
of old vintages and the first months of recent ones. Let h(a) be the compensations of vintages
older than three years per guarantee in its a-th quarter of age. Of the recent vintages count the
first signs: 60 days past due where the book keeps arrears, which comes months before, or else the
compensation itself; r is their signs over those that the old vintages' course of signs would have
made of them at the ages they have reached, shrunk towards 1. The level is r · Σ h(a) over three
years: a discrete-time hazard with guarantees that are not yet old enough counted up to the age
they have, none left out.

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

# Days past due that count as a sign.
SIGN_DAYS = 60

# The recent vintages' record is pulled towards the old ones' by this many signs.
PRIOR_SIGNS = 5.0

# Fewer compensations of old vintages than this draw no course that could be scaled.
FEWEST_OLD_COMPENSATIONS = 10


@dataclass(frozen=True)
class Vintages:
    """Days on which guarantees became known (ascending), gave a sign and were called.

    Infinite where they did not; a sign is never later than the call.
    """

    known: Floats
    called: Floats
    signs: Floats

    def level(self, day: float) -> float:
        """Expected compensations per guarantee within three years, by what was known before `day`.

        NaN where old vintages say too little.
        """
        first, last = np.searchsorted(self.known, [day - RECENT_DAYS, day], "left").tolist()
        old, recent = slice(0, first), slice(first, last)
        events, exposure = self._course(old, self.called, day)
        if events.sum() < FEWEST_OLD_COMPENSATIONS:
            return float("nan")
        usual = _hazard(*self._course(old, self.signs, day))
        seen, lived = self._course(recent, self.signs, day)
        ratio = (seen.sum() + PRIOR_SIGNS) / (usual @ lived + PRIOR_SIGNS)
        return float(ratio * _hazard(events, exposure).sum())

    def _course(self, rows: slice, ends: Floats, day: float) -> tuple[Floats, Floats]:
        """By quarter of age: ends known before `day`, and guarantee-quarters lived before them."""
        known = self.known[rows]
        ended = ends[rows]
        gone = np.flatnonzero(ended < day)
        ages = np.minimum(day - known, RECENT_DAYS)
        exposure = _quarters(ages) - _quarters(ages[gone])
        until = np.minimum(ended[gone] - known[gone], RECENT_DAYS)
        at = np.floor((ended[gone] - known[gone]) / QUARTER).astype(np.int64)
        events = np.bincount(np.maximum(at[at < QUARTERS], 0), minlength=QUARTERS)
        return events.astype(np.float64), exposure + _quarters(until)


def _hazard(events: Floats, exposure: Floats) -> Floats:
    return np.divide(events, exposure, out=np.zeros(QUARTERS), where=exposure > 0)


def _quarters(ages: Floats) -> Floats:
    """Days lived in each quarter of age by guarantees of these ages, summed, in quarters."""
    ordered = np.sort(np.maximum(ages, 0.0))
    running = np.concatenate([[0.0], np.cumsum(ordered)])
    edges = QUARTER * np.arange(QUARTERS + 1)
    below = np.searchsorted(ordered, edges, "left")
    lived = running[below] + edges * (len(ordered) - below)  # of each edge: Σ min(age, edge)
    return np.asarray(np.diff(lived) / QUARTER)
