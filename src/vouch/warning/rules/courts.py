"""Rules on courts. Source: the signal catalogue, JD01 to JD05."""

import numpy as np

from vouch.features.asof import Current, History
from vouch.warning.rule import Finding, Thresholds, rule

_SEEN_ZH, _SEEN_EN = "近期 {events:.0f} 起", "{events:.0f} lately"


@rule(
    "JD01",
    cause="court_claim",
    thresholds=("share_of_revenue", "within_days"),
    zh="新增被告",
    en="Sued",
    seen_zh="涉诉标的 {claim:,.0f} 元，为年收入的 {share:.0%}",
    seen_en="sued for {claim:,.0f} yuan, {share:.0%} of a year's revenue",
    action_zh="24 小时内了解案由和金额，评估败诉和保全风险。",
    action_en="Find out within 24 hours what it is about, and judge the risk of losing and of "
    "assets being secured.",
)
def sued(borrower: Current, court_claim: History, thresholds: Thresholds) -> Finding:
    """Claims of the last `within_days` days are more than a share of a year's revenue."""
    recent = court_claim.within(thresholds["within_days"])
    claim, revenue = recent.sum("value"), borrower.number("annual_revenue")
    share = np.where(revenue > 0, claim / revenue, np.nan)
    fires = (recent.lengths > 0) & (share > thresholds["share_of_revenue"])
    return Finding(fires, {"claim": claim, "share": share})


@rule(
    "JD02",
    cause="court_enforcement",
    thresholds=("more_than_share_of_balance", "within_days"),
    zh="被执行人",
    en="Court enforcement",
    seen_zh="近期被执行 {events:.0f} 起，标的 {amount:,.0f} 元",
    seen_en="{events:.0f} enforcements lately, about {amount:,.0f} yuan",
    action_zh="24 小时内走访，核实执行标的和财产线索，考虑申请参与分配或保全。",
    action_en="Visit within 24 hours, check what is enforced and what assets there are, and "
    "consider joining the distribution or securing assets.",
)
def enforced(
    guarantee: Current,
    performance: History,
    court_enforcement: History,
    enforcement_amount: History,
    thresholds: Thresholds,
) -> Finding:
    """Enforcement opened within `within_days` days, about more than a share of the balance.

    A share of -1 asks for no amount at all. Without a month end the loan's amount stands for the
    balance.
    """
    events = court_enforcement.within(thresholds["within_days"]).count()
    amount = enforcement_amount.within(thresholds["within_days"]).sum("value")
    balance = performance.last("balance")
    owed = np.where(np.isnan(balance), guarantee.number("amount"), balance)
    fires = (events > 0) & (amount > thresholds["more_than_share_of_balance"] * owed)
    return Finding(fires, {"events": events, "amount": amount})


@rule(
    "JD03",
    cause="dishonest_debtor",
    thresholds=("within_days",),
    zh="失信被执行人或限制高消费",
    en="Listed as dishonest debtor",
    seen_zh=_SEEN_ZH,
    seen_en=_SEEN_EN,
    action_zh="24 小时内走访并上报，启动保全，准备代偿。",
    action_en="Visit and report within 24 hours, secure assets, and prepare for a call.",
)
def dishonest_debtor(dishonest_debtor: History, thresholds: Thresholds) -> Finding:
    """Listed within `within_days` days."""
    return _any(dishonest_debtor, thresholds)


@rule(
    "JD04",
    cause="insolvency",
    thresholds=("within_days",),
    zh="破产或终本",
    en="Insolvency",
    seen_zh=_SEEN_ZH,
    seen_en=_SEEN_EN,
    action_zh="24 小时内上报，申报债权，追究反担保责任，准备代偿。",
    action_en="Report within 24 hours, file the claim, turn to the counter-guarantors, and prepare "
    "for a call.",
)
def insolvency(insolvency: History, thresholds: Thresholds) -> Finding:
    """A petition, or enforcement ended for want of assets, within `within_days` days."""
    return _any(insolvency, thresholds)


@rule(
    "JD05",
    cause="asset_seizure",
    thresholds=("within_days",),
    zh="动产或账户查封",
    en="Assets seized",
    seen_zh="近期查封 {events:.0f} 起，{amount:,.0f} 元",
    seen_en="{events:.0f} seizures lately, {amount:,.0f} yuan",
    action_zh="24 小时内核实查封范围，评估对经营和还款的影响，考虑保全。",
    action_en="Check within 24 hours what is seized and what it means for the business and "
    "repayment, and consider securing assets.",
)
def asset_seizure(asset_seizure: History, thresholds: Thresholds) -> Finding:
    """Seized or frozen within `within_days` days."""
    recent = asset_seizure.within(thresholds["within_days"])
    return Finding(recent.count() > 0, {"events": recent.count(), "amount": recent.sum("value")})


def _any(history: History, thresholds: Thresholds) -> Finding:
    events = history.within(thresholds["within_days"]).count()
    return Finding(events > 0, {"events": events})
