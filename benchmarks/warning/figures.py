"""What alerts were worth: precision, recall, lead time, duplicates, compensation avoidable.

An alert is right where it is the first, in an episode, that comes within the horizon before the
guarantee is compensated. A later one on the same guarantee tells nothing new of the outcome and is
not right again, whichever method sends it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.warning.methods import ASSUMED
from training.ranking import Looks
from vouch.features.asof import Floats


@dataclass(frozen=True)
class Judged:
    """The rows that were told, which of them are right, and how many are duplicates."""

    rows: np.ndarray
    right: np.ndarray
    duplicates: int


def judge(looks: Looks, rows: np.ndarray, again_from: float | None, value: Floats) -> Judged:
    """Which alerts are right, and which repeat another without being worse."""
    order = rows[np.argsort(looks.day[rows], kind="stable")]
    is_right = looks.outcome > 0
    right, duplicates = [], 0
    last: dict[str, tuple[float, float]] = {}
    found: set[str] = set()
    grown = again_from or ASSUMED["worse_from"]
    for row in order.tolist():
        name, day = looks.guarantee[row], looks.day[row]
        right.append(bool(is_right[row]) and name not in found)
        if right[-1]:
            found.add(name)
        since, before = last.get(name, (-np.inf, 0.0))
        duplicates += bool(day - since < ASSUMED["quiet_days"] and value[row] < grown * before)
        last[name] = (day, value[row])
    return Judged(order, np.array(right, dtype=np.bool_), duplicates)


def figures(looks: Looks, judged: Judged) -> dict[str, float]:
    """Precision, recall, lead time, false alerts, duplicates, and what could be avoided."""
    rows, right = judged.rows, judged.right
    lead = looks.left[rows][right]
    bad = len(set(looks.guarantee[looks.outcome > 0].tolist()))
    quartiles = np.quantile(lead, [0.25, 0.5, 0.75]) if len(lead) else [np.nan] * 3
    officers, days = len(set(looks.manager.tolist())), np.ptp(looks.day) + 30
    return {
        "told": float(len(rows)),
        "precision": float(right.mean()) if len(rows) else float("nan"),
        "recall": float(right.sum()) / max(bad, 1),
        "lead_25": float(quartiles[0]),
        "lead_50": float(quartiles[1]),
        "lead_75": float(quartiles[2]),
        "false_per_officer_and_day": float((~right).sum() / officers / days),
        "duplicates": float(judged.duplicates),
        "avoidable_fast": _avoidable(looks, rows[right], "fast"),
        "avoidable_slow": _avoidable(looks, rows[right], "slow"),
    }


def _avoidable(looks: Looks, rows: np.ndarray, how: str) -> float:
    """Compensation avoidable, in yuan, where an alert is answered fast or slowly."""
    left = looks.left[rows] - ASSUMED[f"{how}_days"]
    chance = np.clip(left / ASSUMED["full_chance_days"], 0, 1)
    return float((ASSUMED["avoidable_share"] * chance * looks.paid[rows]).sum())


def paired(looks: Looks, ours: Judged, theirs: Judged) -> dict[str, list[float]]:
    """Differences of precision, median and mean lead: 2.5, 50 and 97.5 % over guarantees."""
    names, index = np.unique(looks.guarantee.astype(str), return_inverse=True)
    rng = np.random.default_rng(7)
    draws: dict[str, list[float]] = {"precision": [], "lead_50": [], "lead_mean": []}
    for _ in range(int(ASSUMED["draws"])):
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))
        one, other = (_drawn(looks, j, times[index[j.rows]]) for j in (ours, theirs))
        for name in draws:
            draws[name].append(one[name] - other[name])
    return {name: np.nanquantile(v, [0.025, 0.5, 0.975]).tolist() for name, v in draws.items()}


def _drawn(looks: Looks, judged: Judged, weight: np.ndarray) -> dict[str, float]:
    times = weight[judged.right]
    leads = np.repeat(looks.left[judged.rows][judged.right], times)
    return {
        "precision": times.sum() / max(weight.sum(), 1),
        "lead_50": float(np.median(leads)) if len(leads) else np.nan,
        "lead_mean": float(leads.mean()) if len(leads) else np.nan,
    }
