"""Rules on what the credit bureau knows. Source: the signal catalogue, CR01 to CR06."""

import numpy as np

from vouch.features.asof import Floats, History
from vouch.warning.rule import Finding, Thresholds, rule


@rule(
    "CR01",
    cause="overdue_elsewhere",
    thresholds=("loans", "within_days"),
    zh="他行逾期",
    en="Overdue elsewhere",
    seen_zh="他行现有 {loans:.0f} 笔逾期",
    seen_en="{loans:.0f} loans elsewhere are overdue",
    action_zh="24 小时内联系借款人，了解他行逾期原因和金额，评估交叉影响。",
    action_en="Call the borrower within 24 hours, find out why and how much is overdue elsewhere, "
    "and judge what it means for this loan.",
)
def overdue_elsewhere(bureau_overdue: History, thresholds: Thresholds) -> Finding:
    """The newest report, at most `within_days` days old, shows `loans` overdue loans or more."""
    loans = bureau_overdue.within(thresholds["within_days"]).last("value")
    return Finding(loans >= thresholds["loans"], {"loans": loans})


@rule(
    "CR02",
    cause="inquiries",
    thresholds=("inquiries", "within_days"),
    zh="征信查询激增",
    en="Many loan inquiries",
    seen_zh="近期贷款审批查询 {inquiries:.0f} 次",
    seen_en="{inquiries:.0f} loan inquiries lately",
    action_zh="了解借款人是否在多家机构申请融资及其用途，核实负债变化。",
    action_en="Find out whether the borrower applies to several lenders and what for, and check "
    "how debt has changed.",
)
def many_inquiries(bureau_inquiries: History, thresholds: Thresholds) -> Finding:
    """`inquiries` or more within `within_days` days."""
    inquiries = bureau_inquiries.within(thresholds["within_days"]).sum("value")
    return Finding(inquiries >= thresholds["inquiries"], {"inquiries": inquiries})


@rule(
    "CR03",
    cause="debt_growth",
    thresholds=("growth", "more_lenders", "over_days", "within_days"),
    zh="多头借贷",
    en="Debt grows",
    seen_zh="负债由 {debt_before:,.0f} 元增至 {debt:,.0f} 元，新增授信机构 {lenders:.0f} 家",
    seen_en="debt from {debt_before:,.0f} to {debt:,.0f} yuan, {lenders:.0f} more lenders",
    action_zh="24 小时内核实新增负债的用途和期限，评估偿债能力，考虑压降或追加反担保。",
    action_en="Check within 24 hours what the new debt is for and how long it runs, judge whether "
    "it can be carried, and consider less exposure or more security.",
)
def debt_growth(bureau_debt: History, bureau_lenders: History, thresholds: Thresholds) -> Finding:
    """Debt grew by `growth`, or lenders by `more_lenders`, against `over_days` days before."""
    now, before = _now_and_before(bureau_debt, thresholds)
    lenders_now, lenders_before = _now_and_before(bureau_lenders, thresholds)
    more = lenders_now - lenders_before
    has_grown = (before > 0) & (now >= (1 + thresholds["growth"]) * before)
    fires = has_grown | (more >= thresholds["more_lenders"])
    return Finding(fires, {"debt": now, "debt_before": before, "lenders": np.nan_to_num(more)})


@rule(
    "CR04",
    cause="external_guarantee",
    thresholds=("share_of_net_assets", "within_days"),
    zh="对外担保过大",
    en="Guarantees too much for others",
    seen_zh="对外担保 {external:,.0f} 元，为净资产 {net_assets:,.0f} 元的 {ratio:.0%}",
    seen_en="guarantees {external:,.0f} yuan for others, {ratio:.0%} of net assets",
    action_zh="排查对外担保对象和代偿风险，识别担保圈。",
    action_en="Look at whom it guarantees and how likely a call is; identify the circle.",
)
def external_guarantee(
    external_guarantee: History, net_assets: History, thresholds: Thresholds
) -> Finding:
    """What it guarantees for others is more than a share of its net assets."""
    external = external_guarantee.within(thresholds["within_days"]).last("value")
    own = net_assets.last("value")
    ratio = np.where(own > 0, external / own, np.nan)
    fires = external > thresholds["share_of_net_assets"] * own
    return Finding(fires, {"external": external, "net_assets": own, "ratio": ratio})


@rule(
    "CR05",
    cause="class_elsewhere",
    thresholds=("class", "within_days"),
    zh="他行分类下调",
    en="Classified worse elsewhere",
    seen_zh="他行五级分类为第 {class:.0f} 级（1 正常，5 损失）",
    seen_en="class {class:.0f} of five at another lender (1 normal, 5 loss)",
    action_zh="24 小时内向借款人和他行了解原因，评估是否同步下调分类。",
    action_en="Ask the borrower and the other lender why within 24 hours, and consider lowering "
    "the class here too.",
)
def class_elsewhere(bureau_class: History, thresholds: Thresholds) -> Finding:
    """Another lender's newest class, at most `within_days` days old, is `class` or worse."""
    worst = bureau_class.within(thresholds["within_days"]).last("value")
    return Finding(worst >= thresholds["class"], {"class": worst})


@rule(
    "CR06",
    cause="limit_cut_elsewhere",
    thresholds=("cut", "over_days", "within_days"),
    zh="他行抽贷",
    en="Limits cut elsewhere",
    seen_zh="他行授信由 {limit_before:,.0f} 元降至 {limit:,.0f} 元",
    seen_en="limits elsewhere from {limit_before:,.0f} to {limit:,.0f} yuan",
    action_zh="24 小时内核实抽贷原因和资金缺口，与贷款银行沟通稳贷方案。",
    action_en="Find out within 24 hours why limits were cut and what is missing, and agree with "
    "the lender on how to keep credit in place.",
)
def limit_cut(bureau_limit: History, thresholds: Thresholds) -> Finding:
    """Limits of other lenders fell by `cut` or more against `over_days` days before."""
    now, before = _now_and_before(bureau_limit, thresholds)
    fires = (before > 0) & (now <= (1 - thresholds["cut"]) * before)
    return Finding(fires, {"limit": now, "limit_before": before})


def _now_and_before(history: History, thresholds: Thresholds) -> tuple[Floats, Floats]:
    """The newest value, at most `within_days` days old, and that of `over_days` days before it."""
    recent = history.within(thresholds["within_days"])
    newest = history.last("event_at")
    earlier = history.where(
        newest[history.case] - history.column("event_at") >= thresholds["over_days"]
    )
    return recent.last("value"), earlier.last("value")
