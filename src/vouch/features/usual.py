"""Where the borrower stands against its own usual level, as its feeds tell it.

A change against last year is blind to a decline older than that, and as noisy as two short windows
are. The usual level is the mean of all that was reported of the borrower up to half a year before,
however long that is.
"""

import numpy as np

from vouch.features.asof import Current, Floats, History
from vouch.features.registry import feature

_SETTLED = 180  # days: a decline younger than this has not moved the usual level yet


def _to_usual(feed: History, days: float, settled: float = _SETTLED) -> Floats:
    """Mean of the reports of the last `days` over the mean of those `settled` days old or older."""
    usual = feed.where(feed.age >= settled).mean("value")
    return _over(feed.within(days).mean("value"), usual)


def _over(part: Floats, whole: Floats) -> Floats:
    return part / np.where(whole > 0, whole, np.nan)


@feature(zh="近期参保人数与往常之比", en="insured staff against the usual", unit="ratio")
def insured_to_usual(insured_headcount: History) -> Floats:
    """Mean insured staff of the last 120 days over that reported 180 days ago and before."""
    return _to_usual(insured_headcount, 120)


@feature(zh="近期申报销售额与往常之比", en="sales declared for tax against the usual", unit="ratio")
def declared_sales_to_usual(tax_declared: History) -> Floats:
    """Mean quarterly sales declared in the last 120 days over those of 180 days ago and before."""
    return _to_usual(tax_declared, 120)


@feature(zh="近期纳税额与往常之比", en="tax paid against the usual", unit="ratio")
def tax_paid_to_usual(tax_paid: History) -> Floats:
    """Mean tax paid in the last 200 days over that of 270 days ago and before."""
    return _to_usual(tax_paid, 200, 270)


@feature(zh="近期开票额与往常之比", en="invoiced sales against the usual", unit="ratio")
def invoice_to_usual(invoice_out: History) -> Floats:
    """Mean monthly sales invoiced in the last 100 days over those of 180 days ago and before."""
    return _to_usual(invoice_out, 100)


@feature(zh="近半年开票额与申报营收之比", en="invoiced sales to stated revenue", unit="ratio")
def invoice_to_revenue(invoice_out: History, borrower: Current) -> Floats:
    """Twelve times the mean monthly sales invoiced in the last 190 days over yearly revenue."""
    monthly = invoice_out.within(190).mean("value")
    return _over(12.0 * monthly, borrower.number("annual_revenue"))


@feature(zh="近期进项额与往常之比", en="purchases against the usual", unit="ratio")
def purchases_to_usual(invoice_in: History) -> Floats:
    """Mean purchases invoiced in the last 120 days over those of 180 days ago and before."""
    return _to_usual(invoice_in, 120)


@feature(zh="第一大客户占比与往常之比", en="largest buyer's share against the usual", unit="ratio")
def top_buyer_share_to_usual(top_buyer_share: History) -> Floats:
    """Mean share of the largest buyer in 120 days over that of 180 days ago and before."""
    return _to_usual(top_buyer_share, 120)


@feature(zh="近期用电量与往常之比", en="power used against the usual", unit="ratio")
def power_to_usual(power_used: History) -> Floats:
    """Mean power used in the last 100 days over that of 180 days ago and before."""
    return _to_usual(power_used, 100)


@feature(zh="近期负债与往常之比", en="debt against the usual", unit="ratio")
def debt_to_usual(bureau_debt: History) -> Floats:
    """Mean debt to all lenders of the last 110 days over that of 180 days ago and before."""
    return _to_usual(bureau_debt, 110)


@feature(zh="近期授信额度与往常之比", en="limits elsewhere against the usual", unit="ratio")
def limit_to_usual(bureau_limit: History) -> Floats:
    """Mean limits of other lenders in 110 days over those of 180 days ago and before."""
    return _to_usual(bureau_limit, 110)


@feature(zh="还款账户余额覆盖率", en="repayment account to guaranteed amount", unit="ratio")
def account_cover_45d(account_balance: History, guarantee: Current) -> Floats:
    """Balance of the repayment account last told in 45 days over the amount guaranteed."""
    return _over(account_balance.within(45).last("value"), guarantee.number("guaranteed_amount"))
