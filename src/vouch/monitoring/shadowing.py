"""Champion and challenger in service, side by side on the same cases."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vouch.store.shadows import Pair


@dataclass(frozen=True)
class Comparison:
    """One challenger beside one champion; shares and probabilities lie in [0, 1].

    Args:
        mean_score_change: challenger less champion, in points.
        score_change_p95: 95 of 100 scores change by no more points than this, up or down.
        rank_correlation: Spearman's, of the probabilities; None for fewer than three cases or
            where one of the two says the same of all.
        band_moves: how many cases the grade's band would treat otherwise, by "before → after".
    """

    champion: str
    challenger: str
    cases: int
    first: datetime
    last: datetime
    champion_probability: float
    challenger_probability: float
    mean_score_change: float
    score_change_p95: float
    rank_correlation: float | None
    same_grade: float
    same_band: float
    band_moves: dict[str, int]


def compare(pairs: Sequence[Pair]) -> list[Comparison]:
    """One comparison for each champion and challenger that met."""
    groups: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.champion_version, pair.shadow.model_version].append(pair)
    return [_compared(*versions, found) for versions, found in groups.items()]


def _compared(champion: str, challenger: str, pairs: Sequence[Pair]) -> Comparison:
    before = np.array([pair.default_probability for pair in pairs])
    after = np.array([pair.shadow.default_probability for pair in pairs])
    change = np.array([pair.shadow.score - pair.score for pair in pairs])
    moves = Counter(
        f"{pair.band} → {pair.shadow.band}" for pair in pairs if pair.band != pair.shadow.band
    )
    return Comparison(
        champion=champion,
        challenger=challenger,
        cases=len(pairs),
        first=min(pair.made_at for pair in pairs),
        last=max(pair.made_at for pair in pairs),
        champion_probability=float(before.mean()),
        challenger_probability=float(after.mean()),
        mean_score_change=float(change.mean()),
        score_change_p95=float(np.percentile(np.abs(change), 95)),
        rank_correlation=_rank_correlation(before, after),
        same_grade=float(np.mean([pair.grade == pair.shadow.grade for pair in pairs])),
        same_band=1 - sum(moves.values()) / len(pairs),
        band_moves=dict(moves),
    )


def _rank_correlation(
    one: np.ndarray[tuple[int], np.dtype[np.float64]],
    other: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> float | None:
    if len(one) < 3 or not np.ptp(one) or not np.ptp(other):
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
