"""Rules on parts of the book: caps, rates of institutions, limits, vintages, the model's scores.

Their inputs are the figures of a `PortfolioPart`, one value per part, NaN where it has none.
"""

import numpy as np

from vouch.features.asof import Flags, Floats
from vouch.warning.rule import Finding, Of, Thresholds, rule


@rule(
    "PF01",
    of=Of.PORTFOLIO,
    cause="cap_burn",
    thresholds=("burn",),
    zh="代偿上限消耗",
    en="Compensation cap is burning",
    seen_zh="代偿 {claims:,.0f} 元，上限 {cap_amount:,.0f} 元，已消耗 {burn:.0%}",
    seen_en="claims {claims:,.0f} of a cap of {cap_amount:,.0f} yuan, {burn:.0%} used",
    action_zh="与银行核对代偿和解除数据，暂停或收紧该产品新增，评估超限后由银行承担的金额。",
    action_en="Check claims and releases with the lender, hold back or tighten new business under "
    "this cap, and work out what the lender would have to bear beyond it.",
)
def cap_burn(burn: Floats, claims: Floats, cap_amount: Floats, thresholds: Thresholds) -> Finding:
    """Claims of the cap's period so far are `burn` or more of what the cap gives so far."""
    seen = {"burn": burn, "claims": claims, "cap_amount": cap_amount}
    return Finding(burn >= thresholds["burn"], seen)


@rule(
    "PF05",
    of=Of.PORTFOLIO,
    cause="cap_burn",
    thresholds=("within_days", "claims"),
    zh="预计 {within_days:.0f} 天内触及代偿上限",
    en="Cap reached within {within_days:.0f} days",
    seen_zh="按近期进度约 {days_to_cap:.0f} 天后触及上限，已代偿 {claim_count:.0f} 笔",
    seen_en="at the recent pace reached in some {days_to_cap:.0f} days, {claim_count:.0f} claims "
    "so far",
    action_zh="提前与银行、再担保机构沟通超限后的处理，压降高风险在保业务，跟踪每周代偿进度。",
    action_en="Agree early with lender and re-guarantor what happens beyond the cap, run down what "
    "is most at risk, and follow the claims week by week.",
)
def cap_reached_soon(days_to_cap: Floats, claim_count: Floats, thresholds: Thresholds) -> Finding:
    """At the recent pace of claims and of releases the cap is reached in less than `within_days`.

    Not of fewer than `claims` claims so far: one large claim has no pace.
    """
    fires = (days_to_cap < thresholds["within_days"]) & (claim_count >= thresholds["claims"])
    return Finding(fires, {"days_to_cap": days_to_cap, "claim_count": claim_count})


@rule(
    "PF02",
    of=Of.PORTFOLIO,
    cause="compensation_rate",
    thresholds=("rate", "released"),
    zh="代偿率超限",
    en="Compensation rate too high",
    seen_zh="滚动365天代偿 {compensated:,.0f} 元，解除 {released:,.0f} 元，代偿率 {rate:.2%}",
    seen_en="{compensated:,.0f} compensated over {released:,.0f} yuan released in 365 days: "
    "{rate:.2%}",
    action_zh="分析代偿集中的银行、产品、行业和批次，约谈机构，调整合作条件和准入。",
    action_en="Find out which lenders, products, industries and vintages it comes from, talk to "
    "the institution, and adjust terms and admission.",
)
def compensation_rate(
    rate: Floats, compensated: Floats, released: Floats, thresholds: Thresholds
) -> Finding:
    """Compensated over released in 365 days is above `rate`.

    Not where less than `released` yuan were released: a small base says little.
    """
    fires = (rate > thresholds["rate"]) & (released >= thresholds["released"])
    return Finding(fires, {"rate": rate, "compensated": compensated, "released": released})


@rule(
    "PF03",
    of=Of.PORTFOLIO,
    cause="concentration",
    thresholds=("share_of_limit",),
    zh="集中度临界",
    en="Concentration near its limit",
    seen_zh="最大单户为净资产的 {client:.1%}，最大关联方 {group:.1%}，"
    "为监管上限的 {concentration_use:.0%}",
    seen_en="largest client {client:.1%} of net assets, largest group {group:.1%}: "
    "{concentration_use:.0%} of the limit",
    action_zh="停止对该客户及其关联方新增，商请分保或压降，超限的立即上报。",
    action_en="Guarantee no more for that client and its group, have part of it borne by others or "
    "run down, and report a breach at once.",
)
def concentration(
    concentration_use: Floats, client: Floats, group: Floats, thresholds: Thresholds
) -> Finding:
    """Liability to the largest client or group is `share_of_limit` of what is allowed, or more.

    The limit itself may be used whole: at a share of one, only what is beyond it fires.
    """
    seen = {"concentration_use": concentration_use, "client": client, "group": group}
    return Finding(_reaches(concentration_use, thresholds["share_of_limit"]), seen)


@rule(
    "PF04",
    of=Of.PORTFOLIO,
    cause="leverage",
    thresholds=("share_of_limit",),
    zh="放大倍数临界",
    en="Leverage near its limit",
    seen_zh="放大 {leverage:.2f} 倍，上限 {leverage_limit:.0f} 倍，已用 {leverage_use:.0%}",
    seen_en="{leverage:.2f} times net assets of at most {leverage_limit:.0f}: {leverage_use:.0%}",
    action_zh="控制新增规模，商请增资或再担保分保，超限的立即上报。",
    action_en="Hold back new business, ask for capital or for re-guarantee, and report a breach at "
    "once.",
)
def leverage(
    leverage_use: Floats, leverage: Floats, leverage_limit: Floats, thresholds: Thresholds
) -> Finding:
    """Liability over net assets is `share_of_limit` of what is allowed, or more.

    The limit itself may be used whole: at a share of one, only what is beyond it fires.
    """
    seen = {
        "leverage_use": leverage_use,
        "leverage": leverage,
        "leverage_limit": leverage_limit,
    }
    return Finding(_reaches(leverage_use, thresholds["share_of_limit"]), seen)


@rule(
    "PF06",
    of=Of.PORTFOLIO,
    cause="early_defaults",
    thresholds=("defaults", "times_usual", "chance"),
    zh="早期违约聚集",
    en="Early defaults cluster",
    seen_zh="该批次 {started:.0f} 笔中 {defaults:.0f} 笔违约，同期其他银行预计 {usual:.1f} 笔",
    seen_en="{defaults:.0f} of {started:.0f} of this vintage in default, {usual:.1f} at the rate "
    "of other lenders",
    action_zh="调阅该批次的放款和审查资料，排查中介、团伙或虚假材料，暂停该渠道新增。",
    action_en="Go through the papers of this vintage, look for brokers, gangs or false papers, and "
    "stop new business from that source.",
)
def early_defaults(
    defaults: Floats, usual: Floats, by_chance: Floats, started: Floats, thresholds: Thresholds
) -> Finding:
    """A lender's young vintage defaults more than chance explains.

    `defaults` or more of them, `times_usual` of what the same quarter of all other lenders would
    give, and as many by chance (Poisson) with at most `chance`.
    """
    fires = (
        (defaults >= thresholds["defaults"])
        & (defaults >= thresholds["times_usual"] * usual)
        & (by_chance <= thresholds["chance"])
    )
    return Finding(fires, {"defaults": defaults, "usual": usual, "started": started})


@rule(
    "MD03",
    of=Of.PORTFOLIO,
    cause="model_drift",
    thresholds=("psi", "scored"),
    zh="模型评分分布漂移",
    en="The model's scores have drifted",
    seen_zh="PSI {psi:.3f}，在保平均评分 {mean_score:.0f}，建模时 {mean_score_then:.0f}",
    seen_en="PSI {psi:.3f}, mean score in force {mean_score:.0f}, {mean_score_then:.0f} when made",
    action_zh="核查数据源是否变化或缺失，复核模型校准，必要时重新训练并提交审批。",
    action_en="Check whether a source has changed or is missing, look at the calibration, and "
    "train again where needed.",
)
def model_drift(
    psi: Floats, scored: Floats, mean_score: Floats, mean_score_then: Floats, thresholds: Thresholds
) -> Finding:
    """Scores of what is in force lie otherwise than on the day of the model's last case.

    Population stability index above `psi`, over `scored` guarantees or more on either day.
    """
    fires = (psi > thresholds["psi"]) & (scored >= thresholds["scored"])
    return Finding(
        fires, {"psi": psi, "mean_score": mean_score, "mean_score_then": mean_score_then}
    )


def _reaches(use: Floats, share: float) -> Flags:
    found: Flags = use > share if share >= 1 else use >= share
    return found & ~np.isnan(use)
