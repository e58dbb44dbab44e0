"""The largest loan that each rule allows, and what fires where more is asked for."""

from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

from vouch.domain.advice.case import (
    Finding,
    Limit,
    LimitAdvice,
    PortfolioState,
    Proposal,
)
from vouch.domain.advice.terms import DecisionTerms, Outcome, ShareLimit, Ticket
from vouch.domain.advice.written import percent, times, yuan
from vouch.domain.burden import Burden
from vouch.domain.risk_sharing import FEN

Found = tuple[Limit, Finding | None]
_NOTHING = Decimal("0.00")


def found_limits(
    proposal: Proposal, state: PortfolioState | None, terms: DecisionTerms
) -> list[Found]:
    """Every limit that binds the case, each with its finding where the amount asked is beyond."""
    found = list(_tickets(proposal, state, terms))
    if state is not None and state.own_funds is not None:
        found += _own_funds_limits(proposal, state, state.own_funds, terms)
    found += _target(proposal, terms)
    return found


def _own_funds_limits(
    proposal: Proposal, state: PortfolioState, own: Decimal, terms: DecisionTerms
) -> Iterator[Found]:
    words = {
        "single_client": ("对该客户的责任余额", "liability to this client", terms.single_client),
        "group": ("对该客户及其关联方的责任余额", "liability to this client's group", terms.group),
    }
    for rule, (zh, en, rule_terms) in words.items():
        burden = state.client if rule == "single_client" else state.group
        yield _share_limit(rule, zh, en, proposal, burden, own, rule_terms)
    yield _leverage(proposal, state, own, terms)


def _share_limit(
    rule: str,
    zh: str,
    en: str,
    proposal: Proposal,
    burden: Burden,
    own: Decimal,
    terms: ShareLimit,
) -> Found:
    most = max(own, _NOTHING) * terms.share
    limit = Limit(
        rule,
        _loan_within(proposal, burden, most),
        f"{zh}不超过净资产 {yuan(own)} 元的 {percent(terms.share)}，即 {yuan(most)} 元",
        f"{en} at most {percent(terms.share)} of net assets {yuan(own)}, i.e. {yuan(most)} yuan",
    )
    if proposal.amount <= limit.amount:
        return limit, None
    owed = burden.at(proposal.covered)
    is_zh, is_en = _of_funds(owed, own)
    return limit, Finding(
        rule,
        terms.outcome,
        f"{zh}将达 {yuan(owed)} 元{is_zh}，上限为 {percent(terms.share)}（{yuan(most)} 元）",
        f"{en[0].upper()}{en[1:]} would be {yuan(owed)} yuan{is_en}, "
        f"above {percent(terms.share)} ({yuan(most)} yuan)",
        {"liability": f"{owed:.2f}", "net_assets": f"{own:.2f}", "limit": f"{most:.2f}"}
        | {"limit_share": str(terms.share)},
        terms.source,
    )


def _of_funds(owed: Decimal, own: Decimal) -> tuple[str, str]:
    if own <= 0:
        return "（净资产不为正）", " (net assets are not positive)"
    share = percent(owed / own)
    return f"，占净资产 {share}", f", {share} of net assets"


def _leverage(
    proposal: Proposal, state: PortfolioState, own: Decimal, terms: DecisionTerms
) -> Found:
    rule = terms.leverage
    allowed = rule.allowed(state.small_balance, state.small_clients)
    most = max(own, _NOTHING) * allowed
    limit = Limit(
        "leverage",
        _loan_within(proposal, state.whole, most),
        f"责任余额不超过净资产 {yuan(own)} 元的 {times(allowed)} 倍，即 {yuan(most)} 元",
        f"liability at most {times(allowed)} times net assets {yuan(own)}, i.e. {yuan(most)} yuan",
    )
    if proposal.amount <= limit.amount:
        return limit, None
    owed = state.whole.at(proposal.covered)
    ratio = f"{times(Fraction(owed) / Fraction(own))}" if own > 0 else "∞"
    return limit, Finding(
        "leverage",
        rule.outcome,
        f"责任余额将达 {yuan(owed)} 元，放大 {ratio} 倍，上限为 {times(allowed)} 倍",
        f"Liability would be {yuan(owed)} yuan, {ratio} times net assets, "
        f"above {times(allowed)} times",
        {"liability": f"{owed:.2f}", "net_assets": f"{own:.2f}", "limit": f"{most:.2f}"}
        | {"limit_times": str(allowed)},
        rule.source,
    )


def _loan_within(proposal: Proposal, burden: Burden, most: Decimal) -> Decimal:
    """The largest loan whose guaranteed part keeps the burden within `most`."""
    covered = burden.most_within(most)
    if covered is None or covered >= proposal.covered:
        # what is asked for fits; how much more is a question only for a raise
        return _loan(proposal, covered)
    return min(_loan(proposal, covered), proposal.amount - FEN)


def _loan(proposal: Proposal, covered: Decimal | None) -> Decimal:
    if covered is None:
        return Decimal("Infinity")
    fen = Fraction(covered) / proposal.covered_share * 100
    return Decimal(fen.numerator // fen.denominator).scaleb(-2)


def _tickets(
    proposal: Proposal, state: PortfolioState | None, terms: DecisionTerms
) -> Iterator[Found]:
    others = state.client_loans if state is not None else _NOTHING
    for ticket in terms.tickets:
        if ticket.holds_for(proposal.product, proposal.kind):
            yield _ticket(proposal, ticket, others)


def _ticket(proposal: Proposal, ticket: Ticket, others: Decimal) -> Found:
    limit = Limit(
        "ticket",
        max(ticket.at_most - others, _NOTHING),
        f"该产品、该类客户单户不超过 {yuan(ticket.at_most)} 元，已有 {yuan(others)} 元",
        f"at most {yuan(ticket.at_most)} yuan to one client of this product and kind, "
        f"who has {yuan(others)} already",
    )
    if proposal.amount <= limit.amount:
        return limit, None
    total = proposal.amount + others
    return limit, Finding(
        "ticket",
        ticket.outcome,
        f"单户金额将达 {yuan(total)} 元，超过该产品、该类客户的上限 {yuan(ticket.at_most)} 元",
        f"The client would owe {yuan(total)} yuan, above {yuan(ticket.at_most)} for this product "
        "and kind of client",
        {"total": f"{total:.2f}", "others": f"{others:.2f}", "limit": f"{ticket.at_most:.2f}"},
        ticket.source,
    )


def target_rate(proposal: Proposal, terms: DecisionTerms) -> Decimal | None:
    """The probability that is tolerated for the whole amount asked; None: the stage has none."""
    return terms.target.rates.get(proposal.stage)


def _target(proposal: Proposal, terms: DecisionTerms) -> Iterator[Found]:
    rate, probability = target_rate(proposal, terms), proposal.exact_probability
    if rate is None:
        return
    fits = probability <= rate
    whole = Fraction(rate) / Fraction(probability) * Fraction(proposal.amount) if probability else 0
    amount = Decimal(int(whole * 100)).scaleb(-2) if probability else Decimal("Infinity")
    limit = Limit(
        "expected_compensation",
        amount,
        f"预期代偿率不超过申请额的 {percent(rate)}",
        f"compensation expected for at most {percent(rate)} of the amount asked for",
    )
    yield (
        limit,
        None
        if fits
        else Finding(
            "expected_compensation",
            terms.target.outcome,
            f"代偿概率 {percent(probability)} 高于目标 {percent(rate)}，全额担保的预期代偿超过目标",
            f"The probability of compensation, {percent(probability)}, is above the target of "
            f"{percent(rate)}: guaranteed in full, expected compensation would pass its target",
            {"default_probability": str(probability), "target": str(rate)},
            terms.target.source,
            from_model=True,
        ),
    )


def expected(proposal: Proposal, loan: Decimal) -> Decimal:
    """Expected compensation of a loan, all parties together, half up to the fen."""
    return (proposal.exact_probability * loan * proposal.loss_given_default).quantize(
        FEN, ROUND_HALF_UP
    )


def limit_advice(
    proposal: Proposal, found: list[Found], terms: DecisionTerms, most: Decimal | None = None
) -> LimitAdvice:
    """The loan advised.

    Args:
        most: what is wished at most; the amount asked for where None.
    """
    wished = proposal.amount if most is None else max(most, proposal.amount)
    tightest = min((limit for limit, _ in found), key=lambda limit: limit.amount, default=None)
    allowed = wished if tightest is None else min(tightest.amount, wished)
    binding = tightest if allowed < proposal.amount else None
    advised = allowed if allowed == proposal.amount else _whole_steps(allowed, terms.limit_step)
    if allowed > proposal.amount:
        advised = max(advised, proposal.amount)
    rate = target_rate(proposal, terms)
    base = proposal.amount if rate is None else max(advised, proposal.amount)
    severity = proposal.loss_given_default
    target = ((Decimal(1) if rate is None else rate) * base * severity).quantize(FEN, ROUND_HALF_UP)
    zh, en = _worded(proposal, advised, binding)
    return LimitAdvice(
        asked=proposal.amount,
        advised=advised,
        binding=None if binding is None else binding.rule,
        limits=tuple(limit for limit, _ in found),
        target=target,
        expected_compensation=expected(proposal, advised),
        zh=zh,
        en=en,
    )


def _whole_steps(amount: Decimal, step: Decimal) -> Decimal:
    return ((amount / step).to_integral_value(ROUND_DOWN) * step).quantize(FEN)


def _worded(proposal: Proposal, advised: Decimal, binding: Limit | None) -> tuple[str, str]:
    asked = yuan(proposal.amount)
    if binding is not None:
        return (
            f"建议额度 {yuan(advised)} 元（申请 {asked} 元）：{binding.zh}",
            f"Limit advised {yuan(advised)} yuan (asked {asked}): {binding.en}",
        )
    if advised > proposal.amount:
        return (
            f"额度可由 {asked} 元提高至 {yuan(advised)} 元",
            f"The limit may go from {asked} up to {yuan(advised)} yuan",
        )
    return f"{asked} 元在各项上限之内", f"{asked} yuan is within every limit tested"


def refers(found: list[Found]) -> list[Finding]:
    """The findings among limits."""
    return [finding for _, finding in found if finding is not None]


def worst(findings: list[Finding]) -> Outcome:
    """The gravest outcome of all."""
    return max((finding.outcome for finding in findings), default=Outcome.APPROVE)
