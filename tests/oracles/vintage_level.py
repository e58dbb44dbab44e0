"""The level of a book, guarantee by guarantee and quarter by quarter, from its definition."""

from __future__ import annotations

from collections.abc import Sequence

QUARTER, QUARTERS, PRIOR, FEWEST = 91, 12, 5.0, 10


def level(known: Sequence[float], called: Sequence[float | None], day: float) -> float | None:
    """What `vouch.features.vintages` computes with sorted sums; None for not enough."""
    events = {True: [0] * QUARTERS, False: [0] * QUARTERS}
    exposure = {True: [0.0] * QUARTERS, False: [0.0] * QUARTERS}
    for start, end in zip(known, called, strict=True):
        if start >= day:
            continue
        is_old = start < day - QUARTER * QUARTERS
        was_called = end is not None and end < day
        last = end if was_called else day
        for quarter in range(QUARTERS):
            first, after = start + quarter * QUARTER, start + (quarter + 1) * QUARTER
            exposure[is_old][quarter] += max(0.0, min(last, after) - first) / QUARTER
            events[is_old][quarter] += was_called and first <= end < after
    if sum(events[True]) < FEWEST:
        return None
    hazard = [e / x if x else 0.0 for e, x in zip(events[True], exposure[True], strict=True)]
    expected = sum(h * x for h, x in zip(hazard, exposure[False], strict=True))
    return (sum(events[False]) + PRIOR) / (expected + PRIOR) * sum(hazard)
