"""The fee against the expected compensation that it has to carry."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal

from vouch.domain.advice.case import FeeAdvice, Finding, Proposal
from vouch.domain.advice.terms import DecisionTerms, FeeTerms
from vouch.domain.advice.written import percent, yuan
from vouch.domain.risk_sharing import FEN, Party, Scheme, expected_compensation

_DAYS_A_YEAR = 365
_RATE = Decimal("0.00000001")


def own_part(scheme: Scheme, parts: Mapping[Party, Decimal]) -> Decimal:
    """What falls on the guarantor that earns the fee.

    City and county; where neither shares, every party but the bank.
    """
    guarantors = (Party.CITY_GUARANTOR, Party.COUNTY_GUARANTOR)
    own = [p for p in guarantors if p in scheme.shares] or [p for p in parts if p is not Party.BANK]
    return sum((parts[party] for party in own), Decimal("0.00"))


def fee_of(amount: Decimal, rate: Decimal, days: int) -> Decimal:
    """A fee over the term: amount · rate · days / 365, half up to the fen.

    >>> fee_of(Decimal("1000000.00"), Decimal("0.008"), 365)
    Decimal('8000.00')
    """
    return (amount * rate * days / _DAYS_A_YEAR).quantize(FEN, ROUND_HALF_UP)


def fee_advice(proposal: Proposal, terms: DecisionTerms) -> tuple[FeeAdvice, Finding | None] | None:
    """The fee advised, with a finding where the fee asked does not carry what is expected.

    None where the term is not stated or no scheme answers.
    """
    scheme, days, asked = proposal.scheme, proposal.days, proposal.fee_rate
    if scheme is None or not days:
        return None
    parts = expected_compensation(
        scheme, proposal.default_probability, proposal.exposure, proposal.loss_given_default
    )
    own = own_part(scheme, parts)
    passed_on = sum(scheme.reguarantee_fee(proposal.amount, days).values(), Decimal("0.00"))
    needed = own + passed_on
    exact = needed * _DAYS_A_YEAR / (proposal.amount * days)
    break_even = _rounded_up(exact, terms.fee.step)
    income = None if asked is None else fee_of(proposal.amount, asked, days)
    carries = income is not None and income >= needed
    advised = asked if carries and asked is not None else min(break_even, terms.fee.highest)
    if not carries and asked is not None:
        advised = max(advised, min(asked, terms.fee.highest))
    zh, en = _worded(asked, advised, break_even, terms.fee)
    advice = FeeAdvice(asked, days, income, passed_on, own, break_even, advised, zh, en)
    if income is None or carries:
        return advice, None
    return advice, _finding(advice, income, terms.fee)


def _rounded_up(rate: Decimal, step: Decimal) -> Decimal:
    return (rate / step).to_integral_value(ROUND_UP) * step


def _worded(
    asked: Decimal | None, advised: Decimal, break_even: Decimal, terms: FeeTerms
) -> tuple[str, str]:
    if asked is not None and advised == asked and break_even <= asked:
        return (
            f"年费率 {percent(asked)} 可覆盖预期代偿与再担保费（至少 {percent(break_even)}）",
            f"A fee of {percent(asked)} a year carries expected compensation and re-guarantee fee "
            f"(at least {percent(break_even)})",
        )
    if break_even > terms.highest:
        return (
            f"保本费率 {percent(break_even)} 高于最高费率 {percent(terms.highest)}，差额需另行承担",
            f"The break-even fee, {percent(break_even)}, is above the highest of "
            f"{percent(terms.highest)}; someone else has to carry the rest",
        )
    return (
        f"建议年费率 {percent(advised)}（保本费率 {percent(break_even)}）",
        f"Fee advised {percent(advised)} a year (break-even {percent(break_even)})",
    )


def _finding(advice: FeeAdvice, income: Decimal, terms: FeeTerms) -> Finding:
    short = advice.expected + advice.reguarantee - income
    return Finding(
        "fee",
        terms.outcome,
        f"担保费 {yuan(income)} 元不足以覆盖本机构预期代偿 {yuan(advice.expected)} 元和再担保费 "
        f"{yuan(advice.reguarantee)} 元，差 {yuan(short)} 元",
        f"The fee of {yuan(income)} yuan does not carry the guarantor's expected compensation of "
        f"{yuan(advice.expected)} and the re-guarantee fee of {yuan(advice.reguarantee)}: "
        f"{yuan(short)} short",
        {
            "income": f"{income:.2f}",
            "expected": f"{advice.expected:.2f}",
            "reguarantee": f"{advice.reguarantee:.2f}",
            "short": f"{short:.2f}",
        },
        terms.source,
        from_model=True,
    )
