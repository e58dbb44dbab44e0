"""Every registered feature against its independent slow oracle.

Once on a simulated book, seen on two days with years still to come, and once on invented facts of
every kind: late, corrected, missing, of days to come, in no order.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.oracles.feature_values import ORACLE, Case, Loan, book_loans
from vouch.book.book import Book
from vouch.book.tables import SIGNAL_KINDS
from vouch.features.describe import describe
from vouch.features.facts import Cases, Facts, compute, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.registry import features
from vouch.features.spine import in_force

pytestmark = pytest.mark.slow

Both = dict[str, tuple[list[Any], list[Any]]]
Rows = dict[str, list[dict[str, Any]]]

DAYS = (date(2021, 6, 30), date(2023, 9, 14))
LAST = date(2025, 6, 30)
A_DAY = 12
TABLES = ("guarantee", "borrower", "lender", "performance", "signal", "compensation")


@pytest.fixture(scope="module")
def of_a_book(small_book: Book) -> Both:
    """By feature: what the engine says of every case, and what the oracle says."""
    everything = small_book.known(LAST)
    rows = {
        name: everything.query(f"SELECT * FROM {everything.versions(name)}").to_pylist()
        for name in TABLES
    }
    found = _none()
    for day in DAYS:
        known = small_book.known(day)
        ids = _looked_at(in_force(known, [day]).cases.guarantee_ids)
        cases = Cases(ids, np.full(len(ids), to_days(day)))
        values = describe(known, cases, list(features()), PortfolioIndex.of(known))
        loans = book_loans(rows, day)
        slow = [Case(_of_case(rows, name), loans, name, day) for name in ids]
        _add(found, values, slow)
    return found


def _none() -> Both:
    return {name: ([], []) for name in features()}


def _add(found: Both, values: Any, slow: list[Case]) -> None:
    for name, (engine, oracle) in found.items():
        engine += values[name].tolist()
        oracle += [ORACLE[name](case) if name in ORACLE else None for case in slow]


def _looked_at(ids: list[str]) -> list[str]:
    return [ids[n] for n in np.unique(np.linspace(0, len(ids) - 1, A_DAY).astype(int))]


def _of_case(rows: Rows, name: str) -> Rows:
    """The rows of the case's guarantee and borrower, so that the oracle need not search all."""
    borrowers = {r["borrower_id"] for r in rows["guarantee"] if r["guarantee_id"] == name}
    kept = {"guarantee_id": {name}, "borrower_id": borrowers}
    wanted = {
        "guarantee": "guarantee_id",
        "borrower": "borrower_id",
        "performance": "guarantee_id",
        "signal": "borrower_id",
    }
    mine = {t: [r for r in rows[t] if r[key] in kept[key]] for t, key in wanted.items()}
    return mine | {"lender": rows["lender"]}


TODAY = date(2024, 3, 15)
INVENTED, LOANS = 40, 300


class Inventor:
    """Facts drawn at random about one guarantee, its borrower and its lender."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def day(self, oldest: int = 900, newest: int = -60) -> date:
        return TODAY - timedelta(days=int(self.random.integers(newest, oldest)))

    def one(self, *choices: Any) -> Any:
        return choices[int(self.random.integers(len(choices)))]

    def known(self, event: date) -> dict[str, date]:
        late = int(self.one(0, 0, 5, 40, 200))
        return {"event_at": event, "known_at": event + timedelta(days=late)}

    def versions(self, rows: list[dict[str, Any]], key: tuple[str, ...], name: str) -> Any:
        """Each row, and for some a correction known later; no two of a key known on one day."""
        found = {}
        for row in rows:
            found[tuple(row[k] for k in (*key, "known_at"))] = row
            if self.random.random() < 0.4:
                later = row["known_at"] + timedelta(days=int(self.random.integers(1, 200)))
                again = row | {"known_at": later, name: self.one(row[name], Decimal(7_000))}
                found[tuple(again[k] for k in (*key, "known_at"))] = again
        return [list(found.values())[i] for i in self.random.permutation(len(found))]

    def facts(self, name: str, loan: Loan) -> Rows:
        guarantee = {
            "guarantee_id": name,
            "borrower_id": loan.borrower_id,
            "lender_id": loan.groups["lender"],
            "product": self.one("a", "b", None),
            "channel": self.one("direct", "batch"),
            "scheme": self.one("8:2", None),
            "amount": Decimal(int(self.random.integers(1, 500)) * 1000),
            "guaranteed_amount": Decimal(int(self.random.integers(1, 20)) * 500),
            "interest_rate": self.one(0.04, 0.062, None),
            "fee_rate": self.one(0.01, None),
            "tenor_months": self.one(12, 36, None),
            "repayment": self.one("bullet", None),
            "is_revolving": self.one(True, False, None),
            "has_collateral": self.one(True, False, None),
            "is_franchise": self.one(True, False, None),
            "jobs_supported": self.one(0, 7, None),
            "start_on": self.one(self.day(), None),
            "maturity_on": self.one(self.day(300, -900), None),
            "project_region": self.one("140100", None),
            "event_at": date(2020, 1, 1),
            "known_at": date(2020, 1, 5),
        }
        borrower = {
            "borrower_id": loan.borrower_id,
            "kind": self.one("enterprise", "farmer", None),
            "legal_form": self.one("company", None),
            "industry": self.one("C2614", "722110", None),
            "region": self.one("110105", "140100", None),
            "headcount": self.one(0, 12, None),
            "annual_revenue": self.one(Decimal(0), Decimal(900_000), None),
            "is_new_business": self.one(True, False, None),
            "established_on": self.one(self.day(5000), None),
            **self.known(self.day()),
        }
        lender = {
            "lender_id": loan.groups["lender"],
            "name": self.one("First Bank", None),
            "kind": self.one("state", None),
            "region": self.one("140200", None),
            **self.known(self.day()),
        }
        return {
            "guarantee": self.versions([guarantee], ("guarantee_id",), "amount"),
            "borrower": self.versions([borrower], ("borrower_id",), "headcount"),
            "lender": [lender],
            "performance": self._months(name),
            "signal": self._signals(loan.borrower_id),
        }

    def _months(self, name: str) -> Any:
        ends = {self.day(700).replace(day=1) for _ in range(int(self.random.integers(0, 20)))}
        months = [
            {
                "guarantee_id": name,
                "balance": self.one(Decimal(0), Decimal(300_000), Decimal(120_000)),
                "days_past_due": int(self.one(0, 0, 1, 29, 30, 61)),
                "is_extended": self.one(True, False, None),
                **self.known(end),
            }
            for end in ends
        ]
        return self.versions(months, ("guarantee_id", "event_at"), "days_past_due")

    def _signals(self, borrower: str) -> Any:
        signals = {}
        for kind in SIGNAL_KINDS:
            for _ in range(int(self.random.integers(0, 12))):
                day = self.day()
                value = float(self.one(0.0, 1.0, 0.25, 3.0, -2.0, 80_000.0))
                row = {"borrower_id": borrower, "kind": kind, "value": value}
                signals[kind, day] = row | self.known(day)
        return self.versions(list(signals.values()), ("borrower_id", "kind", "event_at"), "value")


def _invented_loans(random: np.random.Generator) -> list[Loan]:
    """A portfolio over nine years; some late, some called, some both, some not yet known."""
    loans = []
    for number in range(LOANS):
        known = TODAY - timedelta(days=int(random.integers(-100, 3300)))
        called = known + timedelta(days=int(random.integers(1, 1500)))
        late = max(known, called - timedelta(days=int(random.integers(0, 120))))
        region, product, scheme = (
            values[int(random.integers(len(values)))]
            for values in (("140100", "110105", None), ("a", "b", None), ("8:2", None))
        )
        terms = ("direct", "batch")[int(random.integers(2))]
        amount = float(random.integers(1, 500) * 1000)
        groups = {
            "everything": "",
            "lender": f"L{random.integers(4)}",
            "terms": f"{terms}/{int(random.integers(0, 20))}",
            "industry": ("C", "72", None)[int(random.integers(3))],
            "product": product,
            "scheme": scheme,
            "region": region,
        }
        groups["lender_band"] = f"{groups['lender']}/{int(np.floor(2 * np.log10(amount) + 1e-12))}"
        is_called, is_late = random.random() < 0.25, random.random() < 0.35
        loans.append(
            Loan(
                f"G{number}",
                f"B{number % 90}",
                groups,
                amount,
                known,
                called if is_called else None,
                late if is_late else None,
            )
        )
    return loans


def _index(loans: list[Loan]) -> PortfolioIndex:
    """The same portfolio as the engine keeps it."""

    def day(found: date | None) -> float | None:
        return None if found is None else to_days(found)

    ordered = sorted(loans, key=lambda loan: (loan.known, loan.guarantee_id))
    sections = {"C": "C2614", "72": "722110", None: None}
    plain = ("lender", "product", "scheme", "region")
    columns: dict[str, Any] = {
        "guarantee_id": [x.guarantee_id for x in ordered],
        "borrower_id": [x.borrower_id for x in ordered],
        **{n: pa.array([x.groups[n] for x in ordered], pa.string()) for n in plain},
        "channel": [str(x.groups["terms"]).split("/")[0] for x in ordered],
        "industry": pa.array([sections[x.groups["industry"]] for x in ordered], pa.string()),
        "legal_form": pa.array([None] * len(ordered), pa.string()),
        "amount": [x.amount for x in ordered],
        "share": [int(str(x.groups["terms"]).split("/")[1]) / 20 for x in ordered],
        "known_day": [day(x.known) for x in ordered],
        "late_day": pa.array([day(x.late) for x in ordered], pa.float64()),
        "called_day": pa.array([day(x.called) for x in ordered], pa.float64()),
    }
    return PortfolioIndex(pa.table(columns))


@pytest.fixture(scope="module")
def of_inventions() -> Both:
    """As `of_a_book`, on invented facts."""
    loans = _invented_loans(np.random.default_rng(0))
    index = _index(loans)
    found = _none()
    for number in range(INVENTED):
        loan = loans[number * (LOANS // INVENTED)]
        rows = Inventor(number).facts(loan.guarantee_id, loan)
        cases = Cases([loan.guarantee_id], np.array([to_days(TODAY)]))
        values = compute(list(features().values()), cases, Facts.of_case(rows), index)
        _add(found, values, [Case(rows, loans, loan.guarantee_id, TODAY)])
    return found


def test_every_feature_has_an_oracle() -> None:
    assert set(ORACLE) == set(features())


@pytest.mark.parametrize("name", sorted(ORACLE))
def test_on_a_simulated_book(name: str, of_a_book: Both) -> None:
    agree(name, *of_a_book[name])


@pytest.mark.parametrize("name", sorted(ORACLE))
def test_on_invented_facts(name: str, of_inventions: Both) -> None:
    engine, oracle = of_inventions[name]
    agree(name, engine, oracle)
    assert any(oracle)  # neither missing nor nothing throughout


def agree(name: str, engine: list[Any], oracle: list[Any]) -> None:
    if features()[name].is_category:
        assert engine == oracle
        return
    # Sums of floats may differ in their last bits by the order of adding; lender_typical_amount_2y
    # sums logarithms to a millionth, so that it is the same in whatever order.
    tolerance = 1e-5 if name == "lender_typical_amount_2y" else 1e-12
    expected = np.array([np.nan if value is None else float(value) for value in oracle])
    np.testing.assert_allclose(np.array(engine, dtype=float), expected, rtol=tolerance, atol=0)
