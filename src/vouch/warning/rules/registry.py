"""Rules on the business registry. Source: the signal catalogue, BR01 to BR05."""

import numpy as np

from vouch.features.asof import Current, History
from vouch.warning.rule import Finding, Thresholds, rule

_SEEN_ZH, _SEEN_EN = "近期 {events:.0f} 起", "{events:.0f} lately"


@rule(
    "BR01",
    cause="control_change",
    thresholds=("days_into_loan", "within_days"),
    zh="法定代表人或控股股东变更",
    en="Control changed",
    seen_zh="放款后变更 {events:.0f} 次",
    seen_en="changed {events:.0f} times since the loan began",
    action_zh="了解变更原因，核实新实控人资信，更新反担保文件。",
    action_en="Find out why, check who controls it now, and renew the counter-security papers.",
)
def control_changed(guarantee: Current, control_change: History, thresholds: Thresholds) -> Finding:
    """Who represents or controls it changed in the loan's first `days_into_loan` days.

    Reported within `within_days` days.
    """
    start = guarantee.number("start_on")
    into_loan = control_change.column("event_at") - start[control_change.case]
    is_early = (into_loan >= 0) & (into_loan <= thresholds["days_into_loan"])
    events = control_change.where(is_early).within(thresholds["within_days"]).count()
    return Finding(events > 0, {"events": events})


@rule(
    "BR02",
    cause="registry_changes",
    thresholds=("changes", "within_days"),
    zh="频繁变更",
    en="Registry changed again and again",
    seen_zh="近期工商变更 {events:.0f} 次",
    seen_en="{events:.0f} registry changes lately",
    action_zh="逐项核对变更内容，关注地址、注册资本和股权变化。",
    action_en="Go through the changes one by one: address, capital, owners.",
)
def often_changed(registry_change: History, thresholds: Thresholds) -> Finding:
    """`changes` entries or more within `within_days` days."""
    events = registry_change.within(thresholds["within_days"]).sum("value")
    return Finding(events >= thresholds["changes"], {"events": events})


@rule(
    "BR03",
    cause="abnormal_listing",
    thresholds=("within_days",),
    zh="列入经营异常名录",
    en="Listed for abnormal operations",
    seen_zh=_SEEN_ZH,
    seen_en=_SEEN_EN,
    action_zh="24 小时内核实列入原因，督促整改移出。",
    action_en="Find out within 24 hours why, and have it put right.",
)
def abnormal_listing(abnormal_listing: History, thresholds: Thresholds) -> Finding:
    """Entered within `within_days` days."""
    return _any(abnormal_listing, thresholds)


@rule(
    "BR04",
    cause="serious_violation",
    thresholds=("within_days",),
    zh="严重违法失信、吊销或注销公告",
    en="Serious violation, licence revoked or closing",
    seen_zh=_SEEN_ZH,
    seen_en=_SEEN_EN,
    action_zh="24 小时内走访并上报，与银行商定提前收回，准备代偿和保全。",
    action_en="Visit and report within 24 hours, agree with the lender on calling the loan, and "
    "prepare for a call and to secure assets.",
)
def serious_violation(serious_violation: History, thresholds: Thresholds) -> Finding:
    """Reported within `within_days` days."""
    return _any(serious_violation, thresholds)


@rule(
    "BR05",
    cause="equity_bound",
    thresholds=("frozen_over", "pledged_over", "within_days"),
    zh="股权冻结或质押",
    en="Equity frozen or pledged",
    seen_zh="股权冻结 {frozen:.0%}，质押 {pledged:.0%}",
    seen_en="{frozen:.0%} of the equity frozen, {pledged:.0%} pledged",
    action_zh="了解冻结或质押原因，核实相关债务和诉讼。",
    action_en="Find out why, and check the debts and suits behind it.",
)
def equity_bound(
    equity_frozen: History, equity_pledged: History, thresholds: Thresholds
) -> Finding:
    """More than `frozen_over` was newly frozen, or more than `pledged_over` pledged, lately."""
    frozen = equity_frozen.within(thresholds["within_days"]).sum("value")
    pledged = equity_pledged.within(thresholds["within_days"]).sum("value")
    fires = (frozen > thresholds["frozen_over"]) | (pledged > thresholds["pledged_over"])
    shown = {"frozen": np.minimum(frozen, 1), "pledged": np.minimum(pledged, 1)}
    return Finding(fires, shown)


def _any(history: History, thresholds: Thresholds) -> Finding:
    events = history.within(thresholds["within_days"]).count()
    return Finding(events > 0, {"events": events})
