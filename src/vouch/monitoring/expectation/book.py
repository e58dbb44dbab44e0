"""Expected compensation of a book: its capped portfolios, period by period, and each guarantee.

A portfolio is what counts together against one cap: the guarantees of one version of a scheme that
share the scope of its cap, be it bank and guarantor, bank, or product. Claims are payments to the
bank, before anything is recovered, unless the scheme shares only what was not recovered. New
business is not foreseen: a cap grows by what the guarantees in force are going to release.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from vouch.book.book import Known
from vouch.domain.compensation_cap import Cap, CapScope
from vouch.domain.risk_sharing import FEN, LossBase, Scheme
from vouch.errors import PolicyError
from vouch.features.describe import Progress, silent
from vouch.monitoring.expectation.assumptions import Assumptions, read_assumptions
from vouch.monitoring.expectation.forecast import (
    Amount,
    CapReached,
    Forecast,
    Period,
    capped_expectation,
)
from vouch.monitoring.expectation.in_force import (
    Guarantee,
    Probabilities,
    Terms,
    each_in_force,
    events,
    lives,
    terms_of,
)
from vouch.monitoring.expectation.pool import Pool
from vouch.monitoring.expectation.standing import (
    Course,
    History,
    Release,
    Standing,
    Window,
    course,
    expected_base,
    loan_behind,
    releases_ahead,
    standing,
    windows,
)
from vouch.monitoring.expectation.timing import Timing, read_timing
from vouch.monitoring.measures.catalogue import catalogue
from vouch.monitoring.measures.view import View
from vouch.policy.reading import Policy

_LOOK_BACK = timedelta(days=366)  # no period of a cap is longer


@dataclass(frozen=True)
class PortfolioKey:
    """What tells a capped portfolio: the scheme's version, and who or what its cap is agreed for.

    Of lender, guarantor and product those that the scope does not name are None.
    """

    scheme: str
    effective_from: date
    scope: CapScope
    lender: str | None = None
    guarantor: str | None = None
    product: str | None = None


@dataclass(frozen=True)
class PeriodForecast:
    """One period of a cap: what it is expected to grow to, and what is expected to be paid."""

    first: date
    last: date
    released: Decimal
    forecast: Forecast

    @property
    def cap_reached(self) -> CapReached | None:
        """Whether and when; None where there is no cap to reach, as nothing will be released."""
        return self.forecast.cap_reached if self.forecast.period.cap_amount else None


@dataclass(frozen=True)
class Portfolio:
    """A capped portfolio: its cap today, and the periods ahead."""

    key: PortfolioKey
    guarantees: int
    outstanding: Decimal
    today: Standing
    periods: list[PeriodForecast]


@dataclass(frozen=True)
class BookForecast:
    """Every capped portfolio of a book; `notes` say what could not be counted."""

    as_of: date
    probabilities: str
    portfolios: list[Portfolio]
    names: Mapping[str, str]
    notes: list[str]

    def answer(self) -> dict[str, Any]:
        """As plain JSON: amounts of money as texts to the fen, probabilities as numbers."""
        return {
            "as_of": self.as_of.isoformat(),
            "probabilities": self.probabilities,
            "portfolios": [_portfolio(found, self.names) for found in self.portfolios],
            "notes": self.notes,
        }


@dataclass
class _Members:
    """What belongs to one portfolio; `outstanding` is what its guarantees expose, in yuan."""

    scheme: Scheme
    outstanding: Decimal = Decimal("0.00")
    guarantees: list[Guarantee] = field(default_factory=list)
    releases: list[tuple[date, Release]] = field(default_factory=list)
    claims: list[tuple[date, Decimal]] = field(default_factory=list)


class Schemes:
    """The version of each guarantee's scheme: its own, or the default one where it names none."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._held: dict[tuple[str | None, date], Scheme | None] = {}

    def of(self, terms: Terms) -> Scheme | None:
        """The version in force when the guarantee began; None where there is none."""
        asked = terms.scheme, terms.signed_on
        if asked not in self._held:
            _ = self._policy.schemes  # a wrong file is no missing scheme
            try:
                self._held[asked] = self._policy.scheme(*asked)
            except PolicyError:
                self._held[asked] = None
        return self._held[asked]


def forecast_book(
    known: Known,
    policy: Policy,
    probabilities: Probabilities,
    until: date | None = None,
    only: str | None = None,
    assumptions: Assumptions | None = None,
    progress: Progress = silent,
    schemes: Schemes | None = None,
) -> BookForecast:
    """Forecast every capped portfolio of what was known on a day.

    Args:
        until: every period of a cap that begins by this day; the current one alone where None.
        only: the portfolios of this scheme alone.
        assumptions: the policy's where None.
        schemes: under which scheme each guarantee is; its own where None.

    Raises:
        PolicyError: the policy is wrong, or knows no scheme of that name.
    """
    if only is not None and only not in policy.schemes:
        raise PolicyError(
            f"no risk-sharing scheme is called {only!r}; known are {', '.join(policy.schemes)}"
        )
    view = View(known)
    members, notes = _gather(view, policy, only, schemes, keeps=True)
    with_names = {**_names(known, "lender"), **_names(known, "guarantor")}
    drawing = _Drawing(
        probabilities,
        read_timing(policy.folder),
        assumptions or read_assumptions(policy.folder),
        policy.loss_given_default,
        known.as_of,
        until,
    )
    found = []
    for number, (key, of) in enumerate(sorted(members.items(), key=_order)):
        found.append(drawing.portfolio(key, of))
        progress(number + 1, len(members))
    return BookForecast(known.as_of, probabilities.source, found, with_names, notes)


def standings(known: Known, policy: Policy) -> dict[PortfolioKey, Standing]:
    """Every capped portfolio's cap as it stands on the day."""
    return {key: found.today for key, found in courses(known, policy).items()}


def courses(known: Known, policy: Policy) -> dict[PortfolioKey, Course]:
    """Every capped portfolio's cap on the day, with its pace."""
    members, _ = _gather(View(known), policy, None)
    found = {}
    for key, of in members.items():
        cap = of.scheme.cap
        assert cap is not None  # noqa: S101 - only capped schemes have portfolios
        past = History(of.releases, of.claims)
        found[key] = course(of.scheme, cap, past, known.as_of, of.outstanding)
    return found


def _order(item: tuple[PortfolioKey, _Members]) -> tuple[str, ...]:
    key = item[0]
    return tuple(str(part or "") for part in vars(key).values())


def _names(known: Known, table: str) -> dict[str, str]:
    rows = known.rows(table).select([f"{table}_id", "name"]).to_pylist()
    return {row[f"{table}_id"]: row["name"] for row in rows if row["name"]}


def _gather(
    view: View,
    policy: Policy,
    only: str | None,
    given: Schemes | None = None,
    keeps: bool = False,
) -> tuple[dict[PortfolioKey, _Members], list[str]]:
    """What is outstanding, releases and claims by portfolio, and what belongs to none.

    Args:
        keeps: the guarantees themselves too, which over a large book take gigabytes.
    """
    schemes, members = given or Schemes(policy), dict[PortfolioKey, _Members]()
    without: defaultdict[str, int] = defaultdict(int)

    def find(terms: Terms) -> _Members | None:
        scheme = schemes.of(terms)
        if scheme is None or scheme.cap is None or only not in (None, scheme.name):
            return None
        key = portfolio_key(scheme, scheme.cap, terms)
        return members.setdefault(key, _Members(scheme))

    for guarantee in each_in_force(view):
        if schemes.of(guarantee.terms) is None:
            without[f"{guarantee.terms.scheme or policy.default_scheme}"] += 1
        elif (of := find(guarantee.terms)) is not None:
            of.outstanding += guarantee.exposure
            if keeps:
                of.guarantees.append(guarantee)
    _add_events(view, policy, find)
    notes = [
        f"{count:,} guarantees in force are in no portfolio: scheme {name!r} is not known or was "
        "not in force when they began"
        for name, count in sorted(without.items())
    ]
    return members, notes + view.notes


def portfolio_key(scheme: Scheme, cap: Cap, terms: Terms) -> PortfolioKey:
    """The portfolio that a guarantee of these terms belongs to."""
    whom: dict[str, str | None] = {
        CapScope.BANK_AND_GUARANTOR: {"lender": terms.lender, "guarantor": terms.guarantor},
        CapScope.BANK_AND_PROVINCE: {"lender": terms.lender},
        CapScope.PRODUCT: {"product": terms.product},
    }[cap.scope]
    return PortfolioKey(scheme.name, scheme.effective_from, cap.scope, **whom)


def _add_events(view: View, policy: Policy, find: Any) -> None:
    """Loans released and the system's claims; what counts as a release is the indicator's rule."""
    numbers = catalogue(policy.folder / "indicators")["cap_rate"].parameters
    causes = {*numbers["release_causes"]}
    if numbers["compensation_counts_as_release"]:
        causes.add("compensated")
    since = view.known.as_of - _LOOK_BACK
    for row in events(view, "releases", since):
        of = find(terms_of(row))
        if of is not None and row["cause"] in causes and row["fen"] is not None:
            release = loan_behind(row, "fen"), max(row["days"], 0)
            of.releases.append((row["event_at"], release))
    for row in events(view, "compensations", since):
        of = find(terms_of(row))
        if of is not None and row["claim"] is not None:
            of.claims.append((row["event_at"], of.scheme.claim(loan_behind(row, "claim"))))


@dataclass(frozen=True)
class _Drawing:
    """What every portfolio is forecast with."""

    probabilities: Probabilities
    timing: Timing
    assumptions: Assumptions
    loss_given_default: Decimal
    as_of: date
    until: date | None

    def portfolio(self, key: PortfolioKey, of: _Members) -> Portfolio:
        cap = of.scheme.cap
        assert cap is not None  # noqa: S101 - only capped schemes have portfolios
        past = History(of.releases, of.claims)
        today = standing(of.scheme, cap, past, self.as_of, of.outstanding)
        periods = [
            self._period(of, cap, past, window)
            for window in windows(of.scheme, cap, self.as_of, self.until)
        ]
        return Portfolio(key, len(of.guarantees), of.outstanding, today, periods)

    def _period(self, of: _Members, cap: Cap, past: History, window: Window) -> PeriodForecast:
        ahead = releases_ahead(of.guarantees, window)
        base = expected_base(cap, past, window, ahead, of.outstanding)
        so_far = past.claimed(window.first, min(window.last, self.as_of))
        amount = cap.amount(base, of.scheme.system_share)
        period = Period(window.from_day, window.last, amount, so_far)
        nets = of.scheme.loss_base is LossBase.NET_AFTER_RECOVERY
        severity = float(self.loss_given_default) if nets else 1.0
        pool = self._pool(of.guarantees, window)
        drawn = capped_expectation(pool, of.scheme, period, self.assumptions, severity)
        return PeriodForecast(window.first, window.last, base, drawn)

    def _pool(self, guarantees: Sequence[Guarantee], window: Window) -> Pool:
        after, up_to = window.ahead
        stand, horizon = lives(guarantees, self.as_of), self.probabilities.horizon_days
        given = self.probabilities.of(guarantees)
        return Pool.of(
            stand.claimed_within(self.timing, given, horizon, after, up_to),
            [float(g.exposure) for g in guarantees],
            claim_days=stand.claim_days(self.timing, after, up_to),
        )


def _portfolio(found: Portfolio, names: Mapping[str, str]) -> dict[str, Any]:
    key, today = found.key, found.today
    return {
        "scheme": key.scheme,
        "effective_from": key.effective_from.isoformat(),
        "scope": key.scope.value,
        "lender": key.lender,
        "lender_name": names.get(key.lender or ""),
        "guarantor": key.guarantor,
        "guarantor_name": names.get(key.guarantor or ""),
        "product": key.product,
        "guarantees": found.guarantees,
        "outstanding": _text(found.outstanding),
        "today": {
            "period": {"first": today.first.isoformat(), "last": today.last.isoformat()},
            "released": _text(today.released),
            "cap_amount": _text(today.cap_amount),
            "claims": _text(today.claims),
            "burn": today.burn,
        },
        "periods": [_period(period) for period in found.periods],
    }


def _period(found: PeriodForecast) -> dict[str, Any]:
    drawn, period = found.forecast, found.forecast.period
    reached = found.cap_reached
    return {
        "first": found.first.isoformat(),
        "last": found.last.isoformat(),
        "released_by_the_end": _text(found.released),
        "cap_amount_by_the_end": _text(period.cap_amount or Decimal(0)),
        "claims_so_far": _text(period.claims_so_far),
        "burn_of_cap_by_the_end": period.burn,
        "system": _both(drawn.without_cap.system, drawn.with_cap.system),
        "by_party": {
            party.value: _both(amount, drawn.with_cap.by_party[party])
            for party, amount in drawn.without_cap.by_party.items()
        },
        "cap_reached": None if reached is None else _reached(reached),
        "scenarios": drawn.assumptions.scenarios,
        "correlation": drawn.assumptions.correlation,
    }


def _both(without: Amount, with_cap: Amount) -> dict[str, dict[str, str]]:
    return {
        "without_cap": {k: _text(Decimal(v)) for k, v in vars(without).items()},
        "with_cap": {k: _text(Decimal(v)) for k, v in vars(with_cap).items()},
    }


def _reached(reached: CapReached) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, date) else v for k, v in vars(reached).items()}


def _text(amount: Decimal) -> str:
    return str(amount.quantize(FEN, ROUND_HALF_UP))
