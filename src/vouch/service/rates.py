"""Rate limits: each caller has a bucket of a minute's requests that fills at an even pace."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

# Beyond this many callers the one silent for longest is forgotten, which fills its bucket.
_CALLERS = 10_000


class RateLimits:
    """Buckets by caller, in this process.

    Args:
        processes: how many share a caller's limit; each takes its part of it.
        timer: seconds that only go forward.
    """

    def __init__(self, processes: int = 1, timer: Callable[[], float] = time.monotonic) -> None:
        self._processes = processes
        self._timer = timer
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller_id: str, per_minute: int) -> float:
        """Take one request out of a bucket; seconds to wait where it is empty, else 0."""
        full = max(1.0, per_minute / self._processes)
        now = self._timer()
        level, seen = self._buckets.get(caller_id, (full, now))
        level = min(full, level + (now - seen) * full / 60)
        wait = 0.0 if level >= 1 else (1 - level) * 60 / full
        self._buckets[caller_id] = (level if wait else level - 1, now)
        self._buckets.move_to_end(caller_id)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return wait


def retry_after(wait: float) -> str:
    """Seconds to wait as a header says them: whole, at least one.

    >>> retry_after(0.2), retry_after(1.5)
    ('1', '2')
    """
    return str(max(1, math.ceil(wait)))
