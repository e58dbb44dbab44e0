"""Gates: what the figures of a judgement have to reach before its version may answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from training.guard.statistics import stability_index
from vouch.features.asof import Floats
from vouch.monitoring.performance import Figure, by_grade
from vouch.scoring.spec import Spec

if TYPE_CHECKING:
    from training.run import Judgement
    from training.slices import Slice

# From so many compensations on a slice is judged by its figure, not by its interval.
FEWEST_OF_A_SLICE = 200
_BINS = 10


def level(outcome: Floats, probability: Floats) -> Figure:
    """|log(mean predicted / observed)|; the interval is that of the observed rate (Jeffreys)."""
    (whole,) = by_grade(outcome, probability, ["all"] * len(outcome), ["all"])
    seen = whole.observed
    with np.errstate(divide="ignore"):
        apart = [float(np.log(whole.predicted / x)) for x in (seen.low, seen.value, seen.high)]
    ends = [abs(apart[0]), abs(apart[2])]
    is_across = apart[0] > 0 > apart[2]
    return Figure(abs(apart[1]), 0.0 if is_across else min(ends), max(ends))


def stability(learnt: Floats, judged: Floats) -> Figure:
    """Population stability index of the probabilities, learning rows against judged rows.

    By tenths of the learning rows, less what chance alone gives; it has no interval.
    """
    edges = np.unique(np.quantile(learnt, np.linspace(0, 1, _BINS + 1)[1:-1]))
    found = stability_index(np.searchsorted(edges, learnt), np.searchsorted(edges, judged))
    return Figure(found, found, found)


def failed_gates(spec: Spec, judgement: Judgement) -> list[str]:
    """The gates of the spec that this judgement does not pass, in words.

    A gate fails where the whole 95 % interval lies on the wrong side of its limit: a book with few
    compensations cannot show that a model is bad, nor that it is good. A slice of
    `FEWEST_OF_A_SLICE` compensations or more fails by its figure.
    """
    missed = _missed(spec.gates, judgement.figures)
    by_slice = _missed_by_slices(spec, judgement.slices)
    return [text for text, is_certain in (*missed, *by_slice) if is_certain]


def open_gates(spec: Spec, judgement: Judgement) -> list[str]:
    """The gates that the figure misses but its interval does not: too few cases to tell."""
    missed = _missed(spec.gates, judgement.figures)
    by_slice = _missed_by_slices(spec, judgement.slices)
    return [text for text, is_certain in (*missed, *by_slice) if not is_certain]


def _missed_by_slices(spec: Spec, slices: Sequence[Slice]) -> Iterator[tuple[str, bool]]:
    for one in slices:
        is_large = one.compensated >= FEWEST_OF_A_SLICE
        for text, is_certain in _missed(spec.slice_gates, one.figures):
            yield f"{one.by} {one.name}: {text}", is_large or is_certain


def _missed(
    gates: Mapping[str, float], figures: Mapping[str, Figure]
) -> Iterator[tuple[str, bool]]:
    for gate, limit in gates.items():
        name, at_most = gate.removesuffix("_at_most"), gate.endswith("_at_most")
        found = figures.get(name)
        if found is None:
            yield f"{name} is not known: nothing was judged out of time", False
        elif (found.value > limit) if at_most else (found.value < limit):
            word = "above" if at_most else "below"
            is_certain = found.low > limit if at_most else found.high < limit
            interval = f"[{found.low:.4f}, {found.high:.4f}]"
            yield f"{name} {found.value:.4f} {interval} is {word} {limit}", is_certain
