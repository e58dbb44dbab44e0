"""Rules on how the loan is repaid: one cause, arrears, of rising severity."""

from vouch.warning.rule import Finding, Snapshot, Thresholds, rule

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
def principal_overdue(snapshot: Snapshot, thresholds: Thresholds) -> Finding:
    """The newest month end known is `days_past_due` or more days past due."""
    return _arrears(snapshot, thresholds)


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
def long_overdue(snapshot: Snapshot, thresholds: Thresholds) -> Finding:
    """As RP01, with its own number of days."""
    return _arrears(snapshot, thresholds)


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
def call_is_near(snapshot: Snapshot, thresholds: Thresholds) -> Finding:
    """As RP01, with its own number of days."""
    return _arrears(snapshot, thresholds)


def _arrears(snapshot: Snapshot, thresholds: Thresholds) -> Finding:
    days = snapshot.days_past_due
    return Finding(days >= thresholds["days_past_due"], {"days_past_due": days})
