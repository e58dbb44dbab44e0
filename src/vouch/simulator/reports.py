"""The laws of what is reported at fixed times: amounts, counts, grades."""

import numpy as np

from vouch.simulator.calibration import Section, chosen_by_row, shares
from vouch.simulator.months import Flags, Floats, Ints

_LEAST_LEFT = 0.02


def depth(signal: Section, trouble: Ints) -> Floats:
    """How far a strained business has gone down, from 0 (well) to nearly 1, by months strained."""
    months = np.minimum(trouble, signal["most_months"])
    deep: Floats = -np.expm1(-months / signal["onset_months"])
    return deep


def part_left(law: Section, lost: Floats) -> Floats:
    """What is reported, in parts of the usual level, by depth."""
    left: Floats = np.maximum(1 - law["loss"] * lost, _LEAST_LEFT)
    return left


def season_of(province: Section, law: Section, months: Ints) -> Floats:
    """What is usual in each calendar month, in parts of the year's mean."""
    if not law.get("seasonal"):
        return np.ones(len(months))
    weights: Floats = np.array(province["signal"]["month_weights"])[months % 12]
    return weights


def reported(
    province: Section,
    law: Section,
    rng: np.random.Generator,
    usual: Floats,
    months: Ints,
    trouble: Ints,
) -> Floats:
    """Amounts reported where `usual` is each borrower's usual level."""
    left = part_left(law, depth(province["signal"], trouble))
    noise = np.exp(law["spread"] * rng.standard_normal(len(months)))
    drawn: Floats = np.round(usual * season_of(province, law, months) * left * noise, law["digits"])
    drawn = np.minimum(drawn, law.get("highest", np.inf))
    well, strained = law["gap"]
    is_gap = rng.random(len(months)) < np.where(trouble > 0, strained, well)
    return np.where(is_gap, 0.0, drawn)


def counted(law: Section, rng: np.random.Generator, lost: Floats) -> Floats:
    """Counts by a Poisson law."""
    more = rng.poisson(law["well"] + law["strained"] * lost)
    total: Floats = (law["least"] + more).astype(np.float64)
    return total


def grade_chances(law: Section, strained: Flags) -> Floats:
    """The chance of every grade, a row for each borrower."""
    both = np.array([shares(law["well"]), shares(law["strained"])])
    chances: Floats = both[strained.astype(np.int64)]
    return chances


def graded(law: Section, rng: np.random.Generator, strained: Flags) -> Floats:
    """Grades from 1 on."""
    grade = chosen_by_row(grade_chances(law, strained), rng.random(len(strained))) + 1
    return grade.astype(np.float64)
