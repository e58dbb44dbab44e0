"""The path of a score as a small picture made of table cells: nothing to load, nothing blocked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_TALLEST, _LEAST = 44, 4
_BLOCKS = "▁▂▃▄▅▆▇█"
# A fall smaller than this is not drawn as a cliff.
_LEAST_SPAN = 60
_GOOD, _MIDDLING, _POOR = "#3d8f6a", "#d9a21b", "#c8402e"

Path = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Bar:
    """One column of the picture: its height in pixels, colour, and what stands below it."""

    height: int
    gap: int
    colour: str
    score: int
    day: str


def bars(path: Path) -> list[Bar]:
    """The columns, oldest first; the latest is coloured by how far it has fallen.

    >>> [bar.height for bar in bars([("04-01", 660), ("05-01", 630), ("06-01", 600)])]
    [44, 24, 4]
    """
    if len(path) < 2:
        return []
    return [
        Bar(height, _TALLEST - height, _colour(path[0][1] - score), score, day)
        for (day, score), height in zip(path, _heights(path), strict=True)
    ]


def sparkline(path: Path) -> str:
    """The same for text.

    >>> sparkline([("04-01", 660), ("05-01", 630), ("06-01", 600)])
    '660 █ 630 ▅ 600 ▁'
    """
    if len(path) < 2:
        return ""
    most = len(_BLOCKS) - 1
    share = [(height - _LEAST) / (_TALLEST - _LEAST) for height in _heights(path)]
    return " ".join(
        f"{score} {_BLOCKS[round(part * most)]}"
        for (_, score), part in zip(path, share, strict=True)
    )


def _heights(path: Path) -> list[int]:
    scores = [score for _, score in path]
    span = max(max(scores) - min(scores), _LEAST_SPAN)
    top = max(scores)
    return [round(_TALLEST - (top - score) / span * (_TALLEST - _LEAST)) for score in scores]


def _colour(fall: int) -> str:
    if fall < _LEAST_SPAN / 3:
        return _GOOD
    return _MIDDLING if fall < _LEAST_SPAN else _POOR
