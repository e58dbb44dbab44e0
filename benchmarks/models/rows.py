"""What every model of a protocol gets: rows to learn from, rows to be judged on, fields known then.

Vouch's pipeline reads the features of its specification; the others read `fields`, the plain
fields of the application or the case as known on its day. Both see the same rows in one order.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from training.frame import Frame
from vouch.book.book import Book, Known
from vouch.features.asof import Floats
from vouch.features.describe import describe
from vouch.features.facts import to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import Spine, spine
from vouch.labels import outcomes
from vouch.scoring.spec import Spec

SPECS = Path(__file__).parent / "specs"


@dataclass(frozen=True)
class Part:
    """Rows of one side: for Vouch as a training frame, for the others as a table of fields."""

    frame: Frame
    fields: pd.DataFrame

    @property
    def outcome(self) -> Floats:
        """1 bad, 0 not."""
        return self.frame.outcome

    def take(self, mask: np.ndarray) -> Part:
        """The rows where `mask` holds."""
        return Part(self.frame.take(mask), self.fields[mask].reset_index(drop=True))


@dataclass(frozen=True)
class Fold:
    """One fit: `learn` to learn from and `judge` to be judged on; `until` is the day of the fit.

    `running` are cases from between the two, of which nothing later than `until` may be looked at;
    `ceiling` is the best reachable probability of the judged rows where the truth is known.
    """

    learn: Part
    judge: Part
    until: date
    ceiling: Floats | None = None
    running: Part | None = None


@dataclass(frozen=True)
class Protocol:
    """A question put to every model: `folds` whose judged rows are pooled."""

    name: str
    about: str
    spec: Spec
    folds: Sequence[Fold]


def read_spec(name: str) -> Spec:
    """The specification kept for a protocol."""
    return Spec.read(SPECS / f"{name}.toml")


def cases(
    known: Known,
    spec: Spec,
    fields: Sequence[str],
    since: date,
    until: date,
    settled: bool = True,
    most: int | None = None,
) -> Part:
    """Every case of the spec's population in a window, with the outcome known by now.

    Args:
        known: the door at the last day of the file.
        fields: features that are plain fields, for the other models.
        settled: leave out cases without an outcome (yet).
        most: keep at most so many cases, drawn at random.
    """
    rows = _drawn(spine(known, spec.moment, since, until), most)
    ends = [spec.horizon.end(day) for day in rows.table["as_of"].to_pylist()]
    outcome = outcomes(known, rows, ends)
    history = PortfolioIndex.of(known)
    wanted = list(dict.fromkeys([*spec.feature_names, *spec.limits, *fields]))
    columns = describe(known, rows.cases, wanted, history)
    plain = pd.DataFrame({name: columns[name] for name in fields})
    kept = spec.within_limits(columns, len(rows))
    if settled:
        kept &= ~np.isnan(outcome)
    ours = {name: columns[name] for name in dict.fromkeys([*spec.feature_names, *spec.limits])}
    return Part(Frame(rows, ours, outcome, history), plain).take(kept)


def _drawn(rows: Spine, most: int | None) -> Spine:
    if most is None or len(rows) <= most:
        return rows
    kept = np.zeros(len(rows), dtype=bool)
    kept[np.random.default_rng(0).permutation(len(rows))[:most]] = True
    return rows.take(kept)


def between(part: Part, since: date, until: date) -> np.ndarray:
    """Which rows lie in [since, until]."""
    days = part.frame.as_of
    return (days >= to_days(since)) & (days <= to_days(until))


def with_lender(part: Part) -> Part:
    """The fields with the lender's name beside them."""
    lender = np.asarray(part.frame.spine.table["lender"].to_pylist(), dtype=object)
    return Part(part.frame, part.fields.assign(lender=lender))


def by_name(names: Sequence[str], count: int) -> np.ndarray:
    """A fold for each name, the same in every run."""
    return np.array([zlib.crc32(name.encode()) % count for name in names])


def known_at_end(book: Book) -> Known:
    """Everything in the book."""
    last = book.newest_known_at
    assert last is not None
    return book.known(last)
