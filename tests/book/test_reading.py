import gzip
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vouch.book.reading import Layout, SourceFile, opened, read
from vouch.errors import SourceError

LAYOUT = Layout("test", required=("a", "b"), encodings=("utf-8", "gb18030"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


def rows(path: Path) -> list[tuple[int, str, str]]:
    frame = read([path], LAYOUT)[0].frame
    return list(zip(frame["_row"], frame["a"], frame["b"], strict=True))


def test_header_is_row_1_and_the_first_record_row_2(path: Path) -> None:
    path.write_text("a,b\n1,2\n3,4\n")
    assert rows(path) == [(2, "1", "2"), (3, "3", "4")]


def test_columns_that_are_not_asked_for_are_not_read(path: Path) -> None:
    path.write_text("a,secret,b\n1,x,2\n")
    assert set(read([path], LAYOUT)[0].frame) == {"a", "b", "_file", "_row"}


def test_rows_of_the_wrong_width_are_refused_by_number_and_the_rest_goes_on(path: Path) -> None:
    path.write_text("a,b\n1,2\n3\n\n5,6,7\n8,9")
    found = read([path], LAYOUT)[0]
    assert [(fault.row, fault.reason) for fault in found.faults] == [
        (3, "has 1 cells where the header has 2"),
        (5, "has 3 cells where the header has 2"),
    ]
    assert rows(path) == [(2, "1", "2"), (6, "8", "9")]
    assert found.count == 4  # the blank line does not count


def test_line_breaks_within_quotes_stay_in_the_cell(path: Path) -> None:
    path.write_text('a,b\n1,"2\nand more"\n3,4\n')
    assert rows(path) == [(2, "1", "2\nand more"), (3, "3", "4")]


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_utf8_with_and_without_byte_order_mark(path: Path, start: str) -> None:
    path.write_text(f"{start}a,b\n张,1\n", encoding="utf-8")
    assert rows(path) == [(2, "张", "1")]


def test_gb18030_where_the_source_allows_it(path: Path) -> None:
    path.write_text("a,b\n广东,1\n", encoding="gb18030")
    assert rows(path) == [(2, "广东", "1")]
    with pytest.raises(SourceError, match=r"file\.csv is not UTF-8 text; save it as CSV UTF-8"):
        SourceFile(path, "file.csv")


def test_gzip_is_known_by_its_content(path: Path) -> None:
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert rows(path) == [(2, "1", "2")]


def test_parquet_of_any_plain_types_becomes_text(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    table = pa.table(
        {
            "a": pa.array([date(2020, 1, 31), None]),
            "b": pa.array(["x", "y"]).dictionary_encode(),
            "unread": [1, 2],
        }
    )
    pq.write_table(table, path)
    assert rows(path) == [(1, "2020-01-31", "x"), (2, "", "y")]


def test_parquet_moments_become_days(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    pd.DataFrame({"a": [pd.Timestamp(2020, 1, 31, 8)], "b": [12.5]}).to_parquet(path)
    assert rows(path) == [(1, "2020-01-31", "12.5")]


TRUNCATED = gzip.compress(b"a,b\n" + b"1,2\n" * 1000, mtime=0)[:-12]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"is empty \(0 bytes\); fetch it again"),
        (gzip.compress(b"", mtime=0), r"is empty \(0 bytes once unpacked\)"),
        (b"a,b\n", "has a header but no rows"),
        (b"a,b\n\n\n", "has a header but no rows"),
        (TRUNCATED, "is truncated or damaged"),
        (b"\x1f\x8b\x08junk", "is truncated or damaged"),
        (b"a,b\n\x00\x01\x02\n", "is binary, not text"),
        (b"PK\x03\x04workbook", "is a workbook or zip archive; save the sheet as CSV"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16; save it as CSV UTF-8"),
        (b"a,b\n\xff\xff\xff,1\n", "is not UTF-8 nor GB18030 text"),
        (b'{"a": 1}', "is not CSV: its first line has no commas"),
        (b"a;b\n1;2\n", "is not CSV: its first line has no commas, it reads 'a;b'"),
        (b"PAR1junk", "is a damaged Parquet file"),
        (b"a,b,a\n1,2,3\n", "column a stands twice; remove one"),
        (b"a,c\n1,2\n", "missing b; the test layout needs"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "ends inside a quotation"),
    ],
)
def test_whole_file_faults_name_the_file_and_the_remedy(
    path: Path, content: bytes, reason: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(SourceError, match=reason) as caught:
        read([path], LAYOUT)
    assert str(path) in str(caught.value)


def test_a_missing_file(path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist; check the path"):
        read([path], LAYOUT)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: Is a directory"):
        read([tmp_path], LAYOUT)


def test_no_file_at_all() -> None:
    with pytest.raises(SourceError, match="no file was given"):
        read([], LAYOUT)


def test_parquet_that_holds_no_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table({"a": [{"x": 1}], "b": ["1"]}), path)
    with pytest.raises(SourceError, match="cannot be read as text columns"):
        read([path], LAYOUT)


def test_files_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "file.csv" for folder in ("2015", "2016")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("a,b\n1,2\n")
    assert [file.label for file in opened(paths)] == [str(path) for path in paths]
