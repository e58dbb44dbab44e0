"""Who bears which part of a loss when the guarantor pays the bank (风险分担).

Amounts are shared to the fen. For every scheme and every amount:

- the parts sum to the amount, and none is negative;
- no part is a fen or more above its exact share. The party served first is never short of its own,
  the next is short by less than one fen, the next by less than two, and so on. First served is the
  guarantor that paid the bank, so a single odd fen is its own;
- no part falls when the amount grows. So 0 ≤ recovery ≤ payment for every party, its loss never
  falls when the exposure grows and never rises when more is recovered. (Where both change, only
  the sum of the losses and the fen bounds above are sure to follow.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from math import lcm

from vouch.domain.compensation_cap import Cap, CappedRecovery

FEN = Decimal("0.01")
_LARGEST_DIGITS = 24  # an amount beyond this is a slip, and would not be exact as a Decimal
_DAYS_A_YEAR = 365


class Party(StrEnum):
    """The parties that can share a loss, in the order in which they are listed."""

    BANK = "bank"
    CITY_GUARANTOR = "city_guarantor"
    COUNTY_GUARANTOR = "county_guarantor"
    PROVINCE = "province"
    NATIONAL_FUND = "national_fund"
    GOVERNMENT_POOL = "government_pool"


# Odd fens go first to the guarantor that paid the bank (domain rule), then along the way in which
# claims are passed on.
_SERVED = (
    Party.CITY_GUARANTOR,
    Party.COUNTY_GUARANTOR,
    Party.PROVINCE,
    Party.BANK,
    Party.NATIONAL_FUND,
    Party.GOVERNMENT_POOL,
)

Amounts = Mapping[Party, Decimal]


class LossBase(StrEnum):
    """What is shared: the payment, recoveries passed back later, or once what was not recovered."""

    GROSS_AT_PAYMENT = "gross_at_payment"
    NET_AFTER_RECOVERY = "net_after_recovery"


@dataclass(frozen=True)
class Allocation:
    """One compensation shared out: what each party pays, gets back and loses, in yuan."""

    payment: Amounts
    recovery: Amounts
    loss: Amounts


@dataclass(frozen=True)
class ReguaranteeFee:
    """A year's fee to a re-guarantor, as a rate of its own share of the loan.

    It holds for clients of up to `ticket_up_to` yuan, that amount included; None: of any size.
    """

    party: Party
    rate: Decimal
    ticket_up_to: Decimal | None = None
    source: str = ""


@dataclass(frozen=True)
class Scheme:
    """A risk-sharing scheme: shares in [0, 1] by party, summing to exactly 1, from a date on.

    `memory` and `assumption` say which figures are from memory or assumed. `follows_lender` is
    见贷即保: the guarantee stands as soon as the bank lends, without a look of its own.
    """

    name: str
    shares: Mapping[Party, Decimal]
    effective_from: date
    effective_until: date | None
    source: str
    about: str = ""
    memory: str = ""
    assumption: str = ""
    loss_base: LossBase = LossBase.GROSS_AT_PAYMENT
    follows_lender: bool = False
    cap: Cap | None = None
    reguarantee_fees: tuple[ReguaranteeFee, ...] = ()

    def __post_init__(self) -> None:
        for party, share in self.shares.items():
            if not (share.is_finite() and 0 < share <= 1):
                raise ValueError(f"share of {party} is {share}, must lie in (0, 1]")
        if sum(map(Fraction, self.shares.values())) != 1:
            total = sum(self.shares.values())
            raise ValueError(f"shares sum to {total}, must sum to exactly 1")
        if self.effective_until is not None and self.effective_until < self.effective_from:
            raise ValueError(f"effective_until {self.effective_until} lies before effective_from")
        if self.cap is not None and not self._system_weights:
            raise ValueError("a cap limits what the others pay the bank, but shares names no other")
        for fee in self.reguarantee_fees:
            if fee.party is Party.BANK or fee.party not in self.shares:
                raise ValueError(f"reguarantee_fee: {fee.party} bears no share of the system's")

    def in_force(self, on: date) -> bool:
        """Whether a guarantee signed on that day is under this version."""
        until = self.effective_until
        return self.effective_from <= on and (until is None or on <= until)

    @property
    def system_share(self) -> Decimal:
        """What all parties but the bank bear together."""
        return 1 - self.shares.get(Party.BANK, Decimal(0))

    def split(self, amount: Decimal) -> dict[Party, Decimal]:
        """Share `amount` (yuan, exact to the fen) by party; the parts sum to it.

        >>> scheme = Scheme("8:2", {Party.BANK: Decimal("0.2"),
        ...     Party.CITY_GUARANTOR: Decimal("0.8")}, date(2020, 1, 1), None, "")
        >>> scheme.split(Decimal("0.01"))[Party.CITY_GUARANTOR]
        Decimal('0.01')
        """
        return _apportioned(amount, self._weights)

    def split_system(self, paid: Decimal) -> dict[Party, Decimal]:
        """Share what the guarantee system pays among its parties, each by its part of their sum."""
        return _apportioned(paid, self._system_weights)

    def allocate(self, exposure: Decimal, recovered: Decimal = Decimal(0)) -> Allocation:
        """Share a compensation of `exposure` of which `recovered` (net of cost) came back.

        Recoveries go back in the proportion of the shares, so each party loses
        share · (exposure - recovered). A scheme that shares only what was not recovered has that as
        its payment, and no recovery is passed on.
        """
        exposure, recovered = self._shared(exposure, recovered)
        return _allocation(self.split(exposure), self.split(recovered))

    def claim(self, exposure: Decimal) -> Decimal:
        """What the guarantee system owes the bank of `exposure` before any cap."""
        return exposure - self.split(exposure).get(Party.BANK, Decimal("0.00"))

    def cap_amount(self, base: Decimal) -> Decimal:
        """The most that the system pays where `base` was released in the period.

        Raises:
            ValueError: the scheme has no cap.
        """
        if self.cap is None:
            raise ValueError(f"scheme {self.name!r} has no cap")
        return self.cap.amount(base, self.system_share)

    def allocate_capped(
        self, exposure: Decimal, paid: Decimal, recovered: Decimal = Decimal(0)
    ) -> Allocation:
        """Share a compensation of which, by a cap, the system pays only `paid`, the bank the rest.

        A recovery goes to bank and system by their shares or by what they really bore, as the cap
        says, and never brings the system more than it paid.
        """
        exposure, recovered = self._shared(exposure, recovered)
        if not 0 <= paid <= self.claim(exposure):
            raise ValueError(f"paid {paid} is not between 0 and the claim {self.claim(exposure)}")
        if self.cap is not None and self.cap.recovery is CappedRecovery.ACTUAL_BURDEN:
            back = _in_proportion(recovered, paid, exposure)
        else:
            back = min(self.claim(recovered), paid)
        return _allocation(
            {Party.BANK: exposure - paid} | self.split_system(paid),
            {Party.BANK: recovered - back} | self.split_system(back),
        )

    def reguarantee_fee(
        self, amount: Decimal, days: int = _DAYS_A_YEAR, client_amount: Decimal | None = None
    ) -> dict[Party, Decimal]:
        """The fee of each re-guarantor for a loan: amount · share · rate · days / 365, half up.

        Args:
            amount: the loan in yuan.
            days: how long it is guaranteed.
            client_amount: all loans of the client, by which the rate goes; this one alone if None.
        """
        ticket = amount if client_amount is None else client_amount
        fees: dict[Party, Decimal] = {}
        for fee in self.reguarantee_fees:
            if fee.party in fees or (fee.ticket_up_to is not None and ticket > fee.ticket_up_to):
                continue
            with localcontext(prec=60):
                year = amount * self.shares[fee.party] * fee.rate
                fees[fee.party] = (year * days / _DAYS_A_YEAR).quantize(FEN, ROUND_HALF_UP)
        return fees

    @cached_property
    def _weights(self) -> dict[Party, int]:
        shares = {party: Fraction(share) for party, share in self.shares.items()}
        whole = lcm(*(share.denominator for share in shares.values()))
        return {party: int(share * whole) for party, share in shares.items()}

    @cached_property
    def _system_weights(self) -> dict[Party, int]:
        return {p: weight for p, weight in self._weights.items() if p is not Party.BANK}

    def _shared(self, exposure: Decimal, recovered: Decimal) -> tuple[Decimal, Decimal]:
        if recovered > exposure:
            raise ValueError(f"recovered {recovered} is more than the exposure {exposure}")
        if self.loss_base is LossBase.NET_AFTER_RECOVERY:
            _fen(recovered)
            return exposure - recovered, Decimal(0)
        return exposure, recovered


def _apportioned(amount: Decimal, weights: Mapping[Party, int]) -> dict[Party, Decimal]:
    """Share an amount by weights, the rounding as the module says.

    Each party in turn takes its proportion of what is left, rounded up to the fen. What it takes
    and what it leaves both never fall when there is more to share, so no part ever does.
    """
    rest, left = _fen(amount), sum(weights.values())
    parts = {}
    for party in sorted(weights, key=_SERVED.index):
        parts[party] = -(-rest * weights[party] // left)
        rest -= parts[party]
        left -= weights[party]
    return {party: Decimal(parts[party]).scaleb(-2) for party in weights}


def _in_proportion(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """amount · part / whole, rounded down to the fen; nothing of nothing."""
    if not whole:
        return Decimal("0.00")
    return Decimal(_fen(amount) * _fen(part) // _fen(whole)).scaleb(-2)


def _allocation(payment: Amounts, recovery: Amounts) -> Allocation:
    loss = {party: payment[party] - recovery[party] for party in payment}
    return Allocation(payment, recovery, loss)


def _fen(amount: Decimal) -> int:
    if not amount.is_finite():
        raise ValueError(f"{amount} is no amount")
    if amount < 0:
        raise ValueError(f"cannot share a negative amount: {amount}")
    if amount.adjusted() >= _LARGEST_DIGITS:
        raise ValueError(f"amount {amount} is too large to be exact")
    if amount.quantize(FEN) != amount:
        raise ValueError(f"amount {amount} is finer than a fen")
    return int(amount.scaleb(2))


def loan_exposure(
    amount: Decimal, balance: Decimal | None, guaranteed_amount: Decimal | None
) -> Decimal:
    """What all parties together stand to lose: the loan still owed, to the fen.

    A balance is the principal still guaranteed. Where the guarantee covers only a part of the loan,
    the bank's own part stands beside it: loan = balance · amount / guaranteed amount.

    >>> loan_exposure(Decimal("100.00"), Decimal("40.00"), Decimal("80.00"))
    Decimal('50.00')
    """
    if balance is None:
        return amount.quantize(FEN, ROUND_HALF_UP)
    if guaranteed_amount is None or not 0 < guaranteed_amount < amount:
        return balance.quantize(FEN, ROUND_HALF_UP)
    return (balance * amount / guaranteed_amount).quantize(FEN, ROUND_HALF_UP)


def expected_compensation(
    scheme: Scheme, default_probability: float, exposure: Decimal, loss_given_default: Decimal
) -> dict[Party, Decimal]:
    """Expected loss by party in yuan: probability · exposure · severity, shared by the scheme.

    Rounded half up to the fen before sharing, so that the parts sum to the expected loss shown.
    """
    expected = Decimal(repr(default_probability)) * exposure * loss_given_default
    return scheme.split(expected.quantize(FEN, ROUND_HALF_UP))
