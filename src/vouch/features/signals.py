"""What others see of the borrower: tax, invoices, insured staff, courts, credit bureau."""

import numpy as np

from vouch.features.asof import Floats, History
from vouch.features.registry import feature


def _change(recent: Floats, before: Floats) -> Floats:
    return recent / np.where(before > 0, before, np.nan) - 1.0


@feature(zh="近90天纳税额同比变化", en="change of tax paid, 90 days year on year", unit="share")
def tax_paid_change_90d(tax_paid: History) -> Floats:
    """Mean tax paid in the last 90 days against the same 90 days a year before."""
    return _change(tax_paid.within(90).mean("value"), tax_paid.between(455, 365).mean("value"))


@feature(
    zh="近90天开票额同比变化", en="change of invoiced sales, 90 days year on year", unit="share"
)
def invoice_change_90d(invoice_out: History) -> Floats:
    """Mean invoiced sales of the last 90 days against the same 90 days a year before."""
    return _change(
        invoice_out.within(90).mean("value"), invoice_out.between(455, 365).mean("value")
    )


@feature(zh="近180天参保人数变化", en="change of insured staff over 180 days", unit="share")
def insured_change_180d(insured_headcount: History) -> Floats:
    """Insured staff last reported against the mean of 180 to 365 days ago."""
    return _change(
        insured_headcount.last("value"), insured_headcount.between(365, 180).mean("value")
    )


@feature(zh="近一年被执行次数", en="court enforcements in 365 days", unit="count")
def court_enforcements_365d(court_enforcement: History) -> Floats:
    """Court enforcement events of the last 365 days."""
    return court_enforcement.within(365).sum("value")


@feature(zh="近120天征信查询次数", en="bureau inquiries in 120 days", unit="count")
def bureau_inquiries_120d(bureau_inquiries: History) -> Floats:
    """Loan inquiries at the credit bureau in the last 120 days; unknown without consent."""
    seen = bureau_inquiries.count()
    return np.where(seen > 0, bureau_inquiries.within(120).sum("value"), np.nan)
