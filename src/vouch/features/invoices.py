"""What the borrower's value-added-tax invoices tell: sales, gaps, reversals, buyers, purchases."""

import numpy as np

from vouch.features.asof import Current, Floats, History
from vouch.features.registry import feature

_YEAR = 365.0


def _unless_unseen(history: History, values: Floats) -> Floats:
    """Missing where no fact of the kind is known at all: nothing seen is not nothing there."""
    return np.where(history.count() > 0, values, np.nan)


@feature(zh="近一年开票额", en="invoiced sales in 365 days", unit="yuan")
def invoiced_sales_365d(invoice_out: History) -> Floats:
    """Sales invoiced in the last 365 days, voided and reversed ones taken off."""
    return _unless_unseen(invoice_out, invoice_out.within(_YEAR).sum("value"))


@feature(zh="借款额与近一年开票额之比", en="loan amount to invoiced sales", unit="ratio")
def amount_to_invoiced_sales_365d(guarantee: Current, invoice_out: History) -> Floats:
    """Loan amount over sales invoiced in the last 365 days; unknown where there were none."""
    sales = invoice_out.within(_YEAR).sum("value")
    return guarantee.number("amount") / np.where(sales > 0, sales, np.nan)


@feature(zh="近半年开票额变化", en="change of invoiced sales, half-year on half-year", unit="share")
def invoice_change_180d(invoice_out: History) -> Floats:
    """Mean monthly sales invoiced in the last 180 days against the 180 days before."""
    before = invoice_out.between(360, 180).mean("value")
    recent = invoice_out.within(180).mean("value")
    return recent / np.where(before > 0, before, np.nan) - 1.0


@feature(zh="近一年未开票月数", en="months without sales invoices in 365 days", unit="count")
def months_without_invoices_365d(invoice_out: History) -> Floats:
    """Months of the last 365 days in which nothing was invoiced, or less than was taken back."""
    recent = invoice_out.within(_YEAR)
    return _unless_unseen(invoice_out, recent.where(recent.column("value") <= 0).count())


@feature(zh="距上次开票天数", en="days since the last sales invoice", unit="days")
def days_without_invoices(invoice_gap: History) -> Floats:
    """Days since the last sales invoice, as of the newest month end known."""
    return invoice_gap.last("value")


@feature(zh="近一年最长断票", en="longest gap in invoicing in 365 days", unit="days")
def longest_invoice_gap_365d(invoice_gap: History) -> Floats:
    """Most days without a sales invoice at any month end of the last 365 days."""
    return invoice_gap.within(_YEAR).max("value")


@feature(zh="近一年发票作废红冲率", en="voided and reversed invoices in 365 days", unit="share")
def invoice_void_share_365d(invoice_void_share: History) -> Floats:
    """Mean quarterly share of the amount that was voided or reversed in the last 365 days."""
    return invoice_void_share.within(_YEAR).mean("value")


@feature(zh="作废红冲率较以往上升", en="rise of voided and reversed invoices", unit="share")
def invoice_void_share_rise(invoice_void_share: History) -> Floats:
    """Share voided or reversed in the newest quarter less the mean of those a year before it."""
    before = invoice_void_share.where(invoice_void_share.age >= 100).within(_YEAR + 100)
    return invoice_void_share.last("value") - before.mean("value")


@feature(zh="近一年发票红冲率", en="reversed invoices in 365 days", unit="share")
def invoice_red_share_365d(invoice_red_share: History) -> Floats:
    """Mean quarterly share of the amount taken back by red-letter invoices in 365 days."""
    return invoice_red_share.within(_YEAR).mean("value")


@feature(zh="第一大客户占比", en="share of the largest buyer", unit="share")
def top_buyer_share_now(top_buyer_share: History) -> Floats:
    """The largest buyer's part of the newest quarter's sales."""
    return top_buyer_share.last("value")


@feature(zh="第一大客户占比变化", en="change of the largest buyer's share", unit="share")
def top_buyer_share_change_365d(top_buyer_share: History) -> Floats:
    """The largest buyer's part in the newest quarter less its mean in the year before it."""
    before = top_buyer_share.where(top_buyer_share.age >= 100).within(_YEAR + 100)
    return top_buyer_share.last("value") - before.mean("value")


@feature(zh="近一年流失核心客户次数", en="leading buyers lost in 365 days", unit="count")
def buyers_lost_365d(buyer_lost: History, invoice_out: History) -> Floats:
    """Times that a buyer among the first three stopped buying, in the last 365 days."""
    return _unless_unseen(invoice_out, buyer_lost.within(_YEAR).count())


@feature(zh="下游客户数", en="buyers in the quarter", unit="count")
def buyers_now(invoice_buyers: History) -> Floats:
    """Buyers invoiced in the newest quarter."""
    return invoice_buyers.last("value")


@feature(zh="下游客户数变化", en="change of the number of buyers", unit="share")
def buyers_change_365d(invoice_buyers: History) -> Floats:
    """Buyers of the newest quarter against the mean of the year before it."""
    before = invoice_buyers.where(invoice_buyers.age >= 100).within(_YEAR + 100).mean("value")
    return invoice_buyers.last("value") / np.where(before > 0, before, np.nan) - 1.0


@feature(zh="近一年进销比", en="purchases to sales in 365 days", unit="ratio")
def purchases_to_sales_365d(invoice_in: History, invoice_out: History) -> Floats:
    """Purchases over sales invoiced in the last 365 days; unknown where nothing was sold."""
    bought, sold = (h.within(_YEAR).sum("value") for h in (invoice_in, invoice_out))
    return _unless_unseen(invoice_in, bought / np.where(sold > 0, sold, np.nan))
