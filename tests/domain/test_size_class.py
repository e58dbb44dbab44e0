"""Size classes at every limit of the notice, against its sentences, and files that are refused."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import size_classes as oracle
from vouch.domain.dated import in_force
from vouch.domain.size_class import Measure, SizeClass, SizeStandard, read_size_standards
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED

CASES = Path(__file__).parents[1] / "cases" / "sizes" / "limits.toml"
WAN = 10_000
STANDARD = in_force(read_size_standards(SHIPPED / "size_classes.toml"), date(2025, 6, 30))
VERSION = """[[version]]
effective_from = 2020-01-01
source = "somewhere"
[[version.industry]]
name = "all"
zh = "全部"
codes = ["A"]
headcount = [10, 100, 300]
"""


def sized(standard: SizeStandard, given: dict[str, Any]) -> SizeClass | None:
    """The class, of money given in 万元."""
    money = {m: Decimal(given[m]) * WAN for m in ("revenue", "assets") if m in given}
    return standard.size_class(given["industry"], headcount=given.get("headcount"), **money)


def cases() -> list[Any]:
    body = tomllib.loads(CASES.read_text(encoding="utf-8"))
    return [
        pytest.param(case, id=f"{number}-{case['industry']}")
        for number, case in enumerate(body["case"], 1)
    ]


@pytest.mark.parametrize("case", cases())
def test_worked_case(case: dict[str, Any]) -> None:
    found = sized(STANDARD, case)
    assert (found and found.zh) == case.get("class"), case.get("about")


@st.composite
def enterprises(draw: st.DrawFn) -> tuple[str, dict[str, Decimal | int]]:
    """An industry with values at, beside and away from its limits."""
    industry = draw(st.sampled_from(sorted(oracle.NOTICE)))
    values: dict[str, Decimal | int] = {}
    for measure, limits in oracle.NOTICE[industry].items():
        step = 1 if measure == "headcount" else Decimal("0.000001")  # a fen, in 万元
        near = st.sampled_from([limit + side * step for limit in limits for side in (-1, 0, 1)])
        values[measure] = draw(near | st.integers(0, 300_000))
    return industry, values


@settings(max_examples=50)
@given(enterprises())
def test_the_sentences_of_the_notice_give_the_same_class(
    enterprise: tuple[str, dict[str, Decimal | int]],
) -> None:
    industry, values = enterprise
    found = sized(STANDARD, {"industry": industry, **values})
    assert found is not None
    assert found.zh == oracle.size_class(industry, values)


@settings(max_examples=50)
@given(enterprises(), st.sampled_from(list(Measure)))
def test_a_missing_measure_is_never_guessed(
    enterprise: tuple[str, dict[str, Decimal | int]], missing: Measure
) -> None:
    industry, values = enterprise
    known = {measure: value for measure, value in values.items() if measure != missing}
    found = sized(STANDARD, {"industry": industry, **known})
    # what is said of a part stays true of the whole
    assert found in (None, sized(STANDARD, {"industry": industry, **values}))


def test_money_is_in_yuan() -> None:
    assert STANDARD.size_class("A01", revenue=Decimal("499999.99")) is SizeClass.MICRO
    assert STANDARD.size_class("A01", revenue=Decimal("500000.00")) is SizeClass.SMALL


def test_the_classes_are_ordered_and_named() -> None:
    assert [c.slug for c in sorted(SizeClass)] == ["micro", "small", "medium", "large"]


def test_before_the_first_notice_there_is_no_class() -> None:
    with pytest.raises(PolicyError, match="no version is in force on 2011-06-17"):
        in_force([STANDARD], date(2011, 6, 17))
    assert in_force([STANDARD], date(2011, 6, 18)) is STANDARD


def test_an_old_day_has_the_old_thresholds(tmp_path: Path) -> None:
    newer = VERSION.replace("2020", "2026").replace("[10, 100, 300]", "[20, 200, 400]")
    older = VERSION.replace("source", "effective_until = 2025-12-31\nsource")
    path = tmp_path / "sizes.toml"
    path.write_text(newer + older, encoding="utf-8")
    standards = read_size_standards(path)
    classes = [
        in_force(standards, day).size_class("A", headcount=10)
        for day in (date(2025, 12, 31), date(2026, 1, 1))
    ]
    assert classes == [SizeClass.SMALL, SizeClass.MICRO]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[10, 100, 300]", "[10, 300, 100]", "three rising whole numbers"),
        ("[10, 100, 300]", "[10, 100]", "three rising whole numbers"),
        ("[10, 100, 300]", "[0, 100, 300]", "three rising whole numbers"),
        ("[10, 100, 300]", '"10"', "three rising whole numbers"),
        ("headcount", "heads", "needs name, zh, codes and one of"),
        ('["A"]', "[]", "needs name, zh, codes and one of"),
        ('["A"]', '["A", "A"]', "A stands twice"),
        ("2020-01-01", "2020-01-01\neffective_until = 2019-01-01", "effective_until must be"),
        (VERSION, "", "at least one"),
        (VERSION, VERSION * 2, "overlaps"),
    ],
)
def test_wrong_thresholds_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "sizes.toml"
    path.write_text(VERSION.replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=message) as refusal:
        read_size_standards(path)
    assert "sizes.toml" in str(refusal.value)
