"""Advice on a case: every worked case to the fen, and what holds for all cases."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.advice.advise import advise
from vouch.domain.advice.case import CapState, Missing, PortfolioState, Proposal
from vouch.domain.advice.terms import Outcome
from vouch.domain.burden import Burden, Step
from vouch.domain.scale import ScoreScale
from vouch.domain.stage import Stage
from vouch.policy.reading import Policy
from vouch.scoring.advised import answer

ON = date(2025, 6, 30)
POLICY = Policy()
TERMS = POLICY.decision(ON)
CASES = sorted((Path(__file__).parents[1] / "cases" / "decisions").glob("*.toml"))


def burden(others: Decimal = Decimal(0)) -> Burden:
    """A small client: 75 % to five million guaranteed, 100 % above."""
    five = Decimal("5000000.00")
    return Burden((Step(five, others, Decimal("0.75")), Step(None, others, Decimal(1))))


def proposal(body: dict[str, Any]) -> Proposal:
    grade = POLICY.grade(body["score"])
    return Proposal(
        stage=Stage(body.get("stage", "pre_loan")),
        amount=Decimal(body["amount"]),
        covered=Decimal(body["covered"]),
        exposure=Decimal(body.get("exposure", body["amount"])),
        score=body["score"],
        grade=grade.name,
        band=grade.band,
        default_probability=float(body["probability"]),
        loss_given_default=Decimal("0.70"),
        kind=body.get("kind", "enterprise"),
        product=body.get("product", "general"),
        fee_rate=Decimal(body["fee_rate"]) if "fee_rate" in body else None,
        days=body.get("days", 365) or None,
        is_revolving=body.get("is_revolving", False),
        scheme=POLICY.scheme(body["scheme"], ON),
    )


def state(body: dict[str, Any]) -> PortfolioState:
    cap = body.get("cap")
    return PortfolioState(
        as_of=ON,
        guarantor="GC1",
        own_funds=Decimal(body["own_funds"]) if "own_funds" in body else None,
        client=burden(),
        group=burden(),
        whole=burden(Decimal(body.get("whole_others", 0))),
        client_loans=Decimal(body.get("client_loans", "0.00")),
        small_balance=Fraction(str(body.get("small_balance", 1))),
        small_clients=Fraction(str(body.get("small_clients", 1))),
        cap=CapState(Decimal(cap["amount"]), Decimal(cap["claims"])) if cap else None,
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_worked_case(path: Path) -> None:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    seen = Missing(case["missing"]) if "missing" in case else state(case["state"])
    found = answer(advise(proposal(case["proposal"]), seen, TERMS))
    expected = case["expected"]
    assert found["decision"] == expected["decision"]
    for key in ("rules", "untested"):
        if key in expected:
            assert [rule["rule"] for rule in found[key]] == expected[key]
    for part in ("limit", "fee", "action"):
        for key, value in expected.get(part, {}).items():
            assert found[part][key] == value, f"{part}.{key}"
    allowed = {limit["rule"]: limit["amount"] for limit in found["limit"]["limits"]}
    for rule, amount in expected.get("allowed", {}).items():
        assert allowed[rule] == amount, rule
    figures = {rule["rule"]: rule["figures"] for rule in found["rules"]}
    for rule, wanted in expected.get("figures", {}).items():
        assert wanted.items() <= figures[rule].items(), rule


def test_every_rule_is_worded_in_both_languages_with_its_figures() -> None:
    body = {"amount": "5000000.00", "covered": "5000000.00", "score": 490, "probability": "0.2"}
    found = advise(
        proposal(body | {"scheme": "8:2", "fee_rate": "0.001", "kind": None}),
        state({"own_funds": "10000000.00", "whole_others": "99999999.00", "small_clients": 0}),
        TERMS,
    )
    words = {finding.rule: (finding.zh, finding.en) for finding in found.findings}
    assert {"single_client", "group", "leverage", "fee", "expected_compensation"} <= words.keys()
    assert words["single_client"] == (
        "对该客户的责任余额将达 3,750,000.00 元，占净资产 37.50%，上限为 10.00%（1,000,000.00 元）",
        "Liability to this client would be 3,750,000.00 yuan, 37.50% of net assets, above 10.00% "
        "(1,000,000.00 yuan)",
    )
    for zh, en in words.values():
        assert any("一" <= letter <= "鿿" for letter in zh)
        assert en.isascii()


AMOUNTS = st.integers(1, 2_000_000_000).map(lambda fen: Decimal(fen).scaleb(-2))
MONEY = st.integers(0, 10**12).map(lambda fen: Decimal(fen).scaleb(-2))
PROBABILITIES = st.floats(1e-9, 1 - 1e-9)
STAGES = st.sampled_from([Stage.PRE_LOAN, Stage.IN_LOAN])


@st.composite
def proposals(draw: st.DrawFn) -> Proposal:
    amount = draw(AMOUNTS)
    share = draw(st.integers(1, 100))
    covered = max((amount * share / 100).quantize(Decimal("0.01")), Decimal("0.01"))
    stage = draw(STAGES)
    return scored(
        Proposal(
            stage=stage,
            amount=amount,
            covered=min(covered, amount),
            exposure=amount,
            score=0,
            grade="",
            band=Outcome.APPROVE,
            default_probability=0.5,
            loss_given_default=Decimal(draw(st.integers(0, 100))) / 100,
            kind=draw(st.sampled_from(["enterprise", "person", "farmer", None])),
            product=draw(st.sampled_from(["general", "startup", "tech", "other", None])),
            fee_rate=draw(st.none() | st.integers(0, 100).map(lambda n: Decimal(n) / 10_000)),
            days=draw(st.none() | st.integers(1, 2000)),
            is_revolving=draw(st.booleans()),
            scheme=draw(st.sampled_from([None, *(POLICY.scheme(n, ON) for n in POLICY.schemes)])),
        ),
        draw(PROBABILITIES),
    )


def scored(one: Proposal, probability: float) -> Proposal:
    scale: ScoreScale = POLICY.scale
    score = scale.score(probability)
    grade = POLICY.grade(score)
    return replace(
        one, default_probability=probability, score=score, grade=grade.name, band=grade.band
    )


@st.composite
def states(draw: st.DrawFn) -> PortfolioState:
    cap = st.builds(CapState, amount=MONEY, claims=MONEY)
    client = draw(MONEY) / 100
    return PortfolioState(
        as_of=ON,
        guarantor="GC1",
        own_funds=draw(st.none() | MONEY),
        client=burden(client),
        group=burden(client + draw(MONEY) / 100),
        whole=burden(client + draw(MONEY)),
        client_loans=draw(MONEY) / 1000,
        small_balance=draw(st.none() | st.fractions(0, 1)),
        small_clients=draw(st.none() | st.fractions(0, 1)),
        cap=draw(st.none() | cap),
    )


SEEN = states() | st.sampled_from(list(Missing))


@given(proposals(), SEEN, PROBABILITIES)
def test_a_worse_score_is_never_decided_better(
    one: Proposal, seen: PortfolioState | Missing, other: float
) -> None:
    better = scored(one, min(one.default_probability, other))
    worse = scored(one, max(one.default_probability, other))
    assert advise(better, seen, TERMS).outcome <= advise(worse, seen, TERMS).outcome
    assert advise(better, seen, TERMS).limit.advised >= advise(worse, seen, TERMS).limit.advised


LIMIT_RULES = {"single_client", "group", "leverage", "ticket"}


@given(proposals(), SEEN, st.integers(1, 10**9))
def test_asking_for_more_never_loosens_a_limit(
    one: Proposal, seen: PortfolioState | Missing, more: int
) -> None:
    extra = Decimal(more).scaleb(-2)
    larger = replace(
        one, amount=one.amount + extra, covered=one.covered + extra, exposure=one.amount + extra
    )
    fired = {f.rule for f in advise(one, seen, TERMS).findings} & LIMIT_RULES
    assert fired <= {f.rule for f in advise(larger, seen, TERMS).findings}


@given(proposals(), SEEN)
def test_the_limit_brings_expected_compensation_to_its_target_at_most(
    one: Proposal, seen: PortfolioState | Missing
) -> None:
    limit = advise(one, seen, TERMS).limit
    assert limit.advised >= 0
    assert limit.expected_compensation <= limit.target
    if one.stage is Stage.PRE_LOAN:
        assert limit.advised <= one.amount


@given(proposals(), SEEN)
def test_what_the_limit_advises_breaks_no_limit(
    one: Proposal, seen: PortfolioState | Missing
) -> None:
    advised = advise(one, seen, TERMS).limit.advised
    if not Decimal("0.01") <= advised:
        return
    covered = (advised * one.covered / one.amount).quantize(Decimal("0.01"), "ROUND_DOWN")
    if not covered:
        return
    smaller = replace(one, amount=advised, covered=covered, exposure=advised)
    fired = {f.rule for f in advise(smaller, seen, TERMS).findings}
    assert not fired & LIMIT_RULES


@given(proposals(), SEEN)
def test_no_person_is_declined_by_the_model_alone_and_nothing_running_at_all(
    one: Proposal, seen: PortfolioState | Missing
) -> None:
    found = advise(one, seen, TERMS)
    if one.stage is Stage.IN_LOAN:
        assert found.outcome is not Outcome.DECLINE
    if one.kind in (None, "person", "farmer") and found.outcome is Outcome.DECLINE:
        graver = [f for f in found.findings if f.outcome is Outcome.DECLINE]
        assert any(not finding.from_model for finding in graver)


@given(proposals(), st.sampled_from(list(Missing)))
def test_a_portfolio_out_of_sight_is_said(one: Proposal, seen: Missing) -> None:
    named = {rule.rule for rule in advise(one, seen, TERMS).untested}
    assert {"single_client", "group", "leverage"} <= named


@given(states(), MONEY)
def test_the_most_within_a_limit_is_the_most(seen: PortfolioState, limit: Decimal) -> None:
    most = seen.client.most_within(limit)
    assert most is not None
    if most:
        assert seen.client.at(most) <= limit
    assert seen.client.at(most + Decimal("0.01")) > limit
