"""Rules on what the model says of a guarantee."""

from datetime import date

from vouch.features.asof import Floats
from vouch.policy.reading import Policy
from vouch.warning.rule import Finding, Thresholds, rule


@rule(
    "MD01",
    cause="score_fall",
    thresholds=("score_fall", "within_days", "score_at_most"),
    zh="评分骤降",
    en="Score falls steeply",
    seen_zh="评分由 {score_before:.0f} 降至 {score:.0f}",
    seen_en="score fell from {score_before:.0f} to {score:.0f}",
    action_zh="对照主要原因核实近况，向借款人索取近期纳税、开票和流水，判断是否走访。",
    action_en="Check the main reasons against the facts, ask for recent tax, invoice and account "
    "records, and decide whether to visit.",
)
def score_fall(scores: Floats, scores_before: Floats, thresholds: Thresholds) -> Finding:
    """The score fell by `score_fall` in `within_days` days, to `score_at_most` or lower.

    Change and level together: a fall among safe scores is noise. A guarantee not in force then
    does not fire.
    """
    has_fallen = scores_before - scores >= thresholds["score_fall"]
    fires = has_fallen & (scores <= thresholds["score_at_most"])
    return Finding(fires, {"score_before": scores_before, "score": scores})


@rule(
    "MD02",
    cause="default_probability",
    thresholds=("default_probability",),
    zh="代偿概率高",
    en="Compensation is likely",
    seen_zh="代偿概率 {default_probability:.1%}",
    seen_en="default probability {default_probability:.1%}",
    action_zh="24 小时内联系借款人，核实经营和还款来源，与银行沟通是否压降或追加反担保。",
    action_en="Call the borrower within 24 hours, check the business and the source of repayment, "
    "and discuss with the lender whether to run down or to ask for more security.",
)
def likely_compensation(default_probabilities: Floats, thresholds: Thresholds) -> Finding:
    """The model's default probability is `default_probability` or more."""
    fires = default_probabilities >= thresholds["default_probability"]
    return Finding(fires, {"default_probability": default_probabilities})


def days_back(policy: Policy, on: date) -> int:
    """How many days before its date a snapshot's earlier scores lie."""
    return int(policy.rule("MD01", on).thresholds["within_days"])
