"""The training frame: cases of a stage, what could be seen of each, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from vouch.book.book import Book, Known
from vouch.errors import TrainingError
from vouch.features.asof import Flags, Floats
from vouch.features.describe import Progress, describe
from vouch.features.facts import to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import Spine, spine
from vouch.labels import outcomes, reporting_lag
from vouch.scoring.spec import Spec

_DAWN = date(1900, 1, 1)


@dataclass(frozen=True)
class Frame:
    """Cases with features and known outcomes, ordered by date; one row each.

    `columns` holds one array per feature; `outcome` is 1 or 0. `running` are the later cases that
    have no outcome yet, where the specification learns from them.
    """

    spine: Spine
    columns: Mapping[str, Any]
    outcome: Floats
    history: PortfolioIndex
    running: Frame | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.outcome)

    @property
    def as_of(self) -> Floats:
        """The date of each row, in days since 1970-01-01."""
        return self.spine.cases.as_of

    def take(self, mask: Any) -> Frame:
        """The rows where `mask` holds."""
        columns = {name: values[mask] for name, values in self.columns.items()}
        return Frame(self.spine.take(mask), columns, self.outcome[mask], self.history)


def assemble(
    book: Book, spec: Spec, until: date, progress: Progress, sliced: Sequence[str] = ()
) -> Frame:
    """Everything a model of `spec` may learn from on `until`; `sliced` by what it is judged too.

    Raises:
        TrainingError: no case has an outcome yet, or none was compensated, or all were.
    """
    known = book.known(until)
    cases = spine(known, spec.moment, _first_day(known), until)
    days = cases.table["as_of"].to_pylist()
    outcome = outcomes(known, cases, [spec.horizon.end(day) for day in days])
    wanted = ~np.isnan(outcome)
    if not wanted.any():
        raise TrainingError(
            f"no case of {spec.stage.value} has an outcome known by {until}: the horizon is "
            f"{spec.horizon}, so the book must reach back further; give a later --until or import "
            "older guarantees"
        )
    if spec.running:
        wanted |= _running(known, cases, days)
    cases, outcome = cases.take(wanted), outcome[wanted]
    history = PortfolioIndex.of(known)
    names = list(dict.fromkeys([*spec.feature_names, *spec.limits, *sliced]))
    columns = describe(known, cases.cases, names, history, progress)
    every = Frame(cases, columns, outcome, history)
    every = every.take(spec.within_limits(columns, len(cases)))
    is_settled = ~np.isnan(every.outcome)
    running = every.take(~is_settled) if spec.running else None
    frame = replace(every.take(is_settled), running=running)
    compensated = int(frame.outcome.sum())
    if compensated in (0, len(frame)):
        raise TrainingError(
            f"of {len(frame)} cases with an outcome known by {until}, {compensated} were "
            "compensated: a model needs both kinds; give a later --until or a fuller book"
        )
    return frame


def _running(known: Known, cases: Spine, days: list[date]) -> Flags:
    """Which cases have been paid out and seen so far, whether or not their horizon has ended."""
    seen = known.as_of - timedelta(days=reporting_lag(known))
    so_far = outcomes(known, cases, [seen] * len(days))
    return ~np.isnan(so_far) & (cases.cases.as_of < to_days(seen))


def _first_day(known: Known) -> date:
    found = known.query(f"SELECT min(event_at) AS day FROM {known.versions('guarantee')}")
    first: date | None = found["day"][0].as_py()
    if first is None:
        raise TrainingError(f"the book holds no guarantee known by {known.as_of}")
    return max(first, _DAWN)
