"""Other terms for the same guarantees: worked cases to the fen, a pool under a cap, a book."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouch.book.book import Book, Known
from vouch.book.ingest import write_batch
from vouch.book.tables import TABLES
from vouch.domain.loss_comparison import Change, Loan, compare
from vouch.monitoring.expectation.assumptions import Assumptions
from vouch.monitoring.expectation.forecast import Period, capped_expectation
from vouch.monitoring.expectation.in_force import assumed, guarantees_in_force
from vouch.monitoring.expectation.pool import Pool
from vouch.monitoring.measures.view import View
from vouch.monitoring.what_if import Among, what_if_book
from vouch.policy.reading import Policy

ON = date(2025, 6, 30)
POLICY = Policy()
CASES = sorted((Path(__file__).parents[1] / "cases" / "what_if").glob("*.toml"))


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def loan(body: dict[str, Any]) -> Loan:
    amount, fee = Decimal(body["amount"]), Decimal(body["fee_rate"])
    scheme, days = POLICY.scheme(body["scheme"], ON), body.get("days", 365)
    return Loan(amount, amount, float(body["probability"]), scheme, days, fee)


def change(case: dict[str, Any]) -> Change:
    return Change(
        POLICY.scheme(case["scheme"], ON) if "scheme" in case else None,
        Decimal(case["fee_rate"]) if "fee_rate" in case else None,
        Decimal(case["cap_rate"]) if "cap_rate" in case else None,
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_worked_case(path: Path) -> None:
    case = read(path)
    found = compare(map(loan, case["loan"]), change(case), Decimal("0.70"))
    for side, expected in ((found.before, case["before"]), (found.after, case["after"])):
        parts = expected.pop("expected")
        assert {party.value: str(part) for party, part in side.expected.items()} == parts
        for key, value in expected.items():
            assert str(getattr(side, key)) == value, key


def test_the_cap_of_the_worked_case() -> None:
    case = read(Path(__file__).parents[1] / "cases" / "what_if" / "yangquan.toml")
    loans, expected = [loan(body) for body in case["loan"]], case["capped"]
    scheme = change(case).scheme_of(loans[0].scheme)
    amount = scheme.cap_amount(sum((one.amount for one in loans), Decimal(0)))
    assert str(amount) == expected["amount"]
    pool = Pool.of(
        [one.default_probability for one in loans], [float(one.exposure) for one in loans]
    )
    period = Period(ON, date(2026, 6, 30), amount)
    found = capped_expectation(pool, scheme, period, Assumptions(0.0, 200_000, 7))
    for amounts, wanted in (
        (found.without_cap.system, expected["system_without"]),
        (found.with_cap.system, expected["system_with"]),
        (found.with_cap.bank, expected["bank_with"]),
    ):
        assert abs(amounts.expected - float(wanted)) < 4 * amounts.standard_error


def test_a_cap_without_a_scheme_goes_on_the_present_one() -> None:
    present = POLICY.scheme("8:2", ON)
    asked = Change(cap_rate=Decimal("0.05"))
    assert asked.scheme_of(present).shares == present.shares
    cap = asked.scheme_of(present).cap
    assert cap is not None
    assert cap.rate == Decimal("0.05")
    assert "总对总" in cap.assumption


LOANS = st.builds(
    Loan,
    amount=st.just(Decimal("900000.00")),
    exposure=st.integers(0, 10**9).map(lambda fen: Decimal(fen).scaleb(-2)),
    default_probability=st.floats(0, 1),
    scheme=st.sampled_from([POLICY.scheme(name, ON) for name in POLICY.schemes]),
    days=st.integers(1, 1500),
    fee_rate=st.none() | st.integers(0, 100).map(lambda n: Decimal(n) / 10_000),
)


@given(st.lists(LOANS, max_size=5), st.sampled_from(sorted(POLICY.schemes)))
def test_another_scheme_moves_the_loss_and_never_changes_it(loans: list[Loan], name: str) -> None:
    found = compare(loans, Change(POLICY.scheme(name, ON)), Decimal("0.60"))
    assert found.before.total == found.after.total
    assert found.before.fee == found.after.fee
    again = compare(list(reversed(loans)), Change(POLICY.scheme(name, ON)), Decimal("0.60"))
    assert again == found


def rows(name: str, *bodies: dict[str, object]) -> pa.Table:
    schema = pa.schema([(c.name, c.arrow_type) for c in TABLES[name].columns])
    plain = [{column: body.get(column) for column in schema.names} for body in bodies]
    return pa.Table.from_pylist(plain, schema=schema)


@pytest.fixture
def known(tmp_path: Path) -> Known:
    """Two loans of Yangquan's guarantor with one bank, and one of another guarantor."""
    signed = date(2024, 7, 1)
    common = {"event_at": signed, "known_at": signed, "start_on": signed, "scheme": "8:2"}
    common |= {"maturity_on": date(2025, 7, 1), "lender_id": "L1", "fee_rate": 0.008}
    made = [
        common | {"guarantee_id": f"G{i}", "borrower_id": f"B{i}", "guarantor_id": guarantor}
        | {"amount": Decimal(amount), "guaranteed_amount": Decimal(amount) * Decimal("0.8")}
        for i, (amount, guarantor) in enumerate(
            [("1000000.00", "YQ"), ("500000.00", "YQ"), ("700000.00", "TY")]
        )
    ]  # fmt: skip
    book = Book(tmp_path / "book", create=True)
    write_batch(book, "b1", "test", {"guarantee": rows("guarantee", *made)}, [])
    return Book(tmp_path / "book").known(date(2025, 3, 31))


def test_a_guarantors_book_under_other_terms(known: Known) -> None:
    # 2 % of 1,000,000 and 500,000 at 60 % lost: 12,000 + 6,000; 8:2 then 5:5; fee 0.8 then 0.5 %.
    # Both loans mature within the year: cap 4 % · 50 % · 1,500,000 · 365 / 365 = 30,000.
    guarantees = guarantees_in_force(View(known))
    other = Change(POLICY.scheme("5:5", known.as_of), Decimal("0.005"), Decimal("0.04"))
    found = what_if_book(
        known,
        POLICY,
        guarantees,
        assumed(0.02, guarantees),
        other,
        Among(guarantor="YQ"),
        Assumptions(0.08, 2000, 1),
    )
    before, after = found.terms.before, found.terms.after
    assert (before.loans, str(before.exposure), found.notes) == (2, "1500000.00", [])
    assert [str(part) for part in before.expected.values()] == [
        "3600.00",
        "7200.00",
        "3600.00",
        "3600.00",
    ]
    assert [str(part) for part in after.expected.values()] == [
        "9000.00",
        "1800.00",
        "3600.00",
        "3600.00",
    ]
    assert (str(before.fee), str(after.fee)) == ("12000.00", "7500.00")
    assert found.capped_before.portfolios == 0
    assert (found.capped_after.portfolios, str(found.capped_after.cap_amount)) == (1, "30000.00")
    assert found.capped_after.system_with <= found.capped_after.system_without
