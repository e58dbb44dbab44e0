"""A model on outcomes: what it said then against what is known now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from vouch.book.book import Book
from vouch.errors import NotFoundError
from vouch.features.asof import Floats
from vouch.features.describe import Progress, describe, silent
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import Spine, spine
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


@dataclass(frozen=True)
class Settled:
    """Cases of a window whose outcome is known, with the features as of their own dates.

    `unknown` counts those without an outcome; `in_the_book` names every guarantee there is.
    """

    cases: Spine
    columns: Mapping[str, Any]
    outcome: Floats
    unknown: int
    in_the_book: frozenset[str]

    def probabilities(self, bundle: Bundle) -> Floats:
        """What a model says of each."""
        names = bundle.encoder.names
        return bundle.probabilities(
            bundle.encoder.matrix({name: self.columns[name] for name in names})
        )


def settled(
    book: Book,
    bundles: Sequence[Bundle],
    since: date,
    until: date,
    today: date,
    progress: Progress = silent,
) -> Settled:
    """The cases of the first bundle's population with all that the bundles read.

    Raises:
        NotFoundError: the window holds no case with a known outcome.
    """
    first = bundles[0]
    last = book.newest_known_at or today
    known = book.known(min(last, today))
    cases = spine(known, first.spec.moment, since, until)
    ends = [first.spec.horizon.end(day) for day in cases.table["as_of"].to_pylist()]
    outcome = outcomes(known, cases, ends)
    is_known = ~np.isnan(outcome)
    unknown = int(len(cases) - is_known.sum())
    cases, outcome = cases.take(is_known), outcome[is_known]
    read = [name for bundle in bundles for name in bundle.encoder.names]
    names = list(dict.fromkeys([*read, *first.spec.limits]))
    history = PortfolioIndex.of(known)
    columns = describe(known, cases.cases, names, history, progress)
    kept = first.spec.within_limits(columns, len(cases))
    if not kept.any():
        raise NotFoundError(
            f"no {first.stage.value} case from {since} to {until} has an outcome known by "
            f"{known.as_of}; the horizon is {first.spec.horizon}"
        )
    found = {name: columns[name][kept] for name in names}
    in_the_book = frozenset(history.table["guarantee_id"].to_pylist())
    return Settled(cases.take(kept), found, outcome[kept], unknown, in_the_book)


def learnt_from(bundle: Bundle, since: date, until: date) -> bool:
    """Whether a version learnt from cases of a window, whose outcomes then flatter it."""
    return bundle.training.first_case <= until and since <= bundle.training.last_case


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
    found = settled(book, [bundle], since, until, today, progress)
    outcome = found.outcome
    probability = found.probabilities(bundle)
    grade = [policy.grade(bundle.scale.score(p)).name for p in probability.tolist()]
    return Evaluation(
        stage=bundle.stage.value,
        version=bundle.version,
        since=since,
        until=until,
        figures=measure(outcome, probability),
        grades=by_grade(outcome, probability, grade, [g.name for g in policy.grades]),
        months=by_month(found.cases.cases.as_of, outcome, probability),
        rows=len(outcome),
        compensated=int(outcome.sum()),
        unknown=found.unknown,
        selection=Selection.of(verdicts, found.in_the_book, len(outcome), float(outcome.mean())),
    )
