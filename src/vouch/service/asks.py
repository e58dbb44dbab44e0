"""Bodies of requests other than scores."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from vouch.service.payloads import EXAMPLES, Case, Strict

_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f]*\S[^\x00-\x08\x0b-\x1f\x7f]*$"
Note = Annotated[str, Field(min_length=2, max_length=2000, pattern=_TEXT)]
Fields = Annotated[dict[str, JsonValue], Field(max_length=60)]


class Changes(Strict):
    """Fields that are to be otherwise; null takes one away. 需要改动的字段，空值为删除。"""

    guarantee: Fields = Field(
        default={}, description="Terms. 担保要素。", examples=[{"amount": "300000.00"}]
    )
    borrower: Fields = Field(default={}, description="Borrower. 借款人。")
    lender: Fields = Field(default={}, description="Lender. 银行。")
    scheme: str | None = Field(
        default=None, max_length=200, description="Another scheme. 其他分险方案。", examples=["5:5"]
    )
    cap_rate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Another rate for the scheme's cap. 其他代偿上限。",
        examples=[0.04],
    )


class WhatIfBody(Strict):
    """A case, and what is to be otherwise. 情景测算。"""

    case: Case
    changes: Changes


class CounterfactualBody(Strict):
    """A case, and the grade it is to reach. 达标建议。"""

    case: Case
    grade: str = Field(max_length=20, examples=["B"], description="A grade. 目标等级。")


class ReviewBody(Strict):
    """Why a person is to look at a decision. 申请人工复核。"""

    reason: Note = Field(examples=["申请人补充了2024年纳税证明"], description="Why. 理由。")


class OverrideBody(Strict):
    """What a person decides, and why. 人工结论。"""

    outcome: Literal["approve", "refer", "decline"] = Field(description="The decision. 结论。")
    reason_code: str = Field(
        max_length=64, examples=["new_information"], description="From the policy. 理由代码。"
    )
    note: Note = Field(examples=["已核实纳税证明，同意担保"], description="Why. 说明。")


class ConfirmBody(Strict):
    """Whether a second person agrees. 第二人复核。"""

    agree: bool = Field(examples=[True], description="false sends it back. 不同意则退回。")
    note: Note = Field(examples=["同意"], description="Why. 说明。")


WHAT_IF_EXAMPLES: dict[str, dict[str, Any]] = {
    "less": {
        "summary": "A smaller loan under another scheme 减少金额并改用5:5",
        "value": {
            "case": EXAMPLES["facts"]["value"],
            "changes": {"guarantee": {"amount": "300000.00"}, "scheme": "5:5"},
        },
    },
    "fee": {
        "summary": "Another fee 改变担保费率",
        "value": {
            "case": EXAMPLES["facts"]["value"],
            "changes": {"guarantee": {"fee_rate": 0.005}},
        },
    },
}
COUNTERFACTUAL_EXAMPLES: dict[str, dict[str, Any]] = {
    "grade": {
        "summary": "What would reach grade B 如何达到B级",
        "value": {"case": EXAMPLES["facts"]["value"], "grade": "B"},
    }
}
