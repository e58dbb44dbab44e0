"""Rules on taxes. Source: the signal catalogue, TX01 to TX05."""

import numpy as np

from vouch.features.asof import Floats, History
from vouch.features.signals import tax_paid_change_90d
from vouch.warning.rule import Finding, Thresholds, rule

_QUARTER = 92.0  # the longest


@rule(
    "TX01",
    cause="tax_grade",
    thresholds=("grade", "within_days"),
    zh="纳税信用降级",
    en="Tax credit downgraded",
    seen_zh="纳税信用为第 {grade:.0f} 档（1 A，2 B，3 M，4 C，5 D）",
    seen_en="tax credit grade {grade:.0f} of five (1 A, 2 B, 3 M, 4 C, 5 D)",
    action_zh="24 小时内了解降级原因，核查欠税、处罚和经营异常。",
    action_en="Find out within 24 hours why, and check for tax owed, penalties and trouble in the "
    "business.",
)
def tax_downgraded(tax_grade: History, thresholds: Thresholds) -> Finding:
    """The newest grade is `grade` or worse, no older than `within_days`, and worse than before.

    A first grade counts as a fall. One that stays as it was is no news.
    """
    newest = tax_grade.last("event_at")
    grade = tax_grade.within(thresholds["within_days"]).last("value")
    before = tax_grade.where(tax_grade.column("event_at") < newest[tax_grade.case]).last("value")
    fires = (grade >= thresholds["grade"]) & ~(before >= grade)
    return Finding(fires, {"grade": grade, "grade_before": before})


@rule(
    "TX02",
    cause="tax_fall",
    thresholds=("fall",),
    zh="纳税额骤降",
    en="Tax paid falls steeply",
    seen_zh="近三个月纳税额同比变化 {change:.0%}",
    seen_en="tax paid over three months changed by {change:.0%} year on year",
    action_zh="24 小时内核实收入变化，索取纳税申报表和开票明细，判断是否停产半停产。",
    action_en="Check within 24 hours how revenue has changed, ask for tax returns and invoices, "
    "and judge whether production stands still.",
)
def tax_fall(tax_paid: History, thresholds: Thresholds) -> Finding:
    """Tax of the last three months fell by `fall` against the same months a year before."""
    change = tax_paid_change_90d(tax_paid)
    return Finding(change <= -thresholds["fall"], {"change": change})


@rule(
    "TX03",
    cause="nil_returns",
    thresholds=("days", "within_days"),
    zh="连续零申报",
    en="Nil returns in a row",
    seen_zh="零申报已连续约 {months:.0f} 个月",
    seen_en="nil returns for about {months:.0f} months in a row",
    action_zh="24 小时内走访核实是否仍在经营，核对开票和流水。",
    action_en="Visit within 24 hours to see whether it is still in business, and check invoices "
    "and the account.",
)
def nil_returns(tax_declared: History, thresholds: Thresholds) -> Finding:
    """Returns have been nil for `days` or more, up to the newest, at most `within_days` old.

    From the last return with revenue to the newest one; where there never was revenue, from the
    first return.
    """
    newest = tax_declared.within(thresholds["within_days"])
    is_nil = newest.last("value") == 0
    paid = tax_declared.where(tax_declared.column("value") > 0).last("event_at")
    since = np.where(np.isnan(paid), tax_declared.min("event_at"), paid)
    days = np.where(is_nil, newest.last("event_at") - since, np.nan)
    return Finding(days >= thresholds["days"], {"months": np.round(days / 30.4)})


@rule(
    "TX04",
    cause="tax_arrears",
    thresholds=("more_than", "days", "within_days"),
    zh="欠税",
    en="Tax in arrears",
    seen_zh="欠税 {owed:,.0f} 元",
    seen_en="{owed:,.0f} yuan of tax overdue",
    action_zh="24 小时内核实欠税金额和期限，防范税务强制执行和查封。",
    action_en="Check within 24 hours how much tax is owed and since when; expect enforcement and "
    "seizure.",
)
def tax_arrears(tax_arrears: History, thresholds: Thresholds) -> Finding:
    """More than `more_than` yuan is overdue and tax has been for longer than `days`.

    By the newest report, at most `within_days` days old.
    """
    owed = tax_arrears.within(thresholds["within_days"]).last("value")
    since = tax_arrears.days_of_run(tax_arrears.column("value") > 0)
    fires = (owed > thresholds["more_than"]) & (since > thresholds["days"])
    return Finding(fires, {"owed": owed, "days": since})


@rule(
    "TX05",
    cause="declared_against_invoiced",
    thresholds=("gap", "within_days"),
    zh="申报收入与开票背离",
    en="Declared revenue departs from invoices",
    seen_zh="季度申报收入 {declared:,.0f} 元，开票 {invoiced:,.0f} 元，相差 {gap:.0%}",
    seen_en="declared {declared:,.0f} yuan in the quarter, invoiced {invoiced:,.0f}: {gap:.0%} "
    "apart",
    action_zh="核实收入真实性，关注虚开发票或隐匿收入。",
    action_en="Check whether revenue is real; look for sham invoices or hidden revenue.",
)
def declared_against_invoiced(
    tax_declared: History, invoice_out: History, thresholds: Thresholds
) -> Finding:
    """Revenue declared for a quarter and invoiced in it differ by more than `gap` of the larger."""
    newest = tax_declared.within(thresholds["within_days"])
    declared, until = newest.last("value"), newest.last("event_at")
    invoiced = quarter_sum(invoice_out, until)
    larger = np.maximum(declared, invoiced)
    gap = np.where(larger > 0, np.abs(declared - invoiced) / larger, np.nan)
    fires = gap > thresholds["gap"]
    return Finding(fires, {"declared": declared, "invoiced": invoiced, "gap": gap})


def quarter_sum(history: History, until: Floats) -> Floats:
    """The sum over the quarter that ends on a day of each case, NaN where nothing was reported."""
    before = until[history.case] - history.column("event_at")
    part = history.where((before >= 0) & (before < _QUARTER - 2))
    return np.where(part.lengths > 0, part.sum("value"), np.nan)
