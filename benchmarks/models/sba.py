"""Four questions to the SBA files: two of San Francisco's cycle, two of the national sample."""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.models.rows import (
    Fold,
    Part,
    Protocol,
    between,
    cases,
    known_at_end,
    read_spec,
    with_lender,
)
from training.frame import Frame
from vouch.book.book import Book
from vouch.book.ingest import ingest
from vouch.book.sources import SOURCES

SF, NATIONAL = "sba_foia_sf_1991_2016.csv.gz", "sba_national_sample.csv.gz"
_TODAY = date(2026, 1, 1)  # only a limit beyond which dates in the files would be absurd
_FIELDS = [
    *("amount", "guaranteed_share", "product", "channel", "is_revolving", "is_franchise"),
    *("jobs_supported", "borrower_kind", "legal_form", "industry", "region", "lender_region"),
    *("is_local_lender", "headcount", "is_new_business", "interest_rate"),
]


def crisis(data: Path, scratch: Path) -> Protocol:
    """Learn from approvals to FY2003, judge those of FY2007-09."""
    about = "SF file: charged off within 36 months; approved to FY2003 → FY2007-09"
    return _district("sba36-crisis", about, data, scratch, (2003, 2007, 2009))


def recovery(data: Path, scratch: Path) -> Protocol:
    """Learn from approvals to FY2006, judge those of FY2010-13."""
    about = "SF file: charged off within 36 months; approved to FY2006 → FY2010-13"
    return _district("sba36-recovery", about, data, scratch, (2006, 2010, 2013))


def _district(
    name: str, about: str, data: Path, scratch: Path, years: tuple[int, int, int]
) -> Protocol:
    book = _imported("sba-foia", data / SF, scratch / "sba-foia")
    spec = read_spec("sba36")
    learnt_to, first, last = years
    part = cases(known_at_end(book), spec, _FIELDS, *_fiscal(1991, last))
    # the outcomes of approvals to the end of FY n are known three years later
    until = _fiscal(0, learnt_to + 3)[1]
    return Protocol(name, about, spec, [_fold(part, (1991, learnt_to), (first, last), until)])


def national(data: Path, scratch: Path) -> Protocol:
    """Charged off within 60 months; learn from FY1990-2000, judge FY2005-07."""
    about = "national sample without 504: charged off within 60 months; FY1990-2000 → FY2005-07"
    book = _national_book(data, scratch)
    spec = read_spec("sba60")
    part = cases(known_at_end(book), spec, _FIELDS, *_fiscal(1990, 2007))
    part = _state_only(part)
    fold = _fold(part, (1990, 2000), (2005, 2007), _fiscal(0, 2005)[1])
    return Protocol("sba60-national", about, spec, [fold])


def final_status(data: Path, scratch: Path) -> Protocol:
    """Final status as the literature has it; learn from FY1990-2004, judge FY2005-07."""
    about = (
        "national sample without 504: final status, not known at the time; FY1990-2004 → 2005-07"
    )
    book = _national_book(data, scratch)
    spec = read_spec("sbares")
    known = known_at_end(book)
    part = cases(known, spec, _FIELDS, *_fiscal(1990, 2007), settled=False)
    lost = {
        name
        for name, day in zip(
            part.frame.history.table["guarantee_id"].to_pylist(),
            part.frame.history.table["called_day"].to_pylist(),
            strict=True,
        )
        if day is not None
    }
    ids = part.frame.spine.table["guarantee_id"].to_pylist()
    outcome = np.array([float(name in lost) for name in ids])
    frame = part.frame
    part = Part(Frame(frame.spine, frame.columns, outcome, frame.history), part.fields)
    fold = _fold(_state_only(part), (1990, 2004), (2005, 2007), _fiscal(0, 2004)[1])
    return Protocol("sbares-national", about, spec, [fold])


def _fiscal(first: int, last: int) -> tuple[date, date]:
    """The days of the fiscal years; one begins on 1 October of the year before."""
    return date(max(first, 2) - 1, 10, 1), date(last, 9, 30)


def _fold(part: Part, learn: tuple[int, int], judge: tuple[int, int], until: date) -> Fold:
    part = with_lender(part)
    sides = [part.take(between(part, *_fiscal(*years))) for years in (learn, judge)]
    after = _fiscal(0, learn[1])[1] + timedelta(days=1)
    running = part.take(between(part, after, until)) if after < until else None
    return Fold(sides[0], sides[1], until, running=running)


def _imported(source: str, file: Path, folder: Path) -> Book:
    book = Book(folder, create=True)
    if not book.commits():
        ingest(book, SOURCES[source], [file], _TODAY)
    return book


def _national_book(data: Path, scratch: Path) -> Book:
    """The sample from FY1990 on: before FY1989 it keeps almost only charge-offs."""
    file = scratch / "sba_national_from_1990.csv"
    if not file.exists():
        with gzip.open(data / NATIONAL, "rt", encoding="utf-8") as stream:
            loans = pd.read_csv(stream, dtype=str, keep_default_na=False)
        year = pd.to_numeric(loans["ApprovalFY"].str.extract(r"(\d{4})")[0])
        loans[year >= 1990].to_csv(file, index=False)
    return _imported("sba-national", file, scratch / "sba-national")


def _state_only(part: Part) -> Part:
    """The other models get the state: there are more postal codes than they could learn."""
    region = part.fields["region"]
    return Part(part.frame, part.fields.assign(region=region.where(region.isna(), region.str[:2])))
