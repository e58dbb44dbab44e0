"""The findings of every rule made into one answer."""

from decimal import Decimal

from vouch.domain.advice.case import (
    Action,
    ActionAdvice,
    Advice,
    Finding,
    LimitAdvice,
    Missing,
    PortfolioState,
    Proposal,
)
from vouch.domain.advice.limits import Found, found_limits, limit_advice, refers, worst
from vouch.domain.advice.price import fee_advice
from vouch.domain.advice.rules import (
    grade_band,
    person_confirms,
    scheme_cap,
    softened,
    unknown_scheme,
    untested,
)
from vouch.domain.advice.terms import DecisionTerms, Outcome
from vouch.domain.advice.written import yuan
from vouch.domain.stage import Stage


def advise(proposal: Proposal, state: PortfolioState | Missing, terms: DecisionTerms) -> Advice:
    """Hold every rule against a case.

    The gravest finding decides, but for what `rules.softened` says. Nothing is random and nothing
    depends on the order of rules.
    """
    known = None if isinstance(state, Missing) else state
    limits = found_limits(proposal, known, terms)
    priced = fee_advice(proposal, terms) if proposal.stage is Stage.PRE_LOAN else None
    fired = [grade_band(proposal), *refers(limits)]
    fired += [f for f in (unknown_scheme(proposal), scheme_cap(proposal, known, terms)) if f]
    if priced is not None and priced[1] is not None:
        fired.append(priced[1])
    limit = limit_advice(proposal, limits, terms, _wish(proposal, fired, known, terms))
    action = None
    if proposal.stage is Stage.IN_LOAN:
        action = _action(proposal, limit)
        if action.action in (Action.REDUCE, Action.COLLATERAL) and _rests_on_model(limits, limit):
            confirmed = person_confirms(proposal, terms, limit.advised)
            fired += [confirmed] if confirmed else []
    reasons = softened(proposal, fired, terms)
    return Advice(
        outcome=Outcome.REFER if reasons else worst(fired),
        findings=(*fired, *reasons),
        untested=tuple(untested(proposal, state, terms)),
        limit=limit,
        fee=priced[0] if priced else None,
        action=action,
        policy_from=terms.effective_from,
    )


def _wish(
    proposal: Proposal,
    fired: list[Finding],
    state: PortfolioState | None,
    terms: DecisionTerms,
) -> Decimal | None:
    """How much more a review may offer: nothing without a good grade and a portfolio in sight."""
    is_open = proposal.stage is Stage.IN_LOAN and proposal.grade in terms.review.raise_grades
    can_tell = state is not None and state.own_funds is not None
    if not (is_open and can_tell and worst(fired) is Outcome.APPROVE):
        return None
    return proposal.amount * terms.review.raise_at_most


def _rests_on_model(limits: list[Found], limit: LimitAdvice) -> bool:
    """Whether only expected compensation asks for the cut."""
    below = [found.rule for found, _ in limits if found.amount < limit.asked]
    return below == ["expected_compensation"]


def _action(proposal: Proposal, limit: LimitAdvice) -> ActionAdvice:
    """What the limit advised means for a loan that runs.

    A line that can be drawn again, or one of which less is owed, is cut; of any other loan the part
    above the limit is already lent, so collateral has to cover it.
    """
    nothing, advised = Decimal("0.00"), yuan(limit.advised)
    gap = proposal.exposure - limit.advised
    if limit.advised > proposal.amount:
        zh, en = f"可提额至 {advised} 元", f"Raise the limit to {advised} yuan"
        return ActionAdvice(Action.RAISE, nothing, zh, en)
    if limit.advised == proposal.amount:
        return ActionAdvice(Action.KEEP, nothing, "维持现有额度", "Keep the limit as it is")
    if gap <= 0 or proposal.is_revolving:
        zh, en = f"额度降至 {advised} 元", f"Reduce the limit to {advised} yuan"
        return ActionAdvice(Action.REDUCE, max(gap, nothing), zh, en)
    return ActionAdvice(
        Action.COLLATERAL,
        gap,
        f"在保 {yuan(proposal.exposure)} 元高于建议额度 {advised} 元，"
        f"须追加 {yuan(gap)} 元抵质押或反担保",
        f"{yuan(proposal.exposure)} yuan is owed, more than the {advised} advised: ask for "
        f"collateral for {yuan(gap)} yuan",
    )
