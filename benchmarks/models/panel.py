"""The card panel: months in use with half a year seen, under 60 days late; 90 days within six."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.models.rows import (
    Fold,
    Protocol,
    between,
    by_name,
    cases,
    known_at_end,
    read_spec,
)
from vouch.book.book import Book
from vouch.book.ingest import ingest
from vouch.book.sources import SOURCES

STATUS, APPLICATIONS = "card_monthly_status.csv.gz", "card_applications.csv.gz"
FOLDS = 2
# Month 0 counts as December 2019: months to -24 end in 2017-12, months from -17 begin in 2018-07.
_FIRST, _LEARN_TO, _JUDGE_FROM, _LAST = (
    date(2014, 1, 1),
    date(2017, 12, 31),
    date(2018, 7, 1),
    date(2019, 6, 30),
)
_KNOWN_BY = date(2018, 6, 30)
_TODAY = date(2026, 1, 1)


def card6(data: Path, scratch: Path) -> Protocol:
    """Time-ordered, and no applicant on both sides: two folds of applicants."""
    about = "card panel: 90 days late within six months; months to -24 → from -17, by applicant"
    spec = read_spec("card6")
    book = Book(scratch / "monthly-status", create=True)
    if not book.commits():
        files = [data / STATUS, data / APPLICATIONS]
        ingest(book, SOURCES["monthly-status"], files, _TODAY)
    # A month's own fields are its history: there is nothing plainer to give the other models.
    part = cases(known_at_end(book), spec, spec.feature_names, _FIRST, _LAST)
    fold = by_name(_applicants(data, part.frame.spine.table["borrower_id"].to_pylist()), FOLDS)
    early, late = between(part, _FIRST, _LEARN_TO), between(part, _JUDGE_FROM, _LAST)
    folds = [
        Fold(part.take(early & (fold != n)), part.take(late & (fold == n)), _KNOWN_BY)
        for n in range(FOLDS)
    ]
    return Protocol("card6", about, spec, folds)


def _applicants(data: Path, borrowers: list[str]) -> list[str]:
    """One name for all clients whose applications are the same: most rows repeat another's."""
    people = pd.read_csv(data / APPLICATIONS, dtype=str, keep_default_na=False)
    same = people.drop(columns="ID").agg("|".join, axis=1)
    names = dict(zip("CARD-B-" + people["ID"], same, strict=True))
    return [names.get(name, name) for name in np.asarray(borrowers, dtype=object).tolist()]
