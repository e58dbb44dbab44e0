"""The contract that every registered feature keeps, found by itself: add a feature, add its tests.

The future does not matter, corrections replace, the order of rows does not matter, one by one is
the same as all at once, and everything is documented in both languages.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vouch.book.book import Book
from vouch.book.case import case_facts
from vouch.features.asof import Feature
from vouch.features.facts import CASE_TABLES, EPOCH, Cases, Facts, compute
from vouch.features.portfolio import PortfolioIndex
from vouch.features.registry import features
from vouch.features.spine import in_force

FEATURES = list(features().values())
DAY = date(2023, 9, 30)
LATER = date(2025, 6, 30)

each_feature = pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.name)


class World:
    """The small book seen on DAY and long after; every feature of some cases, every way."""

    def __init__(self, book: Book) -> None:
        known, later = book.known(DAY), book.known(LATER)
        self.history = PortfolioIndex.of(known)
        self.cases = in_force(known, [DAY]).take(np.arange(60)).cases
        self.facts = Facts.of(known, self.cases.guarantee_ids)
        self.together = self.values(self.cases, self.facts)
        self.with_the_future = compute(
            FEATURES,
            self.cases,
            Facts.of(later, self.cases.guarantee_ids),
            PortfolioIndex.of(later),
        )
        some = [self.cases.slice(i, i + 1) for i in range(0, len(self.cases), 6)]
        self.alone = [self.values(one, Facts.of(known, one.guarantee_ids)) for one in some]
        self.order = np.random.default_rng(5).permutation(len(self.cases))
        ids = [self.cases.guarantee_ids[i] for i in self.order]
        shuffled = Cases(ids, self.cases.as_of[self.order])
        self.shuffled = self.values(shuffled, Facts.of(known, ids[::-1]))
        self.inline = [
            self.values(one, Facts.of_case(inline(book, one.guarantee_ids[0]))) for one in some[:4]
        ]

    def values(self, cases: Cases, facts: Facts) -> dict[str, Any]:
        return compute(FEATURES, cases, facts, self.history)


@pytest.fixture(scope="module")
def world(small_book: Book) -> World:
    return World(small_book)


def inline(book: Book, guarantee_id: str) -> dict[str, list[dict[str, Any]]]:
    """What a caller of the service would send."""
    body = case_facts(book, guarantee_id, DAY)
    rows = {
        "guarantee": [body["guarantee"]],
        "borrower": [body["borrower"]],
        "lender": [body["lender"]],
        "performance": body.get("performance", []),
        "signal": body.get("signals", []),
    }
    return {name: [typed(row) for row in rows[name]] for name in CASE_TABLES}


def typed(row: dict[str, Any]) -> dict[str, Any]:
    money = {"amount", "guaranteed_amount", "balance", "annual_revenue", "net_assets"}
    return {k: Decimal(v) if k in money else v for k, v in row.items()}


def values(feature: Feature, cases: Cases, facts: Facts, history: PortfolioIndex) -> Any:
    return compute([feature], cases, facts, history)[feature.name]


def same(a: Any, b: Any) -> None:
    """Equal bit for bit, missing values included."""
    assert len(a) == len(b)
    if a.dtype == object:
        assert a.tolist() == b.tolist()
    else:
        np.testing.assert_array_equal(a, b)


@each_feature
def test_the_future_does_not_matter(feature: Feature, world: World) -> None:
    same(world.together[feature.name], world.with_the_future[feature.name])


@each_feature
def test_one_by_one_is_the_same_as_all_at_once(feature: Feature, world: World) -> None:
    for i, alone in enumerate(world.alone):
        same(world.together[feature.name][6 * i : 6 * i + 1], alone[feature.name])


@each_feature
def test_the_order_of_cases_does_not_matter(feature: Feature, world: World) -> None:
    same(world.together[feature.name][world.order], world.shuffled[feature.name])


@each_feature
def test_facts_given_inline_are_the_same_as_those_of_the_book(
    feature: Feature, world: World
) -> None:
    for i, alone in enumerate(world.inline):
        same(world.together[feature.name][6 * i : 6 * i + 1], alone[feature.name])


@each_feature
def test_declared_in_both_languages_with_a_meaning(feature: Feature) -> None:
    assert feature.about.strip()
    assert feature.en.isascii()
    assert not feature.zh.isascii()
    assert feature.inputs


# Corrections: a fact of which a wrong first version was replaced before the day must give the same
# feature as the right one alone, and the wrong one must have been seen before the correction.

RIGHT = {
    "guarantee": {"amount": 500_000, "start_on": date(2023, 1, 5)},
    "borrower": {"headcount": 12, "annual_revenue": 900_000},
    "performance": {"days_past_due": 0, "balance": 400_000},
}
WRONG = {
    "guarantee": {"amount": 5_000_000, "start_on": date(2023, 1, 6)},
    "borrower": {"headcount": 99, "annual_revenue": 1},
    "performance": {"days_past_due": 77, "balance": 1},
}
BASE = {
    "guarantee": {
        "guarantee_id": "G",
        "borrower_id": "B",
        "lender_id": "L",
        "event_at": date(2023, 1, 1),
    },
    "borrower": {"borrower_id": "B", "event_at": date(2023, 1, 1)},
    "performance": {"guarantee_id": "G", "event_at": date(2023, 8, 31)},
}
SAID, CORRECTED = date(2023, 9, 5), date(2023, 9, 20)


def versions(table: str, *bodies: tuple[dict[str, Any], date]) -> list[dict[str, Any]]:
    return [BASE[table] | body | {"known_at": known} for body, known in bodies]


@each_feature
def test_corrections_replace(feature: Feature, world: World) -> None:
    corrected = {t: versions(t, (WRONG[t], SAID), (RIGHT[t], CORRECTED)) for t in RIGHT}
    right = {t: versions(t, (RIGHT[t], SAID)) for t in RIGHT}
    wrong = {t: versions(t, (WRONG[t], SAID)) for t in RIGHT}
    before, after = (
        Cases(["G"], np.array([float((day - EPOCH).days)]))
        for day in (CORRECTED - timedelta(days=1), CORRECTED)
    )
    facts = Facts.of_case(corrected)
    same(
        values(feature, after, facts, world.history),
        values(feature, after, Facts.of_case(right), world.history),
    )
    same(
        values(feature, before, facts, world.history),
        values(feature, before, Facts.of_case(wrong), world.history),
    )


def test_features_do_not_change_what_they_are_given(world: World) -> None:
    before = {
        name: {c: np.array(v, copy=True) for c, v in table.columns.items()}
        for name, table in world.facts.tables.items()
    }
    compute(FEATURES, world.cases, world.facts, world.history)
    for name, columns in before.items():
        for column, then in columns.items():
            same(then, np.asarray(world.facts.tables[name].columns[column]))


def test_an_empty_book_gives_missing_values_not_errors() -> None:
    nobody = Cases(["G"], np.array([19_000.0]))
    empty = PortfolioIndex(
        pa.table(
            {
                **{n: pa.array([], pa.string()) for n in _TEXTS},
                **{n: pa.array([], pa.float64()) for n in _NUMBERS},
            }
        )
    )
    found = compute(FEATURES, nobody, Facts.of_case({}), empty)
    assert {len(v) for v in found.values()} == {1}
    assert compute(
        FEATURES, replace(nobody, guarantee_ids=[], as_of=np.zeros(0)), Facts.of_case({}), empty
    )


_TEXTS = ("guarantee_id", "borrower_id", "lender", "channel", "industry", "region", "legal_form")
_NUMBERS = ("amount", "share", "known_day", "called_day")
