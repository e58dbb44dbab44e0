"""Check digits are re-derived from the standard's formula, not with the code under test."""

import numpy as np
import pandas as pd
import pytest

from vouch.simulator.codes import credit_codes

CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def check_character(body: str) -> str:
    total = sum(CHARACTERS.index(letter) * pow(3, at, 31) for at, letter in enumerate(body))
    return CHARACTERS[(31 - total % 31) % 31]


def inner_check_character(body: str) -> str:
    total = sum(
        int(letter, 36) * weight
        for letter, weight in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    )
    return {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


def is_valid(code: str) -> bool:
    return len(code) == 18 and check_character(code[:17]) == code[17]


WORKED = ["91140100XXXX00019G", "92140300XXXX00027J", "93140823XXXX00035E"]


@pytest.mark.parametrize("code", ["91330100799655058B", *WORKED])
def test_the_formula_of_this_test_accepts_the_worked_examples(code: str) -> None:
    assert is_valid(code)


def test_the_formula_of_this_test_refuses_a_wrong_check_digit() -> None:
    assert not is_valid("91330100799655058A")


@pytest.mark.parametrize("code", WORKED)
def test_a_worked_synthetic_code_is_made_again(code: str) -> None:
    serial = CHARACTERS.index("X") * 31**4 + int(code[12:16])  # four digits below ten: base 31
    made = credit_codes([code[:2]], [code[2:8]], np.array([serial]))
    assert made.tolist() == [code]


def test_every_business_has_a_valid_code_of_its_own(rows: dict[str, pd.DataFrame]) -> None:
    borrowers = rows["borrower"]
    coded = borrowers[borrowers["kind"].isin(["enterprise", "sole_trader", "cooperative"])]
    assert coded["uscc"].map(is_valid).all()
    assert all(inner_check_character(code[8:16]) == code[16] for code in coded["uscc"])
    assert coded["uscc"].is_unique
    assert (coded["uscc"].str[2:8] == coded["region"]).all()


def test_persons_have_no_code(rows: dict[str, pd.DataFrame]) -> None:
    borrowers = rows["borrower"]
    persons = borrowers["kind"].isin(["owner", "person", "farmer"])
    assert borrowers[persons]["uscc"].isna().all()
