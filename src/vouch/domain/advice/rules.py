"""Rules besides limits and fee: the grade, the scheme and its cap, and who may not be declined."""

from decimal import Decimal

from vouch.domain.advice.case import Finding, Missing, PortfolioState, Proposal, Untested
from vouch.domain.advice.terms import DecisionTerms, Outcome
from vouch.domain.advice.written import percent, yuan
from vouch.domain.stage import Stage
from vouch.domain.vocabulary import BORROWER_KINDS

_WORDS = {
    Outcome.APPROVE: ("建议通过", "approve"),
    Outcome.REFER: ("建议人工审核", "refer to a person"),
    Outcome.DECLINE: ("建议不予担保", "decline"),
}
_MISSING = {
    Missing.NO_BOOK: ("没有担保账簿", "there is no guarantee book"),
    Missing.NO_GUARANTOR: ("未注明担保机构", "no guarantor is stated"),
    Missing.TOO_OLD: (
        "评估日过早，本服务不再回溯；请用 vouch decide",
        "the as-of day is too long ago for the service to look back; use vouch decide",
    ),
}


def grade_band(proposal: Proposal) -> Finding:
    """What the grade of the score advises by itself."""
    zh, en = _WORDS[proposal.band]
    return Finding(
        "grade_band",
        proposal.band,
        f"评分 {proposal.score}，等级 {proposal.grade}：{zh}",
        f"Score {proposal.score}, grade {proposal.grade}: {en}",
        {"score": str(proposal.score), "grade": proposal.grade},
        "policy/score.toml",
        from_model=True,
    )


def unknown_scheme(proposal: Proposal) -> Finding | None:
    """A guarantee whose risk-sharing scheme does not answer needs a person."""
    if proposal.scheme is not None:
        return None
    return Finding(
        "scheme",
        Outcome.REFER,
        "分险方案不明或签约日未生效，各方分担无法计算",
        "The risk-sharing scheme is unknown or not in force on the day of signing: nobody can tell "
        "who bears what",
    )


def scheme_cap(
    proposal: Proposal, state: PortfolioState | None, terms: DecisionTerms
) -> Finding | None:
    """The cap of the scheme with this bank is nearly used, this guarantee's own claim expected."""
    scheme, cap = proposal.scheme, state.cap if state is not None else None
    if scheme is None or scheme.cap is None or cap is None or cap.amount <= 0:
        return None
    own = scheme.system_share * proposal.exposure * proposal.exact_probability
    use = (cap.claims + own) / cap.amount
    if use < terms.cap.refer_from:
        return None
    return Finding(
        "scheme_cap",
        Outcome.REFER,
        f"{scheme.name} 代偿上限 {yuan(cap.amount)} 元，已申请代偿 {yuan(cap.claims)} 元，剩余 "
        f"{yuan(cap.left)} 元；计入本笔预期代偿 {yuan(own)} 元后使用率 {percent(use)}，"
        f"达到 {percent(terms.cap.refer_from)}",
        f"The cap of {scheme.name} is {yuan(cap.amount)} yuan, claims so far {yuan(cap.claims)}, "
        f"{yuan(cap.left)} left; with {yuan(own)} expected of this one {percent(use)} is used, "
        f"{percent(terms.cap.refer_from)} or more",
        {
            "cap": f"{cap.amount:.2f}",
            "claims": f"{cap.claims:.2f}",
            "left": f"{cap.left:.2f}",
            "expected_claim": f"{own:.2f}",
        },
        terms.cap.source,
    )


def untested(
    proposal: Proposal, state: PortfolioState | Missing, terms: DecisionTerms
) -> list[Untested]:
    """What could not be held against the case: nothing is passed in silence."""
    found = []
    if isinstance(state, Missing):
        zh, en = _MISSING[state]
        found += [Untested(rule, zh, en) for rule in ("single_client", "group", "leverage")]
    elif state.own_funds is None:
        zh, en = (
            f"账簿未载 {state.guarantor} 的净资产",
            f"the book states no net assets of {state.guarantor}",
        )
        found += [Untested(rule, zh, en) for rule in ("single_client", "group", "leverage")]
    found += _untested_ticket(proposal, state, terms)
    return found + _untested_cap(proposal, state) + _untested_fee(proposal)


def _untested_ticket(
    proposal: Proposal, state: PortfolioState | Missing, terms: DecisionTerms
) -> list[Untested]:
    if not any(t.holds_for(proposal.product, proposal.kind) for t in terms.tickets):
        zh = f"产品 {proposal.product or '不明'} 没有单户上限"
        en = f"no ticket cap is set for the product ({proposal.product or 'not stated'})"
        return [Untested("ticket", zh, en)]
    if not isinstance(state, Missing):
        return []
    zh, en = _MISSING[state]
    return [
        Untested(
            "ticket",
            f"{zh}，单户上限只按本笔金额检查",
            f"{en}; the ticket was held against this loan alone",
        )
    ]


def _untested_cap(proposal: Proposal, state: PortfolioState | Missing) -> list[Untested]:
    if proposal.scheme is None or proposal.scheme.cap is None:
        return []
    if isinstance(state, Missing):
        return [Untested("scheme_cap", *_MISSING[state])]
    if state.cap is None:
        zh = "贷款银行不明，或尚无此上限的协议，无法计算使用率"
        en = "no lender is stated, or no agreement with this cap is known: its use cannot be told"
        return [Untested("scheme_cap", zh, en)]
    if state.cap.amount <= 0:
        zh = f"本期尚无解除担保，上限为零，已申请代偿 {yuan(state.cap.claims)} 元"
        en = (
            f"nothing was released yet in this period, so the cap is nothing; claims so far "
            f"{yuan(state.cap.claims)} yuan"
        )
        return [Untested("scheme_cap", zh, en)]
    return []


def _untested_fee(proposal: Proposal) -> list[Untested]:
    if proposal.stage is not Stage.PRE_LOAN:
        return []
    lacking = {
        ("期限", "the term"): proposal.days,
        ("费率", "the fee rate"): proposal.fee_rate,
        ("分险方案", "the scheme"): proposal.scheme,
    }
    names = [name for name, value in lacking.items() if value is None]
    if not names:
        return []
    zh, en = "、".join(z for z, _ in names), ", ".join(e for _, e in names)
    return [Untested("fee", f"未注明{zh}", f"not stated: {en}")]


def softened(proposal: Proposal, findings: list[Finding], terms: DecisionTerms) -> list[Finding]:
    """Why a decline becomes a referral, if it does.

    A running guarantee cannot be declined. A decline on the model's word alone is a person's to
    make where the borrower is, or may be, a natural person, and where the guarantee follows the
    bank (见贷即保).
    """
    declines = [finding for finding in findings if finding.outcome is Outcome.DECLINE]
    if not declines:
        return []
    found = []
    if proposal.stage is not Stage.PRE_LOAN:
        found.append(
            Finding(
                "running_guarantee",
                Outcome.REFER,
                "担保已生效，不能拒绝，由人工处理",
                "The guarantee runs already and cannot be declined; a person decides",
            )
        )
    if all(finding.from_model for finding in declines):
        found += _model_alone(proposal, terms)
    return found


def _model_alone(proposal: Proposal, terms: DecisionTerms) -> list[Finding]:
    found = []
    kind = proposal.kind
    if kind is None or kind in terms.natural_kinds:
        who_zh, who_en = (
            "借款人类型不明，按自然人处理",
            "What the borrower is, is not stated, so it is taken to be a person",
        )
        if kind:
            who_zh = f"借款人为自然人（{BORROWER_KINDS[kind][0]}）"
            who_en = f"The borrower is a natural person ({kind.replace('_', ' ')})"
        found.append(
            Finding(
                "natural_person",
                Outcome.REFER,
                f"{who_zh}：不得仅凭模型拒绝，转人工审核",
                f"{who_en}: never declined by a model alone; a person decides",
                {"kind": proposal.kind or ""},
                terms.natural_source,
            )
        )
    if proposal.scheme is not None and proposal.scheme.follows_lender:
        found.append(
            Finding(
                "follows_lender",
                Outcome.REFER,
                f"{proposal.scheme.name} 为见贷即保，模型不作否决，转人工审核",
                f"Under {proposal.scheme.name} the guarantee follows the bank: no veto by a model; "
                "a person decides",
                {"scheme": proposal.scheme.name},
                proposal.scheme.source,
            )
        )
    return found


def person_confirms(proposal: Proposal, terms: DecisionTerms, limit: Decimal) -> Finding | None:
    """A natural person's running limit is not cut by the model alone."""
    if proposal.kind is not None and proposal.kind not in terms.natural_kinds:
        return None
    return Finding(
        "natural_person",
        Outcome.REFER,
        f"借款人为自然人或类型不明：额度降至 {yuan(limit)} 元须由人工确认",
        f"The borrower is or may be a natural person: a person confirms the cut to {yuan(limit)} "
        "yuan",
        {"kind": proposal.kind or ""},
        terms.natural_source,
    )
