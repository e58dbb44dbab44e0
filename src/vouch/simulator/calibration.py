"""The numbers of the simulated province, read from the data file beside this module."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from vouch.simulator.months import Floats, Ints

Section = Mapping[str, Any]


@cache
def province() -> Mapping[str, Any]:
    """Every table of `province.toml` by name."""
    text = resources.files("vouch.simulator").joinpath("province.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def shares(weights: list[float]) -> Floats:
    """Weights scaled to sum to one.

    >>> shares([1, 3]).tolist()
    [0.25, 0.75]
    """
    array = np.asarray(weights, dtype=np.float64)
    scaled: Floats = array / array.sum()
    return scaled


def log_effects(rates: list[float], weights: list[float]) -> Floats:
    """Rates by class as log effects around their weighted mean."""
    array = np.asarray(rates, dtype=np.float64)
    effects: Floats = np.log(array / (array @ shares(weights)))
    return effects


def choose(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Indices drawn with probability proportional to `weights`."""
    drawn = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(size), side="right")
    return np.minimum(drawn, len(weights) - 1).astype(np.int64)


def choose_by_row(rng: np.random.Generator, weights: Floats) -> Ints:
    """One index for each row of a matrix of weights."""
    cumulative = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    drawn: Ints = (rng.random(len(weights))[:, None] > cumulative[:, :-1]).sum(axis=1)
    return drawn
