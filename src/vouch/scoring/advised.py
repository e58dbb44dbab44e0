"""From a scored subject to advice, and the advice as plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from vouch.domain.advice.advise import advise
from vouch.domain.advice.case import (
    Advice,
    FeeAdvice,
    LimitAdvice,
    Missing,
    PortfolioState,
    Proposal,
)
from vouch.domain.advice.terms import Outcome
from vouch.domain.risk_sharing import Scheme
from vouch.domain.stage import Stage
from vouch.errors import PolicyError
from vouch.policy.reading import Policy
from vouch.scoring.subject import Subject

States = Callable[[Sequence[Subject]], Sequence[PortfolioState | Missing]]


def no_book(subjects: Sequence[Subject]) -> list[PortfolioState | Missing]:
    """The state of the portfolio where there is no book to read it from."""
    return [Missing.NO_BOOK] * len(subjects)


@dataclass(frozen=True)
class Scored:
    """What the model said of a subject."""

    stage: Stage
    default_probability: float
    score: int


def under_scheme(policy: Policy, subject: Subject, asked: str | None) -> Subject:
    """The subject under the scheme that answers for it: asked for, its own, or the default."""
    return replace(subject, scheme=asked or subject.scheme or policy.default_scheme)


def proposal_of(policy: Policy, subject: Subject, scored: Scored) -> Proposal:
    """The subject as the rules of the decision see it.

    Raises:
        ValueError: the subject does not say what is asked.
    """
    asked = subject.asked
    if asked is None:
        raise ValueError("a subject without what it asks for cannot be advised on")
    grade = policy.grade(scored.score)
    return Proposal(
        stage=scored.stage,
        amount=asked.amount,
        covered=asked.covered,
        exposure=subject.exposure,
        score=scored.score,
        grade=grade.name,
        band=grade.band,
        default_probability=scored.default_probability,
        loss_given_default=policy.loss_given_default,
        kind=asked.kind,
        product=asked.product,
        fee_rate=asked.fee_rate,
        days=asked.days,
        is_revolving=asked.is_revolving,
        scheme=_scheme(policy, subject),
    )


def _scheme(policy: Policy, subject: Subject) -> Scheme | None:
    try:
        return policy.scheme(subject.scheme, subject.signed_on)
    except PolicyError:
        return None


def advise_on(
    policy: Policy, subject: Subject, scored: Scored, state: PortfolioState | Missing
) -> Advice | None:
    """What is advised on a subject; None after the loan has gone wrong, which warnings are for."""
    if scored.stage is Stage.POST_LOAN or subject.asked is None:
        return None
    proposal = proposal_of(policy, subject, scored)
    return advise(proposal, state, policy.decision(subject.as_of))


def answer(advice: Advice) -> dict[str, Any]:
    """As plain JSON: amounts and rates as texts, exact."""
    action = advice.action
    return {
        "decision": advice.outcome.word,
        "rules": [
            {"rule": f.rule, "outcome": f.outcome.word, "zh": f.zh, "en": f.en}
            | {"figures": dict(f.figures), "source": f.source}
            for f in advice.findings
        ],
        "untested": [vars(rule) for rule in advice.untested],
        "limit": _limit(advice.limit),
        "fee": _fee(advice.fee) if advice.fee else None,
        "action": vars(action) | {"action": action.action.value, "gap": _text(action.gap)}
        if action
        else None,
        "policy_from": advice.policy_from.isoformat(),
    }


def _limit(limit: LimitAdvice) -> dict[str, Any]:
    return vars(limit) | {
        "asked": _text(limit.asked),
        "advised": _text(limit.advised),
        "target": _text(limit.target),
        "expected_compensation": _text(limit.expected_compensation),
        "limits": [vars(one) | {"amount": _text(one.amount)} for one in limit.limits],
    }


def _fee(fee: FeeAdvice) -> dict[str, Any]:
    return vars(fee) | {
        "asked": None if fee.asked is None else str(fee.asked),
        "income": None if fee.income is None else _text(fee.income),
        "reguarantee": _text(fee.reguarantee),
        "expected": _text(fee.expected),
        "break_even": str(fee.break_even),
        "advised": str(fee.advised),
    }


def _text(amount: Decimal) -> str | None:
    return f"{amount:.2f}" if amount.is_finite() else None


def outcome_words(outcome: Outcome) -> str:
    """The outcome in both languages."""
    words = {
        Outcome.APPROVE: "approve 通过",
        Outcome.REFER: "refer 人工审核",
        Outcome.DECLINE: "decline 不予担保",
    }
    return words[outcome]
