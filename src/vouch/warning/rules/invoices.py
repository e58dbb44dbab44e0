"""Rules on invoices, purchases and sales. Source: the signal catalogue, IV01 to IV05."""

import numpy as np

from vouch.features.asof import Flags, Floats, History
from vouch.features.signals import invoice_change_90d
from vouch.warning.rule import Finding, Thresholds, rule
from vouch.warning.rules.tax import quarter_sum

_YEAR = 365.0


@rule(
    "IV01",
    cause="invoice_fall",
    thresholds=("fall",),
    zh="开票下滑",
    en="Invoiced sales fall",
    seen_zh="近三个月开票同比变化 {change:.0%}",
    seen_en="invoiced sales over three months changed by {change:.0%} year on year",
    action_zh="了解订单和回款情况，核实下滑原因，评估还款来源。",
    action_en="Ask about orders and payments received, find out why sales fall, and judge what "
    "the loan will be repaid from.",
)
def invoice_fall(invoice_out: History, thresholds: Thresholds) -> Finding:
    """Sales of the last three months fell by `fall` against the same months a year before."""
    change = invoice_change_90d(invoice_out)
    return Finding(change <= -thresholds["fall"], {"change": change})


@rule(
    "IV02",
    cause="no_invoices",
    thresholds=("days", "within_days"),
    zh="断票",
    en="No invoices",
    seen_zh="约 {days:.0f} 天未开票",
    seen_en="no invoice for about {days:.0f} days",
    action_zh="24 小时内走访核实是否停产歇业。",
    action_en="Visit within 24 hours to see whether the business stands still.",
)
def no_invoices(invoice_out: History, thresholds: Thresholds) -> Finding:
    """Nothing was invoiced for `days` or more, up to the newest month told of.

    That month is at most `within_days` days old. Where the same months of the year before were
    empty too, it is the season.
    """
    newest = invoice_out.within(thresholds["within_days"])
    sold = invoice_out.where(invoice_out.column("value") > 0)
    days = newest.last("event_at") - sold.last("event_at")
    fires = (days >= thresholds["days"]) & ~_was_empty_a_year_before(invoice_out, days)
    return Finding(fires, {"days": days})


def _was_empty_a_year_before(history: History, days: Floats) -> Flags:
    """Whether months were told of in the same stretch a year before, all of them empty."""
    until = history.last("event_at")
    before = until[history.case] - history.column("event_at") - _YEAR
    then = history.where((before > -5) & (before < days[history.case] - 5))
    is_empty: Flags = (then.lengths > 0) & (then.sum("value") == 0)
    return is_empty


@rule(
    "IV03",
    cause="voided_invoices",
    thresholds=("share", "times_usual", "within_days"),
    zh="作废红冲率高",
    en="Many invoices voided or reversed",
    seen_zh="作废红冲占 {share:.0%}，以往约 {usual:.0%}",
    seen_en="{share:.0%} voided or reversed, usually about {usual:.0%}",
    action_zh="24 小时内核实退货、纠纷或虚增收入情况。",
    action_en="Check within 24 hours for goods returned, disputes or inflated sales.",
)
def voided_invoices(invoice_void_share: History, thresholds: Thresholds) -> Finding:
    """More than `share` was voided or reversed, and more than `times_usual` its own usual part."""
    newest = invoice_void_share.last("event_at")
    earlier = invoice_void_share.where(
        invoice_void_share.column("event_at") < newest[invoice_void_share.case]
    )
    share = invoice_void_share.within(thresholds["within_days"]).last("value")
    usual = earlier.mean("value")
    fires = (share > thresholds["share"]) & (share > thresholds["times_usual"] * usual)
    return Finding(fires, {"share": share, "usual": usual})


@rule(
    "IV04",
    cause="buyers",
    thresholds=("top_share", "rank", "within_days"),
    zh="下游集中或核心客户流失",
    en="One buyer dominates, or a main buyer is gone",
    seen_zh="第一大客户占 {top_share:.0%}，流失核心客户 {lost:.0f} 家",
    seen_en="the largest buyer takes {top_share:.0%}; main buyers lost: {lost:.0f}",
    action_zh="了解主要客户合作情况和应收账款，评估收入稳定性。",
    action_en="Ask how things stand with the main buyers and what they owe, and judge how steady "
    "revenue is.",
)
def buyers(top_buyer_share: History, buyer_lost: History, thresholds: Thresholds) -> Finding:
    """The largest buyer takes more than `top_share`, or one of the first `rank` was lost lately."""
    top = top_buyer_share.within(thresholds["within_days"]).last("value")
    recent = buyer_lost.within(thresholds["within_days"])
    lost = recent.where(recent.column("value") <= thresholds["rank"]).count()
    fires = (top > thresholds["top_share"]) | (lost > 0)
    return Finding(fires, {"top_share": np.nan_to_num(top), "lost": lost})


@rule(
    "IV05",
    cause="purchases_against_sales",
    thresholds=("lowest", "highest", "within_days"),
    zh="进销不匹配",
    en="Purchases do not fit sales",
    seen_zh="季度进项与销项之比 {ratio:.2f}",
    seen_en="purchases over sales in the quarter: {ratio:.2f}",
    action_zh="核实库存、成本和开票真实性。",
    action_en="Check stock, cost and whether the invoices are genuine.",
)
def purchases_against_sales(
    invoice_in: History, invoice_out: History, thresholds: Thresholds
) -> Finding:
    """Purchases over sales of a quarter lie outside [`lowest`, `highest`]."""
    newest = invoice_in.within(thresholds["within_days"])
    bought, sold = newest.last("value"), quarter_sum(invoice_out, newest.last("event_at"))
    ratio = np.where(sold > 0, bought / sold, np.nan)
    fires = (ratio < thresholds["lowest"]) | (ratio > thresholds["highest"])
    return Finding(fires, {"ratio": ratio})
