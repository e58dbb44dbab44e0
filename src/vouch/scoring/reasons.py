"""Reasons in words, for an underwriter, in Chinese and English."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from vouch.features.asof import Feature
from vouch.scoring.score import Scores


@dataclass(frozen=True)
class Reason:
    """One feature's part in a score: the value seen, what is usual, and the points it made."""

    feature: str
    value: float | str | None
    usual: float | str | None
    points: int
    zh: str
    en: str


_ZH: dict[str, Callable[[float], str]] = {
    "days": lambda v: f"{v:,.0f} 天",
    "yuan": lambda v: f"{v:,.0f} 元",
    "share": lambda v: f"{v:.2%}",
    "count": lambda v: f"{v:,.0f}",
    "years": lambda v: f"{v:.1f} 年",
    "months": lambda v: f"{v:,.0f} 个月",
    "flag": lambda v: "是" if v else "否",
    "ratio": lambda v: f"{v:.2f}",
}
_EN: dict[str, Callable[[float], str]] = _ZH | {
    "days": lambda v: f"{v:,.0f} days",
    "yuan": lambda v: f"{v:,.0f} yuan",
    "years": lambda v: f"{v:.1f} years",
    "months": lambda v: f"{v:,.0f} months",
    "flag": lambda v: "yes" if v else "no",
}


@lru_cache(10_000)  # most values come again and again, above all the usual ones
def _written(unit: str, value: float | str | None) -> tuple[str, str]:
    """A value in Chinese and in English."""
    if value is None:
        return "未知", "unknown"
    if unit == "category":
        return str(value), str(value)
    number = float(value) + 0.0  # without the sign of zero, which the cache does not tell apart
    return _ZH[unit](number), _EN[unit](number)


def reason(feature: Feature, value: Any, usual: Any, points: int) -> Reason:
    """Word one feature's part in a score."""
    plain, usual = _known(value), _known(usual)
    unit = feature.unit
    zh_value, en_value = _written(unit, plain)
    zh_usual, en_usual = _written(unit, usual)
    verb = "加" if points > 0 else "减"
    return Reason(
        feature=feature.name,
        value=plain,
        usual=usual,
        points=points,
        zh=f"{feature.zh}：{zh_value}（通常 {zh_usual}），{verb} {abs(points)} 分",
        en=f"{feature.en[0].upper()}{feature.en[1:]}: {en_value} (usually {en_usual}), "
        f"{points:+d} points",
    )


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def reasons(scores: Scores, row: int) -> list[Reason]:
    """Every reason that made points for one case, the most adverse first."""
    return [_reason(scores, row, points, place) for points, _, place in _ordered(scores, row)]


def adverse(scores: Scores, row: int, most: int) -> list[Reason]:
    """The first of `reasons`, as many as took points away, `most` at most."""
    worst = [one for one in _ordered(scores, row)[:most] if one[0] < 0]
    return [_reason(scores, row, points, place) for points, _, place in worst]


def _ordered(scores: Scores, row: int) -> list[tuple[int, str, int]]:
    """Points, feature and its place, of those that made points."""
    names = scores.bundle.encoder.names
    points = scores.points[row].tolist()
    return sorted((p, names[i], i) for i, p in enumerate(points) if p != 0)


def _reason(scores: Scores, row: int, points: int, place: int) -> Reason:
    feature = scores.bundle.features[place]
    value = _plain(scores.features[feature.name][row])
    return reason(feature, value, scores.bundle.usual.get(feature.name), points)


def features_of(scores: Scores, row: int) -> dict[str, float | str | None]:
    """Every feature of one case as a plain value."""
    return {f.name: _plain(scores.features[f.name][row]) for f in scores.bundle.features}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
