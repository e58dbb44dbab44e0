"""By what each method orders guarantees, and whom it tells within a budget."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from training.ranking import Looks
from vouch.domain.ranking import INPUTS, Ranking
from vouch.features.asof import Floats
from vouch.policy.reading import Policy
from vouch.warning.ranking import chances

ASSUMED: Mapping[str, Any] = tomllib.loads(
    Path(__file__).with_name("assumptions.toml").read_text(encoding="utf-8")
)
OURS = "watch"
RIVALS = ("days past due", "PD threshold", "level and change")


@dataclass(frozen=True)
class Method:
    """What it orders by (nothing at or below 0 is told of), and when a repeat is news to it.

    `again_from`: told again within the quiet days only where its value has grown to so many times;
    None: it has no memory and tells again at every look.
    """

    value: Floats
    again_from: float | None

    def above(self, level: float) -> Method:
        """The same where only values of a level or more are told of."""
        return Method(np.where(self.value >= level, self.value, 0.0), self.again_from)


def ours(looks: Looks, ranking: Ranking) -> Method:
    """The order of the watch; a guarantee without an alert that asks for an answer is not told."""
    columns = {name: looks.inputs[:, n] for n, name in enumerate(INPUTS)}
    pairs = zip(chances(ranking, columns).tolist(), looks.worth.tolist(), strict=True)
    values = [ranking.value(chance, worth) if worth else 0.0 for chance, worth in pairs]
    return Method(np.array(values), ranking.again_from)


def rivals(looks: Looks, has_memory: bool) -> dict[str, Method]:
    """The three rules, as they are or with the memory of the watch lent to them."""
    fall = Policy().rule("MD01", date(2024, 1, 1)).thresholds
    fallen = (looks.before - looks.score >= fall["score_fall"]) & (
        looks.score <= fall["score_at_most"]
    )
    late = looks.days_past_due
    due = np.where(late > 0, late + looks.balance / max(looks.balance.max() * 2, 1.0), 0.0)
    again = ASSUMED["worse_from"] if has_memory else None
    return {
        "days past due": Method(due, again),
        "PD threshold": Method(looks.probability, again),
        "level and change": Method(np.where(fallen, looks.probability, 0.0), again),
    }


def tell(looks: Looks, method: Method, budget: int) -> np.ndarray:
    """The rows told: up to `budget` guarantees per manager and look, the most valuable first."""
    value, again = method.value, method.again_from
    last: dict[str, tuple[float, float]] = {}
    room: dict[tuple[str, float], int] = {}
    told = []
    some = np.flatnonzero(value > 0)
    order = np.lexsort((-value[some], looks.manager[some].astype(str), looks.day[some]))
    for row in some[order].tolist():
        key, name, day = (looks.manager[row], looks.day[row]), looks.guarantee[row], looks.day[row]
        if room.setdefault(key, budget) == 0:
            continue
        if again is not None and name in last:
            since, before = last[name]
            if day - since < ASSUMED["quiet_days"] and value[row] < again * before:
                continue
        room[key] -= 1
        last[name] = (day, value[row])
        told.append(row)
    return np.array(told, dtype=np.int64)


def tell_as_many(looks: Looks, method: Method, budget: int, count: int) -> np.ndarray:
    """The same above the level of value that spends `count` alerts, or just less."""
    levels = np.unique(method.value[method.value > 0])

    def fits(number: int) -> bool:
        return len(tell(looks, method.above(levels[number]), budget)) <= count

    found = _first(len(levels), fits)
    return tell(looks, method.above(levels[found] if found < len(levels) else np.inf), budget)


def _first(size: int, holds: Callable[[int], bool]) -> int:
    """The first number below `size` for which something holds that then holds on; else `size`."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
