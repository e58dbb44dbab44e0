"""Monthly arrears status of card clients, with or without their application data.

What the files do not say, and what stands for it:

- Months are counted back from an undated end. Month 0 is declared to be 2019-12-31.
- No amounts are given. Every client counts as one guarantee over 1.00, in full until month by
  month the status says that nothing is owed.
- Reaching 90 days past due for the first time stands for the compensation, known the same day.
- An application is known from the client's first month on, so the applications file needs the
  status file beside it.

Status 0 is 1 to 29 days past due, 1 is 30 to 59 and so on up to 5, 150 days or more or written off;
C is paid off that month and X no loan that month. The lower bound of a band is taken.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from vouch.book.checks import Draft, Reading
from vouch.book.reading import Layout, TextRows, opened, require
from vouch.book.sheet import Sheet
from vouch.book.tables import BORROWER, COMPENSATION, GUARANTEE, PERFORMANCE
from vouch.errors import SourceError

_STATUS = Layout("monthly-status", required=("ID", "MONTHS_BALANCE", "STATUS"))
_APPLICATIONS = Layout("monthly-status", required=("ID", "AMT_INCOME_TOTAL"))
_END = np.datetime64("2019-12")
_FARTHEST = -1200
_DAYS_PAST_DUE = {"0": 1, "1": 30, "2": 60, "3": 90, "4": 120, "5": 150, "C": 0, "X": 0}
_NOTHING_OWED = ("C", "X")
_CALLED_AT = 90
_UNIT = 1.0
_LONGEST_ID = 60
_UNREAD = {
    "CODE_GENDER": "sex must not bear on credit",
    "DAYS_BIRTH": "age must not bear on credit, and no fact of the book holds it",
}


class MonthlyStatus:
    """The layout of the public card panel: a status file and an applications file."""

    name = "monthly-status"
    about = "monthly arrears status of card clients, and their applications (two CSV files)"
    unread = _UNREAD
    outcomes = ("STATUS",)
    restated: ClassVar[dict[str, str]] = {}

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a file with this header line is of this layout."""
        return _STATUS.fits(header) or _APPLICATIONS.fits(header)

    def read(self, files: Sequence[Path]) -> Reading:
        """Read whole files; which is which is seen from the header.

        Raises:
            SourceError: a file is not of this layout, damaged, or the status file is missing.
        """
        months, people = _parts(files)
        status = Sheet(months)
        facts = _performance(status)
        guarantees = _guarantees(facts)
        drafts = [facts, guarantees, _compensations(facts)]
        faults, count = status.faults, status.count
        if people:
            applicants = Sheet(people)
            drafts.append(_borrowers(applicants, guarantees))
            faults, count = faults + applicants.faults, count + applicants.count
        notes = [
            "month 0 counts as 2019-12-31 and every client as one guarantee over 1.00: the files "
            "give neither dates nor amounts",
            "the first month 90 days past due stands for the compensation",
        ]
        return Reading(drafts, faults, count, None, notes)


def _parts(files: Sequence[Path]) -> tuple[list[TextRows], list[TextRows]]:
    months, people = [], []
    for file in opened(files):
        if _APPLICATIONS.fits(file.header):
            people.append(file.rows(_APPLICATIONS.required))
        else:
            require(file, _STATUS)
            months.append(file.rows(_STATUS.required))
    if not months:
        raise SourceError(
            f"{', '.join(map(str, files))}: an application is known from the client's first month "
            "on; name the file with MONTHS_BALANCE and STATUS as well"
        )
    return months, people


def _performance(status: Sheet) -> Draft:
    client, code = status.text("ID"), status.text("STATUS")
    month_end = _month_ends(status)
    status.refuse(client.isna(), "ID", "is missing")
    status.refuse(client.str.len() > _LONGEST_ID, "ID", f"is longer than {_LONGEST_ID}")
    known = ", ".join(_DAYS_PAST_DUE)
    status.refuse(~code.isin(list(_DAYS_PAST_DUE)), "STATUS", f"is unknown; known are {known}")
    status.refuse_repeats(["ID", "MONTHS_BALANCE"], _STATUS.required)
    columns = {
        "guarantee_id": "CARD-" + client,
        "balance": pd.Series(_UNIT, client.index).mask(code.isin(_NOTHING_OWED), 0.0),
        "days_past_due": code.map(_DAYS_PAST_DUE),
        "event_at": month_end,
        "known_at": month_end,
    }
    return status.draft(PERFORMANCE, columns, status.good())


def _month_ends(status: Sheet) -> pd.Series:
    months = status.numbers("MONTHS_BALANCE")
    is_sound = (months % 1 == 0) & months.between(_FARTHEST, 0)
    is_empty = status.text("MONTHS_BALANCE").isna()
    status.refuse(is_empty, "MONTHS_BALANCE", "is missing")
    reason = f"is no whole number of months back, 0 to {_FARTHEST}"
    status.refuse(~is_sound & months.notna(), "MONTHS_BALANCE", reason)
    back = months.where(is_sound, 0).to_numpy().astype("int64")
    ends = (_END + back + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    return pd.Series(ends.astype("datetime64[s]"), status.frame.index)


def _guarantees(facts: Draft) -> Draft:
    first = facts.frame.sort_values("event_at", kind="stable").drop_duplicates("guarantee_id")
    columns: dict[str, Any] = {
        "borrower_id": first["guarantee_id"].str.replace("CARD-", "CARD-B-", n=1, regex=False),
        "product": "card",
        "start_on": first["event_at"],
        "amount": _UNIT,
    }
    return Draft(GUARANTEE, first.drop(columns=["balance", "days_past_due"]).assign(**columns))


def _compensations(facts: Draft) -> Draft:
    called = facts.frame[facts.frame["days_past_due"] >= _CALLED_AT]
    first = called.sort_values("event_at", kind="stable").drop_duplicates("guarantee_id")
    first = first.drop(columns=["balance", "days_past_due"])
    return Draft(COMPENSATION, first.assign(compensation_no=1, amount=_UNIT))


def _borrowers(applicants: Sheet, guarantees: Draft) -> Draft:
    client = "CARD-B-" + applicants.text("ID")
    applied = client.map(guarantees.frame.set_index("borrower_id")["start_on"])
    applicants.refuse(
        applied.isna(), "ID", "has no month in the status file, so its day is unknown"
    )
    columns = {
        "borrower_id": client,
        "kind": "person",
        "annual_revenue": applicants.text("AMT_INCOME_TOTAL"),
        "event_at": applied,
        "known_at": applied,
    }
    return applicants.draft(BORROWER, columns)


SOURCE = MonthlyStatus()
