"""A field that will not be in service what it was in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from training.frame import Frame
from training.guard.limits import Limits
from training.guard.statistics import (
    Codes,
    association,
    is_missing,
    quantiles,
    residuals,
    stability_index,
    table,
)
from training.guard.suspicion import Check, Suspicion
from vouch.book.book import Book
from vouch.features.asof import Floats, Objects
from vouch.features.describe import describe
from vouch.features.spine import spine
from vouch.scoring.spec import Spec

_RECENT = timedelta(days=365)
_MOST = 5_000
_FEWEST = 200
_TIED = 0.15  # Cramér's V from which a category is tied to another field


def newest(
    book: Book, spec: Spec, names: list[str], frame: Frame, until: date
) -> dict[str, Any] | None:
    """The fields of the cases of the last year, whose outcome may be open; None where too few."""
    known = book.known(until)
    cases = spine(known, spec.moment, until - _RECENT, until)
    rows = np.random.default_rng(spec.seed).permutation(len(cases))[:_MOST]
    cases = cases.take(np.sort(rows))
    wanted = list(dict.fromkeys([*names, *spec.limits]))
    columns = describe(known, cases.cases, wanted, frame.history)
    keep = spec.within_limits(columns, len(cases))
    if keep.sum() < _FEWEST:
        return None
    return {name: columns[name][keep] for name in names}


def shifts(
    before: Mapping[str, Any], after: Mapping[str, Any], limits: Limits
) -> Iterator[Suspicion]:
    """Fields that go missing, move to other values, or lose their ties, from before to after."""
    codes = {name: _codes(values, after[name]) for name, values in before.items()}
    for name, values in before.items():
        rise = is_missing(after[name]).mean() - is_missing(values).mean()
        index = _index_of_values(*codes[name])
        if rise > limits.missing_rise:
            yield Suspicion(
                name,
                Check.SERVING,
                f"missing in {is_missing(values).mean():.0%} of the training cases and in "
                f"{is_missing(after[name]).mean():.0%} of the newest ones",
            )
        elif index > limits.stability_index:
            yield Suspicion(
                name,
                Check.SERVING,
                f"the newest cases hold other values than the training cases: stability index "
                f"{index:.1f}, plausible is {limits.stability_index:g}",
            )
        if values.dtype == object:
            yield from _of_ties(name, codes, limits)


def _codes(before: Any, after: Any) -> tuple[Codes, Codes]:
    """Codes of both by what is in the first: 0 missing, the last one new to the second."""
    if before.dtype == object:
        return _levels(before, after)
    edges = quantiles(before)
    return _bins(before, edges), _bins(after, edges)


def _bins(values: Floats, edges: Floats) -> Codes:
    found = 1 + np.searchsorted(edges, np.nan_to_num(values), "left")
    return np.where(np.isnan(values), 0, found).astype(np.int64)


def _levels(before: Objects, after: Objects) -> tuple[Codes, Codes]:
    names = {name: n for n, name in enumerate(sorted({v for v in before if v is not None}), 1)}
    names_and_missing = {**names, None: 0}
    new = len(names_and_missing)
    return tuple(  # type: ignore[return-value]
        np.array([names_and_missing.get(value, new) for value in values], dtype=np.int64)
        for values in (before, after)
    )


def _index_of_values(before: Codes, after: Codes) -> float:
    there = before[before > 0], after[after > 0]
    return stability_index(*there) if all(len(side) >= _FEWEST for side in there) else 0.0


def _of_ties(
    name: str, codes: Mapping[str, tuple[Codes, Codes]], limits: Limits
) -> Iterator[Suspicion]:
    """A category whose levels went with certain values of other fields, and no longer do.

    A category whose levels were exchanged, or dealt out anew, keeps its frequencies perhaps, but
    with no other field does it go together as before.
    """
    kept: dict[str, float] = {}
    for other, (first, second) in codes.items():
        mine = codes[name]
        shape = tuple(int(max(a.max(), b.max())) + 1 for a, b in (mine, (first, second)))
        before, after = table(mine[0], first, shape), table(mine[1], second, shape)  # type: ignore[arg-type]
        if other != name and association(before) >= _TIED:
            kept[other] = _likeness(residuals(before), residuals(after))
    if kept and max(kept.values()) < limits.lost_association:
        other = max(kept, key=lambda key: kept[key])
        yield Suspicion(
            name,
            Check.SHUFFLED,
            f"in training its levels go with certain values of {', '.join(kept)}; in the newest "
            f"cases they do not (likeness at most {kept[other]:.2f}, with {other}): levels were "
            "exchanged, or stand in the wrong rows",
        )


def _likeness(before: Floats, after: Floats) -> float:
    if not before.any() or not after.any():
        return 0.0
    return float(np.corrcoef(before.ravel(), after.ravel())[0, 1])
