"""The forecast of a book with the probabilities of a model."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vouch.book.book import Book
from vouch.cli import app
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


def test_the_command_scores_the_book_with_the_champion(
    book: Book, champions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOUCH_HOME", str(tmp_path))
    monkeypatch.setenv("VOUCH_CHAMPIONS", str(champions))
    monkeypatch.setenv("VOUCH_PACKED", "yes")
    words = ["--as-of", str(DAY), "--book", str(book.path), "--scenarios", "50", "--json"]
    result = CliRunner().invoke(app, ["forecast", *words])
    assert result.exit_code == 0, result.output
    body = json.loads(result.stdout)
    assert body["probabilities"] == "vouch-post-loan 3"
    assert body["guarantees"]["horizon_days"] == 365
    parts = body["guarantees"]["expected_compensation"]
    total = Decimal(parts.pop("total"))
    assert sum(map(Decimal, parts.values())) == total > 0
