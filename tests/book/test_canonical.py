import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from vouch.book.book import Book
from vouch.book.sources.canonical import write_templates
from vouch.book.tables import TABLES
from vouch.errors import SourceError

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parent / "samples" / "vouch"
TODAY = date(2022, 1, 1)
GUARANTEE = {
    "guarantee_id": "G1",
    "borrower_id": "B1",
    "amount": "500000",
    "event_at": "2020-01-10",
    "known_at": "2020-01-12",
}


def facts(book: Book, table: str, as_of: date = TODAY) -> list[dict]:
    return book.known(as_of).rows(table).to_pylist()


def test_chinese_and_english_files_in_one_import(book, run) -> None:
    report = run("vouch", SAMPLES / "担保.csv", SAMPLES / "compensation.csv", today=TODAY)
    assert (report.rows, report.accepted, report.quarantined) == (3, 3, [])
    assert [row["amount"] for row in facts(book, "guarantee")] == [
        Decimal("500000.00"),
        Decimal("80000.00"),
    ]
    assert facts(book, "compensation")[0]["amount"] == Decimal("420000.15")


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("compensation", {"compensation_no": "1", "amount": "400000"}),
        ("recovery", {"recovery_no": "1", "gross": "100"}),
        ("release", {"release_no": "1", "cause": "repaid", "is_final": "yes"}),
        ("performance", {"balance": "500000", "days_past_due": "0"}),
    ],
)
def test_what_comes_before_its_guarantee_waits_for_it(
    book: Book, run, write_csv, table: str, row: dict[str, str]
) -> None:
    event = {"guarantee_id": "G1", "event_at": "2021-06-30", "known_at": "2021-06-30"} | row
    early = write_csv(f"{table}.csv", event, event | {"guarantee_id": "G9"})
    report = run("vouch", early, today=TODAY)
    assert (report.accepted, report.quarantined, report.waiting) == (2, [], {table: 2})
    assert report.notes == [
        f"{table}: 2 guarantees are not in the book (G1, G9); their rows are kept and wait for "
        "them: import the guarantees, or correct the numbers"
    ]
    assert book.commits()[-1].notes == report.notes

    assert run("vouch", write_csv("guarantee.csv", GUARANTEE), today=TODAY).waiting == {}
    # the rows that waited are there, and the same file again brings nothing and waits for nothing
    assert [fact["guarantee_id"] for fact in facts(book, table)] == ["G1", "G9"]
    assert run("vouch", early, today=TODAY).waiting == {}
    later = event | {"guarantee_id": "G1", "event_at": "2021-07-31", "known_at": "2021-07-31"}
    assert run("vouch", write_csv(f"{table}.csv", later), today=TODAY).waiting == {}


def test_a_guarantee_in_the_same_import_is_not_waited_for(book, run, write_csv) -> None:
    event = {"guarantee_id": "G1", "event_at": "2021-06-30", "compensation_no": "1"}
    files = write_csv("compensation.csv", event), write_csv("guarantee.csv", GUARANTEE)
    assert run("vouch", *files, today=TODAY).waiting == {}


@pytest.mark.parametrize(("word", "code"), [("个体户", "sole_trader"), ("自然人", "person")])
def test_every_name_of_a_choice_is_taken(book, run, write_csv, word: str, code: str) -> None:
    row = {"borrower_id": "B1", "kind": word, "event_at": "2020-01-10"}
    run("vouch", write_csv("borrower.csv", row), today=TODAY)
    assert facts(book, "borrower")[0]["kind"] == code


def test_known_at_is_the_day_it_happened_unless_given(book, run, write_csv) -> None:
    rows = [GUARANTEE, GUARANTEE | {"guarantee_id": "G2", "known_at": ""}]
    report = run("vouch", write_csv("guarantee.csv", *rows), today=TODAY)
    known = {row["guarantee_id"]: row["known_at"] for row in facts(book, "guarantee")}
    assert known == {"G1": date(2020, 1, 12), "G2": date(2020, 1, 10)}
    assert report.notes == ["guarantee.csv: 1 rows without known_at count as known on event_at"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_and_a_mixture_of_names(book, run, tmp_path, encoding) -> None:
    path = tmp_path / "export.csv"
    text = "borrower_id,名称,主体类型,成立日期,发生日期\nB1,广东某公司,企业,2015年3月2日,2020/1/9\n"
    path.write_text(text, encoding=encoding)
    run("vouch", path, today=TODAY)
    (row,) = facts(book, "borrower")
    assert (row["name"], row["kind"]) == ("广东某公司", "enterprise")
    assert (row["established_on"], row["event_at"]) == (date(2015, 3, 2), date(2020, 1, 9))


def test_parquet_keeps_types(book, run, tmp_path) -> None:
    path = tmp_path / "month_ends.parquet"
    pd.DataFrame(
        {
            "guarantee_id": ["G1"],
            "balance": [123456.78],
            "days_past_due": [30],
            "is_extended": [True],
            "event_at": [pd.Timestamp(2020, 1, 31)],
        }
    ).to_parquet(path)
    run("vouch", path, today=TODAY)
    (row,) = facts(book, "performance")
    assert (row["balance"], row["days_past_due"], row["is_extended"]) == (
        Decimal("123456.78"),
        30,
        True,
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": "-1"}, "-1 is below 0.01"),
        ({"amount": "1e13"}, "1e+13 is above 1e+12, absurd for amount"),
        ({"amount": "五十万"}, "'五十万' is not an amount such as 60000.00"),
        ({"amount": "100000.005"}, "100000.005 is finer than 0.01"),
        ({"amount": "nan"}, "'nan' is not an amount"),
        ({"amount": ""}, "is missing"),
        ({"borrower_id": " "}, "is missing"),
        ({"borrower_id": "B" * 81}, "is longer than 80"),
        ({"event_at": "10.13.2020"}, "'10.13.2020' is not a date written YYYY-MM-DD"),
        ({"event_at": "2022-01-02", "known_at": ""}, "2022-01-02 lies after 2022-01-01"),
        ({"known_at": "2020-01-01"}, "2020-01-01 is before event_at: known too early"),
        ({"event_at": "1020-01-10"}, "1020-01-10 is before 1900"),
        ({"is_revolving": "perhaps"}, "'perhaps' is not yes or no"),
        ({"repayment": "never"}, "'never' is unknown; known are equal_instalment"),
        ({"interest_rate": "4.65"}, "4.65 is above 1, absurd for interest_rate"),
        ({"tenor_months": "12.5"}, "12.5 is not a whole number"),
    ],
)
def test_a_faulty_row_is_refused_and_the_others_go_in(
    book, run, write_csv, changes, reason
) -> None:
    extra = dict.fromkeys(("is_revolving", "repayment", "interest_rate", "tenor_months"), "")
    path = write_csv(
        "a.csv", GUARANTEE | extra, GUARANTEE | extra | {"guarantee_id": "G2"} | changes
    )
    report = run("vouch", path, today=TODAY)
    assert {fault.row for fault in report.quarantined} == {3}
    assert reason in " ".join(fault.reason for fault in report.quarantined)
    assert [row["guarantee_id"] for row in facts(book, "guarantee")] == ["G1"]


def test_amounts_with_thousands_separators(book, run, write_csv) -> None:
    run("vouch", write_csv("a.csv", GUARANTEE | {"amount": "1,234,567.89"}), today=TODAY)
    assert facts(book, "guarantee")[0]["amount"] == Decimal("1234567.89")


def test_duplicates_and_contradictions(book, run, write_csv) -> None:
    other = GUARANTEE | {"guarantee_id": "G2"}
    rows = [GUARANTEE, GUARANTEE, other, other | {"amount": "1"}]
    report = run("vouch", write_csv("a.csv", *rows), today=TODAY)
    assert [fault.row for fault in report.quarantined] == [3, 4, 5]
    duplicate, conflict, _ = (fault.reason for fault in report.quarantined)
    assert "is a duplicate" in duplicate
    assert "conflicting versions known on the same day" in conflict


def test_a_later_known_at_corrects(book, run, write_csv) -> None:
    later = GUARANTEE | {"amount": "450000", "known_at": "2020-03-01"}
    report = run("vouch", write_csv("a.csv", GUARANTEE, later), today=TODAY)
    assert report.accepted == 2
    amounts = {
        day: facts(book, "guarantee", day)[0]["amount"]
        for day in (date(2020, 2, 29), date(2020, 3, 1))
    }
    assert amounts == {date(2020, 2, 29): 500000, date(2020, 3, 1): 450000}
    assert facts(book, "guarantee", date(2020, 1, 11)) == []


def test_a_row_that_contradicts_the_book_is_refused(book, run, write_csv) -> None:
    run("vouch", write_csv("a.csv", GUARANTEE), today=TODAY)
    report = run("vouch", write_csv("b.csv", GUARANTEE | {"amount": "1"}), today=TODAY)
    (fault,) = report.quarantined
    assert (fault.file, fault.row) == ("b.csv", 2)
    assert "contradicts what the book holds" in fault.reason
    assert (report.accepted, report.batch) == (0, None)


def test_columns_that_no_table_knows_are_said(run, write_csv) -> None:
    report = run("vouch", write_csv("guarantee.csv", GUARANTEE | {"备注": "x"}), today=TODAY)
    assert report.notes == ["guarantee.csv: not read, unknown to guarantee: 备注"]


@pytest.mark.parametrize(
    ("name", "header", "reason"),
    [
        ("guarantee.csv", "guarantee_id,event_at", r"missing borrower_id \(借款人编号\), amount"),
        ("a.csv", "x,y", "its columns are those of no one table; name it after its table"),
        ("a.csv", "ID,MONTHS_BALANCE,STATUS", "this looks like the monthly-status layout"),
        (
            "guarantee.csv",
            "guarantee_id,担保编号,borrower_id,amount,event_at",
            "guarantee_id stands under two names",
        ),
    ],
)
def test_files_of_no_table_are_refused(run, tmp_path, name, header, reason) -> None:
    path = tmp_path / name
    path.write_text(f"{header}\n" + ",".join("1" * len(header.split(","))) + "\n")
    with pytest.raises(SourceError, match=reason):
        run("vouch", path)


@pytest.mark.parametrize(("language", "name"), [("zh", "担保.csv"), ("en", "guarantee.csv")])
def test_templates_are_one_header_per_table(tmp_path, language, name) -> None:
    paths = write_templates(tmp_path / "new", language)
    assert len(paths) == len(TABLES)
    assert tmp_path / "new" / name in paths
    for path, table in zip(paths, TABLES.values(), strict=True):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            (header,) = csv.reader(stream)
        names = [c.zh if language == "zh" else c.name for c in table.columns]
        assert header == names


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_template_is_recognised_by_its_header_alone(run, tmp_path, language) -> None:
    from vouch.book.sources.canonical import SOURCE

    for path in write_templates(tmp_path, language):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            (header,) = csv.reader(stream)
        assert SOURCE.recognises(header), path


def test_templates_never_overwrite(tmp_path) -> None:
    taken = tmp_path / "担保.csv"
    taken.write_text("mine")
    with pytest.raises(SourceError, match="exists already; give an empty folder"):
        write_templates(tmp_path)
    assert taken.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [taken]


def test_templates_in_an_unknown_language(tmp_path) -> None:
    with pytest.raises(SourceError, match="no templates in 'fr'; known are zh, en"):
        write_templates(tmp_path, "fr")
