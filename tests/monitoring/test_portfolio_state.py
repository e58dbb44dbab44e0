"""How a portfolio stands towards a case: by hand, and as the measures see it once it is signed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest

from vouch.book.book import Book
from vouch.book.ingest import write_batch
from vouch.book.tables import TABLES
from vouch.domain.advice.case import CapState, PortfolioState
from vouch.monitoring.measures.catalogue import catalogue
from vouch.monitoring.measures.report import measure_book
from vouch.monitoring.portfolio_state import PortfolioDay
from vouch.policy.reading import Policy
from vouch.scoring.subject import Asked, Subject

ON = date(2025, 6, 30)
SIGNED = date(2024, 3, 1)


def rows(name: str, *bodies: dict[str, object]) -> pa.Table:
    schema = pa.schema([(c.name, c.arrow_type) for c in TABLES[name].columns])
    plain = [{column: body.get(column) for column in schema.names} for body in bodies]
    return pa.Table.from_pylist(plain, schema=schema)


def guarantee(
    name: str, borrower: str, amount: str, covered: str, **other: object
) -> dict[str, object]:
    common = {"event_at": SIGNED, "known_at": SIGNED, "start_on": SIGNED, "guarantor_id": "GC"}
    amounts = {"amount": Decimal(amount), "guaranteed_amount": Decimal(covered)}
    return common | {"guarantee_id": name, "borrower_id": borrower} | amounts | other  # type: ignore[return-value]


def borrower(name: str, kind: str, group: str | None = None) -> dict[str, object]:
    stated = {"event_at": SIGNED, "known_at": SIGNED}
    return stated | {"borrower_id": name, "kind": kind, "group_id": group}


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A sole trader with 2,400,000 guaranteed, an affiliate with 1,000,000; 总对总 in the past."""
    path = tmp_path / "book"
    batch = {"scheme": "总对总", "lender_id": "L1"}
    known = {"event_at": date(2025, 3, 1), "known_at": date(2025, 3, 2)}
    tables = {
        "guarantor": rows(
            "guarantor",
            {"guarantor_id": "GC", "net_assets": Decimal("20000000.00")}
            | {"event_at": SIGNED, "known_at": SIGNED},
        ),
        "borrower": rows(
            "borrower",
            borrower("B1", "sole_trader", "GR"),
            borrower("B2", "sole_trader", "GR"),
            borrower("B3", "person"),
        ),
        "guarantee": rows(
            "guarantee",
            guarantee("G1", "B1", "3000000.00", "2400000.00"),
            guarantee("G2", "B2", "1000000.00", "1000000.00"),
            guarantee("G3", "B3", "1000000.00", "800000.00", **batch),
            guarantee("G4", "B3", "100000.00", "80000.00", **batch),
        ),
        "release": rows(
            "release",
            {"guarantee_id": "G3", "release_no": 1, "amount": Decimal("800000.00")}
            | {"cause": "repaid", "is_final": True} | known,
        ),
        "compensation": rows(
            "compensation",
            {"guarantee_id": "G4", "compensation_no": 1, "amount": Decimal("8000.00")}
            | {"principal": Decimal("8000.00"), "interest": Decimal("0.00")} | known,
        ),
    }  # fmt: skip
    write_batch(Book(path, create=True), "b1", "test", tables, [])
    return Book(path)


def subject(
    name: str, who: str, amount: str, covered: str, scheme: str = "8:2", **asked: object
) -> Subject:
    return Subject(
        guarantee_id=name,
        borrower_id=who,
        as_of=ON,
        signed_on=ON,
        scheme=scheme,
        exposure=Decimal(amount),
        guarantor_id="GC",
        lender_id="L1",
        asked=Asked(Decimal(amount), Decimal(covered), kind="sole_trader", **asked),  # type: ignore[arg-type]
    )


def state(book: Book, one: Subject) -> PortfolioState:
    (found,) = PortfolioDay(book.known(ON), catalogue(), Policy()).states([one])
    return found


def test_the_burdens_by_hand(book: Book) -> None:
    # Small to 5,000,000 guaranteed: 0.75. With 3,200,000 more the client has 5,600,000: weight 1.
    found = state(book, subject("new", "B1", "4000000.00", "3200000.00"))
    assert found.own_funds == Decimal(20_000_000)
    assert found.client.at(Decimal(0)) == Decimal(1_800_000)
    assert found.client.at(Decimal(2_600_000)) == Decimal(3_750_000)
    assert found.client.at(Decimal(3_200_000)) == Decimal(5_600_000)
    assert found.group.at(Decimal(3_200_000)) == Decimal(6_350_000)
    assert found.whole.at(Decimal(0)) == Decimal(2_550_000)
    # 10 % of 20,000,000 less 1,800,000 is 200,000, at 0.75: 266,666.66
    assert found.client.most_within(Decimal(2_000_000)) == Decimal("266666.66")
    assert found.client_loans == Decimal(3_000_000)
    assert (found.small_balance, found.small_clients) == (1, 1)


def test_the_cases_own_guarantee_is_left_out(book: Book) -> None:
    found = state(book, subject("G1", "B1", "3000000.00", "2400000.00"))
    assert found.client.at(Decimal(0)) == 0
    assert found.client_loans == 0
    # with it the whole is what the measure says today: 0.75 · (2,400,000 + 1,000,000)
    assert found.whole.at(Decimal(2_400_000)) == Decimal(2_550_000)


def test_once_signed_the_measures_say_what_was_foreseen(book: Book) -> None:
    foreseen = state(book, subject("new", "B1", "4000000.00", "3200000.00"))
    signed = guarantee("new", "B1", "4000000.00", "3200000.00")
    write_batch(book, "b2", "test", {"guarantee": rows("guarantee", signed)}, [])
    names = ("liability_balance", "client_concentration", "group_concentration")
    report = measure_book(Book(book.path).known(ON), catalogue(), only=names)
    whole, client, group = (figure.numerator for figure in report.figures)
    covered = Decimal(3_200_000)
    assert whole == Fraction(foreseen.whole.at(covered))
    assert client == Fraction(foreseen.client.at(covered))
    assert group == Fraction(foreseen.group.at(covered))


def test_the_cap_stands_as_the_forecast_has_it(book: Book) -> None:
    # 1,000,000 ran for 365 days: cap 3 % · 80 % · 1,000,000; of 10,000 lost the system owes 8,000
    found = state(book, subject("new", "B9", "100000.00", "80000.00", "总对总"))
    assert found.cap == CapState(Decimal("24000.00"), Decimal("8000.00"))
    elsewhere = subject("new", "B9", "100000.00", "80000.00", "总对总")
    assert state(book, replace(elsewhere, lender_id="L2")).cap == CapState(Decimal(0), Decimal(0))
    assert state(book, replace(elsewhere, lender_id=None)).cap is None
    assert state(book, subject("new", "B9", "100000.00", "80000.00")).cap is None


def test_several_cases_are_told_apart(book: Book) -> None:
    ones = [
        subject("new", "B1", "4000000.00", "3200000.00"),
        subject("G1", "B1", "3000000.00", "2400000.00"),
        subject("new", "B2", "10.00", "8.00", group_id="GR"),
    ]
    day = PortfolioDay(book.known(ON), catalogue(), Policy())
    assert day.states(ones) == [state(book, one) for one in ones]
    assert day.states([]) == []


def test_a_guarantor_of_unknown_net_assets(book: Book) -> None:
    one = replace(subject("new", "B1", "10.00", "8.00"), guarantor_id="other")
    found = state(book, one)
    assert found.own_funds is None
    assert found.small_balance is None
    with pytest.raises(ValueError, match="without a guarantor"):
        state(book, replace(one, guarantor_id=None))
