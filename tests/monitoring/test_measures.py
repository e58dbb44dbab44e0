"""Every indicator against its worked cases, and what holds for all of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vouch.book.book import Book
from vouch.book.ingest import write_batch
from vouch.book.schema import Kind
from vouch.book.tables import TABLES
from vouch.domain.size_class import SizeTest
from vouch.errors import FactsError, NotFoundError, PolicyError
from vouch.monitoring.measures.catalogue import FOLDER, Indicator, catalogue
from vouch.monitoring.measures.figures import FIGURES, read_figures
from vouch.monitoring.measures.layout import GROUPINGS
from vouch.monitoring.measures.registry import check, measure, measures
from vouch.monitoring.measures.report import Figure, decimal, measure_book
from vouch.monitoring.measures.view import View, combined, period
from vouch.policy.reading import Policy

INDICATORS = catalogue()
ADDITIVE = [name for name, found in INDICATORS.items() if found.parts_add_up]
CASES = [
    pytest.param(
        body["indicator"],
        case,
        id=f"{path.stem}-{number}",
        marks=[pytest.mark.slow] if number > 1 else [],  # a book each, so they add up
    )
    for path in sorted((Path(__file__).parents[1] / "cases" / "indicators").glob("*.toml"))
    for body in [tomllib.loads(path.read_text(encoding="utf-8"))]
    for number, case in enumerate(body["case"], 1)
]
DAY = date(2025, 6, 30)
Row = dict[str, Any]


def table(name: str, bodies: list[Row]) -> pa.Table:
    """Rows of a case with what it leaves out: numbers, dates, one guarantor, a final release."""
    declared = TABLES[name]
    schema = pa.schema([(c.name, c.arrow_type) for c in declared.columns])
    defaults: Row = {"guarantor_id": "GC", "cause": "repaid", "is_final": True, "days_past_due": 0}
    rows = []
    for number, body in enumerate(bodies, 1):
        row = defaults | {f"{name}_no": number} | body
        row.setdefault("borrower_id", f"B-{row.get('guarantee_id')}")
        row.setdefault("event_at", row.get("start_on", date(2020, 1, 1)))
        row.setdefault("known_at", row["event_at"])
        for column in declared.columns:
            if column.kind is Kind.MONEY and row.get(column.name) is not None:
                row[column.name] = Decimal(row[column.name])
        rows.append({column: row.get(column) for column in schema.names})
    return pa.Table.from_pylist(rows, schema=schema)


def book_of(folder: Path, case: Mapping[str, Any]) -> Book:
    made = Book(folder, create=True)
    given = {name: table(name, case[name]) for name in TABLES if case.get(name)}
    if given:
        write_batch(made, "b1", "test", given, [])
    return made


def figures_of(case: Mapping[str, Any]) -> dict[str, dict[str, Decimal]]:
    given = case.get("figures", {})
    return {g: {k: Decimal(v) for k, v in body.items()} for g, body in given.items()}


@pytest.mark.parametrize(("name", "case"), CASES)
def test_case(tmp_path: Path, name: str, case: dict[str, Any]) -> None:
    numbers = dict(INDICATORS[name].parameters) | case.get("parameters", {})
    indicators = {name: replace(INDICATORS[name], parameters=numbers)}
    known = book_of(tmp_path / "book", case).known(case["as_of"])
    found = measure_book(known, indicators, case.get("by"), figures_of(case)).figures
    seen = [
        {"group": f.group} | {k: v for k, v in f.as_json().items() if k.endswith("ator")}
        for f in found
    ]
    wanted = [
        {"group": None, "indicator": name, "numerator": None, "denominator": None} | expected
        for expected in case["expect"]
    ]
    values = [expected.pop("value", None) for expected in wanted]
    assert seen == wanted
    assert [shown(f, v) for f, v in zip(found, values, strict=True)] == values


def shown(figure: Figure, expected: str | None) -> str | None:
    """The value to as many places as expected."""
    if figure.value is None or expected is None:
        return None if figure.value is None else str(figure.value)
    return str(decimal(figure.value, len(expected.partition(".")[2])))


@pytest.mark.parametrize("name", INDICATORS)
def test_every_indicator_has_a_case_and_a_source(name: str) -> None:
    found = INDICATORS[name]
    assert any(case.values[0] == name for case in CASES)
    assert found.source
    assert any("\u4e00" <= c <= "\u9fff" for c in found.zh)
    assert all(t.isascii() for t in (found.en, found.id))


@pytest.mark.parametrize("name", measures())
def test_every_function_is_used_by_an_indicator_and_says_what_it_does(name: str) -> None:
    assert any(found.computed_by == name for found in INDICATORS.values())
    assert measures()[name].about


def test_cases_are_of_indicators_there_are() -> None:
    check(INDICATORS)
    assert {case.values[0] for case in CASES} == set(INDICATORS)


def changed(**what: Any) -> dict[str, Indicator]:
    return {"loss_rate": replace(INDICATORS["loss_rate"], **what)}


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"computed_by": "nothing"}, "computed_by is 'nothing'"),
        ({"parameters": {}}, "parameters.period is missing"),
        ({"own_parameters": ("colour",)}, "parameters.colour is read by nothing"),
    ],
)
def test_indicators_that_do_not_fit_are_refused(what: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        check(changed(**what))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('zh = "', 'zj = "', "zh must be a text"),
        ('id = "loss_rate"', 'id = "loss"', "call the file loss.toml"),
        ("version = 1", "version = 0", "version must be"),
        ('unit = "share"', 'unit = "%"', "unit is '%'; known are share"),
        ("[parameters]", 'parameters_of = "loss_rate"\n[parameters]', "parameters_of is"),
        ("version = 1", "version =", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_key(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    text = (FOLDER / "loss_rate.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "loss_rate.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=f"loss_rate.toml.*{says}"):
        catalogue(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="has no indicator"):
        catalogue(tmp_path)


@pytest.mark.parametrize(
    ("name", "key", "value", "says"),
    [
        ("average_fee", "basis", "old", "write new or in_force"),
        ("average_fee", "period", "week", "period is 'week'"),
        ("up_to_5m_share", "limit_on", "fee", "write loan or guaranteed"),
    ],
)
def test_a_parameter_without_a_meaning_is_refused(
    tmp_path: Path, name: str, key: str, value: str, says: str
) -> None:
    numbers = dict(INDICATORS[name].parameters) | {key: value}
    indicators = {name: replace(INDICATORS[name], parameters=numbers)}
    with pytest.raises(PolicyError, match=says):
        measure_book(book_of(tmp_path / "b", {}).known(DAY), indicators)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    known = book_of(tmp_path / "b", {}).known(DAY)
    with pytest.raises(NotFoundError, match="cannot group by 'colour'; known are guarantor"):
        measure_book(known, INDICATORS, "colour")
    with pytest.raises(NotFoundError, match="no indicator 'x'"):
        measure_book(known, INDICATORS, only=["x"])


def test_two_functions_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="loss_rate"):
        measure()(measures()["loss_rate"].function)


def test_an_empty_book_has_no_values_but_amounts_of_nothing(tmp_path: Path) -> None:
    found = measure_book(book_of(tmp_path / "b", {}).known(DAY), INDICATORS).figures
    assert len(found) == len(INDICATORS)
    assert {f.value for f in found} == {None, Fraction(0)}
    assert all(f.value is None for f in found if f.indicator.denominator)


def test_sums_with_an_unknown_term_are_unknown() -> None:
    one = Fraction(1)
    assert combined({"a": one}, {"a": one, "b": None}) == {"a": Fraction(2), "b": None}


@pytest.mark.parametrize(
    ("code", "test"),
    [(code, test) for test in Policy().size_standards[-1].tests for code in test.codes],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_medium_begins_where_the_official_thresholds_have_it(code: str, test: SizeTest) -> None:
    limits = INDICATORS["small_and_agri_share"].parameters["medium_from"]
    fits = [key for key in limits if code.startswith(key)]
    found = limits[max(fits, key=len) if fits else "other"]
    assert {name: Decimal(value) for name, value in found.items()} == {
        measure.value: medium for measure, (_, medium, _) in test.limits.items()
    }


def test_amounts_not_stated_are_said(tmp_path: Path) -> None:
    case = {"compensation": [{"guarantee_id": "A", "event_at": DAY}]}
    report = measure_book(book_of(tmp_path / "b", case).known(DAY), INDICATORS)
    assert report.notes == [
        "1 compensations have no amount and are in no sum",
        "1 compensations are of guarantees that the book does not hold; they count as unknown",
    ]


CITY = {
    "borrower": [{"borrower_id": "B-A", "region": "140321", "industry": "C1312"}],
    "guarantee": [
        {"guarantee_id": "A", "amount": "1.00", "scheme": "5:5", "start_on": date(2025, 5, 2)},
        {"guarantee_id": "B", "amount": "2.00", "project_region": "CA"},
    ],
    "release": [{"guarantee_id": "nobody", "amount": "3.00", "event_at": DAY}],
}


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("city", {"140300": 1, "CA": 2}),  # a county belongs to its city; other codes stand
        ("industry", {"C": 1, "unknown": 2}),
        ("scheme", {"5:5": 1, "unknown": 2}),
        ("month", {"2025-05": 1, "2020-01": 2}),  # without a first day, the day of application
        ("guarantor", {"GC": 3}),
    ],
)
def test_groups_are_told_from_the_book(tmp_path: Path, by: str, groups: dict[str, int]) -> None:
    known = book_of(tmp_path / "b", CITY).known(DAY)
    found = measure_book(known, INDICATORS, by, only=["balance_in_force"]).figures
    assert {f.group: f.numerator for f in found} == groups
    (rate,) = measure_book(
        known, INDICATORS, "lender", only=["compensation_rate_cumulative"]
    ).figures
    assert (rate.group, rate.denominator) == ("unknown", 3)  # money without a guarantee is not lost


def test_figures_are_read_and_refused_by_key(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text('[G1]\nfees_of_year = "12.00"\n', encoding="utf-8")
    assert read_figures(file) == {"G1": {"fees_of_year": Decimal("12.00")}}
    file.write_text('x = 1\n[G1]\nfees = "1"\nnet_profit = "much"\nlosses_in_all = 1.5\n')
    with pytest.raises(FactsError) as refused:
        read_figures(file)
    text = str(refused.value)
    assert all(s in text for s in ("G1.fees:", "known are equity", "G1.net_profit", "[<guarantor"))
    assert "losses_in_all" in text
    with pytest.raises(FactsError, match="cannot be read"):
        read_figures(tmp_path / "none.toml")


# What holds on any book. Money is drawn in fen, days around the day measured on.

days = st.integers(0, 800).map(lambda back: DAY - timedelta(days=back))
money = st.integers(0, 10**9).map(lambda n: f"{Decimal(n) / 100:.2f}")
names = st.sampled_from("ABCDEF")


def events(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    late = st.tuples(days, st.integers(0, 90))
    body = st.fixed_dictionaries({"guarantee_id": names, "when": late, **columns})
    return st.lists(body, max_size=8).map(dated)


def dated(rows: list[Row]) -> list[Row]:
    found = []
    for row in rows:
        event, lag = row.pop("when")
        found.append(row | {"event_at": event, "known_at": event + timedelta(days=lag)})
    return found


books = st.fixed_dictionaries(
    {
        "guarantor": st.just(
            [{"guarantor_id": g, "net_assets": "9000000.00"} for g in ("GA", "GB")]
        ),
        "borrower": st.lists(
            st.fixed_dictionaries(
                {
                    "borrower_id": st.sampled_from(["B-1", "B-2"]),
                    "kind": st.sampled_from(["enterprise", "farmer", "owner", "person"]),
                    "industry": st.sampled_from(["C13", "F51", "E48", None]),
                    "headcount": st.sampled_from([None, 10, 1000]),
                }
            ),
            max_size=2,
            unique_by=lambda row: str(row["borrower_id"]),
        ),
        "guarantee": st.lists(
            st.fixed_dictionaries(
                {
                    "guarantee_id": names,
                    "borrower_id": st.sampled_from(["B-1", "B-2"]),
                    "guarantor_id": st.sampled_from(["GA", "GB"]),
                    "lender_id": st.sampled_from(["L1", "L2", None]),
                    "product": st.sampled_from(["batch", "general", "bond_aa", None]),
                    "amount": st.integers(1, 10**9).map(lambda n: f"{Decimal(n) / 100:.2f}"),
                    "guaranteed_amount": st.one_of(st.none(), money),
                    "start_on": days,
                    "fee_rate": st.sampled_from([None, 0.005, 0.008]),
                    "interest_rate": st.sampled_from([None, 0.0465]),
                    "tenor_months": st.sampled_from([6, 12, 36]),
                    "jobs_supported": st.sampled_from([None, 3]),
                }
            ),
            max_size=6,
            unique_by=lambda row: str(row["guarantee_id"]),
        ),
        "performance": events(balance=money, days_past_due=st.integers(0, 200)),
        "compensation": events(amount=money),
        "release": events(
            amount=st.one_of(st.none(), money),
            cause=st.sampled_from(["repaid", "cancelled", "compensated"]),
            is_final=st.booleans(),
        ),
        "recovery": events(gross=money, cost=money),
    }
)


def on_books(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def sums(figures: list[Figure]) -> dict[str, tuple[Fraction | None, Fraction | None]]:
    return {f.indicator.id: (f.numerator, f.denominator) for f in figures}


def fresh(tmp_path_factory: pytest.TempPathFactory, case: Mapping[str, Any]) -> Book:
    return book_of(tmp_path_factory.mktemp("drawn") / "book", case)


def assert_groups_sum_to_the_whole(book: Book, by: str, day: date) -> None:
    whole = sums(measure_book(book.known(day), INDICATORS).figures)
    parts: dict[str, Fraction] = dict.fromkeys(ADDITIVE, Fraction(0))
    for figure in measure_book(book.known(day), INDICATORS, by).figures:
        if figure.indicator.parts_add_up and figure.numerator is not None:
            parts[figure.indicator.id] += figure.numerator
    assert parts == {name: whole[name][0] or Fraction(0) for name in ADDITIVE}


@pytest.mark.slow
@on_books(12)
@given(case=books, by=st.sampled_from(sorted(GROUPINGS)), back=st.integers(0, 400))
def test_groups_sum_to_the_whole_of_any_book(
    tmp_path_factory: pytest.TempPathFactory, case: Row, by: str, back: int
) -> None:
    assert_groups_sum_to_the_whole(fresh(tmp_path_factory, case), by, DAY - timedelta(days=back))


@pytest.mark.slow
@on_books(12)
@given(case=books, back=st.integers(0, 400))
def test_what_is_known_later_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, case: Row, back: int
) -> None:
    day = DAY - timedelta(days=back)
    before = {name: [r for r in rows if known_of(r) <= day] for name, rows in case.items()}
    figures = [
        sums(measure_book(fresh(tmp_path_factory, facts).known(day), INDICATORS).figures)
        for facts in (case, before)
    ]
    assert figures[0] == figures[1]


def known_of(row: Row) -> date:
    known: date = row.get("known_at", row.get("start_on", date(2020, 1, 1)))
    return known


BOTH = {
    "guarantor": [{"guarantor_id": "GA", "net_assets": "90.00"}, {"guarantor_id": "GC"}],
    "borrower": [{"borrower_id": "B-A", "kind": "farmer"}],
    "guarantee": [
        {"guarantee_id": "A", "amount": "10.00", "lender_id": "L1", "start_on": date(2025, 2, 1)},
        {"guarantee_id": "B", "amount": "20.00", "guarantor_id": "GA", "fee_rate": 0.008},
        {"guarantee_id": "C", "amount": "40.00", "lender_id": "L2", "start_on": date(2025, 3, 1)},
    ],
    "compensation": [{"guarantee_id": "B", "amount": "21.00", "event_at": date(2025, 3, 2)}],
    "release": [{"guarantee_id": "C", "amount": "40.00", "event_at": date(2025, 5, 2)}],
    "recovery": [{"guarantee_id": "B", "gross": "7.00", "event_at": date(2025, 5, 3)}],
}


def test_groups_sum_to_the_whole_by_hand(tmp_path: Path) -> None:
    assert_groups_sum_to_the_whole(book_of(tmp_path / "b", BOTH), "lender", DAY)


def test_a_correction_replaces_and_is_not_added(tmp_path: Path) -> None:
    paid = {"guarantee_id": "A", "compensation_no": 1, "event_at": date(2025, 3, 1)}
    first = paid | {"amount": "100.00", "known_at": date(2025, 3, 2)}
    second = paid | {"amount": "70.00", "known_at": date(2025, 5, 1)}
    book = book_of(tmp_path / "b", {"compensation": [first, second]})
    name = "compensation_balance"
    for day, amount in ((date(2025, 4, 30), 100), (date(2025, 5, 1), 70)):
        (found,) = measure_book(book.known(day), INDICATORS, only=[name]).figures
        assert found.numerator == amount


def by_hand(case: Row, day: date) -> tuple[Fraction, Fraction]:
    """Compensated and released, day by day over 365 dates, as known on the day."""
    latest: dict[tuple[str, str, int], Row] = {}
    for name in ("compensation", "release"):
        for number, row in enumerate(case[name], 1):
            if row["known_at"] <= day:
                latest[name, row["guarantee_id"], number] = row
    paid = released = Fraction(0)
    for back in range(365):
        that_day = day - timedelta(days=back)
        for (name, _, _), row in latest.items():
            if row["event_at"] == that_day:
                amount = Fraction(Decimal(row["amount"]))
                if name == "compensation":
                    paid += amount
                elif row["cause"] != "cancelled":
                    released += amount
    return paid, released


paid_and_released = st.fixed_dictionaries(
    {
        "compensation": events(amount=money),
        "release": events(
            amount=money, cause=st.sampled_from(["repaid", "cancelled", "compensated"])
        ),
    }
)


@pytest.mark.slow
@on_books(25)
@given(case=paid_and_released, shifts=st.lists(st.integers(0, 800), min_size=3, max_size=3))
def test_the_rolling_rate_is_that_counted_day_by_day(
    tmp_path_factory: pytest.TempPathFactory, case: Row, shifts: list[int]
) -> None:
    book = fresh(tmp_path_factory, case)
    for back in shifts:
        day = DAY - timedelta(days=back)
        view = View(book.known(day))
        found = INDICATORS["compensation_rate_rolling_365d"]
        above, below = measures()[found.computed_by].function(view, found.parameters)
        assert (above.get(None, 0), (below or {}).get(None, 0)) == by_hand(case, day)


@pytest.mark.parametrize("day", [DAY, date(2024, 2, 29), date(2025, 1, 1)])
def test_a_rolling_window_holds_365_dates(day: date) -> None:
    window = period("rolling_365d", day)
    assert (window.last, (window.last - window.first).days) == (day, 364)


@pytest.mark.slow
@pytest.mark.parametrize("by", GROUPINGS)
def test_groups_of_the_simulated_province_sum_to_the_whole(small_book: Book, by: str) -> None:
    assert_groups_sum_to_the_whole(small_book, by, date(2025, 3, 31))


@pytest.mark.slow
def test_the_rolling_rate_is_the_simulators_own(tmp_path: Path) -> None:
    from vouch.simulator import simulate

    book = Book(tmp_path / "book", create=True)
    said = simulate(book, 1_500, seed=11, first=date(2016, 1, 1), until=DAY).compensation_rate
    name = "compensation_rate_rolling_365d"
    (found,) = measure_book(book.known(DAY), INDICATORS, only=[name]).figures
    assert found.value is not None
    assert said is not None
    assert float(found.value) == pytest.approx(said, rel=1e-9)


def test_every_figure_of_a_guarantor_is_read_by_a_measure() -> None:
    folder = Path(measures()["loss_rate"].function.__code__.co_filename).parent
    text = "".join(
        path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.stem != "figures"
    )
    assert [name for name in FIGURES if f'"{name}"' not in text] == []


REPORTED = {
    "guarantor": [{"guarantor_id": "GC", "net_assets": "90.00"}],
    "guarantee": [
        {"guarantee_id": name, "amount": "100.00", "start_on": date(2024, 1, 1)} for name in "ABCD"
    ],
    "performance": [
        # A: reported this month.
        {"guarantee_id": "A", "event_at": date(2025, 5, 31), "balance": "60.00"},
        {"guarantee_id": "A", "event_at": date(2025, 6, 30), "balance": "50.00"},
        # B: silent for half a year; then told otherwise of the same month.
        {"guarantee_id": "B", "event_at": date(2024, 12, 31), "balance": "40.00"},
        {
            "guarantee_id": "B",
            "event_at": date(2024, 12, 31),
            "known_at": date(2025, 6, 1),
            "balance": "30.00",
        },
        # C: the only late month was withdrawn, so the one before the silence counts.
        {"guarantee_id": "C", "event_at": date(2024, 11, 30), "balance": "20.00"},
        {"guarantee_id": "C", "event_at": date(2025, 5, 31), "balance": "10.00"},
        {
            "guarantee_id": "C",
            "event_at": date(2025, 5, 31),
            "known_at": date(2025, 6, 15),
            "balance": None,
        },
        # D: never reported, so all that was guaranteed is owed.
    ],
}


@pytest.mark.parametrize(
    ("day", "owed"),
    [
        (date(2025, 6, 30), {"A": 5000, "B": 3000, "C": 2000, "D": 10000}),
        (date(2025, 6, 14), {"A": 6000, "B": 3000, "C": 1000, "D": 10000}),
        (date(2025, 5, 31), {"A": 6000, "B": 4000, "C": 1000, "D": 10000}),
        (date(2024, 1, 1), {"A": 10000, "B": 10000, "C": 10000, "D": 10000}),
    ],
)
def test_the_balance_is_that_of_the_last_month_reported_however_long_ago(
    tmp_path: Path, day: date, owed: dict[str, int]
) -> None:
    known = book_of(tmp_path / "b", REPORTED).known(day)
    rows = View(known).query("SELECT guarantee_id, balance FROM guarantees")
    assert {row["guarantee_id"]: row["balance"] for row in rows} == owed
