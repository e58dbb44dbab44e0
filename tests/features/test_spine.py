"""Which guarantees are looked at, on a hand-made book."""

from datetime import date

import pyarrow as pa
import pytest

from vouch.book.book import Book
from vouch.book.ingest import write_batch
from vouch.book.tables import TABLES
from vouch.features.spine import in_force, spine
from vouch.labels import outcomes, reporting_lag
from vouch.scoring.spec import Horizon


def rows(table: str, *bodies: dict[str, object]) -> pa.Table:
    schema = pa.schema([(c.name, c.arrow_type) for c in TABLES[table].columns])
    plain = [{f.name: body.get(f.name) for f in schema} for body in bodies]
    return pa.Table.from_pylist(plain, schema=schema)


def guarantee(name: str, day: date) -> dict[str, object]:
    return {
        "guarantee_id": name,
        "borrower_id": f"B-{name}",
        "amount": 100,
        "start_on": day,
        "event_at": day,
        "known_at": day,
    }


@pytest.fixture
def book(tmp_path: object) -> Book:
    made = Book(tmp_path, create=True)  # type: ignore[arg-type]
    start = date(2020, 1, 10)
    write_batch(
        made,
        "b1",
        "test",
        {
            "guarantee": rows(
                "guarantee",
                *(guarantee(n, start) for n in ("called", "clear", "cancelled", "repaid", "late")),
                guarantee("young", date(2022, 6, 1)),
            ),
            "compensation": rows(
                "compensation",
                {
                    "guarantee_id": "called",
                    "compensation_no": 1,
                    "event_at": date(2021, 3, 1),
                    "known_at": date(2021, 3, 3),
                },
                {
                    "guarantee_id": "late",
                    "compensation_no": 1,
                    "event_at": date(2023, 2, 1),
                    "known_at": date(2023, 2, 3),
                },
            ),
            "release": rows(
                "release",
                {
                    "guarantee_id": "repaid",
                    "release_no": 1,
                    "cause": "repaid",
                    "is_final": True,
                    "event_at": date(2020, 8, 1),
                    "known_at": date(2020, 8, 5),
                },
                {
                    "guarantee_id": "cancelled",
                    "release_no": 1,
                    "cause": "cancelled",
                    "is_final": True,
                    "event_at": date(2020, 2, 1),
                    "known_at": date(2020, 2, 1),
                },
            ),
        },
        [],
    )
    return made


@pytest.mark.parametrize(
    ("day", "names"),
    [
        (date(2020, 1, 9), []),  # before any began
        (date(2020, 1, 31), ["called", "cancelled", "clear", "late", "repaid"]),
        (date(2020, 8, 4), ["called", "clear", "late", "repaid"]),  # repaid, not yet known
        (date(2020, 8, 5), ["called", "clear", "late"]),
        (date(2021, 3, 2), ["called", "clear", "late"]),  # paid, not yet known
        (date(2021, 3, 3), ["clear", "late"]),
        (date(2022, 6, 1), ["clear", "late", "young"]),
    ],
)
def test_in_force_by_what_was_known_on_the_day(book: Book, day: date, names: list[str]) -> None:
    known = book.known(date(2024, 1, 1))
    assert in_force(known, [day]).table["guarantee_id"].to_pylist() == names


def outcome_by_name(book: Book, known_by: date) -> dict[str, float | None]:
    known = book.known(known_by)
    cases = spine(known, "application", date(2020, 1, 1), date(2022, 12, 31))
    horizon = Horizon(months=36)
    ends = [horizon.end(day) for day in cases.table["as_of"].to_pylist()]
    found = outcomes(known, cases, ends).tolist()
    names = cases.table["guarantee_id"].to_pylist()
    return {n: None if v != v else v for n, v in zip(names, found, strict=True)}


def test_not_yet_known_is_a_value_of_its_own(book: Book) -> None:
    # 36 months after 2020-01-10 is 2023-01-10; the book learns of compensations 2 days late
    assert reporting_lag(book.known(date(2024, 1, 1))) == 2
    before = outcome_by_name(book, date(2023, 1, 11))
    assert set(before.values()) == {None}  # even the one already called: no early outcomes
    after = outcome_by_name(book, date(2023, 1, 12))
    assert after == {
        "called": 1.0,  # within the horizon
        "late": 0.0,  # called only after it
        "clear": 0.0,
        "repaid": 0.0,
        "cancelled": None,  # never paid out: no outcome at all
        "young": None,  # its horizon has not passed
    }


def test_horizons_count_calendar_months_or_days() -> None:
    assert Horizon(months=36).end(date(2006, 9, 30)) == date(2009, 9, 30)
    assert Horizon(days=180).end(date(2020, 1, 1)) == date(2020, 6, 29)
    # the latest day whose 12 months have ended on 28 February
    assert Horizon(months=12).start(date(2023, 2, 28)) == date(2022, 2, 28)
    assert Horizon(months=12).start(date(2025, 2, 28)) == date(2024, 2, 29)
