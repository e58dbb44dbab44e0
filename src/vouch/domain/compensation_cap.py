"""The most that guarantors pay a bank in a period (代偿上限), and the claims it is held against.

A cap is a rate of what was released in the period: rate · weight · base. Claims are what the
guarantee system owes before the cap; they are paid in sequence until it is reached. What is paid in
all depends on the sum of the claims only, never on their order. What is not paid stays with the
bank.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum
from itertools import accumulate

from vouch.domain.calendar import add_months

_FEN = Decimal("0.01")
_DAYS_A_YEAR = 365
_EXACT = 60  # digits: enough for any product of an amount, two rates and days


class CapBase(StrEnum):
    """What the rate of a cap is taken of."""

    ANNUALISED_RELEASED = "annualised_released"
    RELEASED = "released"
    OUTSTANDING = "outstanding"


class CapScope(StrEnum):
    """Whose guarantees count together against one cap."""

    BANK_AND_GUARANTOR = "bank_and_guarantor"
    BANK_AND_PROVINCE = "bank_and_province"
    PRODUCT = "product"


class CapPeriod(StrEnum):
    """The time over which a cap is counted."""

    CALENDAR_YEAR = "calendar_year"
    AGREEMENT_YEAR = "agreement_year"
    ROLLING_365_DAYS = "rolling_365_days"


class CapBasis(StrEnum):
    """When claims meet the cap: once the period is over, or as they come with a true-up later."""

    PERIOD_END = "period_end"
    RUNNING = "running"


class Excess(StrEnum):
    """What becomes of a claim past the cap: the bank's for good, or open until agreed."""

    BANK_BEARS = "bank_bears"
    SUSPEND = "suspend"


class CappedRecovery(StrEnum):
    """Who gets a recovery under a cap: by the shares agreed, or by what each side really bore."""

    CONTRACT = "contract"
    ACTUAL_BURDEN = "actual_burden"


@dataclass(frozen=True)
class Cap:
    """The terms of a cap; without a `base_weight` the guarantee system's share weighs the base.

    `days_at_most` limits the days for which a release counts when it is annualised; without it, a
    loan of two years counts twice.
    """

    rate: Decimal
    base: CapBase
    scope: CapScope
    period: CapPeriod
    basis: CapBasis
    base_weight: Decimal | None = None
    days_at_most: int | None = None
    excess: Excess = Excess.BANK_BEARS
    recovery: CappedRecovery = CappedRecovery.CONTRACT
    source: str = ""
    assumption: str = ""

    def __post_init__(self) -> None:
        if not (self.rate.is_finite() and 0 < self.rate < 1):
            raise ValueError(f"cap.rate is {self.rate}, must lie in (0, 1); write 4 % as 0.04")
        weight = self.base_weight
        if weight is not None and not (weight.is_finite() and 0 < weight <= 1):
            raise ValueError(f"cap.base_weight is {weight}, must lie in (0, 1]; write 80 % as 0.80")
        if self.days_at_most is not None and self.days_at_most < 1:
            raise ValueError(f"cap.days_at_most is {self.days_at_most}, must be a day or more")

    def base_amount(
        self, releases: Iterable[tuple[Decimal, int]], outstanding: Decimal = Decimal(0)
    ) -> Decimal:
        """What the rate is taken of, from principals released with their days, or outstanding."""
        if self.base is CapBase.OUTSTANDING:
            return outstanding
        if self.base is CapBase.RELEASED:
            return sum((principal for principal, _ in releases), Decimal("0.00"))
        return annualised(releases, self.days_at_most)

    def amount(self, base: Decimal, system_share: Decimal) -> Decimal:
        """The most that is paid, half up to the fen.

        Args:
            base: see `base_amount`.
            system_share: what all parties but the bank bear together, in [0, 1].
        """
        if not base.is_finite() or base < 0:
            raise ValueError(f"the base of a cap is {base}, must be zero or more")
        weight = system_share if self.base_weight is None else self.base_weight
        with localcontext(prec=_EXACT):
            return (self.rate * weight * base).quantize(_FEN, ROUND_HALF_UP)

    def window(self, on: date, agreed_on: date | None = None) -> tuple[date, date]:
        """First and last day of the period that `on` lies in; a rolling one ends on that day.

        Raises:
            ValueError: an agreement year without the day of the agreement, or before it.
        """
        if self.period is CapPeriod.CALENDAR_YEAR:
            return date(on.year, 1, 1), date(on.year, 12, 31)
        if self.period is CapPeriod.ROLLING_365_DAYS:
            return on - timedelta(days=_DAYS_A_YEAR - 1), on
        if agreed_on is None or on < agreed_on:
            raise ValueError(f"an agreement year on {on} needs an agreement of that day or before")
        months = 12 * (on.year - agreed_on.year)
        if add_months(agreed_on, months) > on:
            months -= 12
        return (
            add_months(agreed_on, months),
            add_months(agreed_on, months + 12) - timedelta(days=1),
        )


def annualised(releases: Iterable[tuple[Decimal, int]], days_at_most: int | None = None) -> Decimal:
    """Σ principal · days / 365 over (principal, days guaranteed), half up to the fen.

    >>> annualised([(Decimal("500000.00"), 180), (Decimal("1000000.00"), 365)])
    Decimal('1246575.34')
    """
    total = Decimal(0)
    with localcontext(prec=_EXACT):
        for principal, days in releases:
            if principal < 0 or days < 0:
                raise ValueError(f"a release of {principal} for {days} days; both must be ≥ 0")
            total += principal * (days if days_at_most is None else min(days, days_at_most))
        return (total / _DAYS_A_YEAR).quantize(_FEN, ROUND_HALF_UP)


@dataclass(frozen=True)
class SettledClaim:
    """A claim of the guarantee system's part: paid + rejected + suspended = claim, in yuan."""

    claim: Decimal
    paid: Decimal
    rejected: Decimal
    suspended: Decimal


@dataclass(frozen=True)
class Settlement:
    """The claims of one period against its cap, in their sequence."""

    cap_amount: Decimal
    claims: tuple[SettledClaim, ...]

    @property
    def claimed(self) -> Decimal:
        """All claims."""
        return sum((c.claim for c in self.claims), Decimal("0.00"))

    @property
    def paid(self) -> Decimal:
        """What the guarantee system pays."""
        return sum((c.paid for c in self.claims), Decimal("0.00"))

    @property
    def rejected(self) -> Decimal:
        """What goes back to the bank for good."""
        return sum((c.rejected for c in self.claims), Decimal("0.00"))

    @property
    def suspended(self) -> Decimal:
        """What the bank carries until the cap has grown or the excess is agreed."""
        return sum((c.suspended for c in self.claims), Decimal("0.00"))

    @property
    def burn(self) -> Decimal | None:
        """Claims over cap: 1 is the cap reached; None where the cap is nothing."""
        return self.claimed / self.cap_amount if self.cap_amount else None


def settle(
    claims: Sequence[Decimal], cap_amount: Decimal, excess: Excess = Excess.BANK_BEARS
) -> Settlement:
    """Pay the claims of a whole period in their sequence until its cap is reached.

    >>> found = settle([Decimal(10), Decimal(9), Decimal(8)], Decimal(24))
    >>> [(int(c.paid), int(c.rejected)) for c in found.claims]
    [(10, 0), (9, 0), (5, 3)]
    """
    return _filled(claims, cap_amount, cap_amount, excess)


def settle_running(
    claims: Sequence[tuple[Decimal, Decimal]],
    final_cap_amount: Decimal | None = None,
    excess: Excess = Excess.BANK_BEARS,
) -> Settlement:
    """Pay each claim up to the cap as it has grown by then, the oldest unpaid first.

    Nothing once paid is taken back should the cap shrink. Where it only grows, as with releases, a
    period ends with every claim paid as `settle` pays it.

    Args:
        claims: each claim with the cap amount accrued on its day.
        final_cap_amount: the cap of the whole period, for the true-up at its end; while it is
            None the period is open and what is unpaid is suspended.
        excess: what becomes of the unpaid when the period is over.
    """
    amounts = [claim for claim, _ in claims]
    caps = [cap for _, cap in claims]
    totals = list(accumulate(amounts))
    paid = max(map(min, totals, caps), default=Decimal(0))
    if final_cap_amount is None:
        return _filled(amounts, caps[-1] if caps else Decimal(0), paid, Excess.SUSPEND)
    if totals:
        paid = max(paid, min(totals[-1], final_cap_amount))
    return _filled(amounts, final_cap_amount, paid, excess)


def _filled(
    claims: Sequence[Decimal], cap_amount: Decimal, money: Decimal, excess: Excess
) -> Settlement:
    """Hand `money` to the claims in their sequence."""
    settled = []
    for claim in claims:
        if not claim.is_finite() or claim < 0:
            raise ValueError(f"a claim is {claim}, must be zero or more")
        if claim != claim.quantize(_FEN):
            raise ValueError(f"claim {claim} is finer than a fen")
        paid = min(claim, money)
        money -= paid
        unpaid, nothing = claim - paid, Decimal("0.00")
        is_final = excess is Excess.BANK_BEARS
        settled.append(
            SettledClaim(
                claim, paid, unpaid if is_final else nothing, nothing if is_final else unpaid
            )
        )
    return Settlement(cap_amount, tuple(settled))
