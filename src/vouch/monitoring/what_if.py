"""A whole portfolio under another scheme, fee or cap: what would change for whom.

The guarantees in force on a day, as they are and as if all were signed that day under other terms.
Without a cap the sums are exact; with one, every capped portfolio is simulated as in a forecast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from vouch.book.book import Known
from vouch.domain.loss_comparison import Change, Comparison, Loan, compare
from vouch.domain.risk_sharing import Party, Scheme
from vouch.features.describe import Progress, silent
from vouch.monitoring.expectation.assumptions import Assumptions
from vouch.monitoring.expectation.book import BookForecast, Schemes, forecast_book
from vouch.monitoring.expectation.in_force import Guarantee, Probabilities, Terms
from vouch.monitoring.measures.view import View
from vouch.policy.reading import Policy

_HUNDRED_MILLION = 10**8  # rates are counted in hundred-millionths by the measures' layout


@dataclass(frozen=True)
class Among:
    """Which guarantees are asked about; None: any."""

    guarantor: str | None = None
    lender: str | None = None
    scheme: str | None = None
    product: str | None = None

    def takes(self, terms: Terms) -> bool:
        """Whether a guarantee is among them."""
        given = (terms.guarantor, terms.lender, terms.scheme, terms.product)
        wanted = (self.guarantor, self.lender, self.scheme, self.product)
        return all(want in (None, have) for want, have in zip(wanted, given, strict=True))


@dataclass(frozen=True)
class Capped:
    """The capped portfolios until the ends of their periods, before recoveries, in yuan.

    Sums of expectations over portfolios. `portfolios` of which `may_reach` reach their cap in one
    scenario of ten or more.
    """

    portfolios: int
    may_reach: int
    cap_amount: Decimal
    system_without: Decimal
    system_with: Decimal
    bank_without: Decimal
    bank_with: Decimal


@dataclass(frozen=True)
class BookWhatIf:
    """A portfolio as it is and under other terms; `notes` say what could not be counted."""

    as_of: date
    probabilities: str
    terms: Comparison
    capped_before: Capped
    capped_after: Capped
    notes: list[str]


class ChangedSchemes(Schemes):
    """Every guarantee's scheme after a change, and none for those not asked about."""

    def __init__(self, policy: Policy, among: Among, change: Change | None = None) -> None:
        super().__init__(policy)
        self._among, self._change = among, change
        self._changed: dict[int, Scheme] = {}

    def of(self, terms: Terms) -> Scheme | None:
        """The scheme; one that answers for nothing stays so unless another is asked for."""
        if not self._among.takes(terms):
            return None
        present = super().of(terms)
        change = self._change
        if change is None or (present is None and change.scheme is None):
            return present
        key = id(present)
        if key not in self._changed:
            base = present or change.scheme
            assert base is not None  # noqa: S101 - one of the two is there
            self._changed[key] = change.scheme_of(base)
        return self._changed[key]


def what_if_book(
    known: Known,
    policy: Policy,
    guarantees: list[Guarantee],
    chances: Probabilities,
    change: Change,
    among: Among | None = None,
    assumptions: Assumptions | None = None,
    progress: Progress = silent,
) -> BookWhatIf:
    """Hold other terms against those of the guarantees in force."""
    chosen = among or Among()
    present = ChangedSchemes(policy, chosen)
    held, left_out = [], 0
    fees = _fees(known)
    for guarantee, chance in zip(guarantees, chances.of(guarantees).tolist(), strict=True):
        if not chosen.takes(guarantee.terms):
            continue
        scheme = present.of(guarantee.terms) or change.scheme
        if scheme is None:
            left_out += 1
            continue
        held.append(_loan(guarantee, chance, scheme, fees))
    after = ChangedSchemes(policy, chosen, change)
    forecasts = [
        forecast_book(known, policy, chances, None, None, assumptions, progress, schemes)
        for schemes in (present, after)
    ]
    notes = [f"{left_out:,} guarantees are under no known scheme and are left out"] * (left_out > 0)
    compared = compare(held, change, policy.loss_given_default)
    if compared.before.no_fee:
        notes.append(f"{compared.before.no_fee:,} guarantees state no fee; theirs counts as none")
    before, then = (_capped(forecast) for forecast in forecasts)
    return BookWhatIf(known.as_of, chances.source, compared, before, then, notes)


def _fees(known: Known) -> dict[str, tuple[Decimal, Decimal | None]]:
    """Amount and yearly fee rate of each guarantee in force."""
    rows = View(known).query("SELECT guarantee_id, loan, fee FROM guarantees WHERE in_force")
    return {
        row["guarantee_id"]: (
            Decimal(row["loan"]).scaleb(-2),
            None if row["fee"] is None else Decimal(row["fee"]) / _HUNDRED_MILLION,
        )
        for row in rows
    }


def _loan(
    guarantee: Guarantee,
    chance: float,
    scheme: Scheme,
    fees: dict[str, tuple[Decimal, Decimal | None]],
) -> Loan:
    amount, fee = fees[guarantee.terms.guarantee_id]
    return Loan(amount, guarantee.exposure, chance, scheme, guarantee.tenor_days, fee)


def _capped(found: BookForecast) -> Capped:
    periods = [period for portfolio in found.portfolios for period in portfolio.periods]

    def total(amount: Callable[[int], float]) -> Decimal:
        return Decimal(f"{sum(amount(i) for i in range(len(periods))):.2f}")

    drawn = [period.forecast for period in periods]
    return Capped(
        portfolios=len(found.portfolios),
        may_reach=sum(
            period.cap_reached is not None and period.cap_reached.probability >= 0.1
            for period in periods
        ),
        cap_amount=sum((d.period.cap_amount or Decimal(0) for d in drawn), Decimal("0.00")),
        system_without=total(lambda i: drawn[i].without_cap.system.expected),
        system_with=total(lambda i: drawn[i].with_cap.system.expected),
        bank_without=total(lambda i: drawn[i].without_cap.by_party[Party.BANK].expected),
        bank_with=total(lambda i: drawn[i].with_cap.by_party[Party.BANK].expected),
    )
