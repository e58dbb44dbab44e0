"""Guards a fit against leakage: looks for fields that know the outcome, before any model does.

A suspicion stops the run with its evidence, until the specification names the field and the reason
under `[guard.allow]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np

from training.frame import Frame
from training.guard import association, hindsight, serving, twins
from training.guard.limits import limits
from training.guard.suspicion import Check, Suspicion, as_text
from vouch.book.book import Book
from vouch.errors import SpecError, TrainingError
from vouch.policy.reading import Policy
from vouch.scoring.spec import Spec

__all__ = ["Check", "Suspicion", "examine", "hold"]

_DAYS_A_YEAR = 365.25


def hold(
    book: Book, spec: Spec, policy: Policy, frame: Frame, names: list[str], until: date
) -> list[Suspicion]:
    """Stop where a field is suspected; return the suspicions that the specification explains.

    Raises:
        TrainingError: a field may know the outcome; the text holds the evidence and the remedy.
        SpecError: `[guard.allow]` names a field or a check that there is not.
    """
    _check_allowed(spec)
    found = list(examine(book, spec, policy, frame, names, until))
    judged = [replace(s, reason=spec.allowed.get(s.field, {}).get(s.check, "")) for s in found]
    unexplained = [suspicion for suspicion in judged if not suspicion.reason]
    if unexplained:
        raise TrainingError(
            f"{len(unexplained)} suspicions of leakage, nothing was fitted:\n{as_text(unexplained)}"
        )
    return judged


def examine(
    book: Book, spec: Spec, policy: Policy, frame: Frame, names: list[str], until: date
) -> Iterator[Suspicion]:
    """Every suspicion about the named fields of a frame, explained or not."""
    limit = limits(policy, spec.stage)
    columns = {name: frame.columns[name] for name in names}
    year = (frame.as_of // _DAYS_A_YEAR).astype(np.int64)
    cases = association.Cases(
        frame.outcome,
        year - year.min(),
        np.asarray(frame.spine.table["borrower_id"].to_pylist(), dtype=object),
    )
    yield from association.of_fields(columns, cases, limit)
    narrow = replace(frame, columns=columns)
    yield from hindsight.unknown_then(book, narrow)
    yield from hindsight.restated(book, narrow)
    newest = serving.newest(book, spec, names, frame, until)
    if newest:
        yield from serving.shifts(columns, newest, limit)
    yield from twins.twins(book, spec, frame, limit)


def _check_allowed(spec: Spec) -> None:
    fields, checks = {*spec.feature_names, twins.FIELD}, {check.value for check in Check}
    wrong = [name for name in spec.allowed if name not in fields]
    wrong += sorted({check for reasons in spec.allowed.values() for check in reasons} - checks)
    if wrong:
        raise SpecError(
            f"[guard.allow] names {', '.join(wrong)}, which is no feature of the specification nor "
            f"a check; checks are {', '.join(sorted(checks))}, and {twins.FIELD} stands for copies"
        )
