"""What is said of codes that are in no official list; codes of other lists are left alone."""

import pytest

from vouch.book.tables import BORROWER
from vouch.policy.reading import Policy

POLICY = Policy()


@pytest.mark.parametrize("code", ["140100", "140105", "140000", "610100", "CA", "94105", "0014"])
def test_regions_that_may_stand(code: str) -> None:
    assert POLICY.regions.region_fault(code) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("990100", "no province begins with 99"),
        ("141300", "is of no city of 山西省; known are 140100 太原市"),
    ],
)
def test_regions_that_are_none(code: str, reason: str) -> None:
    assert reason in str(POLICY.regions.region_fault(code))


@pytest.mark.parametrize("code", ["F", "F52", "F5211", "A0111", "722511", "54", "retail"])
def test_industries_that_may_stand(code: str) -> None:
    assert POLICY.industries.section_fault(code) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("F4511", "section F 批发和零售业 has divisions 51 to 52"),
        ("Z01", "there is no section Z"),
    ],
)
def test_industries_that_are_none(code: str, reason: str) -> None:
    assert reason in str(POLICY.industries.section_fault(code))


def test_the_book_holds_borrowers_against_them() -> None:
    faults = {name: BORROWER.by_name[name].text_fault for name in ("region", "industry", "uscc")}
    assert all(faults.values())
    assert faults["region"] is not None
    assert faults["region"]("990100")
