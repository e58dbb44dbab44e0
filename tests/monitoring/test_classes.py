"""The weight of a guarantee read row by row is the one that the measures' SQL gives."""

from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vouch.monitoring.measures.catalogue import FOLDER, catalogue
from vouch.monitoring.measures.classes import WEIGHT_STEPS, liabilities_of, weighted

NUMBERS = catalogue(FOLDER)["leverage"].parameters
LAYOUT = pa.schema(
    [
        *((name, pa.string()) for name in ("guarantor", "borrower_id", "product", "kind")),
        ("industry", pa.string()),
        *((name, pa.int64()) for name in ("headcount", "revenue", "balance", "position")),
        ("in_force", pa.bool_()),
    ]
)
MILLION = 100_000_000  # fen


def row(balance: int, **other: Any) -> dict[str, Any]:
    """One guarantee of one client at one guarantor."""
    plain = dict.fromkeys(("product", "kind", "industry", "headcount", "revenue"))
    return {"guarantor": "G", "borrower_id": "B", **plain, "balance": balance} | other


ROWS = st.builds(
    row,
    balance=st.sampled_from([1, 2 * MILLION - 1, 2 * MILLION, 5 * MILLION, 5 * MILLION + 1])
    | st.integers(0, 10 * MILLION),
    guarantor=st.sampled_from(["G", "H"]),
    borrower_id=st.sampled_from(["A", "B", "C"]),
    product=st.sampled_from([None, "general", "housing", "bond_aa", "bond"]),
    kind=st.sampled_from([None, "enterprise", "farmer", "sole_trader", "owner", "cooperative"]),
    industry=st.sampled_from([None, "", "A01", "C13", "E48", "F51", "G591", "I65", "K70", "Z"]),
    headcount=st.none() | st.integers(0, 1_500),
    revenue=st.none() | st.integers(0, 200_000 * 10_000 * 100),
)


@settings(max_examples=300, deadline=None)
@example([row(5 * MILLION, kind="sole_trader")])
@given(st.lists(ROWS, min_size=1, max_size=6))
def test_row_by_row_as_in_the_measures(rows: list[dict[str, Any]]) -> None:
    numbered = [r | {"position": i, "in_force": True} for i, r in enumerate(rows)]
    with duckdb.connect() as connection:
        connection.register("guarantees", pa.Table.from_pylist(numbered, schema=LAYOUT))
        sql = f"SELECT liability::HUGEINT FROM {weighted(NUMBERS)} ORDER BY position"
        expected = [int(found) for (found,) in connection.execute(sql).fetchall()]
    assert liabilities_of(rows, NUMBERS) == expected


def test_by_hand() -> None:
    small = {"kind": "sole_trader"}
    # 75 % to 5 million of the client in all, that included; 100 % from one fen more on
    assert liabilities_of([row(5 * MILLION, **small)], NUMBERS) == [5 * MILLION * 7_500]
    two = [row(5 * MILLION, **small), row(1, **small)]
    assert liabilities_of(two, NUMBERS) == [5 * MILLION * WEIGHT_STEPS, WEIGHT_STEPS]
    assert liabilities_of([row(100, product="housing", **small)], NUMBERS) == [100 * 3_000]
