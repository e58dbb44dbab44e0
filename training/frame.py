"""The training frame: cases of a stage, what could be seen of each, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from vouch.book.book import Book, Known
from vouch.errors import TrainingError
from vouch.features.asof import Floats
from vouch.features.describe import Progress, describe
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import Spine, spine
from vouch.labels import outcomes
from vouch.scoring.spec import Spec

_DAWN = date(1900, 1, 1)


@dataclass(frozen=True)
class Frame:
    """Cases with features and known outcomes, ordered by date; one row each.

    `columns` holds one array per feature; `outcome` is 1 or 0.
    """

    spine: Spine
    columns: Mapping[str, Any]
    outcome: Floats
    history: PortfolioIndex

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


def assemble(book: Book, spec: Spec, until: date, progress: Progress) -> Frame:
    """Everything a model of `spec` may learn from on `until`.

    Raises:
        TrainingError: no case has an outcome yet, or none was compensated, or all were.
    """
    known = book.known(until)
    cases = spine(known, spec.moment, _first_day(known), until)
    days = cases.table["as_of"].to_pylist()
    outcome = outcomes(known, cases, [spec.horizon.end(day) for day in days])
    settled = ~np.isnan(outcome)
    cases, outcome = cases.take(settled), outcome[settled]
    if not len(cases):
        raise TrainingError(
            f"no case of {spec.stage.value} has an outcome known by {until}: the horizon is "
            f"{spec.horizon}, so the book must reach back further; give a later --until or import "
            "older guarantees"
        )
    history = PortfolioIndex.of(known)
    wanted = list(dict.fromkeys([*spec.feature_names, *spec.limits]))
    columns = describe(known, cases.cases, wanted, history, progress)
    frame = Frame(cases, columns, outcome, history)
    frame = frame.take(spec.within_limits(columns, len(cases)))
    compensated = int(frame.outcome.sum())
    if compensated in (0, len(frame)):
        raise TrainingError(
            f"of {len(frame)} cases with an outcome known by {until}, {compensated} were "
            "compensated: a model needs both kinds; give a later --until or a fuller book"
        )
    return frame


def _first_day(known: Known) -> date:
    found = known.query(f"SELECT min(event_at) AS day FROM {known.versions('guarantee')}")
    first: date | None = found["day"][0].as_py()
    if first is None:
        raise TrainingError(f"the book holds no guarantee known by {known.as_of}")
    return max(first, _DAWN)
