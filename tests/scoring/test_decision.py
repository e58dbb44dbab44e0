"""Who would bear the loss, and what an answer looks like."""

import json
import math
from datetime import date
from decimal import Decimal
from pathlib import Path
from shutil import copytree

import pytest

from vouch.domain.stage import Stage
from vouch.errors import FactsError, PolicyError
from vouch.policy.reading import SHIPPED, Policy
from vouch.scoring.basis import Basis
from vouch.scoring.decision import Decision, ModelVersion, share_expected
from vouch.scoring.reasons import Reason
from vouch.scoring.subject import Subject

APPLIED = date(2024, 5, 6)


def subject(scheme: str | None = None, applied: date = APPLIED) -> Subject:
    return Subject("G1", "B1", date(2024, 6, 1), applied, scheme, Decimal("1000000.00"))


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    """The shipped policy, but 30 % of an exposure recovered as in the worked figures."""
    folder = tmp_path / "policy"
    copytree(SHIPPED, folder)
    (folder / "loss.toml").write_text('loss_given_default = "0.70"\ndefault_scheme = "8:2"\n')
    return Policy(folder)


def test_the_worked_figures_of_the_traditional_scheme(policy: Policy) -> None:
    # 1.62 % of 1,000,000 of which 30 % is recovered: 11,340 in all, shared 40/20/20/20
    found = share_expected(policy, subject("8:2"), 0.0162, None).answer()
    assert found == {
        "scheme": "8:2",
        "exposure": "1000000.00",
        "loss_given_default": "0.70",
        "total": "11340.00",
        "by_party": {
            "bank": "2268.00",
            "city_guarantor": "4536.00",
            "province": "2268.00",
            "national_fund": "2268.00",
        },
        "note": None,
    }


def test_the_scheme_asked_for_goes_before_the_guarantees_own_and_that_before_the_default(
    policy: Policy,
) -> None:
    assert share_expected(policy, subject("5:5"), 0.01, "4:6").scheme == "4:6"
    assert share_expected(policy, subject("5:5"), 0.01, None).scheme == "5:5"
    assert share_expected(policy, subject(), 0.01, None).scheme == "8:2"


@pytest.mark.parametrize("probability", [1e-12, 0.0000001, 0.33333333, 0.9999999999])
def test_the_parts_sum_to_the_total(policy: Policy, probability: float) -> None:
    found = share_expected(policy, subject(), probability, None)
    assert found.by_party is not None
    assert sum(found.by_party.values()) == found.total
    # the same total whether or not a scheme shares it
    alone = share_expected(policy, subject(applied=date(1985, 1, 1)), probability, None)
    assert (alone.total, alone.by_party) == (found.total, None)


@pytest.mark.parametrize(("asked", "applied"), [("9:1", APPLIED), ("8:2", date(1985, 1, 1))])
def test_a_scheme_asked_for_that_does_not_answer_is_a_wrong_field(
    policy: Policy, asked: str, applied: date
) -> None:
    with pytest.raises(FactsError) as caught:
        share_expected(policy, subject(applied=applied), 0.01, asked)
    assert caught.value.faults[0].field == "scheme"


def test_an_unknown_scheme_of_the_guarantee_leaves_a_note(policy: Policy) -> None:
    found = share_expected(policy, subject("自定义"), 0.01, None)
    assert found.by_party is None
    assert "自定义" in str(found.note)


def test_a_policy_file_that_is_wrong_is_not_the_callers_fault(policy: Policy) -> None:
    (policy.folder / "risk_sharing" / "8-2.toml").write_text("name = 1")
    with pytest.raises(PolicyError):
        share_expected(policy, subject(), 0.01, "8:2")


def test_an_answer_is_plain_json(policy: Policy) -> None:
    reason = Reason("tax_paid_change_90d", math.inf, math.nan, -3, "中文", "English")
    decision = Decision(
        stage=Stage.POST_LOAN,
        guarantee_id="G1",
        borrower_id=None,
        as_of=date(2024, 6, 1),
        default_probability=0.1,
        score=500,
        grade="E",
        band="decline",
        base_points=503,
        reasons=[reason],
        expected_compensation=share_expected(policy, subject(), 0.1, None),
        model=ModelVersion("vouch-post-loan", "1", "abc"),
        basis=Basis(subject(), None, {}),
    )
    answer = decision.answer()
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["reasons"][0]["value"] is None
    assert answer["as_of"] == "2024-06-01"
