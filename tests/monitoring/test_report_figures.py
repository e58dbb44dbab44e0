"""What follows from the figures of the reports, and that the project counts with the same."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vouch.monitoring.measures.catalogue import catalogue
from vouch.monitoring.measures.report import Figure, decimal
from vouch.simulator.calibration import province

FILE = Path(__file__).parents[1] / "cases" / "report_figures.toml"
BODY = tomllib.loads(FILE.read_text(encoding="utf-8"))


def cases(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["about"].split(":")[0]) for case in BODY[kind]]


@pytest.mark.parametrize("case", cases("quotient"))
def test_worked_quotient(case: dict[str, str]) -> None:
    exact = Fraction(case["numerator"]) / Fraction(case["denominator"])
    places = -int(Decimal(case["value"]).as_tuple().exponent)
    assert decimal(exact, places) == Decimal(case["value"])


@pytest.mark.parametrize("case", cases("sum"))
def test_worked_sum(case: dict[str, Any]) -> None:
    assert sum(map(Decimal, case["terms"])) == Decimal(case["value"])


def value(about: str) -> Decimal:
    (found,) = (
        case["value"]
        for kind in ("quotient", "sum")
        for case in BODY[kind]
        if case["about"].startswith(about)
    )
    return Decimal(found)


def test_jobs_are_measured_in_the_unit_of_the_report() -> None:
    indicator = catalogue()["jobs_supported"]
    found = Figure(indicator, None, Fraction(249_300), Fraction(36_675_000_000)).value
    assert found is not None
    assert decimal(found, 1) == value("jobs")


def test_the_simulated_province_is_calibrated_to_the_same_figures() -> None:
    numbers = province()
    assert numbers["lender"]["shares"][-1] == float(value("joint-stock") * 100)
    assert numbers["level"]["target_compensation_rate"] == 0.0130
    assert numbers["volume"]["yearly_growth"] == 0.2159
    tech = next(segment for segment in numbers["segment"] if segment["name"] == "tech")
    assert f"{value('science') / 10**6:.2f}" in tech["source"]  # its mean ticket in millions
