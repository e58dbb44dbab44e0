"""A model on outcomes: what it said then against what is known now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from vouch.book.book import Book
from vouch.errors import NotFoundError
from vouch.features.describe import Progress, describe, silent
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import spine
from vouch.labels import outcomes
from vouch.monitoring.performance import (
    Figure,
    GradeLevel,
    PeriodLevel,
    by_grade,
    by_month,
    flat,
    measure,
)
from vouch.monitoring.selection import Selection
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.store.decisions import Verdict


@dataclass(frozen=True)
class Evaluation:
    """Figures over cases whose outcome is known; `unknown` counts those left out.

    `selection` says what applicants outside the book could do to the rate.
    """

    stage: str
    version: str
    since: date
    until: date
    figures: dict[str, Figure]
    grades: list[GradeLevel]
    months: list[PeriodLevel]
    rows: int
    compensated: int
    unknown: int
    selection: Selection

    def summary(self) -> dict[str, Any]:
        """As `vouch evaluate --json` prints it."""
        return {
            "stage": self.stage,
            "version": self.version,
            "from": str(self.since),
            "until": str(self.until),
            "rows": self.rows,
            "compensated": self.compensated,
            "outcome_unknown": self.unknown,
            **flat(self.figures),
            "selection": self.selection.summary(),
            "months": [vars(level) for level in self.months],
            "grades": [vars(level) | {"observed": vars(level.observed)} for level in self.grades],
        }


def evaluate(
    book: Book,
    bundle: Bundle,
    policy: Policy,
    since: date,
    until: date,
    today: date,
    progress: Progress = silent,
    verdicts: Sequence[Verdict] = (),
) -> Evaluation:
    """Score the cases of a window as of their own dates and judge by the outcomes known today.

    Args:
        verdicts: what was said of the applicants of the window, in the book or not.

    Raises:
        NotFoundError: the window holds no case with a known outcome.
    """
    last = book.newest_known_at or today
    known = book.known(min(last, today))
    cases = spine(known, bundle.spec.moment, since, until)
    ends = [bundle.spec.horizon.end(day) for day in cases.table["as_of"].to_pylist()]
    outcome = outcomes(known, cases, ends)
    settled = ~np.isnan(outcome)
    unknown = int(len(cases) - settled.sum())
    cases, outcome = cases.take(settled), outcome[settled]
    names = list(dict.fromkeys([*bundle.encoder.names, *bundle.spec.limits]))
    history = PortfolioIndex.of(known)
    columns = describe(known, cases.cases, names, history, progress)
    kept = bundle.spec.within_limits(columns, len(cases))
    cases, outcome = cases.take(kept), outcome[kept]
    if not len(outcome):
        raise NotFoundError(
            f"no {bundle.stage.value} case from {since} to {until} has an outcome known by "
            f"{known.as_of}; the horizon is {bundle.spec.horizon}"
        )
    in_the_book = frozenset(history.table["guarantee_id"].to_pylist())
    matrix = bundle.encoder.matrix({name: columns[name][kept] for name in bundle.encoder.names})
    probability = bundle.probabilities(matrix)
    grade = [policy.grade(bundle.scale.score(p)).name for p in probability.tolist()]
    return Evaluation(
        stage=bundle.stage.value,
        version=bundle.version,
        since=since,
        until=until,
        figures=measure(outcome, probability),
        grades=by_grade(outcome, probability, grade, [g.name for g in policy.grades]),
        months=by_month(cases.cases.as_of, outcome, probability),
        rows=len(outcome),
        compensated=int(outcome.sum()),
        unknown=unknown,
        selection=Selection.of(verdicts, in_the_book, len(outcome), float(outcome.mean())),
    )
