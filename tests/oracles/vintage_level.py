"""The level of a book, guarantee by guarantee and quarter by quarter, from its definition."""

from __future__ import annotations

from collections.abc import Sequence

QUARTER, QUARTERS, PRIOR, FEWEST = 91, 12, 5.0, 10


def level(
    known: Sequence[float],
    called: Sequence[float | None],
    signs: Sequence[float | None],
    day: float,
) -> float | None:
    """What `vouch.features.vintages` computes with sorted sums; None for not enough."""
    calls, at_risk, _, _ = _course(known, called, day)
    if sum(calls) < FEWEST:
        return None
    hazard = _hazard(calls, at_risk)
    old_signs, old_lived, seen, lived = _course(known, signs, day)
    expected = sum(h * x for h, x in zip(_hazard(old_signs, old_lived), lived, strict=True))
    return (sum(seen) + PRIOR) / (expected + PRIOR) * sum(hazard)


def _hazard(events: list[int], exposure: list[float]) -> list[float]:
    return [e / x if x else 0.0 for e, x in zip(events, exposure, strict=True)]


def _course(
    known: Sequence[float], ends: Sequence[float | None], day: float
) -> tuple[list[int], list[float], list[int], list[float]]:
    """Events and exposure by quarter of age, of old vintages and then of recent ones."""
    events = {True: [0] * QUARTERS, False: [0] * QUARTERS}
    exposure = {True: [0.0] * QUARTERS, False: [0.0] * QUARTERS}
    for start, end in zip(known, ends, strict=True):
        if start >= day:
            continue
        is_old = start < day - QUARTER * QUARTERS
        has_ended = end is not None and end < day
        last = end if has_ended else day
        for quarter in range(QUARTERS):
            first, after = start + quarter * QUARTER, start + (quarter + 1) * QUARTER
            exposure[is_old][quarter] += max(0.0, min(last, after) - first) / QUARTER
            events[is_old][quarter] += has_ended and first <= end < after
    return events[True], exposure[True], events[False], exposure[False]
