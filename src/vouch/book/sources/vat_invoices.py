"""Value-added-tax invoices of borrowers, one row each, bought and sold.

The book keeps no single invoices: it keeps what they say of a borrower, month by month and quarter
by quarter, as signals of the same kinds and meanings that a ready-made feed gives. What the files
do not say, and what stands for it:

- An invoice may be voided until its month ends. Facts of a month are therefore known at its end,
  and none is made of a month that had not ended on the newest day of the files.
- A negative amount is a red-letter invoice: it takes back an earlier one, in its own month.
- From a borrower's first invoice on, a month without any counts as a month without sales.
- Two rows of one borrower, side, number, day and counterparty are one invoice given twice.

Money is net of tax.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from vouch.book.checks import FILE, ROW, Draft, Reading, parse
from vouch.book.reading import Layout, read
from vouch.book.schema import Column, Kind
from vouch.book.sheet import Sheet
from vouch.book.tables import SIGNAL
from vouch.errors import SourceError

_KEY = ("firm", "side", "invoice_no", "date", "counterparty")
_LAYOUT = Layout("vat-invoices", required=(*_KEY, "amount", "void"))
_SOLD, _BOUGHT = "out", "in"
_VOID = Column("void", Kind.FLAG, "作废", "Whether the invoice was voided.")
_LARGEST = 1e12
_GONE_MONTHS, _BEFORE_MONTHS, _TOP = 3, 12, 3


class VatInvoices:
    """The layout of an invoice ledger: one row an invoice, `side` in or out."""

    name = "vat-invoices"
    about = "value-added-tax invoices of borrowers, bought and sold (Parquet or CSV)"
    unread: ClassVar[dict[str, str]] = {}
    outcomes: tuple[str, ...] = ()
    restated: ClassVar[dict[str, str]] = {}

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a file with this header line is of this layout."""
        return _LAYOUT.fits(header)

    def read(self, files: Sequence[Path]) -> Reading:
        """Read whole files; together they are one ledger.

        Raises:
            SourceError: a file is not of this layout or damaged, or holds no whole month.
        """
        sheet = Sheet(read(files, _LAYOUT))
        invoices = _invoices(sheet)
        newest = invoices["date"].max()
        last = (newest + pd.Timedelta(days=1)).to_period("M") - 1  # the last month that has ended
        ended = invoices[invoices["month"] <= last]
        if ended.empty:
            raise SourceError(
                f"{', '.join(map(str, files))}: no sound invoice of a month that had ended by "
                f"{newest.date() if pd.notna(newest) else 'any day'}; give a longer ledger"
            )
        places = _places(sheet, ended, last)
        facts = pd.concat([_as_facts(kind, f) for kind, f in _figures(ended, last)])
        facts = facts.join(places, on=["borrower_id", "month"])
        notes = [
            f"{len(sheet.frame):,} invoices are kept as figures of each month and quarter, known "
            f"at its end; {int((invoices['month'] > last).sum()):,} of a month that had not ended "
            f"on {newest.date()} wait for a later ledger"
        ]
        return Reading(
            [Draft(SIGNAL, facts.drop(columns=["month", "stands_for"]).reset_index(drop=True))],
            sheet.faults,
            sheet.count,
            None,
            notes,
            stands_for=_stands_for(places),
        )


def _invoices(sheet: Sheet) -> pd.DataFrame:
    """The sound rows, typed; the others are refused with their reason."""
    for column in (*_KEY, "amount", "void"):
        sheet.refuse(sheet.text(column).isna(), column, "is missing")
    days = sheet.days("date", "%Y-%m-%d", "a date written YYYY-MM-DD")
    amount, void = sheet.numbers("amount"), parse(sheet.text("void"), _VOID)
    sheet.refuse(~amount.abs().le(_LARGEST) & amount.notna(), "amount", "is absurd for an invoice")
    sheet.refuse(void.isna() & sheet.text("void").notna(), "void", "is neither yes nor no")
    side = sheet.text("side")
    known = f"is unknown; known are {_BOUGHT}, {_SOLD}"
    sheet.refuse(~side.isin((_BOUGHT, _SOLD)) & side.notna(), "side", known)
    sheet.refuse_repeats(_KEY, _LAYOUT.required)
    good = sheet.good()
    rows = pd.DataFrame(
        {
            "borrower_id": sheet.text("firm"),
            "buyer": sheet.text("counterparty"),
            "is_sale": side == _SOLD,
            "date": days,
            "amount": amount,
            "is_void": void,
        }
    )[good]
    rows["month"] = rows["date"].dt.to_period("M")
    return rows


def _places(sheet: Sheet, ended: pd.DataFrame, last: pd.Period) -> pd.DataFrame:
    """For every month of every borrower the row it ends with, and how many rows that stands for."""
    at = ended.groupby(["borrower_id", "month"]).size().rename("stands_for").to_frame()
    newest = ended.index.to_series().groupby([ended["borrower_id"], ended["month"]]).max()
    at[FILE] = sheet.frame[FILE].reindex(newest).to_numpy()
    at[ROW] = sheet.frame[ROW].reindex(newest).to_numpy()
    filled = at.reindex(_months(ended, last))
    filled["stands_for"] = filled["stands_for"].fillna(0).astype("int64")
    filled[[FILE, ROW]] = filled.groupby("borrower_id")[[FILE, ROW]].ffill()
    return filled.astype({ROW: "int64"})


def _stands_for(places: pd.DataFrame) -> dict[tuple[str, int], int]:
    counts = places.groupby([FILE, ROW])["stands_for"].sum().reset_index()
    at = zip(counts[FILE].tolist(), counts[ROW].tolist(), strict=True)
    return dict(zip(at, counts["stands_for"].tolist(), strict=True))


def _months(invoices: pd.DataFrame, last: pd.Period) -> pd.MultiIndex:
    """Every month of every borrower, from its first invoice to the last month ended."""
    first = invoices.groupby("borrower_id")["month"].min()
    pairs = [(name, m) for name, start in first.items() for m in pd.period_range(start, last)]
    return pd.MultiIndex.from_tuples(pairs, names=["borrower_id", "month"])


def _figures(invoices: pd.DataFrame, last: pd.Period) -> Iterator[tuple[str, pd.Series]]:
    """The value of each kind of signal by borrower and last month of its period."""
    months = _months(invoices, last)
    sold = invoices[invoices["is_sale"]]
    good = sold[~sold["is_void"].astype(bool)]
    bought = invoices[~invoices["is_sale"] & ~invoices["is_void"].astype(bool)]
    yield "invoice_out", _summed(good, months)
    yield "invoice_gap", _days_without(good, months)
    yield "buyer_lost", _lost_buyers(good, last)
    quarters = _quarters(invoices, last)
    yield "invoice_in", _by_quarter(bought, lambda g: g["amount"].sum()).reindex(quarters).fillna(0)
    size = sold.assign(amount=sold["amount"].abs())
    whole = _by_quarter(size, lambda g: g["amount"].sum())
    red = size[~size["is_void"].astype(bool) & (sold["amount"] < 0)]
    taken_back = _by_quarter(red, lambda g: g["amount"].sum())
    voided = _by_quarter(size[size["is_void"].astype(bool)], lambda g: g["amount"].sum())
    yield "invoice_red_share", _share(taken_back, whole, quarters)
    yield "invoice_void_share", _share(taken_back.add(voided, fill_value=0), whole, quarters)
    by_buyer = _with_quarter(good).groupby(["borrower_id", "month", "buyer"])["amount"].sum()
    paid = by_buyer[by_buyer > 0].groupby(["borrower_id", "month"])
    yield "top_buyer_share", (paid.max() / paid.sum()).reindex(quarters)
    yield "invoice_buyers", paid.size().reindex(quarters).fillna(0)


def _as_facts(kind: str, figures: pd.Series) -> pd.DataFrame:
    known = figures.dropna().rename("value").reset_index()
    ends = known["month"].dt.end_time.dt.normalize().astype("datetime64[s]")
    return known.assign(kind=kind, event_at=ends, known_at=ends)


def _summed(invoices: pd.DataFrame, months: pd.MultiIndex) -> pd.Series:
    sums = invoices.groupby(["borrower_id", "month"])["amount"].sum()
    return sums.reindex(months).fillna(0.0)


def _days_without(invoices: pd.DataFrame, months: pd.MultiIndex) -> pd.Series:
    """Days from the last sales invoice to the month's end; unknown before the first one."""
    newest = invoices.groupby(["borrower_id", "month"])["date"].max().reindex(months)
    newest = newest.groupby("borrower_id").ffill()
    ends = pd.PeriodIndex(months.get_level_values("month")).end_time.normalize()
    found: pd.Series = (ends.to_numpy() - newest).dt.days.astype("float64")
    return found


def _lost_buyers(invoices: pd.DataFrame, last: pd.Period) -> pd.Series:
    """The rank of a leading buyer that bought nothing for three months, when the three are over."""
    sums = invoices.groupby(["borrower_id", "buyer", "month"])["amount"].sum().reset_index()
    sums = sums[sums["amount"] > 0]
    sums["at"] = sums["month"].dt.year * 12 + sums["month"].dt.month
    following = sums.groupby(["borrower_id", "buyer"])["at"].shift(-1)
    over = last.year * 12 + last.month
    is_last_for_long = following.fillna(over + 1) - sums["at"] > _GONE_MONTHS
    ends = set(
        zip(sums["borrower_id"][is_last_for_long], sums["at"][is_last_for_long], strict=True)
    )
    found: dict[tuple[str, pd.Period], float] = {}
    for name, mine in sums.groupby("borrower_id"):
        for month in sorted(set(mine["at"].tolist())):
            rank = _rank_lost(mine, month) if (name, month) in ends else None
            if rank:
                noticed = pd.Period(ordinal=_ordinal(month + _GONE_MONTHS), freq="M")
                found[(str(name), noticed)] = float(rank)
    index = pd.MultiIndex.from_tuples(list(found) or [("", last)], names=["borrower_id", "month"])
    return pd.Series(list(found.values()) or [float("nan")], index)


def _rank_lost(mine: pd.DataFrame, month: int) -> int | None:
    """The best rank of a buyer last seen in `month`, by sales of the twelve months up to it."""
    until = mine["at"] <= month
    before = mine[until & (mine["at"] > month - _BEFORE_MONTHS)]
    after = mine[(mine["at"] > month) & (mine["at"] <= month + _GONE_MONTHS)]
    ranked = before.groupby("buyer")["amount"].sum().nlargest(_TOP).index
    seen_then = set(before.loc[before["at"] == month, "buyer"])
    gone = seen_then - set(after["buyer"])
    return next((rank for rank, buyer in enumerate(ranked, start=1) if buyer in gone), None)


def _ordinal(month: int) -> int:
    return month - 1 - 1970 * 12


def _quarters(invoices: pd.DataFrame, last: pd.Period) -> pd.MultiIndex:
    """The last month of every whole quarter of every borrower."""
    months = _months(invoices, last)
    first = invoices.groupby("borrower_id")["month"].min()
    at = pd.PeriodIndex(months.get_level_values("month"))
    started = first.reindex(months.get_level_values("borrower_id")).to_numpy()
    return months[(at.month % 3 == 0) & np.asarray(at - 2 >= started)]


def _with_quarter(invoices: pd.DataFrame) -> pd.DataFrame:
    months = invoices["month"] + (-invoices["month"].dt.month % 3)
    return invoices.assign(month=months)


def _by_quarter(invoices: pd.DataFrame, of: Callable[[Any], Any]) -> pd.Series:
    found: pd.Series = of(_with_quarter(invoices).groupby(["borrower_id", "month"]))
    return found


def _share(part: pd.Series, whole: pd.Series, quarters: pd.MultiIndex) -> pd.Series:
    """Part over whole of each quarter, unknown where nothing was invoiced."""
    total = whole.reindex(quarters)
    return part.reindex(quarters).fillna(0.0) / total.where(total > 0)


SOURCE = VatInvoices()
