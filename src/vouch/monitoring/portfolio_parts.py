"""The parts of a book that can go wrong as a whole, with the figures that warning rules look at.

Each figure is that of the measures, the caps and the model; nothing is defined here anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from functools import cached_property

from scipy.stats import poisson

from vouch.book.book import Known
from vouch.domain.advice.terms import DecisionTerms
from vouch.domain.portfolio_part import PartKind, PortfolioPart
from vouch.monitoring.drift import score_drift
from vouch.monitoring.expectation.book import PortfolioKey, courses
from vouch.monitoring.expectation.standing import Course
from vouch.monitoring.measures.catalogue import Indicator
from vouch.monitoring.measures.layout import UNKNOWN
from vouch.monitoring.measures.report import Figure, measure_book
from vouch.monitoring.measures.view import View
from vouch.monitoring.portfolio_state import PortfolioDay
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle

RATE = "compensation_rate_rolling_365d"
_LIMITED = ("leverage", "client_concentration", "group_concentration")
_YOUNG_DAYS = 365
_IN_DEFAULT_FROM = 30

Numbers = dict[str, float]


@dataclass(frozen=True)
class Parts:
    """What the parts of a book are measured by.

    Args:
        known: the door to the book.
        indicators: the definitions of rates, leverage and concentration.
        policy: where schemes and limits are.
        model: whose scores are watched for drift.
    """

    known: Known
    indicators: Mapping[str, Indicator]
    policy: Policy
    model: Bundle

    def all(self) -> list[PortfolioPart]:
        """Every cap, guarantor, lender, young vintage, and the model.

        Raises:
            PolicyError: a file of policy is wrong.
        """
        makers: list[Callable[[], Iterator[PortfolioPart]]] = [
            self.caps,
            self.guarantors,
            self.lenders,
            self.vintages,
            self.drift,
        ]
        return [part for maker in makers for part in maker()]

    def caps(self) -> Iterator[PortfolioPart]:
        """Each cap as it stands, and when it is reached at the recent pace."""
        for key, course in courses(self.known, self.policy).items():
            whom = [self._names.get(n, n) for n in (key.lender, key.guarantor) if n]
            title = " ".join([key.scheme, "·".join(whom) or key.product or ""]).strip()
            yield PortfolioPart(
                PartKind.CAP,
                _key_name(key),
                f"代偿上限 {title}",
                f"Cap {title}",
                key.guarantor,
                _cap_figures(course),
            )

    def guarantors(self) -> Iterator[PortfolioPart]:
        """Each guarantor's rate, leverage and concentration."""
        terms = self.policy.decision(self.known.as_of)
        day = PortfolioDay(self.known, self.indicators, self.policy)
        for name, found in self._measured("guarantor", (RATE, *_LIMITED)).items():
            small = day.small_shares.get(name)
            figures = _rate(found[RATE]) | _limited(found, terms, small)
            title = self._names.get(name, name)
            yield PortfolioPart(
                PartKind.GUARANTOR,
                name,
                f"担保机构 {title}",
                f"Guarantor {title}",
                name,
                figures,
            )

    def lenders(self) -> Iterator[PortfolioPart]:
        """Each lender's rate."""
        for name, found in self._measured("lender", (RATE,)).items():
            title = self._names.get(name, name)
            yield PortfolioPart(
                PartKind.LENDER,
                name,
                f"银行 {title}",
                f"Lender {title}",
                None,
                _rate(found[RATE]),
            )

    def vintages(self) -> Iterator[PortfolioPart]:
        """Each lender's guarantees of a quarter of the last year, beside all other lenders'."""
        counts = _vintage_counts(View(self.known, "lender"))
        whole: dict[str, list[int]] = {}
        for (_, quarter), (started, defaults) in counts.items():
            sums = whole.setdefault(quarter, [0, 0])
            sums[0] += started
            sums[1] += defaults
        for (lender, quarter), (started, defaults) in counts.items():
            others = whole[quarter][0] - started
            title = f"{self._names.get(lender, lender)} {quarter}"
            figures = {"started": float(started), "defaults": float(defaults)}
            if others:
                usual = started * (whole[quarter][1] - defaults) / others
                by_chance = float(poisson.sf(defaults - 1, usual)) if defaults else 1.0
                figures |= {"usual": usual, "by_chance": by_chance}
            yield PortfolioPart(
                PartKind.VINTAGE,
                f"{lender}:{quarter}",
                f"批次 {title}",
                f"Vintage {title}",
                None,
                figures,
            )

    def drift(self) -> Iterator[PortfolioPart]:
        """The model's scores today beside those when it was made."""
        found = score_drift(self.known, self.model)
        name = self.model.stage.model_name
        figures = {key: float(value) for key, value in vars(found).items()}
        yield PortfolioPart(PartKind.MODEL, name, f"模型 {name}", f"Model {name}", None, figures)

    def _measured(self, by: str, only: tuple[str, ...]) -> dict[str, dict[str, Figure]]:
        report = measure_book(self.known, self.indicators, by, only=only)
        found: dict[str, dict[str, Figure]] = {}
        for figure in report.figures:
            group = str(figure.group)
            if group != UNKNOWN:
                nothing = {n: Figure(self.indicators[n], group, None, None) for n in only}
                found.setdefault(group, nothing)[figure.indicator.id] = figure
        return dict(sorted(found.items()))

    @cached_property
    def _names(self) -> dict[str, str]:
        return View(self.known, "lender").names | View(self.known, "guarantor").names


def _key_name(key: PortfolioKey) -> str:
    parts = (key.scheme, key.effective_from.isoformat(), key.lender, key.guarantor, key.product)
    return ":".join(part for part in parts if part)


def _cap_figures(course: Course) -> Numbers:
    today = course.today
    return _known(
        burn=today.burn,
        claims=float(today.claims),
        cap_amount=float(today.cap_amount),
        claim_count=float(course.claim_count),
        days_to_cap=course.days_to_cap,
    )


def _rate(found: Figure) -> Numbers:
    return _known(
        rate=found.value,
        compensated=found.numerator,
        released=found.denominator,
    )


def _limited(
    found: Mapping[str, Figure], terms: DecisionTerms, small: tuple[Fraction, Fraction] | None
) -> Numbers:
    client, group = found["client_concentration"].value, found["group_concentration"].value
    times = found["leverage"].value
    allowed = terms.leverage.allowed(*(small or (None, None)))
    shares = ((client, terms.single_client.share), (group, terms.group.share))
    used = [share / Fraction(limit) for share, limit in shares if share is not None]
    return _known(
        client=client,
        group=group,
        concentration_use=max(used, default=None),
        leverage=times,
        leverage_limit=float(allowed),
        leverage_use=None if times is None else times / Fraction(allowed),
    )


def _known(**figures: Fraction | float | None) -> Numbers:
    return {name: float(value) for name, value in figures.items() if value is not None}


def _vintage_counts(view: View) -> dict[tuple[str, str], tuple[int, int]]:
    """By lender and quarter of the last year: how many started, and how many are in default.

    In default: compensated, or in force and `_IN_DEFAULT_FROM` days past due or more.
    """
    since = view.known.as_of - timedelta(days=_YOUNG_DAYS - 1)
    rows = view.query(
        f"""SELECT part, year(started) || 'Q' || quarter(started) AS quarter,
            count(*) AS started, count(*) FILTER (c.guarantee_id IS NOT NULL
                OR (in_force AND days_past_due >= {_IN_DEFAULT_FROM})) AS defaults
        FROM guarantees LEFT JOIN (SELECT DISTINCT guarantee_id FROM compensations) c
            USING (guarantee_id)
        WHERE started BETWEEN DATE '{since}' AND DATE '{view.known.as_of}' AND NOT was_cancelled
            AND part <> '{UNKNOWN}'
        GROUP BY ALL ORDER BY ALL"""
    )
    return {(r["part"], r["quarter"]): (r["started"], r["defaults"]) for r in rows}
