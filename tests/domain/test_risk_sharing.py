"""Losses are shared to the fen, as worked out by hand in tests/cases/schemes."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.risk_sharing import Party, Scheme, expected_compensation
from vouch.policy.reading import Policy

CASES = Path(__file__).parents[1] / "cases" / "schemes"
DAY = date(2025, 6, 30)
SCHEMES = [versions[-1] for versions in Policy().schemes.values()]


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}-{number}-{case['scheme']}")
        for path in sorted(CASES.glob("*.toml"))
        for number, case in enumerate(tomllib.loads(path.read_text(encoding="utf-8"))["case"], 1)
    ]


def amounts(body: dict[str, str]) -> dict[Party, Decimal]:
    return {Party(party): Decimal(amount) for party, amount in body.items()}


@pytest.mark.parametrize("case", cases())
def test_worked_case(case: dict[str, Any]) -> None:
    scheme = Policy().scheme(case["scheme"], DAY)
    shared = scheme.allocate(Decimal(case["exposure"]), Decimal(case["recovered"]))
    for part in ("payment", "recovery", "loss"):
        if part in case:
            assert dict(getattr(shared, part)) == amounts(case[part])


def test_expected_compensation_as_worked() -> None:
    # 1.62 % × 1,000,000 × 70 % = 11,340.00, of which 8:2 gives 40/20/20/20 %
    found = expected_compensation(
        Policy().scheme("8:2", DAY), 0.0162, Decimal("1000000.00"), Decimal("0.70")
    )
    assert found == amounts(
        {
            "city_guarantor": "4536.00",
            "province": "2268.00",
            "national_fund": "2268.00",
            "bank": "2268.00",
        }
    )


fen = st.integers(min_value=0, max_value=10**14).map(lambda n: Decimal(n) / 100)


@given(scheme=st.sampled_from(SCHEMES), amount=fen)
def test_parts_sum_and_none_is_negative(scheme: Scheme, amount: Decimal) -> None:
    parts = scheme.split(amount)
    assert sum(parts.values()) == amount
    assert min(parts.values()) >= 0
    # each part is within a fen a party of its exact share
    slack = Decimal("0.01") * len(parts)
    assert all(abs(part - scheme.shares[party] * amount) < slack for party, part in parts.items())


@pytest.mark.parametrize(
    ("amount", "message"), [("-0.01", "negative"), ("0.001", "finer than a fen")]
)
def test_amounts_that_cannot_be_shared(amount: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SCHEMES[0].split(Decimal(amount))


def test_more_recovered_than_lost_is_refused() -> None:
    with pytest.raises(ValueError, match="more than the exposure"):
        SCHEMES[0].allocate(Decimal("1.00"), Decimal("1.01"))


@pytest.mark.parametrize(
    ("shares", "message"),
    [({"bank": "0.2", "province": "0.7"}, "sum to 0.9"), ({"bank": "80"}, "must lie in")],
)
def test_shares_that_are_no_scheme(shares: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scheme("x", amounts(shares), DAY, None, "")
