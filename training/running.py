"""Cases that are still running count as far as they have run: none is dropped, none taken as clear.

A case of age a whose horizon has not ended tells of the part of its risk that lies behind it. Let
F(a) be the share of compensations, among settled cases, that had come by age a. A running case that
was compensated is a compensation; one that was not counts as F(a) of a clear case, by being drawn
with that probability, the same in every run. Expected then are F(a) · p compensations against
F(a) · (1 - F(a) · p) clear ones: the odds of a settled case, as far as p is small. An early release
is a competing end and leaves the case clear.
"""

from __future__ import annotations

import zlib
from datetime import date

import numpy as np
import pyarrow as pa

from training.frame import Frame
from vouch.features.asof import Floats
from vouch.features.facts import to_days
from vouch.features.spine import Spine
from vouch.scoring.spec import Spec


def with_running(spec: Spec, settled: Frame, running: Frame | None, day: date) -> Frame:
    """The settled rows, and behind them what those running on `day` had shown by then.

    Args:
        settled: rows whose whole horizon had ended by `day`.
        running: later rows; what became of them after `day` is not looked at.
    """
    if running is None or not spec.running or not len(running):
        return settled
    today = to_days(day)
    called = _called(running)
    is_lost = called <= today
    ages = np.sort((_called(settled) - settled.as_of)[settled.outcome > 0])
    behind = np.searchsorted(ages, today - running.as_of, "right") / len(ages)
    kept = is_lost | (_draws(running) < behind)
    so_far = Frame(running.spine, running.columns, is_lost.astype(np.float64), running.history)
    return _joined(settled, so_far.take(kept))


def _called(frame: Frame) -> Floats:
    """The day on which the compensation of each row's guarantee was known; infinite for none."""
    table = frame.history.table
    days = dict(
        zip(table["guarantee_id"].to_pylist(), table["called_day"].to_pylist(), strict=True)
    )
    found = (days.get(name) for name in frame.spine.table["guarantee_id"].to_pylist())
    return np.array([np.inf if day is None else day for day in found])


def _draws(frame: Frame) -> Floats:
    """For each row a number in [0, 1) that depends on nothing but the case and its day."""
    names = zip(frame.spine.table["guarantee_id"].to_pylist(), frame.as_of.tolist(), strict=True)
    return np.array([zlib.crc32(f"{name} {day}".encode()) for name, day in names]) / 2.0**32


def _joined(first: Frame, second: Frame) -> Frame:
    columns = {
        name: np.concatenate([values, second.columns[name]])
        for name, values in first.columns.items()
    }
    table = pa.concat_tables([first.spine.table, second.spine.table])
    outcome = np.concatenate([first.outcome, second.outcome])
    return Frame(Spine(table), columns, outcome, first.history)
