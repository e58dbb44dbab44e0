"""A scheme nobody has heard of, one file in a policy folder of one's own, used over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vouch.policy.reading import SHIPPED, Policy

pytestmark = pytest.mark.slow

FILE = Path(__file__).parents[1] / "cases" / "new_scheme" / "six_parties.toml"
APPLICATION = {"borrower_id": "B3", "amount": "1000000.00", "event_at": "2024-06-01"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "policy")
    shutil.copy(FILE, tmp_path / "policy" / "risk_sharing")
    return tmp_path / "policy"


@pytest.fixture
def post(serve: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    client = serve(VOUCH_POLICY=str(folder))
    return lambda body: client.post("/v1/pre-loan/score", json=body)


@pytest.mark.parametrize(
    "body",
    [
        {"guarantee": APPLICATION | {"scheme": "六方共担"}},
        {"guarantee": APPLICATION | {"scheme": "8:2"}, "scheme": "六方共担"},
    ],
    ids=["the application's own", "asked for"],
)
def test_an_application_under_it_is_shared_by_its_six_parties(
    post: Callable[..., Any], folder: Path, body: dict[str, Any]
) -> None:
    answer = post(body)
    assert answer.status_code == 200, answer.text
    found = answer.json()["expected_compensation"]
    total = Decimal(found["total"])
    assert found["scheme"] == "六方共担"
    assert total == round(
        Decimal(repr(answer.json()["default_probability"])) * 1_000_000 * Decimal("0.60"), 2
    )
    scheme = Policy(folder).scheme("六方共担", date(2024, 6, 1))
    assert len(found["by_party"]) == 6
    assert found["by_party"] == {p.value: str(part) for p, part in scheme.split(total).items()}


def test_before_its_first_day_it_is_refused_with_file_and_remedy(post: Callable[..., Any]) -> None:
    early = APPLICATION | {"event_at": "2023-12-31"}
    answer = post({"guarantee": early, "scheme": "六方共担"})
    assert answer.status_code == 422
    told = answer.text
    assert "is not in force on 2023-12-31, it holds 2024-01-01 on" in told
    assert "risk_sharing/six_parties.toml" in told


def test_elsewhere_it_is_not_known(client: Any) -> None:
    answer = client.post(
        "/v1/pre-loan/score", json={"guarantee": APPLICATION, "scheme": "六方共担"}
    )
    assert answer.status_code == 422
    assert "no risk-sharing scheme is called" in answer.text
