"""Contributions as whole points that sum to the score."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vouch.compiled import compiled
from vouch.features.asof import Floats

Integers = NDArray[np.int64]


def whole_points(exact: Floats, totals: Integers) -> Integers:
    """Round each row of `exact`, rows × features, to integers of a given sum.

    By largest remainder: each part is rounded down or up, so a part never changes sign and a part
    of exactly zero stays zero; only where a total is further from the exact sum than that allows
    does a part move on by one more. Equal remainders go by position.

    >>> whole_points(np.array([[-10.4, 3.3, 0.0, 2.3]]), np.array([-5])).tolist()
    [[-10, 3, 0, 2]]
    """
    points = np.zeros(exact.shape, dtype=np.int64)
    if exact.shape[1]:
        share_out_rows(np.ascontiguousarray(exact), totals, points)
    return points


@compiled
def share_out_rows(exact: Floats, totals: Integers, points: Integers) -> None:
    """`whole_points` into an array that is there."""
    is_open = np.empty(exact.shape[1], np.bool_)
    for row in range(len(exact)):
        missing = totals[row]
        for i in range(exact.shape[1]):
            points[row, i] = math.floor(exact[row, i])
            missing -= points[row, i]
        step = 1 if missing > 0 else -1
        left = 0
        for _ in range(abs(missing)):
            if left == 0:
                left = open_parts(exact[row], is_open)
            points[row, next_part(exact[row], is_open, step)] += step
            left -= 1


@compiled
def open_parts(exact: Floats, is_open: NDArray[np.bool_]) -> int:
    """Mark the parts that rounding moves, or all where it moves none; returns how many."""
    count = 0
    for i in range(len(exact)):
        is_open[i] = exact[i] != math.floor(exact[i])
        count += is_open[i]
    if count == 0:
        is_open[:] = True
        return len(exact)
    return count


@compiled
def next_part(exact: Floats, is_open: NDArray[np.bool_], step: int) -> int:
    """Take the open part of the largest remainder, or going down the smallest, and close it."""
    best, largest = -1, 0.0
    for turn in range(len(exact)):
        i = turn if step > 0 else len(exact) - 1 - turn
        if is_open[i]:
            remainder = step * (exact[i] - math.floor(exact[i]))
            if best < 0 or remainder > largest:
                best, largest = i, remainder
    is_open[best] = False
    return best
