"""How the guarantee behaves: arrears, balance, months on book."""

import numpy as np

from vouch.features.asof import Current, Floats, History
from vouch.features.registry import feature

_LATE = 30.0


@feature(zh="当前逾期天数", en="days past due now", unit="days")
def days_past_due_now(performance: History) -> Floats:
    """Days past due at the newest month end known."""
    return performance.last("days_past_due")


@feature(zh="近90天最长逾期", en="worst arrears in 90 days", unit="days")
def worst_arrears_90d(performance: History) -> Floats:
    """Most days past due at any month end of the last 90 days."""
    return performance.within(90).max("days_past_due")


@feature(zh="近180天最长逾期", en="worst arrears in 180 days", unit="days")
def worst_arrears_180d(performance: History) -> Floats:
    """Most days past due at any month end of the last 180 days."""
    return performance.within(180).max("days_past_due")


@feature(zh="近一年最长逾期", en="worst arrears in 365 days", unit="days")
def worst_arrears_365d(performance: History) -> Floats:
    """Most days past due at any month end of the last 365 days."""
    return performance.within(365).max("days_past_due")


@feature(zh="近90天逾期月数", en="months in arrears in 90 days", unit="count")
def months_in_arrears_90d(performance: History) -> Floats:
    """Month ends of the last 95 days with any amount past due: three of them."""
    recent = performance.within(95)
    return recent.where(recent.column("days_past_due") > 0).count()


@feature(zh="近180天逾期月数", en="months in arrears in 180 days", unit="count")
def months_in_arrears_180d(performance: History) -> Floats:
    """Month ends of the last 180 days with any amount past due."""
    recent = performance.within(180)
    return recent.where(recent.column("days_past_due") > 0).count()


@feature(zh="近一年逾期月数", en="months in arrears in 365 days", unit="count")
def months_in_arrears_365d(performance: History) -> Floats:
    """Month ends of the last 365 days with any amount past due."""
    recent = performance.within(365)
    return recent.where(recent.column("days_past_due") > 0).count()


@feature(zh="近一年逾期超30天月数", en="months 30+ days past due in 365 days", unit="count")
def months_late_365d(performance: History) -> Floats:
    """Month ends of the last 365 days with 30 days or more past due."""
    recent = performance.within(365)
    return recent.where(recent.column("days_past_due") >= _LATE).count()


@feature(zh="距上次逾期天数", en="days since last in arrears", unit="days")
def days_since_arrears(performance: History) -> Floats:
    """Days since the newest month end with an amount past due."""
    return performance.where(performance.column("days_past_due") > 0).days_since_last()


@feature(zh="近90天逾期变化", en="change of arrears over 90 days", unit="days")
def arrears_change_90d(performance: History) -> Floats:
    """Days past due now less the worst of the 90 days before the last 90."""
    earlier = performance.between(180, 90).max("days_past_due")
    return performance.last("days_past_due") - np.nan_to_num(earlier)


@feature(zh="已过月数", en="months seen", unit="count")
def months_seen(performance: History) -> Floats:
    """Month ends reported so far."""
    return performance.count()


@feature(zh="未用款月数", en="months without balance in 365 days", unit="count")
def months_without_balance_365d(performance: History) -> Floats:
    """Month ends of the last 365 days with nothing owed."""
    recent = performance.within(365)
    return recent.where(recent.column("balance") == 0).count()


@feature(zh="余额占借款额比例", en="balance to loan amount", unit="share")
def balance_share(guarantee: Current, performance: History) -> Floats:
    """Balance at the newest month end over the loan amount."""
    return performance.last("balance") / guarantee.number("amount")


@feature(zh="近180天展期次数", en="extensions in 180 days", unit="count")
def extensions_180d(performance: History) -> Floats:
    """Months with an extension or refinancing in the last 180 days."""
    return performance.within(180).sum("is_extended")


@feature(zh="起始以来天数", en="days on book", unit="days")
def days_on_book(guarantee: Current) -> Floats:
    """Days since the guarantee began."""
    return guarantee.days_since("start_on")


@feature(zh="距到期天数", en="days to maturity", unit="days")
def days_to_maturity(guarantee: Current) -> Floats:
    """Days until the loan is due; negative once past it."""
    return -guarantee.days_since("maturity_on")


def _falls_due(guarantee: Current, days: float) -> Floats:
    left: Floats = days_to_maturity(guarantee)
    return np.where(np.isnan(left), np.nan, (left <= days).astype(np.float64))


def _days_to_run(guarantee: Current, days: float) -> Floats:
    left: Floats = np.clip(days_to_maturity(guarantee), -60.0, days)
    return left


@feature(zh="九个月内到期", en="falls due within nine months", unit="flag")
def falls_due_270d(guarantee: Current) -> Floats:
    """Whether the loan is due within 270 days: soon enough to be compensated within the year."""
    return _falls_due(guarantee, 270.0)


@feature(zh="剩余期限（至多九个月）", en="days to run, of nine months", unit="days")
def days_to_run_270d(guarantee: Current) -> Floats:
    """Days until the loan is due, between -60 and 270: the time a year's horizon leaves it."""
    return _days_to_run(guarantee, 270.0)


@feature(zh="三个月内到期", en="falls due within three months", unit="flag")
def falls_due_90d(guarantee: Current) -> Floats:
    """Whether the loan is due within 90 days: soon enough to be compensated within 180."""
    return _falls_due(guarantee, 90.0)


@feature(zh="剩余期限（至多三个月）", en="days to run, of three months", unit="days")
def days_to_run_90d(guarantee: Current) -> Floats:
    """Days until the loan is due, between -60 and 90: the time a horizon of 180 days leaves it."""
    return _days_to_run(guarantee, 90.0)


@feature(zh="近180天逾期月数变化", en="change of months in arrears, half-years", unit="count")
def months_in_arrears_change_180d(performance: History) -> Floats:
    """Months in arrears in the last 180 days less those in the 180 days before."""
    late = performance.where(performance.column("days_past_due") > 0)
    return late.within(180).count() - late.between(360, 180).count()


@feature(zh="近180天余额变化", en="change of the balance over 180 days", unit="share")
def balance_change_180d(performance: History) -> Floats:
    """Balance at the newest month end against the oldest of the last 180 days."""
    first = performance.within(180).first("balance")
    return performance.last("balance") / np.where(first > 0, first, np.nan) - 1.0
