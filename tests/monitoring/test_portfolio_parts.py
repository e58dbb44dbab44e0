"""Parts of a small book, every figure of it derived beside it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.monitoring.test_book_forecast import book, fact
from tests.monitoring.test_book_forecast import guarantee as loan
from vouch.book.book import Known
from vouch.domain.compensation_cap import Cap, CapBase, CapBasis, CapPeriod, CapScope
from vouch.domain.portfolio_part import PortfolioPart
from vouch.domain.risk_sharing import Party, Scheme
from vouch.monitoring.drift import population_stability
from vouch.monitoring.expectation.standing import History, course
from vouch.monitoring.measures.catalogue import catalogue
from vouch.monitoring.portfolio_parts import Parts
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle

START, ON = date(2025, 1, 1), date(2025, 6, 30)
HALF = {Party.BANK: Decimal("0.5"), Party.CITY_GUARANTOR: Decimal("0.5")}


def capped() -> tuple[Scheme, Cap]:
    """A tenth of half of what is released."""
    scope, period = CapScope.BANK_AND_GUARANTOR, CapPeriod.CALENDAR_YEAR
    cap = Cap(Decimal("0.1"), CapBase.RELEASED, scope, period, CapBasis.PERIOD_END)
    return Scheme("half", HALF, date(2020, 1, 1), None, ""), cap


def yuan(text: str) -> Decimal:
    return Decimal(text)


def test_a_cap_is_reached_where_claims_catch_up_with_it() -> None:
    """Ninety days to 2025-06-30 begin on 04-02. Released: 400 before, 180 since, so the cap is
    0.1·0.5·580 = 29 and grew by 9: 0.1 a day. Claimed: 2 before, 18 since: 0.2 a day. Left are
    29 - 20 = 9, closing at 0.1 a day: 90 days.
    """
    past = History(
        [(date(2025, 2, 1), (yuan("400"), 1)), (date(2025, 4, 2), (yuan("180"), 1))],
        [(date(2025, 4, 1), yuan("2")), (date(2025, 4, 2), yuan("18"))],
    )
    found = course(*capped(), past, ON, Decimal(0))
    assert (found.claims_a_day, found.cap_a_day) == (yuan("0.2"), yuan("0.1"))
    assert found.claim_count == 2
    assert found.days_to_cap == pytest.approx(90)


def test_a_cap_that_grows_faster_a_young_period_or_one_reached_has_no_such_day() -> None:
    released = [(date(2025, 4, 2), (yuan("900"), 1))]
    slow = History(released, [(date(2025, 4, 2), yuan("1"))])
    reached = History(released, [(date(2025, 4, 2), yuan("45"))])
    young = date(2025, 1, 29)  # 29 days old
    assert course(*capped(), slow, ON, Decimal(0)).days_to_cap is None
    assert course(*capped(), reached, ON, Decimal(0)).days_to_cap is None
    assert course(*capped(), slow, young, Decimal(0)).claims_a_day is None


def test_stability_of_tenths() -> None:
    """Then a tenth in each bin; now 0.2 in the first and none in the last, which counts as 0.0001:
    0.1·ln 2 + (0.0001 - 0.1)·ln 0.001 = 0.0693147 + 0.6900858.
    """
    then = np.arange(1000.0)
    now = np.concatenate([np.arange(900.0), np.arange(100.0)])
    assert population_stability(then, now) == pytest.approx(0.0693147 + 0.6900858, abs=1e-4)
    assert population_stability(then, then) == 0.0
    assert np.isnan(population_stability(then, np.array([])))


def loans(lender: str, count: int, late: int, since: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Loans of one lender from 2025-01-01 on, the first `late` of them 30 days past due."""
    names = [f"{lender}-{i + since}" for i in range(count)]
    end = date(2026, 1, 1)
    given = [
        loan(n, START, end, "100000.00", "8:2", lender_id=lender, borrower_id=n) for n in names
    ]
    months = [
        fact(ON, guarantee_id=n, days_past_due=30 if i < late else 29, balance=Decimal("80000.00"))
        for i, n in enumerate(names)
    ]
    return {"guarantee": given, "performance": months}


@pytest.fixture
def known(tmp_path: Path) -> Known:
    """Ten loans of L1, six of them late; forty of L2, two of them late; one guarantor."""
    one, two = loans("L1", 10, 6), loans("L2", 40, 2)
    return book(
        tmp_path / "book",
        lender=[fact(START, lender_id="L1", name="晋商银行")],
        guarantor=[
            fact(START, guarantor_id="C1", name="阳泉方舟", net_assets=Decimal("1000000.00"))
        ],
        guarantee=one["guarantee"] + two["guarantee"],
        performance=one["performance"] + two["performance"],
        release=[
            fact(date(2025, 5, 1), guarantee_id="L2-39", release_no=1, cause="repaid")
            | {"is_final": False, "amount": Decimal("20000.00")}
        ],
    )


def parts(known: Known, kind: str, model: Bundle | None = None) -> dict[str, PortfolioPart]:
    made = Parts(known, catalogue(), Policy(), model)  # type: ignore[arg-type]
    return {part.name: part for part in getattr(made, kind)()}


def test_a_vintage_beside_other_lenders(known: Known) -> None:
    """L2's quarter has 2 of 40 in default, so 10 loans would give 0.5; six by chance:
    1 - e^-0.5·(1 + 0.5 + 0.125 + 0.0208333 + 0.0026042 + 0.0002604) = 0.0000142.
    """
    found = parts(known, "vintages")
    vintage = found["L1:2025Q1"]
    assert vintage.title_zh == "批次 晋商银行 2025Q1"
    figures = {"started": 10, "defaults": 6, "usual": 0.5, "by_chance": 0.0000142}
    assert vintage.figures == pytest.approx(figures, abs=1e-6)
    assert found["L2:2025Q1"].figures["usual"] == 24  # 40 loans at 6 of 10


def test_limits_of_a_guarantor_as_worked(known: Known) -> None:
    """50 loans of 80,000 owed, each of another client of unknown size, at weight one (see
    `liability_balance`); 80,000 of 1,000,000 are 8 % of net assets: 80 % of the limit of 10 %.
    """
    figures = parts(known, "guarantors")["C1"].figures
    assert figures["client"] == pytest.approx(0.08)
    assert figures["concentration_use"] == pytest.approx(0.8)
    assert figures["leverage"] == pytest.approx(50 * 80_000 / 1_000_000)
    assert figures["leverage_use"] == pytest.approx(figures["leverage"] / 10)
    assert (figures["rate"], figures["released"]) == (0, 20_000)


def test_a_lender_without_releases_has_no_rate(known: Known) -> None:
    found = parts(known, "lenders")
    assert {name: part.figures.get("rate") for name, part in found.items()} == {"L2": 0}
