"""The numbers of the simulated province, read from the data files beside this module."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from vouch.simulator.months import Floats, Ints

Section = Mapping[str, Any]
_FILES = ("province.toml", "signals.toml")
_GOLDEN = (5**0.5 - 1) / 2


@cache
def province() -> Mapping[str, Any]:
    """Every table of `province.toml` and `signals.toml` by name."""
    folder = resources.files("vouch.simulator")
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in _FILES]
    return {name: table for text in texts for name, table in tomllib.loads(text).items()}


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
    return chosen(weights, rng.random(size))


def chosen(weights: Floats, luck: Floats) -> Ints:
    """The index at which each number in [0, 1) falls, by shares proportional to `weights`."""
    drawn = np.searchsorted(np.cumsum(weights / weights.sum()), luck, side="right")
    return np.minimum(drawn, len(weights) - 1).astype(np.int64)


def choose_by_row(rng: np.random.Generator, weights: Floats) -> Ints:
    """One index for each row of a matrix of weights."""
    return chosen_by_row(weights, rng.random(len(weights)))


def chosen_by_row(weights: Floats, luck: Floats) -> Ints:
    """The index at which each row's number in [0, 1) falls."""
    cumulative = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    drawn = (luck[:, None] >= cumulative).sum(axis=1)
    found: Ints = np.minimum(drawn, weights.shape[1] - 1).astype(np.int64)
    return found


def spread_evenly(rng: np.random.Generator, along: Floats | Ints) -> Floats:
    """Numbers in [0, 1), each uniform, that are spread evenly among rows alike in `along`.

    In the order of `along` they form a golden-ratio sequence with a random start, so that whatever
    is chosen by them has the wanted share of every stretch of rows, and of their sum.
    """
    steps = np.empty(len(along))
    steps[np.argsort(along, kind="stable")] = np.arange(len(along))
    luck: Floats = (rng.random() + steps * _GOLDEN) % 1.0
    return luck
