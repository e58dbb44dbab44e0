"""Losses are shared to the fen, as worked out by hand in tests/cases/schemes."""

import tomllib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vouch.domain.compensation_cap import (
    Cap,
    CapBase,
    CapBasis,
    CapPeriod,
    CapScope,
    annualised,
)
from vouch.domain.risk_sharing import (
    LossBase,
    Party,
    ReguaranteeFee,
    Scheme,
    expected_compensation,
)
from vouch.policy.reading import Policy

CASES = Path(__file__).parents[1] / "cases" / "schemes"
DAY = date(2025, 6, 30)
POLICY = Policy()
SHIPPED = [version for versions in POLICY.schemes.values() for version in versions]
FEN = Decimal("0.01")
quick = settings(max_examples=30, deadline=None)


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}-{number}-{case['scheme']}")
        for path in sorted(CASES.glob("*.toml"))
        for number, case in enumerate(
            tomllib.loads(path.read_text(encoding="utf-8")).get(kind, []), 1
        )
    ]


def amounts(body: dict[str, str]) -> dict[Party, Decimal]:
    return {Party(party): Decimal(amount) for party, amount in body.items()}


@pytest.mark.parametrize("case", cases("case"))
def test_worked_case(case: dict[str, Any]) -> None:
    scheme = POLICY.scheme(case["scheme"], case.get("on", DAY))
    exposure = Decimal(case["exposure"])
    shared = scheme.allocate(exposure, Decimal(case["recovered"]))
    for part in ("payment", "recovery", "loss"):
        if part in case:
            assert dict(getattr(shared, part)) == amounts(case[part])
    if "first_payment" in case:
        assert scheme.claim(exposure) == Decimal(case["first_payment"])
    if "principal" in case:
        check_interest_and_cost(case)


def check_interest_and_cost(case: dict[str, Any]) -> None:
    """The exposure is principal and interest, what comes back is net of cost."""
    principal, interest = Decimal(case["principal"]), Decimal(case["interest"])
    year = annualised([(principal, case["unpaid_days"])])
    assert (year * Decimal(case["interest_rate"])).quantize(FEN) == interest
    assert principal + interest == Decimal(case["exposure"])
    gross = (Decimal(case["exposure"]) * Decimal(case["recovered_share"])).quantize(FEN)
    assert gross == Decimal(case["gross_recovery"])
    assert gross - Decimal(case["cost"]) == Decimal(case["recovered"])


def test_every_shipped_scheme_has_a_worked_case_and_a_source() -> None:
    worked = {param.values[0]["scheme"] for param in cases("case")}
    assert worked == set(POLICY.schemes)
    assert all(scheme.source and scheme.about for scheme in SHIPPED)


def test_the_cap_of_yangquan_holds_from_2025_and_older_guarantees_stay_without() -> None:
    assert POLICY.scheme("5:5", date(2024, 12, 31)).cap is None
    cap = POLICY.scheme("5:5", date(2025, 1, 1)).cap
    assert cap is not None
    assert cap.rate == Decimal("0.04")


def test_batch_guarantees_follow_the_lender() -> None:
    following = {scheme.name for scheme in SHIPPED if scheme.follows_lender}
    assert following == {"总对总", "蜀担快贷"}


@pytest.mark.parametrize("case", cases("expected"))
def test_worked_expected_compensation(case: dict[str, Any]) -> None:
    scheme, exposure = POLICY.scheme(case["scheme"], DAY), Decimal(case["exposure"])
    found = expected_compensation(
        scheme, case["probability"], exposure, Decimal(case["loss_given_default"])
    )
    assert found == amounts(case["parts"])
    for rate, fee in case["fees"]:
        assert annualised([(exposure, 365)]) * Decimal(rate) == Decimal(fee)
    assert scheme.reguarantee_fee(exposure) == amounts(case["reguarantee_fee"])


@pytest.mark.parametrize("case", cases("fee"))
def test_worked_reguarantee_fee(case: dict[str, Any]) -> None:
    client = Decimal(case["client_amount"]) if "client_amount" in case else None
    scheme = POLICY.scheme(case["scheme"], DAY)
    fee = scheme.reguarantee_fee(Decimal(case["amount"]), case.get("days", 365), client)
    assert fee == amounts(case["fee"])


@st.composite
def invented(draw: st.DrawFn) -> Scheme:
    """Any scheme at all: one to six parties in any order, shares in any whole thousandths."""
    parties = draw(st.permutations(list(Party)))[: draw(st.integers(1, 6))]
    cuts = st.lists(
        st.integers(1, 999), min_size=len(parties) - 1, max_size=len(parties) - 1, unique=True
    )
    edges = [0, *sorted(draw(cuts)), 1000]
    shares = {party: Decimal(edges[n + 1] - edges[n]) / 1000 for n, party in enumerate(parties)}
    return Scheme("invented", shares, DAY, None, "")


schemes = st.sampled_from(SHIPPED) | invented()
# tiny amounts are where rounding shows
fen = (st.integers(0, 30) | st.integers(0, 10**14)).map(lambda n: Decimal(n).scaleb(-2))
pair = st.tuples(fen, fen).map(sorted)


@quick
@given(scheme=schemes, amount=fen)
def test_parts_sum_and_keep_to_their_shares(scheme: Scheme, amount: Decimal) -> None:
    parts = scheme.split(amount)
    assert sum(parts.values()) == amount
    assert min(parts.values()) >= 0
    served = sorted(parts, key=[*list(Party)[1:4], Party.BANK, *list(Party)[4:]].index)
    for before, party in enumerate(served):
        over = Fraction(parts[party]) - Fraction(scheme.shares[party]) * Fraction(amount)
        assert -before * FEN <= over < FEN
        assert before == 0 or over > -before * FEN


@quick
@given(scheme=schemes, amounts=pair)
def test_no_part_falls_when_there_is_more_to_share(scheme: Scheme, amounts: list[Decimal]) -> None:
    less, more = map(scheme.split, amounts)
    assert all(less[party] <= more[party] for party in scheme.shares)


@quick
@given(scheme=schemes, amounts=pair)
def test_payment_recovery_and_loss_sum_and_none_is_negative(
    scheme: Scheme, amounts: list[Decimal]
) -> None:
    recovered, exposure = amounts
    shared = scheme.allocate(exposure, recovered)
    assert sum(shared.payment.values()) == exposure
    assert sum(shared.recovery.values()) == recovered
    assert sum(shared.loss.values()) == exposure - recovered
    for party in scheme.shares:
        assert 0 <= shared.recovery[party] <= shared.payment[party]
        assert shared.loss[party] == shared.payment[party] - shared.recovery[party]
        exact = Fraction(scheme.shares[party]) * Fraction(exposure - recovered)
        assert abs(Fraction(shared.loss[party]) - exact) < FEN * len(scheme.shares)


@quick
@given(scheme=schemes, amounts=st.tuples(fen, fen, fen).map(sorted))
def test_losses_are_monotone(scheme: Scheme, amounts: list[Decimal]) -> None:
    low, middle, high = amounts
    small, large = (scheme.allocate(exposure, low).loss for exposure in (middle, high))
    much, little = (scheme.allocate(high, recovered).loss for recovered in (middle, low))
    for party in scheme.shares:
        assert small[party] <= large[party]
        assert much[party] <= little[party]


@quick
@given(scheme=schemes, amounts=pair)
def test_a_scheme_that_shares_once_after_recovery_passes_none_on(
    scheme: Scheme, amounts: list[Decimal]
) -> None:
    recovered, exposure = amounts
    net = replace(scheme, loss_base=LossBase.NET_AFTER_RECOVERY)
    shared = net.allocate(exposure, recovered)
    assert shared.loss == shared.payment == scheme.split(exposure - recovered)
    assert set(shared.recovery.values()) == {Decimal(0)}


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        ("-0.01", "negative"),
        ("0.001", "finer than a fen"),
        ("NaN", "no amount"),
        ("Infinity", "no amount"),
        ("1e24", "too large"),
    ],
)
def test_amounts_that_cannot_be_shared(amount: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SHIPPED[0].split(Decimal(amount))


@pytest.mark.parametrize("scheme", SHIPPED, ids=lambda s: f"{s.name}-{s.effective_from}")
def test_every_small_amount_of_a_shipped_scheme(scheme: Scheme) -> None:
    parts = [scheme.split(Decimal(n).scaleb(-2)) for n in range(201)]
    for n, (less, more) in enumerate(pairwise(parts)):
        assert sum(more.values()) == Decimal(n + 1).scaleb(-2)
        # one fen more is one party's one fen more
        assert sorted(more[party] - less[party] for party in more)[-2:] == [0, FEN]


@pytest.mark.parametrize("loss_base", LossBase)
def test_more_recovered_than_lost_is_refused(loss_base: LossBase) -> None:
    with pytest.raises(ValueError, match="more than the exposure"):
        replace(SHIPPED[0], loss_base=loss_base).allocate(Decimal("1.00"), Decimal("1.01"))


CAP = Cap(
    Decimal("0.03"),
    CapBase.RELEASED,
    CapScope.PRODUCT,
    CapPeriod.CALENDAR_YEAR,
    CapBasis.PERIOD_END,
)


@pytest.mark.parametrize(
    ("shares", "terms", "message"),
    [
        ({"bank": "0.2", "province": "0.7"}, {}, "sum to 0.9"),
        ({"bank": "80"}, {}, "must lie in"),
        ({"bank": "NaN"}, {}, "must lie in"),
        ({"bank": "1", "province": "1e-40"}, {}, "must sum to exactly 1"),
        ({"bank": "1"}, {"effective_until": date(2025, 6, 29)}, "before effective_from"),
        ({"bank": "1"}, {"cap": CAP}, "names no other"),
        (
            {"bank": "1"},
            {"reguarantee_fees": (ReguaranteeFee(Party.BANK, Decimal("0.003")),)},
            "bears no share",
        ),
    ],
)
def test_what_is_no_scheme(shares: dict[str, str], terms: dict[str, Any], message: str) -> None:
    body: dict[str, Any] = {"effective_until": None, **terms}
    with pytest.raises(ValueError, match=message):
        Scheme("x", amounts(shares), DAY, source="", **body)
