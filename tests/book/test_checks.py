"""Texts with a form of their own: a wrong credit code keeps its row out, and says why."""

from datetime import date

import pandas as pd
import pytest
from pydantic import ValidationError

from vouch.book.checks import FILE, ROW, Draft, Fault, check
from vouch.book.tables import BORROWER
from vouch.service.payloads import BorrowerFacts

TODAY = date(2026, 1, 1)
RIGHT, WRONG = "91330100799655058B", "91330100799655058A"
PERSON = "11010519491231002X"  # the example of GB 11643 itself


def checked(*codes: str | None, **others: str) -> tuple[pd.DataFrame, list[Fault]]:
    """Borrowers with these codes, B1 in row 2 and so on."""
    rows = [
        {FILE: "a.csv", ROW: at, "borrower_id": f"B{at - 1}", "uscc": code, **others}
        for at, code in enumerate(codes, 2)
    ]
    frame = pd.DataFrame(rows).assign(event_at="2025-01-01", known_at="2025-01-01")
    return check(Draft(BORROWER, frame), TODAY)


def test_only_the_wrong_row_is_refused_and_the_reason_names_the_digit() -> None:
    rows, faults = checked(RIGHT, WRONG, f" {RIGHT} ")
    assert list(rows["uscc"]) == [RIGHT, RIGHT]
    reason = f"'{WRONG}' has check digit 'A' in place 18 where 'B' is expected"
    assert faults == [Fault("a.csv", 3, "uscc", reason)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (RIGHT[:-1], "has 17 characters where a credit code has 18"),
        (RIGHT + "0" * 300, "has 318 characters where a credit code has 18"),
        (RIGHT.lower(), "has 'b' in place 18; letters are capitals"),
        ("91330100799655O58B", "has 'O' in place 15"),
        ("91330100799655158B", "has organisation check digit '8' in place 17 where '4'"),
    ],
)
def test_what_is_wrong_is_named_once(code: str, reason: str) -> None:
    rows, (fault,) = checked(code)
    assert rows.empty
    assert reason in fault.reason


def test_no_code_is_no_fault() -> None:
    rows, faults = checked(None, "", "  ")
    assert len(rows) == 3
    assert faults == []


def test_the_same_wrong_code_is_a_fault_of_every_row() -> None:
    _, faults = checked(WRONG, RIGHT, WRONG)
    assert [fault.row for fault in faults] == [2, 4]


def test_a_persons_number_in_place_of_a_code_is_not_repeated() -> None:
    _, (fault,) = checked(PERSON)
    assert fault.reason == (
        "a resident identity number (not repeated here) stands where a credit code is wanted; "
        "leave the cell empty for a natural person"
    )


def test_a_persons_number_in_any_column_is_not_repeated() -> None:
    _, faults = checked(RIGHT, kind=PERSON, headcount=PERSON, established_on=PERSON)
    assert {fault.column for fault in faults} == {"kind", "headcount", "established_on"}
    assert not any(PERSON in fault.reason for fault in faults)


def test_what_an_import_refuses_a_request_refuses_too() -> None:
    assert BorrowerFacts.model_validate({"uscc": RIGHT, "kind": "enterprise"})
    assert BorrowerFacts.model_validate({"uscc": None})
    with pytest.raises(ValidationError, match="in place 18 where 'B' is expected"):
        BorrowerFacts.model_validate({"uscc": WRONG})


def test_a_request_is_told_the_longest_length() -> None:
    described = BorrowerFacts.model_json_schema()["properties"]["uscc"]["anyOf"][0]
    assert described["maxLength"] == 18
