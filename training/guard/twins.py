"""The same application under two names, on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from training.frame import Frame
from training.guard.limits import Limits
from training.guard.statistics import Codes
from training.guard.suspicion import Check, Suspicion
from training.split import folds, out_of_time
from vouch.book.book import Book, Known
from vouch.book.schema import Column, Kind
from vouch.book.tables import BORROWER, GUARANTEE
from vouch.features.asof import Floats
from vouch.scoring.spec import Spec

FIELD = "borrower"
_DIGITS = 3
_MARGIN = 10.0  # bits: one chance in a thousand that any two of the book agree by accident
_NAMES = {"guarantee_id", "borrower_id", "name", "note", "known_at"}


def twins(book: Book, spec: Spec, frame: Frame, limits: Limits) -> Iterator[Suspicion]:
    """Whether cases stand a second time, as another borrower's, on the other side of a split.

    Two applications are alike where every fact of guarantee and borrower agrees, amounts to three
    digits and days to the month, and so much agrees that chance does not explain it.
    """
    alike = _alike(book.known(_last_day(frame)), frame)
    sides = [("fold", folds(frame, spec.calibration_folds))]
    split = out_of_time(spec, frame)
    if split:
        sides.append(("learning and judging", split.learn + 2 * split.judge))
    for what, side in sides:
        found = _across(alike, np.asarray(side, dtype=np.int64))
        if found.mean() > limits.twin_share:
            one = int(np.flatnonzero(found)[0])
            group = frame.spine.table["guarantee_id"].filter(pa.array(alike == alike[one]))
            yield Suspicion(
                FIELD,
                Check.TWINS,
                f"{found.sum():,} of {len(frame):,} cases stand a second time under another "
                f"borrower on the other side of the split ({what}), such as "
                f"{', '.join(sorted(set(group.to_pylist()))[:3])}",
            )
            return


def _last_day(frame: Frame) -> date:
    last: date = frame.spine.table["as_of"][-1].as_py()
    return last


def _across(alike: Codes, side: Codes) -> Floats:
    """1 for a case of which a like one has another side; -1 in `alike` is unlike any other."""
    rows = pd.DataFrame({"alike": alike, "side": side})
    several = rows.groupby("alike")["side"].transform("nunique") > 1
    return np.asarray(several & (rows["alike"] >= 0), dtype=np.float64)


def _alike(known: Known, frame: Frame) -> Codes:
    """For each case the number of its group of like applications of several borrowers, or -1."""
    applications = _applications(known, frame)
    columns = [c for c in applications if c not in _NAMES]
    codes = {name: pd.factorize(_coarse(applications[name]))[0] for name in columns}
    bits = np.asarray(sum(_surprise(code) for code in codes.values()))
    group = pd.DataFrame(codes).groupby(columns, sort=False).ngroup()
    borrowers = applications.groupby(group)["borrower_id"].transform("nunique")
    needed = 2 * np.log2(max(len(applications), 2)) + _MARGIN
    group = group.where((bits > needed) & (borrowers > 1), -1)
    of_guarantee = pd.Series(group.to_numpy(), applications["guarantee_id"])
    ids = frame.spine.table["guarantee_id"].to_pylist()
    return np.asarray(of_guarantee.reindex(ids).fillna(-1), dtype=np.int64)


def _surprise(codes: Codes) -> Floats:
    """Bits that agreeing on each value takes, by how rare it is; none for a missing one."""
    counts = np.bincount(codes + 1)
    return np.where(codes >= 0, -np.log2(counts[codes + 1] / len(codes)), 0.0)


def _coarse(values: pd.Series) -> pd.Series:
    found = values
    if pd.api.types.is_datetime64_any_dtype(values):
        found = values.dt.strftime("%Y-%m")
    elif pd.api.types.is_float_dtype(values):
        found = values.map(lambda value: f"{value:.{_DIGITS}g}", na_action="ignore")
    return found


def _applications(known: Known, frame: Frame) -> pd.DataFrame:
    mine = _columns("g", GUARANTEE.columns)
    theirs = _columns("b", [c for c in BORROWER.own_columns if c.name != "borrower_id"])
    wanted = pa.table({"guarantee_id": frame.spine.table["guarantee_id"].unique()})
    sql = (
        f"SELECT {mine}, {theirs} FROM {known.current('guarantee')} g JOIN wanted USING "
        f"(guarantee_id) LEFT JOIN {known.current('borrower')} b USING (borrower_id)"
    )
    found: pd.DataFrame = known.query(sql, given={"wanted": wanted}).to_pandas()
    return found


def _columns(side: str, columns: Sequence[Column]) -> str:
    casts = {Kind.MONEY: "::DOUBLE", Kind.COUNT: "::DOUBLE", Kind.DATE: "::TIMESTAMP"}
    return ", ".join(
        f"{side}.{c.name}{casts.get(c.kind, '')} AS {c.name if side == 'g' else 'b_' + c.name}"
        for c in columns
    )
