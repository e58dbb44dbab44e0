"""Rules on how the loan is repaid. 30, 60 days past due are one cause with 1 day, of rising colour.

Source of all: the signal catalogue, RP01 to RP08.
"""

import numpy as np

from vouch.features.asof import Current, History
from vouch.warning.rule import Finding, Thresholds, rule

_SEEN_ZH, _SEEN_EN = "已逾期 {days_past_due:.0f} 天", "{days_past_due:.0f} days past due"


@rule(
    "RP01",
    cause="arrears",
    thresholds=("days_past_due",),
    zh="本金逾期",
    en="Principal overdue",
    seen_zh=_SEEN_ZH,
    seen_en=_SEEN_EN,
    action_zh="24 小时内联系借款人和贷款银行，查明逾期原因和还款安排，并登记答复。",
    action_en="Call the borrower and the lender within 24 hours, find out why payment is late and "
    "how it will be made good, and record your answer.",
)
def principal_overdue(performance: History, thresholds: Thresholds) -> Finding:
    """The newest month end known is `days_past_due` or more days past due."""
    return _arrears(performance, thresholds)


@rule(
    "RP02",
    cause="arrears",
    thresholds=("days_past_due",),
    zh="逾期超 {days_past_due:.0f} 天",
    en="{days_past_due:.0f} or more days past due",
    seen_zh=_SEEN_ZH,
    seen_en=_SEEN_EN,
    action_zh="24 小时内上门走访，核实经营和反担保物，与银行商定展期或压降方案，启动催收。",
    action_en="Visit the borrower within 24 hours, check the business and the counter-security, "
    "agree with the lender on an extension or a run-down, and start collection.",
)
def long_overdue(performance: History, thresholds: Thresholds) -> Finding:
    """As RP01, with its own number of days."""
    return _arrears(performance, thresholds)


@rule(
    "RP03",
    cause="arrears",
    thresholds=("days_past_due",),
    zh="逾期超 {days_past_due:.0f} 天，代偿临近",
    en="{days_past_due:.0f} or more days past due: a call is near",
    seen_zh=_SEEN_ZH,
    seen_en=_SEEN_EN,
    action_zh="24 小时内上门走访并上报，准备代偿资金和分险材料，考虑财产保全。",
    action_en="Visit the borrower and report upwards within 24 hours, prepare the funds and the "
    "risk-sharing claim, and consider securing assets.",
)
def call_is_near(performance: History, thresholds: Thresholds) -> Finding:
    """As RP01, with its own number of days."""
    return _arrears(performance, thresholds)


def _arrears(performance: History, thresholds: Thresholds) -> Finding:
    days = performance.last("days_past_due")
    return Finding(days >= thresholds["days_past_due"], {"days_past_due": days})


@rule(
    "RP04",
    cause="interest_arrears",
    thresholds=("within_days",),
    zh="欠息",
    en="Interest in arrears",
    seen_zh="欠息 {interest:,.0f} 元",
    seen_en="{interest:,.0f} yuan of interest unpaid",
    action_zh="联系借款人和贷款银行，了解欠息原因，督促补足，关注是否转为本金逾期。",
    action_en="Call the borrower and the lender, find out why interest is unpaid, have it made "
    "good, and watch for principal to follow.",
)
def interest_overdue(interest_arrears: History, thresholds: Thresholds) -> Finding:
    """Interest was unpaid when last reported, at most `within_days` days ago."""
    unpaid = interest_arrears.within(thresholds["within_days"]).last("value")
    return Finding(unpaid > 0, {"interest": unpaid})


@rule(
    "RP05",
    cause="late_payments",
    thresholds=("times", "days_late", "within_days"),
    zh="频繁短期逾期",
    en="Payments late again and again",
    seen_zh="近期 {times:.0f} 次迟付，最长 {longest:.0f} 天",
    seen_en="paid late {times:.0f} times lately, {longest:.0f} days at the longest",
    action_zh="了解资金安排是否吃紧，核对流水，提醒按期还款，必要时压降额度。",
    action_en="Find out whether money is tight, check the account, remind of the due days, and "
    "reduce the limit if need be.",
)
def often_late(late_payment: History, thresholds: Thresholds) -> Finding:
    """`times` payments or more came `days_late` days late or more within `within_days` days."""
    recent = late_payment.within(thresholds["within_days"])
    late = recent.where(recent.column("value") >= thresholds["days_late"])
    return Finding(
        late.count() >= thresholds["times"], {"times": late.count(), "longest": late.max("value")}
    )


@rule(
    "RP06",
    cause="extension",
    thresholds=("within_days",),
    zh="展期或借新还旧",
    en="Extended or refinanced",
    seen_zh="近期展期或借新还旧 {times:.0f} 次",
    seen_en="extended or refinanced {times:.0f} times lately",
    action_zh="核实展期原因和还款来源，重新评估担保措施。",
    action_en="Check why it was extended and what it will be repaid from, and judge the security "
    "again.",
)
def extended(performance: History, thresholds: Thresholds) -> Finding:
    """The loan was extended or refinanced within `within_days` days."""
    times = performance.within(thresholds["within_days"]).sum("is_extended")
    return Finding(times > 0, {"times": times})


@rule(
    "RP07",
    cause="short_before_maturity",
    thresholds=("days_before", "share_of_balance"),
    zh="到期前账户余额不足",
    en="Account short before maturity",
    seen_zh="距到期 {days:.0f} 天，还款账户余额 {account:,.0f} 元，应还 {due:,.0f} 元",
    seen_en="{days:.0f} days to maturity, {account:,.0f} yuan in the account, {due:,.0f} due",
    action_zh="立即联系借款人落实到期还款资金，与银行商定续贷或展期，准备应急方案。",
    action_en="Call the borrower at once about the money due, agree with the lender on renewal or "
    "extension, and prepare for a call.",
)
def short_before_maturity(
    guarantee: Current, performance: History, account_balance: History, thresholds: Thresholds
) -> Finding:
    """Within `days_before` days of maturity the account holds less than a share of the balance.

    The account's balance has to be of these days; where no month end told the balance owed, the
    loan's amount stands for it.
    """
    window = thresholds["days_before"]
    days = -guarantee.days_since("maturity_on")
    account = account_balance.within(window).last("value")
    owed = performance.last("balance")
    due = np.where(np.isnan(owed), guarantee.number("amount"), owed)
    is_near = (days >= 0) & (days <= window)
    fires = is_near & (due > 0) & (account < thresholds["share_of_balance"] * due)
    return Finding(fires, {"days": days, "account": account, "due": due})


@rule(
    "RP08",
    cause="first_payment_default",
    thresholds=("days_past_due", "first_days", "within_days"),
    zh="首期违约",
    en="First payment missed",
    seen_zh="首期还款逾期 {days_past_due:.0f} 天",
    seen_en="the first payment was {days_past_due:.0f} days late",
    action_zh="24 小时内走访，核查贷款真实性和资金去向，排查欺诈并上报。",
    action_en="Visit within 24 hours, check that the loan is genuine and where the money went, "
    "look for fraud and report upwards.",
)
def first_payment_missed(
    guarantee: Current, performance: History, thresholds: Thresholds
) -> Finding:
    """`days_past_due` or more at a month end of the loan's `first_days` days, lately.

    Lately: the loan began at most `within_days` days ago.
    """
    start = guarantee.number("start_on")
    into_loan = performance.column("event_at") - start[performance.case]
    worst = performance.where(into_loan <= thresholds["first_days"]).max("days_past_due")
    is_young = guarantee.days_since("start_on") <= thresholds["within_days"]
    fires = is_young & (worst >= thresholds["days_past_due"])
    return Finding(fires, {"days_past_due": worst})
