"""What is asked, how the portfolio stands towards it, and what an answer is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from vouch.domain.advice.terms import Outcome
from vouch.domain.burden import Burden
from vouch.domain.risk_sharing import Scheme
from vouch.domain.stage import Stage


@dataclass(frozen=True)
class Proposal:
    """A guarantee asked for, or running and under review.

    Args:
        amount: the whole loan in yuan.
        covered: the part of it that is guaranteed.
        exposure: what all parties stand to lose now, the bank included.
        days: for how long it is guaranteed; None where not stated.
        scheme: None where none answers for the day it was signed.
    """

    stage: Stage
    amount: Decimal
    covered: Decimal
    exposure: Decimal
    score: int
    grade: str
    band: Outcome
    default_probability: float
    loss_given_default: Decimal
    kind: str | None = None
    product: str | None = None
    fee_rate: Decimal | None = None
    days: int | None = None
    is_revolving: bool = False
    scheme: Scheme | None = None

    @property
    def exact_probability(self) -> Decimal:
        """The default probability as it is written."""
        return Decimal(repr(self.default_probability))

    @property
    def covered_share(self) -> Fraction:
        """Guaranteed over lent."""
        return Fraction(self.covered) / Fraction(self.amount)


class Missing(StrEnum):
    """Why the state of the portfolio is not known."""

    NO_BOOK = "no_book"
    NO_GUARANTOR = "no_guarantor"
    TOO_OLD = "too_old"


@dataclass(frozen=True)
class CapState:
    """Where a scheme's cap with one bank stands: the amount so far, and claims against it."""

    amount: Decimal
    claims: Decimal

    @property
    def left(self) -> Decimal:
        """What may still be paid."""
        return max(self.amount - self.claims, Decimal("0.00"))


@dataclass(frozen=True)
class PortfolioState:
    """How a guarantor's portfolio stands towards one proposal, that itself left out, in yuan.

    Args:
        guarantor: who would guarantee.
        own_funds: its net assets, less equity in other guarantors where policy says so; None where
            not stated.
        client: liability to the client by the amount newly guaranteed.
        group: the same for the client with its affiliates.
        whole: the same for the whole guarantor.
        client_loans: other loans of the client that are guaranteed now, the banks' parts included.
        small_balance: share of small businesses and farmers in the balance in force; None of none.
        small_clients: their share of the clients.
        cap: of the proposal's scheme; None where it has none or nobody can tell.
    """

    as_of: date
    guarantor: str
    own_funds: Decimal | None
    client: Burden
    group: Burden
    whole: Burden
    client_loans: Decimal
    small_balance: Fraction | None
    small_clients: Fraction | None
    cap: CapState | None = None


@dataclass(frozen=True)
class Finding:
    """A rule that fired: what follows, why, its figures as texts, where the rule comes from.

    `from_model` where nothing but the model's probability speaks.
    """

    rule: str
    outcome: Outcome
    zh: str
    en: str
    figures: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    from_model: bool = False


@dataclass(frozen=True)
class Untested:
    """A rule that could not be held against the case, and why."""

    rule: str
    zh: str
    en: str


@dataclass(frozen=True)
class Limit:
    """The largest loan that one rule allows, in yuan."""

    rule: str
    amount: Decimal
    zh: str
    en: str


@dataclass(frozen=True)
class LimitAdvice:
    """The loan advised: the amount asked for, or the largest that every rule allows, rounded down.

    Args:
        binding: the rule that allows least; None where the amount asked for is within all.
        target: the most that expected compensation should be, in yuan, all parties together.
        expected_compensation: what it is at the limit advised.
    """

    asked: Decimal
    advised: Decimal
    binding: str | None
    limits: tuple[Limit, ...]
    target: Decimal
    expected_compensation: Decimal
    zh: str
    en: str


@dataclass(frozen=True)
class FeeAdvice:
    """The fee against what it has to carry; rates are yearly and in [0, 1], amounts in yuan.

    Args:
        income: the fee over the whole term at the rate asked; None where no rate was stated.
        reguarantee: what of it goes on to re-guarantors.
        expected: the guarantor's own part of expected compensation.
        break_even: the least rate that carries both, rounded up to the step.
    """

    asked: Decimal | None
    days: int
    income: Decimal | None
    reguarantee: Decimal
    expected: Decimal
    break_even: Decimal
    advised: Decimal
    zh: str
    en: str


class Action(StrEnum):
    """What a review advises for a running guarantee."""

    KEEP = "keep"
    RAISE = "raise"
    REDUCE = "reduce"
    COLLATERAL = "collateral"


@dataclass(frozen=True)
class ActionAdvice:
    """What to do with a running guarantee; `gap` is what collateral has to cover, in yuan."""

    action: Action
    gap: Decimal
    zh: str
    en: str


@dataclass(frozen=True)
class Advice:
    """One case decided, with every rule that fired and every rule that could not be tested."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    untested: tuple[Untested, ...]
    limit: LimitAdvice
    fee: FeeAdvice | None
    action: ActionAdvice | None
    policy_from: date
