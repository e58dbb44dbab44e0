"""Scoring a whole book to a file, partition by partition."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vouch.book.book import Book
from vouch.features.describe import Progress, partitions, silent
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import Spine, spine
from vouch.scoring.bundle import Bundle
from vouch.scoring.score import Scores, score_cases


def score_book(
    book: Book, bundle: Bundle, since: date, until: date, out: Path, progress: Progress = silent
) -> int:
    """Write one row per case from `since` to `until` to a Parquet file; returns the rows.

    Each case is scored with what was known on its own date. The file appears whole or not at all.
    """
    known = book.known(until)
    cases = spine(known, bundle.spec.moment, since, until)
    history = PortfolioIndex.of(known)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with pq.ParquetWriter(draft, _schema(bundle), compression="zstd") as writer:
            done = 0
            for part, facts in partitions(known, cases.cases):
                scores = score_cases(bundle, part, facts, history)
                here = Spine(cases.table.slice(done, len(part)))
                writer.write_table(scored_table(here, scores))
                done += len(part)
                progress(done, len(cases))
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return len(cases)


def _schema(bundle: Bundle) -> pa.Schema:
    return pa.schema(
        [
            ("guarantee_id", pa.string()),
            ("borrower_id", pa.string()),
            ("lender", pa.string()),
            (date_column(bundle), pa.date32()),
            ("amount", pa.float64()),
            ("model_version", pa.string()),
            ("default_probability", pa.float64()),
            ("score", pa.int64()),
            ("base_points", pa.int64()),
            *((f"points__{name}", pa.int64()) for name in bundle.encoder.names),
        ]
    )


def date_column(bundle: Bundle) -> str:
    """What the date of a case is called: the day of the application, or of the review."""
    return "application_date" if bundle.spec.moment == "application" else "review_date"


def scored_table(cases: Spine, scores: Scores) -> pa.Table:
    """Cases with their scores and points, as `vouch score` writes them."""
    bundle, rows = scores.bundle, len(scores)
    columns = [
        cases.table["guarantee_id"],
        cases.table["borrower_id"],
        cases.table["lender"],
        cases.table["day"],
        cases.table["amount"],
        pa.array([bundle.version] * rows),
        pa.array(scores.default_probabilities),
        pa.array(scores.scores),
        pa.array(np.full(rows, bundle.base_points)),
        *(pa.array(scores.points[:, i]) for i in range(scores.points.shape[1])),
    ]
    return pa.table(columns, schema=_schema(bundle))
