"""What callers get: the shapes for the documentation, held to the real answers by a test."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReasonAnswer(_Answer):
    """One feature's part in the score. 单项原因。"""

    feature: str = Field(examples=["days_past_due_now"], description="Feature name. 特征名。")
    value: float | str | None = Field(description="The value seen; null if unknown. 实际值。")
    usual: float | str | None = Field(description="What is usual in training. 通常值。")
    points: int = Field(examples=[-42], description="Points added to the score. 加减分。")
    zh: str = Field(examples=["当前逾期天数：12 天（通常 0 天），减 42 分"])
    en: str = Field(examples=["Days past due now: 12 days (usually 0 days), -42 points"])


class CompensationAnswer(_Answer):
    """Expected compensation in yuan: probability × exposure × loss given default. 预期代偿。"""

    scheme: str = Field(examples=["8:2"], description="Risk-sharing scheme. 分险方案。")
    exposure: str = Field(examples=["450000.00"], description="Balance or amount, yuan. 敞口。")
    loss_given_default: str = Field(examples=["0.60"], description="Share lost. 违约损失率。")
    total: str = Field(examples=["4374.00"], description="Sum of the parts, yuan. 合计。")
    by_party: dict[str, str] | None = Field(
        examples=[{"bank": "874.80", "city_guarantor": "3499.20"}],
        description="Yuan by party, summing to the total; null if no scheme answers. 分担。",
    )
    note: str | None = Field(description="Why there are no parts. 未分担的原因。")


class RuleAnswer(_Answer):
    """A rule that fired. 触发的规则。"""

    rule: str = Field(examples=["single_client"], description="Its name. 规则名。")
    outcome: Literal["approve", "refer", "decline"] = Field(description="What follows. 结论。")
    zh: str = Field(examples=["评分 612，等级 C：建议人工审核"])
    en: str = Field(examples=["Score 612, grade C: refer to a person"])
    figures: dict[str, str] = Field(description="Its figures, exact. 数值。")
    source: str = Field(description="Where the rule comes from. 依据。")


class UntestedAnswer(_Answer):
    """A rule that could not be tested, and why. 未能检查的规则。"""

    rule: str = Field(examples=["leverage"], description="Its name. 规则名。")
    zh: str = Field(examples=["没有担保账簿"])
    en: str = Field(examples=["there is no guarantee book"])


class RuleLimitAnswer(_Answer):
    """The largest loan one rule allows. 单项上限。"""

    rule: str = Field(examples=["ticket"], description="The rule. 规则名。")
    amount: str | None = Field(description="Yuan; null: any amount. 元，空为不限。")
    zh: str
    en: str


class LimitAnswer(_Answer):
    """The loan advised, in yuan. 额度建议。"""

    asked: str = Field(examples=["500000.00"], description="Asked for, or running. 申请额。")
    advised: str = Field(examples=["300000.00"], description="Advised. 建议额度。")
    binding: str | None = Field(description="The rule that allows least. 约束规则。")
    limits: list[RuleLimitAnswer] = Field(description="What each rule allows. 各项上限。")
    target: str = Field(description="Expected compensation at most. 预期代偿目标。")
    expected_compensation: str = Field(description="At the limit advised. 建议额度下预期代偿。")
    zh: str
    en: str


class FeeAnswer(_Answer):
    """The fee against what it has to carry. 费率建议。"""

    asked: str | None = Field(examples=["0.008"], description="Yearly rate asked. 申请年费率。")
    days: int = Field(description="Days guaranteed. 担保天数。")
    income: str | None = Field(description="Fee over the term, yuan. 担保费收入。")
    reguarantee: str = Field(description="Passed on to re-guarantors, yuan. 再担保费。")
    expected: str = Field(description="The guarantor's own expected compensation. 本机构预期代偿。")
    break_even: str = Field(examples=["0.0052"], description="Least rate. 保本费率。")
    advised: str = Field(examples=["0.0080"], description="Advised rate. 建议费率。")
    zh: str
    en: str


class ActionAnswer(_Answer):
    """What to do with a running guarantee. 保中措施。"""

    action: Literal["keep", "raise", "reduce", "collateral"] = Field(description="Action. 措施。")
    gap: str = Field(description="Owed above the limit advised, yuan. 超出建议额度部分。")
    zh: str
    en: str


class AdviceAnswer(_Answer):
    """The decision with every rule that fired; advice for people. 决策建议。"""

    decision: Literal["approve", "refer", "decline"] = Field(description="The decision. 结论。")
    rules: list[RuleAnswer] = Field(description="Rules that fired. 触发的规则。")
    untested: list[UntestedAnswer] = Field(description="Rules not tested. 未能检查的规则。")
    limit: LimitAnswer
    fee: FeeAnswer | None = Field(description="Before the loan, where it can be told. 费率建议。")
    action: ActionAnswer | None = Field(description="While the loan runs. 保中措施。")
    policy_from: date = Field(description="First day of the policy used. 政策生效日。")


class ModelAnswer(_Answer):
    """The model that spoke. 所用模型。"""

    name: str = Field(examples=["vouch-pre-loan"])
    version: str = Field(examples=["3"])
    hash: str = Field(description="SHA-256 of the model's files. 模型哈希。")


class DecisionAnswer(_Answer):
    """A decision, kept under its identifier. base_points + all points == score. 评分结果。"""

    decision_id: str = Field(description="GET /v1/decisions/{decision_id} gives it again. 编号。")
    made_at: datetime = Field(description="When it was made, UTC. 生成时间。")
    stage: Literal["pre_loan", "in_loan", "post_loan"] = Field(description="Stage. 阶段。")
    guarantee_id: str | None = Field(description="The guarantee, where named. 担保编号。")
    borrower_id: str | None = Field(description="The borrower, where named. 借款人编号。")
    as_of: date = Field(description="Nothing known later was used. 评估日。")
    default_probability: float = Field(ge=0, le=1, description="Probability of 代偿. 代偿概率。")
    score: int = Field(examples=[612], description="Higher is safer. 评分，越高越安全。")
    grade: str = Field(examples=["C"], description="Grade by the policy. 等级。")
    band: str = Field(
        examples=["refer"], description="What the score alone advises; see advice. 仅按评分的建议。"
    )
    base_points: int = Field(examples=[655], description="Where every case starts. 基础分。")
    reasons: list[ReasonAnswer] = Field(description="Most adverse first. 原因，最不利在前。")
    expected_compensation: CompensationAnswer
    model: ModelAnswer
    advice: AdviceAnswer | None = Field(description="Null for post_loan. 决策，保后为空。")


class VersionAnswer(_Answer):
    """A model in use. 在用模型。"""

    stage: str
    name: str
    version: str
    hash: str
    known_until: date = Field(description="Training used only what was known by then. 训练截止日。")
    features: int = Field(description="How many features it reads. 特征数。")


class VersionsAnswer(_Answer):
    """The models in use, one per stage that has one. 在用模型列表。"""

    models: list[VersionAnswer]
    policy_hash: str = Field(description="SHA-256 of the policy in use. 政策哈希。")


class ModelHealth(_Answer):
    """What answers for a stage. 阶段状态。"""

    stage: Literal["pre_loan", "in_loan", "post_loan"]
    version: str | None = Field(description="In use; null where none is. 在用版本。")
    hash: str | None
    since: datetime | None = Field(description="In use here since. 启用时间。")
    challenger: str | None = Field(description="Scored in shadow. 影子版本。")
    looked_at: datetime | None = Field(description="Last look for a newer one. 上次检查。")
    problem: str = Field(description="Why the newest was refused; else empty. 拒绝原因。")


class StoreHealth(_Answer):
    """Whether decisions can be stored. 存储状态。"""

    answers: bool
    problem: str


class ShadowHealth(_Answer):
    """What challengers did in this process. 影子评分。"""

    scored: int = Field(description="Decisions scored. 已评分。")
    left_out: int = Field(description="Decisions left out. 未评分。")


class HealthAnswer(_Answer):
    """How this process of the service is. 服务状态。"""

    status: Literal["ok", "degraded", "down"]
    at: datetime
    models: list[ModelHealth]
    store: StoreHealth
    shadow: ShadowHealth


class ShadowAnswer(_Answer):
    """What a challenger would have said. 影子评分。"""

    model_name: str = Field(examples=["vouch-pre-loan"])
    model_version: str = Field(examples=["4"])
    model_hash: str
    at: datetime = Field(description="When it was scored. 评分时间。")
    default_probability: float = Field(ge=0, le=1)
    score: int
    grade: str
    band: Literal["approve", "refer", "decline"]


class ShadowsAnswer(_Answer):
    """What challengers would have said of a decision; nobody was answered so. 影子评分列表。"""

    decision_id: str
    shadow: list[ShadowAnswer]


class CaseAnswer(_Answer):
    """What was asked. 评分请求。"""

    decision_id: str = Field(description="The decision. 编号。")
    request_hash: str = Field(description="SHA-256 of the request. 请求哈希。")
    case: dict[str, Any] = Field(description="As it was sent. 请求内容。")
    masked: bool = Field(description="Whether personal identifiers are masked. 是否脱敏。")


class DifferenceAnswer(_Answer):
    """What came out another way. 不一致项。"""

    what: str = Field(examples=["score"])
    then: str
    now: str


class ReplayAnswer(_Answer):
    """Whether the decision comes out the same again. 重算核对。"""

    decision_id: str = Field(description="The decision. 编号。")
    identical: bool = Field(description="Score, points and sharing are the same. 是否一致。")
    differences: list[DifferenceAnswer] = Field(description="Those that are not. 不一致项。")
    not_replayable: str | None = Field(description="Why it cannot be made again. 无法重算的原因。")


class ReviewEventAnswer(_Answer):
    """One thing done in a review. 复核记录。"""

    act: Literal["request", "decide", "confirm", "send_back"] = Field(description="Act. 动作。")
    at: datetime
    actor: str = Field(examples=["key:3f9a0c1b2d4e"], description="Who. 操作人。")
    role: str = Field(examples=["underwriter"])
    note: str
    outcome: str | None = Field(description="A person's decision. 人工结论。")
    reason_code: str | None = Field(description="From the policy. 理由代码。")


class ReviewAnswer(_Answer):
    """A review by people. 人工复核。"""

    review_id: str
    decision_id: str
    state: Literal["open", "awaiting_second", "settled"] = Field(description="State. 状态。")
    due_at: datetime = Field(description="To be answered by then. 答复期限。")
    outcome: Literal["approve", "refer", "decline"] | None = Field(
        description="Once settled. 最终人工结论。"
    )
    model_band: str = Field(description="What the score advised. 模型建议。")
    events: list[ReviewEventAnswer] = Field(description="Oldest first. 过程。")


class ReviewsAnswer(_Answer):
    """The newest reviews. 复核列表。"""

    reviews: list[ReviewAnswer]


class WouldBeAnswer(_Answer):
    """A decision that was not made. 测算结果。"""

    stage: Literal["pre_loan", "in_loan", "post_loan"]
    guarantee_id: str | None
    borrower_id: str | None
    as_of: date
    default_probability: float = Field(ge=0, le=1)
    score: int
    grade: str
    band: str
    base_points: int
    reasons: list[ReasonAnswer]
    expected_compensation: CompensationAnswer
    model: ModelAnswer
    advice: AdviceAnswer | None


class WhatIfAnswer(_Answer):
    """The case as it is and as it would be. 情景测算结果。"""

    base: WouldBeAnswer
    changed: WouldBeAnswer
    score_change: int = Field(description="Points gained. 评分变化。")


class ChangeAnswer(_Answer):
    """One term at another value. 一项改动。"""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    field: str = Field(examples=["guarantee.amount"])
    from_: str | float | bool | None = Field(alias="from", description="Now. 现值。")
    to: str | float | bool = Field(description="Then. 改为。")
    zh: str = Field(examples=["借款金额：由 500,000.00 改为 350,000.00"])
    en: str = Field(examples=["loan amount: from 500,000.00 to 350,000.00"])


class CounterfactualAnswer(_Answer):
    """The smallest changes found. 达标建议。"""

    reached: bool = Field(description="Whether it is; else the best found. 能否达到。")
    target_grade: str
    target_score: int = Field(description="The grade's lowest score. 目标分数。")
    tried: int = Field(description="How many changes were scored. 尝试次数。")
    changes: list[ChangeAnswer] = Field(description="Empty where none is needed. 改动。")
    base: WouldBeAnswer
    changed: WouldBeAnswer


class ExpectationAnswer(_Answer):
    """What one's guarantees in force are expected to cost. 在保组合预期代偿。"""

    as_of: date
    probabilities: str = Field(description="The model. 违约概率来源。")
    horizon_days: int = Field(description="Ahead, in days. 期限。")
    in_force: int = Field(description="Guarantees counted. 在保笔数。")
    expected_compensation: dict[str, str] = Field(description="Yuan by party. 按承担方。")
    capped: dict[str, Any] | None = Field(
        description="Capped portfolios, for the province. 有上限的组合，仅全省可见。"
    )
