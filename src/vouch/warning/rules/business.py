"""Rules on staff, premises and whoever controls the business. Source: the signal catalogue, SS01
to SS03, UT01, OP01 to OP04, PO01.
"""

from vouch.features.asof import Floats, History
from vouch.features.signals import insured_change_180d
from vouch.warning.rule import Finding, Thresholds, rule


@rule(
    "SS01",
    cause="insured_fall",
    thresholds=("fall",),
    zh="社保人数下降",
    en="Insured staff fall",
    seen_zh="参保人数变化 {change:.0%}",
    seen_en="insured staff changed by {change:.0%}",
    action_zh="了解用工变化原因，核实是否减产裁员。",
    action_en="Ask why staff changed, and whether production is cut.",
)
def insured_fall(insured_headcount: History, thresholds: Thresholds) -> Finding:
    """Insured staff fell by `fall` against half a year to a year ago."""
    change = insured_change_180d(insured_headcount)
    return Finding(change <= -thresholds["fall"], {"change": change})


@rule(
    "SS02",
    cause="social_security_gap",
    thresholds=("months", "within_days"),
    zh="社保断缴",
    en="Social security unpaid",
    seen_zh="社保已断缴 {months:.0f} 个月",
    seen_en="social security unpaid for {months:.0f} months",
    action_zh="24 小时内核实欠缴原因和用工情况。",
    action_en="Find out within 24 hours why it is unpaid and how many still work there.",
)
def social_security_gap(social_security_gap: History, thresholds: Thresholds) -> Finding:
    """Unpaid for `months` or more by the newest report, at most `within_days` days old."""
    return _months_unpaid(social_security_gap, thresholds)


@rule(
    "SS03",
    cause="housing_fund_gap",
    thresholds=("months", "within_days"),
    zh="公积金停缴",
    en="Housing fund unpaid",
    seen_zh="公积金已停缴 {months:.0f} 个月",
    seen_en="housing fund unpaid for {months:.0f} months",
    action_zh="登记关注，结合社保和工资情况判断。",
    action_en="Note it, and judge it together with social security and wages.",
)
def housing_fund_gap(housing_fund_gap: History, thresholds: Thresholds) -> Finding:
    """Unpaid for `months` or more by the newest report, at most `within_days` days old."""
    return _months_unpaid(housing_fund_gap, thresholds)


def _months_unpaid(history: History, thresholds: Thresholds) -> Finding:
    months = history.within(thresholds["within_days"]).last("value")
    return Finding(months >= thresholds["months"], {"months": months})


@rule(
    "UT01",
    cause="power_fall",
    thresholds=("fall", "months_days"),
    zh="用电骤降",
    en="Power use falls steeply",
    seen_zh="近两个月用电同比变化 {change:.0%}",
    seen_en="power use over two months changed by {change:.0%} year on year",
    action_zh="24 小时内走访核实开工情况。",
    action_en="Visit within 24 hours to see whether it is working.",
)
def power_fall(power_used: History, thresholds: Thresholds) -> Finding:
    """Power of the last two months fell by `fall` against the same months a year before.

    `months_days` is how many days two months and the report's delay take.
    """
    window = thresholds["months_days"]
    now = power_used.within(window).mean("value")
    then = power_used.between(window + 365, 365).mean("value")
    change = now / then - 1
    return Finding((then > 0) & (change <= -thresholds["fall"]), {"change": change})


@rule(
    "OP01",
    cause="fund_diversion",
    thresholds=("within_days",),
    zh="资金挪用",
    en="Loan money diverted",
    seen_zh="疑似挪用 {amount:,.0f} 元",
    seen_en="{amount:,.0f} yuan seem diverted",
    action_zh="24 小时内核查资金流向，要求说明并追回，必要时宣布提前到期。",
    action_en="Trace the money within 24 hours, ask for an explanation and its return, and call "
    "the loan early if need be.",
)
def fund_diversion(fund_diversion: History, thresholds: Thresholds) -> Finding:
    """Loan money went to securities, real estate or back within `within_days` days."""
    recent = fund_diversion.within(thresholds["within_days"])
    return Finding(recent.count() > 0, {"amount": recent.sum("value")})


@rule(
    "OP02",
    cause="unreachable",
    thresholds=("attempts", "within_days"),
    zh="失联",
    en="Borrower cannot be reached",
    seen_zh="五个工作日内 {attempts:.0f} 次联系未果",
    seen_en="{attempts:.0f} attempts in five working days in vain",
    action_zh="24 小时内上门走访并联系反担保人，启动保全和追偿准备。",
    action_en="Visit within 24 hours, call the counter-guarantors, and prepare to secure assets.",
)
def unreachable(unreachable: History, thresholds: Thresholds) -> Finding:
    """`attempts` or more in vain, reported within `within_days` days."""
    attempts = unreachable.within(thresholds["within_days"]).max("value")
    return Finding(attempts >= thresholds["attempts"], {"attempts": attempts})


@rule(
    "OP03",
    cause="sector_prices",
    thresholds=("fall", "within_days"),
    zh="行业价格冲击",
    en="The sector's prices fall",
    seen_zh="行业价格三个月变化 {change:.0%}",
    seen_en="the sector's prices changed by {change:.0%} in three months",
    action_zh="登记关注，排查该行业在保客户，适时压降。",
    action_en="Note it, go through the guarantees of the sector, and reduce in good time.",
)
def sector_prices(sector_price_change: History, thresholds: Thresholds) -> Finding:
    """The newest report, at most `within_days` days old, shows a fall of `fall` or more."""
    change = sector_price_change.within(thresholds["within_days"]).last("value")
    return Finding(change <= -thresholds["fall"], {"change": change})


@rule(
    "OP04",
    cause="controller_incident",
    thresholds=("within_days",),
    zh="实控人重大变故",
    en="Grave event at who controls it",
    seen_zh="近期报告 {events:.0f} 起",
    seen_en="{events:.0f} reported lately",
    action_zh="24 小时内走访，了解接管安排，核实还款和反担保。",
    action_en="Visit within 24 hours, find out who takes over, and check repayment and security.",
)
def controller_incident(controller_incident: History, thresholds: Thresholds) -> Finding:
    """Death, grave illness or detention was reported within `within_days` days."""
    events = _events(controller_incident, thresholds)
    return Finding(events > 0, {"events": events})


@rule(
    "PO01",
    cause="negative_news",
    thresholds=("weight", "within_days"),
    zh="负面舆情",
    en="Severe negative news",
    seen_zh="严重负面舆情（{weight:.0f} 级，3 为最重）",
    seen_en="severe negative news (weight {weight:.0f}, 3 is the gravest)",
    action_zh="24 小时内核实舆情真伪和影响，关注欠薪停产。",
    action_en="Check within 24 hours whether it is true and what it means; look for unpaid wages "
    "or a halt.",
)
def negative_news(negative_news: History, thresholds: Thresholds) -> Finding:
    """News of `weight` or more within `within_days` days."""
    weight = negative_news.within(thresholds["within_days"]).max("value")
    return Finding(weight >= thresholds["weight"], {"weight": weight})


def _events(history: History, thresholds: Thresholds) -> Floats:
    return history.within(thresholds["within_days"]).count()
