"""Loans guaranteed by the US Small Business Administration, in the layout of its FOIA files.

What the file does not say, and what stands for it:

- A paid-in-full loan (PIF) has no date; it counts as released on the day of the file.
- A loan that was never disbursed (CANCLD, NOT FUNDED, COMMIT) has no date either; it counts as
  cancelled twelve months after approval, or on the day of the file where that comes first.
- A charge-off stands for the compensation. The administration books it itself: no reporting lag.
- The loan number is left out of the file. A guarantee's identifier is made of what is fixed at
  approval; bank, industry and place are restated in later files (a merged bank's loans bear the
  name of its successor) and must not make a new loan. Loans alike in all of it are numbered in
  the order of the file.
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from vouch.book.checks import Draft, Reading
from vouch.book.reading import Layout, read
from vouch.book.sheet import Sheet, slug
from vouch.book.tables import BORROWER, COMPENSATION, GUARANTEE, GUARANTOR, LENDER, RELEASE
from vouch.errors import SourceError

_FIXED_AT_APPROVAL = (
    "Program",
    "BorrName",
    "ApprovalDate",
    "GrossApproval",
    "SBAGuaranteedApproval",
    "DeliveryMethod",
    "subpgmdesc",
    "RevolverStatus",
)
_OUTCOMES = ("LoanStatus", "ChargeOffDate", "GrossChargeOffAmount")
_LAYOUT = Layout(
    "sba-foia",
    required=(
        "AsOfDate",
        *_FIXED_AT_APPROVAL,
        "BorrState",
        "BorrZip",
        "BankName",
        "BankState",
        "InitialInterestRate",
        "NaicsCode",
        "FranchiseCode",
        "ProjectCounty",
        "BusinessType",
        "JobsSupported",
        *_OUTCOMES,
    ),
)
_REPAID, _CHARGED_OFF, _NEVER_PAID_OUT = "PIF", "CHGOFF", ("CANCLD", "NOT FUNDED", "COMMIT")
_STATUSES = (_REPAID, _CHARGED_OFF, *_NEVER_PAID_OUT, "EXEMPT")
_KINDS = {"INDIVIDUAL": "sole_trader", "CORPORATION": "enterprise", "PARTNERSHIP": "enterprise"}
_NO_LENDER = ("MISSINGMAINBANKID", "MISSNG/INACTV LENDER")
_DAY, _WANTED = "%m/%d/%Y", "a date written MM/DD/YYYY"
_CANCELLED_AFTER = pd.DateOffset(months=12)
_UNREAD = {
    "TermInMonths": "rewritten after a charge-off: a 7(a) loan's term then tells its outcome",
    "FirstDisbursementDate": "written after approval, and empty where the loan was cancelled",
}
_RESTATED = {
    "guarantee.lender_id": "BankName is that of the file's day: after a merger the successor's",
    "borrower.industry": "NaicsCode is that of the file's day",
    "borrower.region": "the borrower's place is that of the file's day",
    "guarantee.project_region": "ProjectCounty is that of the file's day",
}


class SbaFoia:
    """The FOIA layout of 7(a) and 504 loans."""

    name = "sba-foia"
    about = "US SBA 7(a) and 504 loans as the administration publishes them (CSV, perhaps gzipped)"
    unread = _UNREAD
    outcomes = _OUTCOMES
    restated = _RESTATED

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a file with this header line is of this layout."""
        return _LAYOUT.fits(header)

    def read(self, files: Sequence[Path]) -> Reading:
        """Read whole files, all of one AsOfDate.

        Raises:
            SourceError: a file is not of this layout, damaged, or of another day.
        """
        sheet = Sheet(read(files, _LAYOUT))
        snapshot_at = _snapshot(sheet, files)
        approved = sheet.days("ApprovalDate", _DAY, _WANTED)
        charged_off = sheet.days("ChargeOffDate", _DAY, _WANTED)
        _refuse_outcomes(sheet, approved, charged_off)
        sheet.refuse_repeats(("BorrName", *_LAYOUT.required), _LAYOUT.required)
        loans = _loans(sheet, approved)
        drafts = [*_parties(sheet, loans), *_endings(sheet, loans, charged_off, snapshot_at), loans]
        notes = [
            f"paid-in-full loans count as released on {snapshot_at}, loans never disbursed as "
            "cancelled 12 months after approval: the file gives neither date"
        ]
        return Reading(drafts, sheet.faults, sheet.count, snapshot_at, notes)


def _snapshot(sheet: Sheet, files: Sequence[Path]) -> date:
    found = sheet.text("AsOfDate").dropna().unique()
    days = pd.to_datetime(pd.Series(found), format=_DAY, errors="coerce")
    if len(found) != 1 or days.isna().any() or sheet.text("AsOfDate").isna().any():
        shown = ", ".join(repr(value) for value in sorted(found)[:3]) or "nothing"
        raise SourceError(
            f"{', '.join(map(str, files))}: AsOfDate must be one {_WANTED[2:]} in every row, found "
            f"{shown}; import files of several days one after the other"
        )
    return days.iloc[0].date()


def _refuse_outcomes(sheet: Sheet, approved: pd.Series, charged_off: pd.Series) -> None:
    status = sheet.text("LoanStatus")
    known = ", ".join(_STATUSES)
    sheet.refuse(~status.isin(_STATUSES), "LoanStatus", f"is unknown; known are {known}")
    is_loss = status == _CHARGED_OFF
    undated = is_loss & sheet.text("ChargeOffDate").isna()
    sheet.refuse(undated, "ChargeOffDate", "though LoanStatus is CHGOFF")
    sheet.refuse(is_loss & (charged_off < approved), "ChargeOffDate", "lies before ApprovalDate")


def _loans(sheet: Sheet, approved: pd.Series) -> Draft:
    programme, kind = sheet.text("Program"), sheet.text("subpgmdesc")
    franchise = sheet.text("FranchiseCode")
    revolver = sheet.text("RevolverStatus")
    sheet.refuse(
        revolver.notna() & ~revolver.isin(["0", "1"]), "RevolverStatus", "is neither 0 nor 1"
    )
    columns = {
        "guarantee_id": _identifiers(sheet),
        "borrower_id": sheet.text("BorrName"),
        "lender_id": _lenders(sheet),
        "guarantor_id": "SBA",
        "product": programme.str.cat(kind, sep="/").fillna(programme),
        "channel": sheet.text("DeliveryMethod"),
        "start_on": approved,
        "amount": sheet.text("GrossApproval"),
        "guaranteed_amount": sheet.text("SBAGuaranteedApproval"),
        "interest_rate": sheet.numbers("InitialInterestRate") / 100,
        "is_revolving": revolver,
        "is_franchise": (~franchise.isin(["0", "1"])).astype("boolean").mask(franchise.isna()),
        "jobs_supported": sheet.text("JobsSupported"),
        "project_region": sheet.text("ProjectCounty"),
        "event_at": approved,
        "known_at": approved,
    }
    return sheet.draft(GUARANTEE, columns)


def _identifiers(sheet: Sheet) -> pd.Series:
    columns = [sheet.text(name).fillna("").tolist() for name in _FIXED_AT_APPROVAL]
    keys = ["|".join(values) for values in zip(*columns, strict=True)]
    key = pd.Series(keys, sheet.frame.index)[sheet.good()]
    number = key.groupby(key).cumcount().reindex(sheet.frame.index, fill_value=0)
    made = [
        f"SBA-{hashlib.sha256(text.encode()).hexdigest()[:12]}" + (f"-{n + 1}" if n else "")
        for text, n in zip(keys, number.tolist(), strict=True)
    ]
    return pd.Series(made, sheet.frame.index, dtype="str")


def _lenders(sheet: Sheet) -> pd.Series:
    bank = sheet.text("BankName")
    return slug(bank.mask(bank.isin(_NO_LENDER)), sheet.text("BankState"))


def _parties(sheet: Sheet, loans: Draft) -> list[Draft]:
    days = {name: loans.frame[name] for name in ("event_at", "known_at")}
    naics = sheet.text("NaicsCode")
    borrower = {
        "borrower_id": loans.frame["borrower_id"],
        "kind": sheet.text("BusinessType").map(_KINDS),
        "industry": naics.mask(naics == "0"),
        "region": sheet.text("BorrState").str.cat(sheet.text("BorrZip"), sep="-"),
        "legal_form": sheet.text("BusinessType"),
    }
    lender = {
        "lender_id": loans.frame["lender_id"],
        "name": sheet.text("BankName"),
        "region": sheet.text("BankState"),
    }
    guarantor = {
        "guarantor_id": "SBA",
        "name": "U.S. Small Business Administration",
        "level": "national",
    }
    has_lender = loans.frame["lender_id"].notna()
    return [
        sheet.draft(BORROWER, borrower | days, is_derived=True),
        sheet.draft(LENDER, lender | days, has_lender, is_derived=True),
        sheet.draft(GUARANTOR, guarantor | days, is_derived=True),
    ]


def _endings(sheet: Sheet, loans: Draft, charged_off: pd.Series, snapshot_at: date) -> list[Draft]:
    status = sheet.text("LoanStatus")
    loan = {"guarantee_id": loans.frame["guarantee_id"]}
    file_day = pd.Timestamp(snapshot_at)
    cancelled = loans.frame["event_at"] + _CANCELLED_AFTER
    cancelled = cancelled.mask(cancelled > file_day, file_day)
    loss = loan | {
        "compensation_no": 1,
        "amount": sheet.text("GrossChargeOffAmount"),
        "event_at": charged_off,
        "known_at": charged_off,
    }
    end = loan | {"release_no": 1, "is_final": True}
    repaid = end | {"cause": "repaid", "event_at": file_day, "known_at": file_day}
    never = end | {"cause": "cancelled", "event_at": cancelled, "known_at": cancelled}
    return [
        sheet.draft(COMPENSATION, loss, status == _CHARGED_OFF),
        sheet.draft(RELEASE, repaid, status == _REPAID, is_dated=False),
        sheet.draft(RELEASE, never, status.isin(_NEVER_PAID_OUT), is_dated=False),
    ]


SOURCE = SbaFoia()
