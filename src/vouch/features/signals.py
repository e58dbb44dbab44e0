"""What others see of the borrower: tax, invoices, insured staff, courts, credit bureau."""

from collections.abc import Sequence

import numpy as np

from vouch.features.asof import Floats, History
from vouch.features.registry import feature


def _change(recent: Floats, before: Floats) -> Floats:
    return recent / np.where(before > 0, before, np.nan) - 1.0


def _events(kinds: Sequence[History], days: float) -> Floats:
    found: Floats = np.sum([kind.within(days).count() for kind in kinds], axis=0)
    return found


# Whatever is bad news by itself, whoever tells it.
_ADVERSE = (
    *("tax_arrears", "social_security_gap", "housing_fund_gap", "bureau_overdue", "bureau_class"),
    *("court_claim", "court_enforcement", "dishonest_debtor", "insolvency", "asset_seizure"),
    *("abnormal_listing", "serious_violation", "equity_frozen", "equity_pledged"),
    *("fund_diversion", "unreachable", "controller_incident", "negative_news", "buyer_lost"),
)


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


@feature(zh="社保断缴月数", en="months of social security unpaid", unit="months")
def social_security_gap_now(social_security_gap: History) -> Floats:
    """Months unpaid by the newest report of the last 100 days."""
    return social_security_gap.within(100).last("value")


@feature(zh="公积金停缴月数", en="months of housing fund unpaid", unit="months")
def housing_fund_gap_now(housing_fund_gap: History) -> Floats:
    """Months unpaid by the newest report of the last 100 days."""
    return housing_fund_gap.within(100).last("value")


@feature(zh="欠税金额", en="tax overdue", unit="yuan")
def tax_arrears_now(tax_arrears: History) -> Floats:
    """Tax overdue by the newest report of the last 190 days."""
    return tax_arrears.within(190).last("value")


@feature(zh="他行逾期笔数", en="loans overdue elsewhere", unit="count")
def bureau_overdue_now(bureau_overdue: History) -> Floats:
    """Loans overdue elsewhere by the newest report of the last 130 days."""
    return bureau_overdue.within(130).last("value")


@feature(zh="他行最差分类", en="worst class elsewhere", unit="count")
def bureau_class_now(bureau_class: History) -> Floats:
    """Worst of five classes elsewhere by the newest report of the last 130 days; 1 is normal."""
    return bureau_class.within(130).last("value")


@feature(zh="纳税信用档次", en="tax credit grade", unit="count")
def tax_grade_now(tax_grade: History) -> Floats:
    """Tax credit grade by the newest report of the last 400 days; 1 is A, 5 is D."""
    return tax_grade.within(400).last("value")


@feature(zh="近60天用电同比变化", en="change of power used, 60 days year on year", unit="share")
def power_change_60d(power_used: History) -> Floats:
    """Mean power used in the last 75 days against the same days a year before."""
    return _change(power_used.within(75).mean("value"), power_used.between(440, 365).mean("value"))


@feature(zh="近半年负债变化", en="change of debt over 180 days", unit="share")
def debt_change_180d(bureau_debt: History) -> Floats:
    """Debt to all lenders last reported against the mean of 150 to 300 days ago."""
    return _change(bureau_debt.last("value"), bureau_debt.between(300, 150).mean("value"))


@feature(zh="他行授信近90天变化", en="change of limits elsewhere over 90 days", unit="share")
def limit_change_90d(bureau_limit: History) -> Floats:
    """Limits of other lenders last reported against the mean of 80 to 200 days ago."""
    return _change(bureau_limit.last("value"), bureau_limit.between(200, 80).mean("value"))


@feature(zh="近180天迟付次数", en="late payments in 180 days", unit="count")
def late_payments_180d(late_payment: History) -> Floats:
    """Payments that came late in the last 180 days."""
    return late_payment.within(180).count()


@feature(zh="近60天欠息", en="interest unpaid in 60 days", unit="yuan")
def interest_arrears_60d(interest_arrears: History) -> Floats:
    """Most interest unpaid at any report of the last 60 days, 0 without one."""
    return np.nan_to_num(interest_arrears.within(60).max("value"))


@feature(zh="近180天司法不利事件", en="adverse court events in 180 days", unit="count")
def court_events_180d(
    court_claim: History, dishonest_debtor: History, insolvency: History, asset_seizure: History
) -> Floats:
    """Claims, listings, insolvency and seizures of the last 180 days."""
    kinds = (court_claim, dishonest_debtor, insolvency, asset_seizure)
    return _events(kinds, 180)


@feature(zh="近180天工商不利事件", en="adverse registry events in 180 days", unit="count")
def registry_events_180d(
    abnormal_listing: History,
    serious_violation: History,
    equity_frozen: History,
    equity_pledged: History,
    control_change: History,
) -> Floats:
    """Listings, violations, equity bound and changes of control of the last 180 days."""
    kinds = (abnormal_listing, serious_violation, equity_frozen, equity_pledged, control_change)
    return _events(kinds, 180)


@feature(zh="近180天经营不利事件", en="adverse events of the business in 180 days", unit="count")
def business_events_180d(
    fund_diversion: History,
    unreachable: History,
    controller_incident: History,
    negative_news: History,
    buyer_lost: History,
) -> Floats:
    """Money diverted, attempts in vain, grave events, bad news and buyers lost in 180 days."""
    kinds = (fund_diversion, unreachable, controller_incident, negative_news, buyer_lost)
    return _events(kinds, 180)


@feature(
    zh="近100天不利事件", en="adverse events of any kind in 100 days", unit="count", inputs=_ADVERSE
)
def adverse_events_100d(*kinds: History) -> Floats:
    """Adverse events of the last 100 days, whoever told them."""
    return _events(kinds, 100)


@feature(
    zh="近一年不利事件", en="adverse events of any kind in 365 days", unit="count", inputs=_ADVERSE
)
def adverse_events_365d(*kinds: History) -> Floats:
    """Adverse events of the last 365 days, whoever told them."""
    return _events(kinds, 365)
