"""Who bears which part of a loss when the guarantor pays the bank (风险分担)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from enum import StrEnum

FEN = Decimal("0.01")


class Party(StrEnum):
    """The parties that can share a loss, in the order in which they are listed."""

    BANK = "bank"
    CITY_GUARANTOR = "city_guarantor"
    COUNTY_GUARANTOR = "county_guarantor"
    PROVINCE = "province"
    NATIONAL_FUND = "national_fund"
    GOVERNMENT_POOL = "government_pool"


# The rest of a rounding goes to the guarantor that paid the bank (domain rule: residual fen to the
# guarantor), or to the first party present where a scheme has none.
_RESIDUAL = (Party.CITY_GUARANTOR, Party.COUNTY_GUARANTOR, Party.PROVINCE, Party.BANK)

Amounts = Mapping[Party, Decimal]


@dataclass(frozen=True)
class Allocation:
    """One compensation shared out: what each party pays, gets back and loses, in yuan."""

    payment: Amounts
    recovery: Amounts
    loss: Amounts


@dataclass(frozen=True)
class Scheme:
    """A risk-sharing scheme: shares in [0, 1] by party, summing to exactly 1, from a date on."""

    name: str
    shares: Mapping[Party, Decimal]
    effective_from: date
    effective_until: date | None
    source: str

    def __post_init__(self) -> None:
        for party, share in self.shares.items():
            if not 0 < share <= 1:
                raise ValueError(f"share of {party} is {share}, must lie in (0, 1]")
        total = sum(self.shares.values())
        if total != 1:
            raise ValueError(f"shares sum to {total}, must sum to exactly 1")

    def split(self, amount: Decimal) -> dict[Party, Decimal]:
        """Share `amount` (yuan, exact to the fen) by party; the parts sum to it.

        >>> scheme = Scheme("8:2", {Party.BANK: Decimal("0.2"),
        ...     Party.CITY_GUARANTOR: Decimal("0.8")}, date(2020, 1, 1), None, "")
        >>> scheme.split(Decimal("0.01"))[Party.CITY_GUARANTOR]
        Decimal('0.01')
        """
        if amount < 0:
            raise ValueError(f"cannot share a negative amount: {amount}")
        if amount != amount.quantize(FEN):
            raise ValueError(f"amount {amount} is finer than a fen")
        parts = {
            party: (share * amount).quantize(FEN, ROUND_FLOOR)
            for party, share in self.shares.items()
        }
        keeper = next((party for party in _RESIDUAL if party in parts), next(iter(parts)))
        parts[keeper] += amount - sum(parts.values())
        return parts

    def allocate(self, exposure: Decimal, recovered: Decimal = Decimal(0)) -> Allocation:
        """Share a compensation of `exposure` of which `recovered` (net of cost) came back.

        Recoveries go back in the proportion of the shares, so each party loses
        share · (exposure - recovered).
        """
        if recovered > exposure:
            raise ValueError(f"recovered {recovered} is more than the exposure {exposure}")
        payment = self.split(exposure)
        recovery = self.split(recovered)
        loss = {party: payment[party] - recovery[party] for party in payment}
        return Allocation(payment, recovery, loss)


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
