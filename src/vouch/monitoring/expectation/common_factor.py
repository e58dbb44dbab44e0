"""Defaults that come together: one common Gaussian factor (Vasicek 2002), drawn exactly and fast.

Given the state z of the economy, guarantees default independently with probability

    p(z) = Φ((Φ⁻¹(p) - √ρ·z) / √(1 - ρ))

(O. Vasicek, "The distribution of loan portfolio value", Risk, December 2002); z > 0 is a good year.

Few of many default, so visiting each guarantee in each scenario would be a waste. They are sorted
by p into groups that differ by less than a quarter. In a group the walk jumps, by a geometric
number of guarantees, from one hit to the next as if all had the group's highest probability, and
keeps a hit with the guarantee's own p(z) over that highest one (thinning; L. Devroye, Non-Uniform
Random Variate Generation, 1986, ch. VI.2). That is exact for any mix of probabilities and
exposures; the groups decide only how many hits are thrown away.

Losses are whole fen in 64 bits, and each block of scenarios has its own generator, so results
depend neither on the order of sums nor on the number of threads.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from vouch.compiled import compiled
from vouch.monitoring.expectation.assumptions import Assumptions
from vouch.monitoring.expectation.pool import FloatArray, IntArray, Pool

NEVER = 2**63 - 1
NOT_REACHED = -1
_GROUP_RATIO = 1.25
_LEAST_PROBABILITY = 1e-5  # all below share a group: hits are too rare to matter
_BLOCK = 250


@dataclass(frozen=True)
class Scenarios:
    """What is lost in each scenario, in fen, and the day on which the loss asked for is reached.

    Day 1 is tomorrow. It is 0 where that is reached already, `NOT_REACHED` where it is not within
    the horizon.
    """

    losses: IntArray
    reached: NDArray[np.int32]


def simulate(
    pool: Pool,
    assumptions: Assumptions,
    horizon_days: int,
    severity: float = 1.0,
    loss_to_reach: int = NEVER,
    threads: int | None = None,
) -> Scenarios:
    """Draw the scenarios of a pool.

    A claim falls on a day drawn from the guarantee's own quantiles, within the horizon; losses are
    counted day by day.

    Args:
        horizon_days: until when the probabilities of the pool count.
        loss_to_reach: a sum of losses in fen whose day is wanted.
        threads: all cores where None; the result is the same.
    """
    columns = _prepared(pool, assumptions.correlation, horizon_days, severity)
    losses = np.empty(assumptions.scenarios, np.int64)
    reached = np.empty(assumptions.scenarios, np.int32)
    factor = math.sqrt(assumptions.correlation / (2 * (1 - assumptions.correlation)))

    def run(block: tuple[np.random.Generator, slice]) -> None:
        rng, rows = block
        by_day = np.zeros(horizon_days, np.int64)
        draw_scenarios(rng, factor, *columns, loss_to_reach, by_day, losses[rows], reached[rows])

    with ThreadPoolExecutor(threads or os.cpu_count()) as workers:
        for _ in workers.map(run, _blocks(assumptions)):
            pass
    return Scenarios(losses, reached)


def _blocks(assumptions: Assumptions) -> Iterator[tuple[np.random.Generator, slice]]:
    """The scenarios in blocks of one size, each with its generator whoever draws it."""
    starts = range(0, assumptions.scenarios, _BLOCK)
    for start, seed in zip(
        starts, np.random.SeedSequence(assumptions.seed).spawn(len(starts)), strict=True
    ):
        yield np.random.default_rng(seed), slice(start, start + _BLOCK)


def _prepared(
    pool: Pool, correlation: float, horizon_days: int, severity: float
) -> tuple[IntArray, FloatArray, IntArray, FloatArray]:
    """The bounds of the groups, then heights, losses and days of the guarantees in their order.

    A height is -Φ⁻¹(p) / √(2·(1 - ρ)), so that p(z) = erfc(height + z·√(ρ / (2·(1 - ρ)))) / 2.
    """
    order = np.argsort(-pool.default_probabilities, kind="stable")
    order = order[pool.default_probabilities[order] > 0]
    probability = pool.default_probabilities[order]
    steps = np.floor(np.log(np.maximum(probability, _LEAST_PROBABILITY)) / np.log(_GROUP_RATIO))
    cuts = np.flatnonzero(np.diff(steps)) + 1
    bounds = np.concatenate(([0], cuts, [len(order)])).astype(np.int64)
    heights = -ndtri(probability) / math.sqrt(2 * (1 - correlation))
    days = np.minimum(pool.claim_days[order], horizon_days)
    return bounds, heights, pool.losses_in_fen(severity)[order], days


@compiled
def conditional_probability(height: float, shift: float) -> float:
    """The default probability of a guarantee in a state of the economy."""
    return 0.5 * math.erfc(height + shift)


@compiled
def claim_day(chance: float, quantiles: FloatArray, horizon_days: int) -> int:
    """The day at a probability, counted from 0, within the horizon."""
    place = chance * (len(quantiles) - 1)
    before = int(place)
    day = quantiles[before] + (place - before) * (quantiles[before + 1] - quantiles[before])
    return min(int(day), horizon_days - 1)


@compiled
def draw_defaults(
    rng: np.random.Generator,
    shift: float,
    bounds: IntArray,
    heights: FloatArray,
    losses: IntArray,
    days: FloatArray,
    by_day: IntArray,
) -> None:
    """Add the losses of one scenario to their days."""
    for group in range(len(bounds) - 1):
        first, end = bounds[group], bounds[group + 1]
        if first == end:
            continue
        highest = conditional_probability(heights[first], shift)
        if highest <= 0.0:
            continue
        lowest = conditional_probability(heights[end - 1], shift)
        rate = -math.log1p(-highest) if highest < 1.0 else math.inf
        ahead = math.inf if rate == 0.0 else np.floor(rng.standard_exponential() / rate)
        while ahead < end - first:
            row = first + int(ahead)
            drawn = rng.random() * highest
            if drawn < lowest or drawn < conditional_probability(heights[row], shift):
                by_day[claim_day(rng.random(), days[row], len(by_day))] += losses[row]
            ahead += 1.0 + np.floor(rng.standard_exponential() / rate)


@compiled
def total_and_day(by_day: IntArray, loss_to_reach: int) -> tuple[int, int]:
    """The sum of losses and the day on which it reaches what is asked for."""
    total, reached = 0, 0 if loss_to_reach <= 0 else NOT_REACHED
    for day in range(len(by_day)):
        total += by_day[day]
        if reached == NOT_REACHED and total >= loss_to_reach:
            reached = day + 1
    return total, reached


@compiled
def draw_scenarios(
    rng: np.random.Generator,
    factor: float,
    bounds: IntArray,
    heights: FloatArray,
    losses: IntArray,
    days: FloatArray,
    loss_to_reach: int,
    by_day: IntArray,
    totals: IntArray,
    reached: NDArray[np.int32],
) -> None:
    """Draw as many scenarios as `totals` has room for."""
    for scenario in range(len(totals)):
        by_day[:] = 0
        shift = factor * rng.standard_normal()
        draw_defaults(rng, shift, bounds, heights, losses, days, by_day)
        totals[scenario], reached[scenario] = total_and_day(by_day, loss_to_reach)
