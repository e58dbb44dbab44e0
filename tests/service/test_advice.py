"""Decisions over HTTP and at the command line: rules, limits, what could not be tested."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from vouch.book.book import Book
from vouch.cli import app
from vouch.domain.access import Institution, Level
from vouch.errors import FactsError, VouchError
from vouch.service.answers import DecisionAnswer
from vouch.service.rows import shown

pytestmark = pytest.mark.slow

APPLIED = date(2025, 6, 20)


@pytest.fixture(scope="module")
def own_book(book, add_facts, tmp_path_factory) -> Book:
    """The made book with a guarantor of 2,000,000 net assets and an application of 1,000,000."""
    path = tmp_path_factory.mktemp("advice") / "book"
    shutil.copytree(book.path, path)
    dated = {"event_at": APPLIED, "known_at": APPLIED}
    return add_facts(
        path,
        "advice",
        guarantor=[dated | {"guarantor_id": "GC1", "net_assets": Decimal("2000000.00")}],
        guarantee=[
            dated
            | {"guarantee_id": "N1", "borrower_id": "B1", "lender_id": "L1", "guarantor_id": "GC1"}
            | {"amount": Decimal("1000000.00"), "guaranteed_amount": Decimal("800000.00")}
            | {"scheme": "8:2", "product": "general", "fee_rate": 0.008, "tenor_months": 12}
        ],
    )


@pytest.fixture
def run(own_book, make_settings, champions, tmp_path):
    """A command over that book and the packed champions."""
    env = {
        "VOUCH_HOME": str(tmp_path / "home"),
        "VOUCH_BOOK": str(own_book.path),
        "VOUCH_CHAMPIONS": str(champions),
        "VOUCH_PACKED": "yes",
    }

    def call(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), env=env)

    return call


def read(result: Result) -> Any:
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def rules(advice: dict[str, Any]) -> dict[str, Any]:
    return {rule["rule"]: rule for rule in advice["rules"]}


def test_the_stored_answer_holds_the_decision_with_its_figures(serve, own_book):
    client = serve(VOUCH_BOOK=str(own_book.path))
    answer = client.post("/v1/pre-loan/score", json={"guarantee_id": "N1"}).json()
    again = client.get(f"/v1/decisions/{answer['decision_id']}").json()
    assert again["advice"] == answer["advice"]
    advice = answer["advice"]
    # 0.75 · 800,000 = 600,000 of 2,000,000 is 30 %; 200,000 / 0.75 / 0.8 = 333,333.32 to the fen
    fired = rules(advice)
    assert fired["single_client"]["figures"] == {
        "liability": "600000.00",
        "net_assets": "2000000.00",
        "limit": "200000.00",
        "limit_share": "0.10",
    }
    allowed = {limit["rule"]: limit["amount"] for limit in advice["limit"]["limits"]}
    assert allowed["single_client"] == "333333.32"
    assert advice["decision"] == "decline"
    assert advice["untested"] == []
    assert Decimal(advice["limit"]["advised"]) <= 330_000


def test_a_bank_is_not_shown_the_guarantors_figures(serve, own_book):
    client = serve(VOUCH_BOOK=str(own_book.path))
    answer = client.post("/v1/pre-loan/score", json={"guarantee_id": "N1"}).json()
    seen = shown(answer, Institution(Level.LENDER, "L1"))["advice"]
    assert "single_client" in rules(seen)
    assert "2000000.00" not in json.dumps(seen)
    assert "2,000,000.00" not in json.dumps(seen)
    assert seen["decision"] == answer["advice"]["decision"]
    assert seen["limit"]["advised"] == answer["advice"]["limit"]["advised"]
    assert DecisionAnswer.model_validate(answer | {"advice": seen})
    own = shown(answer, Institution(Level.GUARANTOR, "GC1"))["advice"]
    assert own == answer["advice"]


@pytest.mark.parametrize("slug", ["pre-loan", "in-loan"])
def test_what_the_portfolio_cannot_say_is_said(client, book, slug):
    known = book.known(date(2025, 6, 1)).rows("guarantee")["guarantee_id"][0].as_py()
    old = client.post(f"/v1/{slug}/score", json={"guarantee_id": known, "as_of": "2024-03-15"})
    recent = client.post(f"/v1/{slug}/score", json={"guarantee_id": known, "as_of": "2025-06-30"})
    for answer, why in ((old, "too long ago"), (recent, "the book states no net assets of")):
        untested = {rule["rule"]: rule["en"] for rule in answer.json()["advice"]["untested"]}
        assert {"single_client", "group", "leverage"} <= untested.keys()
        assert why in untested["leverage"]


def test_a_review_names_an_action_and_after_the_loan_nothing_is_advised(client, book):
    known = book.known(date(2025, 6, 1)).rows("guarantee")["guarantee_id"][0].as_py()
    case = {"guarantee_id": known, "as_of": "2024-03-15"}
    advice = client.post("/v1/in-loan/score", json=case).json()["advice"]
    assert advice["action"]["action"] in ("keep", "reduce", "collateral")
    assert advice["decision"] != "decline"
    assert advice["fee"] is None
    assert client.post("/v1/post-loan/score", json=case).json()["advice"] is None


def test_decide_says_what_the_service_says(run, serve, own_book):
    told = read(run("decide", "N1", "--json"))
    client = serve(VOUCH_BOOK=str(own_book.path))
    served = client.post("/v1/pre-loan/score", json={"guarantee_id": "N1"}).json()
    assert told["advice"] == served["advice"]
    shown = run("decide", "N1").stdout
    assert "decline 不予担保" in shown
    assert "占净资产 30.00%" in shown
    assert "30.00% of net assets" in shown


def facts(**guarantee: Any) -> dict[str, Any]:
    stated = {"amount": "500000.00", "interest_rate": 0.045, "tenor_months": 12}
    return {
        "as_of": "2025-06-20",
        "guarantee": stated | guarantee,
        "borrower": {"kind": "person", "industry": "F5211"},
    }


def test_decide_on_a_file_of_facts(run, tmp_path: Path):
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(facts(fee_rate=0.008, product="general", scheme="8:2")))
    advice = read(run("decide", "--facts", str(path), "--json"))["advice"]
    assert advice["decision"] != "decline"
    assert {rule["rule"] for rule in advice["untested"]} >= {"single_client", "leverage"}


def test_what_if_on_a_case_and_on_the_book(run):
    found = read(run("what-if", "N1", "--scheme", "5:5", "--fee", "0.005", "--json"))
    before, after = found["before"], found["after"]
    assert before["total"] == after["total"]
    assert (before["fee"], after["fee"]) == ("8000.00", "5000.00")
    half = Decimal(after["expected"]["bank"]) * 2 - Decimal(after["total"])
    assert abs(half) <= Decimal("0.02")
    words = ("what-if", "--as-of", "2024-12-31", "--rate", "0.02", "--scheme", "5:5")
    book = read(run(*words, "--cap", "0.04", "--json"))
    assert book["before"]["loans"] == book["after"]["loans"] > 0
    assert book["before"]["total"] == book["after"]["total"]
    capped = book["after"]["capped"]
    assert capped["portfolios"] > 0
    assert Decimal(capped["system_with"]) <= Decimal(capped["system_without"])
    assert "担保机构净额" in run(*words).stdout


def test_lenders_are_ranked_with_reasons(run):
    found = read(run("lenders", "N1", "--json"))
    assert [rank["place"] for rank in found] == list(range(1, len(found) + 1))
    for rank in found:
        assert rank["points"] == sum(reason["points"] for reason in rank["reasons"])
        assert all(reason["zh"] and reason["en"] for reason in rank["reasons"])
    shown = run("lenders", "N1", "--top", "1").stdout
    assert "advice only 仅供参考" in shown


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["decide"], "name a guarantee of the book, or give --facts FILE"),
        (["decide", "N1", "--facts", "x.json"], "one of the two"),
        (["decide", "--facts", "missing.json"], "missing.json cannot be read"),
        (["decide", "N1", "--stage", "post_loan"], "--stage is pre_loan or in_loan"),
        (["decide", "nobody"], "no guarantee 'nobody' was known"),
        (["decide", "N1", "--scheme", "9:1"], "no risk-sharing scheme is called '9:1'"),
        (["what-if", "N1"], "say what should be other"),
        (["what-if", "N1", "--fee", "0.5 %"], "write 0.5 % as 0.005"),
        (["what-if", "N1", "--cap", "0"], "a cap of nothing is none"),
        (["what-if", "--scheme", "5:5"], "--as-of DAY for the whole book"),
        (["what-if", "N1", "--scheme", "9:1"], "no risk-sharing scheme is called '9:1'"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_remedy(run, words, text):
    result = run(*words)
    assert isinstance(result.exception, VouchError), result.output
    assert text in str(result.exception)


def test_wrong_facts_are_named_field_by_field(run, tmp_path: Path):
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(facts(amount="-1", colour="red")))
    error = run("decide", "--facts", str(path)).exception
    assert isinstance(error, FactsError)
    assert {fault.field for fault in error.faults} == {"guarantee.amount", "guarantee.colour"}
