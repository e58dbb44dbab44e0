"""Which rows a model is judged on: later ones, with an embargo, or folds of borrowers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.frame import Frame
from vouch.domain.calendar import add_months
from vouch.features.facts import EPOCH, to_days
from vouch.scoring.spec import Spec

# Fewer compensations than this on either side say nothing about out-of-time performance.
FEWEST_COMPENSATIONS = 20


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to judge on, as masks over the frame.

    The last learning row's horizon ends before the first judging row: an embargo of one horizon.
    """

    learn: NDArray[np.bool_]
    judge: NDArray[np.bool_]
    judged_from: date


def out_of_time(spec: Spec, frame: Frame) -> Split | None:
    """The last `validation_months` against all that was known before; None if too little."""
    last = EPOCH + timedelta(days=int(frame.as_of[-1]))
    first = add_months(last, -spec.validation_months) + timedelta(days=1)
    embargoed = spec.horizon.start(first - timedelta(days=1))
    split = Split(frame.as_of <= to_days(embargoed), frame.as_of >= to_days(first), first)
    enough = all(
        FEWEST_COMPENSATIONS <= frame.outcome[side].sum() < side.sum()
        for side in (split.learn, split.judge)
    )
    return split if enough else None


def folds(frame: Frame, count: int) -> NDArray[Any]:
    """A fold for each row; all rows of a borrower share one, in every run the same."""
    borrowers = frame.spine.table["borrower_id"].to_pylist()
    return np.array([zlib.crc32(name.encode()) % count for name in borrowers])
