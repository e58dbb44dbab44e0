"""Loans guaranteed by the US Small Business Administration, in the `SBAnational.csv` layout.

What the file does not say, and what stands for it:

- It has no day of its own and no day of repayment: paid-in-full loans get no release.
- A charge-off stands for the compensation, known the same day.
- It holds loans of development companies (the 504 programme) only where they were paid in full. A
  model that saw them would learn that such loans never fail, so those rows are refused. They bear
  no mark; what tells them is that the guarantee equals the loan (7(a) guarantees at most nine
  tenths) while the lender is not named as a bank. Neither says anything about the outcome.
- A year from 60 on lies in the 1900s, the others in the 2000s.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vouch.book.checks import Draft, Reading
from vouch.book.reading import Layout, read
from vouch.book.sheet import Sheet, slug
from vouch.book.tables import BORROWER, COMPENSATION, GUARANTEE, GUARANTOR, LENDER

_OUTCOMES = ("MIS_Status", "ChgOffDate", "ChgOffPrinGr")
_LAYOUT = Layout(
    "sba-national",
    required=(
        "LoanNr_ChkDgt",
        "Name",
        "State",
        "Zip",
        "Bank",
        "BankState",
        "NAICS",
        "ApprovalDate",
        "NoEmp",
        "NewExist",
        "CreateJob",
        "RetainedJob",
        "FranchiseCode",
        "RevLineCr",
        "LowDoc",
        "GrAppv",
        "SBA_Appv",
        *_OUTCOMES,
    ),
)
_REPAID, _CHARGED_OFF = "P I F", "CHGOFF"
_BANK = (
    r"BANK|BANC|\bBK\b|\bBC\b|NATL ASSOC|\bN\.?A\.?$|CREDIT UN|\bF?CU\b|SAVINGS|\bTR\b|TRUST|FSB"
)
_YES_NO = {"Y": "yes", "N": "no"}
_NEW_BUSINESS = {"1": "no", "2": "yes"}
_UNREAD = {
    "Term": "rewritten after a charge-off: the term then tells the outcome",
    "DisbursementDate": "written after approval",
    "DisbursementGross": "written after approval, up to the last drawing",
    "BalanceGross": "what is owed on the day of the file: an outcome",
    "sample_weight": "the weight of a sample drawn by outcome, so it tells the outcome",
}
_RESTATED = {
    "guarantee.lender_id": "Bank is that of the file's day: after a merger the successor's",
    "borrower.industry": "NAICS is that of the file's day",
    "borrower.region": "the borrower's place is that of the file's day",
}


class SbaNational:
    """The layout of the national SBA sample known from the literature."""

    name = "sba-national"
    about = "US SBA loans in the SBAnational.csv layout (CSV, perhaps gzipped)"
    unread = _UNREAD
    outcomes = _OUTCOMES
    restated = _RESTATED

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a file with this header line is of this layout."""
        return _LAYOUT.fits(header)

    def read(self, files: Sequence[Path]) -> Reading:
        """Read whole files.

        Raises:
            SourceError: a file is not of this layout or damaged.
        """
        sheet = Sheet(read(files, _LAYOUT))
        approved = sheet.short_days("ApprovalDate")
        charged_off = sheet.short_days("ChgOffDate")
        later_repaid = _refuse_outcomes(sheet, approved, charged_off)
        development = _refuse_development_companies(sheet)
        sheet.refuse_repeats(["LoanNr_ChkDgt"], _LAYOUT.required)
        loans = _loans(sheet, approved)
        drafts = [*_parties(sheet, loans), _losses(sheet, loans, charged_off), loans]
        notes = [
            "paid-in-full loans get no release: the file gives no date",
            f"{later_repaid} paid-in-full loans bear a charge-off date; their status is taken",
            f"{development} rows are loans of development companies, which the file holds only "
            "where they were paid in full",
        ]
        return Reading(drafts, sheet.faults, sheet.count, None, notes)


def _refuse_outcomes(sheet: Sheet, approved: pd.Series, charged_off: pd.Series) -> int:
    status = sheet.text("MIS_Status")
    known = ", ".join((_REPAID, _CHARGED_OFF))
    sheet.refuse(
        ~status.isin((_REPAID, _CHARGED_OFF)), "MIS_Status", f"is unknown; known are {known}"
    )
    is_loss = status == _CHARGED_OFF
    undated = is_loss & sheet.text("ChgOffDate").isna()
    sheet.refuse(undated, "ChgOffDate", "though MIS_Status is CHGOFF")
    sheet.refuse(is_loss & (charged_off < approved), "ChgOffDate", "lies before ApprovalDate")
    return int(((status == _REPAID) & charged_off.notna()).sum())


def _refuse_development_companies(sheet: Sheet) -> int:
    loan, guaranteed = sheet.amounts("GrAppv"), sheet.amounts("SBA_Appv")
    is_bank = sheet.text("Bank").fillna("").str.upper().str.contains(_BANK, regex=True)
    found = (loan == guaranteed) & ~is_bank
    sheet.refuse(
        found,
        "Bank",
        "is no bank and SBA_Appv equals GrAppv: a development company's (504) loan, which this "
        "file holds only where it was paid in full",
    )
    return int(found.sum())


def _loans(sheet: Sheet, approved: pd.Series) -> Draft:
    franchise = sheet.text("FranchiseCode")
    columns = {
        "guarantee_id": "SBA-N-" + sheet.text("LoanNr_ChkDgt"),
        "borrower_id": sheet.text("Name"),
        "lender_id": slug(sheet.text("Bank"), sheet.text("BankState")),
        "guarantor_id": "SBA",
        "product": "7(a)",
        "channel": sheet.text("LowDoc").map({"Y": "LowDoc", "N": "standard"}),
        "start_on": approved,
        "amount": sheet.amounts("GrAppv"),
        "guaranteed_amount": sheet.amounts("SBA_Appv"),
        "is_revolving": sheet.text("RevLineCr").map(_YES_NO),
        "is_franchise": (~franchise.isin(["0", "1"])).astype("boolean").mask(franchise.isna()),
        "jobs_supported": sheet.numbers("CreateJob") + sheet.numbers("RetainedJob"),
        "event_at": approved,
        "known_at": approved,
    }
    return sheet.draft(GUARANTEE, columns)


def _parties(sheet: Sheet, loans: Draft) -> list[Draft]:
    days = {name: loans.frame[name] for name in ("event_at", "known_at")}
    naics, place = sheet.text("NAICS"), sheet.text("Zip")
    borrower = {
        "borrower_id": loans.frame["borrower_id"],
        "industry": naics.mask(naics == "0"),
        "region": sheet.text("State").str.cat(place.mask(place == "0"), sep="-"),
        "headcount": sheet.text("NoEmp"),
        "is_new_business": sheet.text("NewExist").map(_NEW_BUSINESS),
    }
    lender = {
        "lender_id": loans.frame["lender_id"],
        "name": sheet.text("Bank"),
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


def _losses(sheet: Sheet, loans: Draft, charged_off: pd.Series) -> Draft:
    loss = {
        "guarantee_id": loans.frame["guarantee_id"],
        "compensation_no": 1,
        "amount": sheet.amounts("ChgOffPrinGr"),
        "event_at": charged_off,
        "known_at": charged_off,
    }
    return sheet.draft(COMPENSATION, loss, sheet.text("MIS_Status") == _CHARGED_OFF)


SOURCE = SbaNational()
