"""Whole points by largest remainder, one row at a time, by sorting."""

import math
from collections.abc import Sequence


def share_out(exact: Sequence[float], total: int) -> list[int]:
    """Round `exact` to integers that sum to `total`, by largest remainder.

    Each part is rounded down or up, so a part never changes sign and a part of exactly zero stays
    zero; only where `total` is further from the exact sum than that allows does a part move on by
    one more.

    >>> share_out([-10.4, 3.3, 0.0, 2.3], -5)
    [-10, 3, 0, 2]
    """
    parts = [math.floor(value) for value in exact]
    missing = total - sum(parts)
    open_parts = [i for i, value in enumerate(exact) if value != parts[i]] or list(
        range(len(parts))
    )
    if not open_parts:
        return parts
    by_remainder = sorted(open_parts, key=lambda i: (parts[i] - exact[i], i))
    step = 1 if missing > 0 else -1
    order = by_remainder if missing > 0 else by_remainder[::-1]
    for turn in range(abs(missing)):
        parts[order[turn % len(order)]] += step
    return parts
