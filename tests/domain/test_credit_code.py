"""Codes with check digits: worked cases, every single slip, an oracle."""

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import official_codes as oracle
from vouch.domain.credit_code import (
    CHARACTERS,
    ORGANISATION_CHARACTERS,
    ORGANISATION_WEIGHTS,
    WEIGHTS,
    check_character,
    credit_code_fault,
    first_region,
    organisation_check_character,
)
from vouch.domain.resident_number import resident_check_character, resident_number_fault
from vouch.simulator.codes import credit_codes

CASES = Path(__file__).parents[1] / "cases" / "codes"


def cases(name: str, key: str) -> list[Any]:
    body = tomllib.loads((CASES / f"{name}.toml").read_text(encoding="utf-8"))
    return [pytest.param(case, id=f"{n}-{case[key]}") for n, case in enumerate(body["case"], 1)]


def text(alphabet: str, size: int) -> st.SearchStrategy[str]:
    return st.text(alphabet=alphabet, min_size=size, max_size=size)


@st.composite
def credit_code_texts(draw: st.DrawFn) -> str:
    """Right codes, closed by the oracle."""
    organisation = draw(text(CHARACTERS, 8))
    body = draw(text(CHARACTERS, 2)) + draw(text("0123456789", 6)) + organisation
    body += oracle.organisation_check(organisation)
    return body + oracle.credit_check(body)


@st.composite
def resident_numbers(draw: st.DrawFn) -> str:
    born = draw(st.dates(date(1900, 1, 1), date(2030, 1, 1)))
    body = draw(text("123456", 6)) + f"{born:%Y%m%d}" + draw(text("0123456789", 3))
    (check,) = [c for c in "0123456789X" if oracle.is_resident_sum(body + c)]
    return body + check


@pytest.mark.parametrize("case", cases("credit_codes", "code"))
def test_worked_credit_code(case: dict[str, str]) -> None:
    assert credit_code_fault(case["code"]) == case.get("fault")


@pytest.mark.parametrize("case", cases("resident_numbers", "number"))
def test_worked_resident_number(case: dict[str, str]) -> None:
    assert resident_number_fault(case["number"]) == case.get("fault")


@settings(max_examples=50)
@given(code=credit_code_texts())
def test_right_codes_pass_and_the_oracle_agrees(code: str) -> None:
    assert credit_code_fault(code) is None
    assert check_character(code[:17]) == code[17]
    assert organisation_check_character(code[8:16]) == code[16]


@settings(max_examples=50)
@given(code=text(CHARACTERS, 2), rest=text("0123456789", 14), checks=text("0123456789BX", 2))
def test_codes_pass_only_if_the_oracle_says_so(code: str, rest: str, checks: str) -> None:
    given_code = code + rest + checks
    assert (credit_code_fault(given_code) is None) == oracle.is_credit_code(given_code)


@settings(max_examples=10)
@given(code=credit_code_texts())
def test_every_single_character_change_is_caught(code: str) -> None:
    for place in range(18):
        for other in set(CHARACTERS) - {code[place]}:
            assert credit_code_fault(code[:place] + other + code[place + 1 :])


def test_why_the_last_check_digit_catches_every_single_change() -> None:
    # 31 is prime, and no weight and no difference of two values is a multiple of it
    assert all(difference * weight % 31 for weight in (*WEIGHTS, 1) for difference in range(1, 31))


def test_what_the_organisation_check_digit_alone_would_miss() -> None:
    # of eight characters: just the changes by 11, 22 or 33, since 11 is prime and letters reach 35
    missed = {
        difference
        for weight in ORGANISATION_WEIGHTS
        for difference in range(1, len(ORGANISATION_CHARACTERS))
        if difference * weight % 11 == 0
    }
    assert missed == {11, 22, 33}


@settings(max_examples=50)
@given(code=credit_code_texts(), place=st.integers(0, 16))
def test_neighbours_that_change_places_are_caught(code: str, place: int) -> None:
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert (credit_code_fault(swapped) is None) == (swapped == code)


@given(st.text(max_size=20))
def test_any_text_gets_an_answer(anything: str) -> None:
    credit_code_fault(anything)
    resident_number_fault(anything)


@settings(max_examples=50)
@given(
    prefix=st.sampled_from(["91", "92", "93"]),
    region=text("0123456789", 6),
    serial=st.integers(0, 31**5 - 1),
)
def test_simulated_codes_are_right(prefix: str, region: str, serial: int) -> None:
    (code,) = credit_codes([prefix], [region], np.array([serial]))
    assert credit_code_fault(code) is None
    assert oracle.is_credit_code(code)
    assert first_region(code) == region


@settings(max_examples=20)
@given(number=resident_numbers())
def test_every_slip_in_a_resident_number_is_caught(number: str) -> None:
    assert resident_number_fault(number) is None
    assert resident_check_character(number[:17]) == number[17]
    for place in range(18):
        for other in set("0123456789X") - {number[place]}:
            assert resident_number_fault(number[:place] + other + number[place + 1 :])
    for place in range(17):
        swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
        assert (resident_number_fault(swapped) is None) == (swapped == number)


@settings(max_examples=50)
@given(number=resident_numbers(), days=st.integers(1, 400))
def test_what_is_said_of_a_resident_number_repeats_none_of_it(number: str, days: int) -> None:
    born = date(int(number[6:10]), int(number[10:12]), int(number[12:14])) + timedelta(days)
    for wrong in (number[:6] + f"{born:%Y%m%d}" + number[14:], number[:17] + "?"):
        said = resident_number_fault(wrong) or ""
        assert not any(wrong[place : place + 3] in said for place in range(16))
