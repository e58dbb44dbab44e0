"""Banks ranked for an application: points by hand, and an order that input cannot change."""

from __future__ import annotations

import itertools
import random
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.advice.case import CapState
from vouch.domain.lender_fit import Application, Candidate, Criterion, ranked
from vouch.policy.reading import Policy

ON = date(2025, 6, 30)
POLICY = Policy()
TERMS = POLICY.lender_fit(ON)
YANGQUAN, TAIYUAN = "140300", "140100"


def candidate(
    lender: str, kind: str | None, region: str, scheme: str = "8:2", cap: CapState | None = None
) -> Candidate:
    return Candidate(lender, lender, kind, region, POLICY.scheme(scheme, ON), cap)


def application(amount: str = "500000.00", grade: str = "B", kind: str = "person") -> Application:
    return Application(Decimal(amount), grade, kind, YANGQUAN)


def test_points_by_hand() -> None:
    # weights 30 25 20 15 10. The local bank of the city gets all; under 5:5 a quarter of the cap is
    # used, so 7 of 10 remain (0.75 · 10 = 7.5, down); a state bank elsewhere gets half the region
    # (15 // 2 = 7); a local bank elsewhere does not reach the borrower.
    used = CapState(Decimal("1000000.00"), Decimal("250000.00"))
    found = ranked(
        application(),
        [
            candidate("L3", "local", TAIYUAN),
            candidate("L2", "state", TAIYUAN),
            candidate("L1", "local", YANGQUAN, "5:5", used),
            candidate("L1", "local", YANGQUAN),
        ],
        TERMS,
    )
    shown = [(r.candidate.lender_id, r.candidate.scheme.name, r.points, r.fits) for r in found]
    assert shown == [
        ("L1", "8:2", 100, True),
        ("L1", "5:5", 97, True),
        ("L2", "8:2", 92, True),
        ("L3", "8:2", 85, False),
    ]
    reason = found[1].reasons[-1]
    assert reason.criterion is Criterion.CAP
    assert reason.zh == "5:5 上限 1,000,000.00 元，剩余 750,000.00 元（75.00%）"
    assert reason.en == "cap of 5:5 1,000,000.00, 750,000.00 left (75.00%)"


@pytest.mark.parametrize(
    ("asked", "missed"),
    [
        (application(kind="enterprise"), Criterion.POLICY),
        (application(grade="E"), Criterion.GRADE),
        (application(amount="1000000.01"), Criterion.TICKET),
    ],
)
def test_what_an_internet_bank_does_not_take(asked: Application, missed: Criterion) -> None:
    (found,) = ranked(asked, [candidate("W1", "internet", "440300")], TERMS)
    assert not found.fits
    assert [reason.criterion for reason in found.reasons if not reason.points] == [missed]


def test_a_cap_used_up_does_not_fit() -> None:
    gone = CapState(Decimal("1000.00"), Decimal("1000.00"))
    (found,) = ranked(application(), [candidate("L1", "local", YANGQUAN, "5:5", gone)], TERMS)
    assert not found.fits


def test_a_bank_that_policy_does_not_know_is_said_to_be_unknown() -> None:
    (found,) = ranked(application(), [candidate("X1", None, YANGQUAN)], TERMS)
    assert "nothing is set" in found.reasons[0].en
    assert found.reasons[0].points == 15


CAPS = st.none() | st.builds(
    CapState,
    amount=st.integers(0, 10**8).map(Decimal),
    claims=st.integers(0, 10**8).map(Decimal),
)
PAIRS = st.lists(
    st.tuples(st.sampled_from(["L1", "L2", "L3", "L4"]), st.sampled_from(sorted(POLICY.schemes))),
    unique=True,
    max_size=8,
)


@given(PAIRS, st.data(), st.randoms(use_true_random=False))
def test_the_order_of_input_never_matters(
    pairs: list[tuple[str, str]], data: st.DataObject, rng: random.Random
) -> None:
    kinds = ["state", "local", "internet", None]
    candidates = [
        candidate(lender, data.draw(st.sampled_from(kinds)), TAIYUAN, scheme, data.draw(CAPS))
        for lender, scheme in pairs
    ]
    asked = application(grade=data.draw(st.sampled_from("ABCDE")))
    shuffled = rng.sample(candidates, len(candidates))
    found = ranked(asked, candidates, TERMS)
    assert ranked(asked, shuffled, TERMS) == found
    assert [rank.place for rank in found] == list(range(1, len(found) + 1))
    for better, worse in itertools.pairwise(found):
        assert (better.fits, better.points) >= (worse.fits, worse.points)
