"""The forecast of a book with the probabilities of a model."""

from datetime import date

import numpy as np

from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.features.facts import Cases, Facts, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.monitoring.expectation import Assumptions
from vouch.monitoring.expectation.book import forecast_book
from vouch.monitoring.expectation.in_force import guarantees_in_force, scored
from vouch.monitoring.measures.view import View
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.score import score_cases

DAY = date(2024, 9, 30)


def test_probabilities_are_those_of_the_model_on_the_day(
    book: Book, bundles: dict[Stage, Bundle]
) -> None:
    known, bundle = book.known(DAY), bundles[Stage.POST_LOAN]
    guarantees = guarantees_in_force(View(known))
    found = scored(known, bundle, guarantees)
    assert (found.horizon_days, found.source) == (365, f"vouch-post-loan {bundle.version}")
    one = guarantees[7].terms.guarantee_id
    cases = Cases([one], np.array([to_days(DAY)]))
    alone = score_cases(bundle, cases, Facts.of(known, [one]), PortfolioIndex.of(known))
    assert found.values[one] == alone.default_probabilities[0]

    forecast = forecast_book(known, Policy(), found, assumptions=Assumptions(0.08, 200, 1))
    assert forecast.probabilities == found.source
    assert forecast.answer()["portfolios"] == []  # no scheme here has a cap before 2025


def test_nothing_in_force_is_nothing_to_score(book: Book, bundles: dict[Stage, Bundle]) -> None:
    found = scored(book.known(DAY), bundles[Stage.POST_LOAN], [])
    assert found.values == {}
