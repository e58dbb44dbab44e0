"""How strongly the linear base is held back: chosen by later windows inside the rows to learn from.

A short history wants a base held back hard, a long one lets it speak, and no one number does for
both. Where a specification names several strengths, each is fitted on the rows whose whole horizon
had ended by a cut and judged by its AUC on the rows after the cut, at several cuts: what will be
asked of the model, on rows that are known. Nothing outside the learning rows is seen. Two causes
take the strength that is best for the sum: they depend on it far less, and take far longer to fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from training.fit import fit_linear, given_terms, learn_encoder
from training.frame import Frame
from training.split import FEWEST_COMPENSATIONS, folds
from vouch.errors import SpecError
from vouch.features.asof import Flags, Floats
from vouch.features.facts import EPOCH, to_days
from vouch.scoring.spec import Spec

_CUTS = (0.5, 0.65, 0.8)  # shares of the rows, by their dates
_FEWEST_CUTS = 2  # one window is one draw: the next may say otherwise


def with_strength(spec: Spec, frame: Frame, names: Sequence[str]) -> Spec:
    """The specification with one strength `C` of its linear base, chosen where it names several.

    Where fewer than two cuts leave enough compensations on both sides, by the log loss across folds
    of borrowers instead.

    Raises:
        SpecError: a strength is no positive number.
    """
    given = spec.linear.get("C")
    if not isinstance(given, list):
        return spec
    if not given or not all(isinstance(c, int | float) and c > 0 for c in given):
        raise SpecError(f"[linear] C is {given}; write a positive number, or several in brackets")
    candidates = [replace(spec, linear={**spec.linear, "C": float(c)}) for c in sorted(given)]
    cuts = list(_cuts(spec, frame))
    if len(cuts) >= _FEWEST_CUTS:
        by_cut = [[_later_auc(one, frame, names, *cut) for cut in cuts] for one in candidates]
        worth = np.mean(by_cut, axis=1)
    else:
        worth = -np.array([_loss_across(one, frame, names) for one in candidates])
    # of equals the first, which is held back most
    return candidates[int(np.argmax(np.round(worth, 6)))]


def _cuts(spec: Spec, frame: Frame) -> Iterator[tuple[Flags, Flags]]:
    """Rows before and after each cut, a horizon left free between them."""
    for share in _CUTS:
        day = float(np.quantile(frame.as_of, share, method="lower"))
        ended = spec.horizon.start(EPOCH + timedelta(days=day))
        before, after = frame.as_of <= to_days(ended), frame.as_of > day
        sides = [frame.outcome[side] for side in (before, after)]
        if all(FEWEST_COMPENSATIONS <= rows.sum() < len(rows) for rows in sides):
            yield before, after


def _margins(
    spec: Spec, frame: Frame, names: Sequence[str], learn: Flags, judge: Flags
) -> tuple[Floats, Floats]:
    """Margins of the rows to judge by a base learnt on the others, and their outcomes."""
    rows, judged = frame.take(learn), frame.take(judge)
    encoder = learn_encoder(rows.columns, names)
    matrix, later = encoder.matrix(rows.columns), encoder.matrix(judged.columns)
    given = given_terms(spec, encoder, matrix)
    base = fit_linear(spec, encoder, matrix, rows.outcome, given.margins(matrix))
    return base.margins(later) + given.margins(later), judged.outcome


def _later_auc(
    spec: Spec, frame: Frame, names: Sequence[str], before: Flags, after: Flags
) -> float:
    margins, outcome = _margins(spec, frame, names, before, after)
    return float(roc_auc_score(outcome, margins))


def _loss_across(spec: Spec, frame: Frame, names: Sequence[str]) -> float:
    fold = folds(frame, spec.calibration_folds)
    losses = []
    for number in range(spec.calibration_folds):
        out = fold == number
        if out.any() and 0 < frame.outcome[~out].sum() < (~out).sum():
            margins, outcome = _margins(spec, frame, names, ~out, out)
            probability = 1 / (1 + np.exp(-margins))
            losses.append(log_loss(outcome, probability, labels=[0, 1]) * len(outcome))
    return float(np.sum(losses) / len(frame))
