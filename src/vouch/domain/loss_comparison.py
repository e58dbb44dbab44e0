"""The same guarantees under other terms: who is expected to bear what, and what the fee leaves.

Exact to the fen and without any cap, guarantee by guarantee; a cap needs a simulation of the pool.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from vouch.domain.advice.price import fee_of, own_part
from vouch.domain.compensation_cap import Cap, CapBase, CapBasis, CapPeriod, CapScope
from vouch.domain.risk_sharing import Party, Scheme, expected_compensation

_NOTHING = Decimal("0.00")


@dataclass(frozen=True)
class Loan:
    """One guaranteed loan with its terms; amounts in yuan, `days` are those guaranteed."""

    amount: Decimal
    exposure: Decimal
    default_probability: float
    scheme: Scheme
    days: int
    fee_rate: Decimal | None


@dataclass(frozen=True)
class Change:
    """Other terms; None leaves what is."""

    scheme: Scheme | None = None
    fee_rate: Decimal | None = None
    cap_rate: Decimal | None = None

    def scheme_of(self, present: Scheme) -> Scheme:
        """The scheme a guarantee would be under, with the cap asked for."""
        scheme = self.scheme or present
        return scheme if self.cap_rate is None else with_cap(scheme, self.cap_rate)

    def applied(self, loan: Loan) -> Loan:
        """The loan under these terms."""
        fee = loan.fee_rate if self.fee_rate is None else self.fee_rate
        return replace(loan, scheme=self.scheme_of(loan.scheme), fee_rate=fee)


def with_cap(scheme: Scheme, rate: Decimal) -> Scheme:
    """The scheme under a cap of this rate: its own terms, or those of 总对总 where it has none."""
    usual = Cap(
        rate=rate,
        base=CapBase.ANNUALISED_RELEASED,
        scope=CapScope.BANK_AND_GUARANTOR,
        period=CapPeriod.CALENDAR_YEAR,
        basis=CapBasis.PERIOD_END,
        assumption="Base, scope, period and basis as in 总对总 agreements",
    )
    return replace(scheme, cap=replace(scheme.cap, rate=rate) if scheme.cap else usual)


@dataclass(frozen=True)
class Side:
    """What one set of terms comes to, in yuan.

    Args:
        expected: expected compensation by party after recoveries, without any cap.
        guarantor: the part of it that falls on those who earn the fee.
        fee: guarantee fees over the terms; `no_fee` loans state no rate and are not in it.
        reguarantee: what of the fees goes on to re-guarantors.
    """

    loans: int
    amount: Decimal
    exposure: Decimal
    expected: Mapping[Party, Decimal]
    guarantor: Decimal
    fee: Decimal
    no_fee: int
    reguarantee: Decimal

    @property
    def total(self) -> Decimal:
        """Expected compensation of all parties."""
        return sum(self.expected.values(), _NOTHING)

    @property
    def result(self) -> Decimal:
        """What the fee leaves its earner after re-guarantee fees and expected compensation."""
        return self.fee - self.reguarantee - self.guarantor


def side(loans: Iterable[Loan], loss_given_default: Decimal) -> Side:
    """Add loans up under the terms they have."""
    held = list(loans)
    expected: dict[Party, Decimal] = {}
    own = fee = passed_on = _NOTHING
    for loan in held:
        parts = expected_compensation(
            loan.scheme, loan.default_probability, loan.exposure, loss_given_default
        )
        for party, part in parts.items():
            expected[party] = expected.get(party, _NOTHING) + part
        own += own_part(loan.scheme, parts)
        if loan.fee_rate is not None:
            fee += fee_of(loan.amount, loan.fee_rate, loan.days)
        passed_on += sum(loan.scheme.reguarantee_fee(loan.amount, loan.days).values(), _NOTHING)
    return Side(
        loans=len(held),
        amount=sum((loan.amount for loan in held), _NOTHING),
        exposure=sum((loan.exposure for loan in held), _NOTHING),
        expected={party: expected[party] for party in Party if party in expected},
        guarantor=own,
        fee=fee,
        no_fee=sum(loan.fee_rate is None for loan in held),
        reguarantee=passed_on,
    )


@dataclass(frozen=True)
class Comparison:
    """The same loans as they are and under other terms."""

    before: Side
    after: Side


def compare(loans: Iterable[Loan], change: Change, loss_given_default: Decimal) -> Comparison:
    """Hold other terms against those there are."""
    held = list(loans)
    return Comparison(
        side(held, loss_given_default),
        side((change.applied(loan) for loan in held), loss_given_default),
    )
