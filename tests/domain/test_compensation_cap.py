"""Caps hold claims to the fen, as worked out by hand in tests/cases/schemes/caps.toml."""

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.test_risk_sharing import (
    DAY,
    FEN,
    POLICY,
    SHIPPED,
    amounts,
    cases,
    fen,
    quick,
    schemes,
)
from vouch.domain.compensation_cap import (
    Cap,
    CapBase,
    CapBasis,
    CappedRecovery,
    CapPeriod,
    CapScope,
    Excess,
    annualised,
    settle,
    settle_running,
)
from vouch.domain.risk_sharing import Party, Scheme

CAP = Cap(
    Decimal("0.03"),
    CapBase.ANNUALISED_RELEASED,
    CapScope.BANK_AND_GUARANTOR,
    CapPeriod.CALENDAR_YEAR,
    CapBasis.PERIOD_END,
)


def rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


@pytest.mark.parametrize("case", cases("cap"))
def test_worked_cap(case: dict[str, Any]) -> None:
    scheme = POLICY.scheme(case["scheme"], DAY)
    released, default = Decimal(case["released"]), Decimal(case["default"])
    claim = scheme.claim(default)
    found = settle([claim], scheme.cap_amount(released))
    assert claim == Decimal(case["claim"])
    assert found.cap_amount == Decimal(case["cap_amount"])
    assert found.paid == Decimal(case["paid"])
    assert default - found.paid == Decimal(case["bank"])
    assert scheme.allocate_capped(default, found.paid).loss[Party.BANK] == Decimal(case["bank"])
    assert rounded(default / released) == Decimal(case["rate"])
    assert rounded(found.burn) == Decimal(case["burn"])


@pytest.mark.parametrize("case", cases("sequence"))
def test_worked_sequence(case: dict[str, Any]) -> None:
    cap_amount = POLICY.scheme(case["scheme"], DAY).cap_amount(Decimal(case["released"]))
    found = settle([Decimal(claim) for claim in case["claims"]], cap_amount)
    assert [claim.paid for claim in found.claims] == [Decimal(paid) for paid in case["paid"]]
    assert [c.rejected for c in found.claims] == [Decimal(text) for text in case["rejected"]]
    assert found.rejected == sum(c.rejected for c in found.claims)
    assert rounded(found.burn) == Decimal(case["burn"])


@pytest.mark.parametrize("case", cases("running"))
def test_worked_running_cap(case: dict[str, Any]) -> None:
    scheme = POLICY.scheme(case["scheme"], DAY)
    claims = [Decimal(claim) for claim in case["claims"]]
    caps = [scheme.cap_amount(Decimal(released)) for released in case["released"]]
    steps = list(zip(claims, caps, strict=True))
    by_then = [settle_running(steps[:n]).paid for n in range(1, len(steps) + 1)]
    assert by_then == [Decimal(paid) for paid in case["paid_by_then"]]
    final = scheme.cap_amount(Decimal(case["released_in_the_end"]))
    for found in (settle_running(steps, final), settle(claims, final)):
        assert [claim.paid for claim in found.claims] == [Decimal(paid) for paid in case["paid"]]
        assert [c.rejected for c in found.claims] == [Decimal(text) for text in case["rejected"]]


@pytest.mark.parametrize("case", cases("inner"))
def test_worked_inner_split(case: dict[str, Any]) -> None:
    parts = POLICY.scheme(case["scheme"], DAY).split_system(Decimal(case["paid"]))
    assert parts == amounts(case["parts"])


@pytest.mark.parametrize("case", cases("recovery"))
def test_worked_recovery_under_a_cap(case: dict[str, Any]) -> None:
    scheme = POLICY.scheme(case["scheme"], DAY)
    assert scheme.cap is not None
    scheme = replace(scheme, cap=replace(scheme.cap, recovery=CappedRecovery(case["rule"])))
    back = scheme.allocate_capped(
        Decimal(case["default"]), Decimal(case["paid"]), Decimal(case["recovered"])
    ).recovery
    assert back[Party.BANK] == Decimal(case["bank"])
    assert sum(back.values()) - back[Party.BANK] == Decimal(case["system"])


@pytest.mark.parametrize("case", cases("annualised"))
def test_worked_annualised_release(case: dict[str, Any]) -> None:
    scheme = POLICY.scheme(case["scheme"], DAY)
    releases = [(Decimal(principal), days) for principal, days in case["releases"]]
    assert [annualised([one]) for one in releases] == [Decimal(each) for each in case["each"]]
    assert scheme.cap is not None
    released = scheme.cap.base_amount(releases)
    assert released == Decimal(case["released"])
    assert scheme.cap_amount(released) == Decimal(case["cap_amount"])


@pytest.mark.parametrize("case", cases("scenarios"))
def test_worked_scenarios(case: dict[str, Any]) -> None:
    scheme = POLICY.scheme(case["scheme"], DAY)
    cap_amount = scheme.cap_amount(Decimal(case["released"]))
    defaults = [Decimal(default) for default in case["defaults"]]
    chances = [Decimal(chance) for chance in case["probabilities"]]

    def expected(values: list[Decimal]) -> Decimal:
        return sum((c * v for c, v in zip(chances, values, strict=True)), Decimal(0))

    claims = [scheme.claim(default) for default in defaults]
    paid = [settle([claim], cap_amount).paid for claim in claims]
    total = expected(defaults)
    assert total == Decimal(case["default"])
    for values, worked in ((claims, case["uncapped"]), (paid, case["capped"])):
        assert expected(values) == Decimal(worked["system"])
        assert total - expected(values) == Decimal(worked["bank"])


claims = st.lists(fen, max_size=8)
CAPPED = [scheme for scheme in SHIPPED if scheme.cap is not None]


@quick
@given(claims=claims, cap_amount=fen, excess=st.sampled_from(Excess))
def test_a_cap_holds(claims: list[Decimal], cap_amount: Decimal, excess: Excess) -> None:
    found = settle(claims, cap_amount, excess)
    assert found.paid == min(found.claimed, cap_amount)
    assert found.paid + found.rejected + found.suspended == found.claimed == sum(claims)
    assert (found.suspended if excess is Excess.BANK_BEARS else found.rejected) == 0
    for claim in found.claims:
        assert claim.paid + claim.rejected + claim.suspended == claim.claim
        assert min(claim.paid, claim.rejected, claim.suspended) >= 0


@pytest.mark.parametrize("scheme", CAPPED, ids=lambda s: f"{s.name}-{s.effective_from}")
@quick
@given(defaults=st.lists(fen, max_size=5), released=fen, recovered=fen, rotated=st.integers(0, 4))
def test_every_shipped_cap(
    scheme: Scheme, defaults: list[Decimal], released: Decimal, recovered: Decimal, rotated: int
) -> None:
    """Of each default the parts sum, none is negative, and together the system keeps to the cap."""
    cap_amount = scheme.cap_amount(released)
    found = settle([scheme.claim(default) for default in defaults], cap_amount)
    assert found.paid <= cap_amount
    for default, claim in zip(defaults, found.claims, strict=True):
        shared = scheme.allocate_capped(default, claim.paid, min(recovered, default))
        for part, whole in (
            (shared.payment, default),
            (shared.recovery, min(recovered, default)),
            (shared.loss, default - min(recovered, default)),
        ):
            assert sum(part.values()) == whole
            assert min(part.values()) >= 0
        assert default - shared.payment[Party.BANK] == claim.paid
    turned = defaults[rotated:] + defaults[:rotated]
    other = settle([scheme.claim(default) for default in turned], cap_amount)
    assert (other.paid, other.rejected) == (found.paid, found.rejected)


@pytest.mark.parametrize("scheme", CAPPED, ids=lambda s: f"{s.name}-{s.effective_from}")
@quick
@given(defaults=st.tuples(fen, fen).map(sorted), released=fen)
def test_under_every_shipped_cap_nobody_pays_less_of_more(
    scheme: Scheme, defaults: list[Decimal], released: Decimal
) -> None:
    cap_amount = scheme.cap_amount(released)
    less, more = (
        scheme.allocate_capped(default, settle([scheme.claim(default)], cap_amount).paid).loss
        for default in defaults
    )
    assert all(less[party] <= more[party] for party in scheme.shares)


@quick
@given(data=st.data(), claims=claims, cap_amount=fen)
def test_the_order_of_claims_does_not_change_totals(
    data: st.DataObject, claims: list[Decimal], cap_amount: Decimal
) -> None:
    one, other = (
        settle(order, cap_amount) for order in (claims, data.draw(st.permutations(claims)))
    )
    assert (one.paid, one.rejected, one.burn) == (other.paid, other.rejected, other.burn)


@quick
@given(claims=claims, more=fen, cap_amount=fen, grown=fen)
def test_more_claims_or_more_cap_never_pay_less(
    claims: list[Decimal], more: Decimal, cap_amount: Decimal, grown: Decimal
) -> None:
    found = settle(claims, cap_amount)
    with_more = settle([*claims, more], cap_amount)
    assert with_more.claims[: len(claims)] == found.claims
    assert with_more.rejected >= found.rejected
    assert settle(claims, cap_amount + grown).paid >= found.paid


@quick
@given(steps=st.lists(st.tuples(fen, fen), max_size=8), last=fen, excess=st.sampled_from(Excess))
def test_a_running_cap_that_grows_ends_like_one_settled_at_the_end(
    steps: list[tuple[Decimal, Decimal]], last: Decimal, excess: Excess
) -> None:
    grown = sorted(cap for _, cap in steps)
    running = [(claim, cap) for (claim, _), cap in zip(steps, grown, strict=True)]
    final = max([*grown, last])
    assert settle_running(running, final, excess) == settle(
        [claim for claim, _ in running], final, excess
    )


@quick
@given(steps=st.lists(st.tuples(fen, fen), min_size=1, max_size=8))
def test_a_running_cap_takes_nothing_back(steps: list[tuple[Decimal, Decimal]]) -> None:
    paid = [settle_running(steps[:n]).paid for n in range(1, len(steps) + 1)]
    assert paid == sorted(paid)
    assert paid[-1] <= max(cap for _, cap in steps)
    assert settle_running(steps, Decimal(0)).paid == paid[-1]


def test_a_claim_before_much_was_released_waits_for_the_cap_to_grow() -> None:
    # the cap was 4 at the first claim of 10, then 12 at the second of 5, and is 14 in the end
    first, second = (Decimal(10), Decimal(4)), (Decimal(5), Decimal(12))
    early = settle_running([first])
    assert [(c.paid, c.suspended) for c in early.claims] == [(4, 6)]
    later = settle_running([first, second])
    assert [(c.paid, c.suspended) for c in later.claims] == [(10, 0), (2, 3)]
    end = settle_running([first, second], Decimal(14))
    assert [(c.paid, c.suspended, c.rejected) for c in end.claims] == [(10, 0, 0), (4, 0, 1)]


def test_nothing_claimed() -> None:
    assert settle_running([]).claims == settle_running([], Decimal(5)).claims == ()
    assert settle([], Decimal(0)).burn is None


@quick
@given(
    scheme=schemes.filter(lambda scheme: scheme.system_share > 0),
    parts=st.tuples(fen, fen).map(sorted),
    cap_amount=fen,
    rule=st.sampled_from(CappedRecovery),
)
def test_a_capped_compensation_sums_and_none_is_negative(
    scheme: Scheme, parts: list[Decimal], cap_amount: Decimal, rule: CappedRecovery
) -> None:
    recovered, default = parts
    scheme = replace(scheme, cap=replace(CAP, recovery=rule))
    paid = min(scheme.claim(default), cap_amount)
    shared = scheme.allocate_capped(default, paid, recovered)
    assert sum(shared.payment.values()) == default
    assert sum(shared.recovery.values()) == recovered
    assert shared.payment[Party.BANK] == default - paid
    for party in shared.loss:
        assert 0 <= shared.recovery[party] <= shared.payment[party]


@quick
@given(scheme=schemes, parts=st.tuples(fen, fen).map(sorted))
def test_a_cap_that_is_not_reached_changes_nothing(scheme: Scheme, parts: list[Decimal]) -> None:
    recovered, default = parts
    free = scheme.allocate(default, recovered)
    capped = scheme.allocate_capped(default, scheme.claim(default), recovered)
    bank = Party.BANK
    assert capped.payment[bank] == free.payment.get(bank, 0)
    assert capped.loss[bank] == free.loss.get(bank, 0)
    for party in scheme.shares:  # the inner split rounds on its own, from the system's sum
        assert abs(capped.loss[party] - free.loss[party]) <= 2 * len(scheme.shares) * FEN


def test_more_paid_than_claimed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not between 0 and the claim 80\.00"):
        POLICY.scheme("8:2", DAY).allocate_capped(Decimal("100.00"), Decimal("80.01"))


def test_the_base_is_what_the_cap_says() -> None:
    releases = [(Decimal("100.00"), 730), (Decimal("50.00"), 365)]
    owed = Decimal("7.00")
    assert CAP.base_amount(releases, owed) == Decimal("250.00")
    assert replace(CAP, days_at_most=365).base_amount(releases, owed) == Decimal("150.00")
    assert replace(CAP, base=CapBase.RELEASED).base_amount(releases, owed) == Decimal("150.00")
    assert replace(CAP, base=CapBase.OUTSTANDING).base_amount(releases, owed) == owed


def test_the_system_share_weighs_the_base_unless_the_agreement_says_otherwise() -> None:
    half, base = Decimal("0.50"), Decimal("1000.00")
    assert CAP.amount(base, half) == Decimal("15.00")
    assert replace(CAP, base_weight=Decimal("0.80")).amount(base, half) == Decimal("24.00")


@pytest.mark.parametrize(
    ("period", "agreed_on", "first", "last"),
    [
        (CapPeriod.CALENDAR_YEAR, None, date(2025, 1, 1), date(2025, 12, 31)),
        # 365 days with the day itself: as in the rolling rate of the regulator
        (CapPeriod.ROLLING_365_DAYS, None, date(2024, 7, 1), date(2025, 6, 30)),
        (CapPeriod.AGREEMENT_YEAR, date(2023, 6, 30), date(2025, 6, 30), date(2026, 6, 29)),
        (CapPeriod.AGREEMENT_YEAR, date(2023, 7, 1), date(2024, 7, 1), date(2025, 6, 30)),
        (CapPeriod.AGREEMENT_YEAR, date(2024, 2, 29), date(2025, 2, 28), date(2026, 2, 27)),
    ],
)
def test_the_period_of_a_day(
    period: CapPeriod, agreed_on: date | None, first: date, last: date
) -> None:
    assert replace(CAP, period=period).window(DAY, agreed_on) == (first, last)


@pytest.mark.parametrize("agreed_on", [None, date(2025, 7, 1)])
def test_an_agreement_year_needs_its_agreement(agreed_on: date | None) -> None:
    with pytest.raises(ValueError, match="needs an agreement"):
        replace(CAP, period=CapPeriod.AGREEMENT_YEAR).window(DAY, agreed_on)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"rate": Decimal(4)}, "write 4 % as 0.04"),
        ({"rate": Decimal("NaN")}, "must lie in"),
        ({"base_weight": Decimal(0)}, "write 80 % as 0.80"),
        ({"days_at_most": 0}, "a day or more"),
    ],
)
def test_what_is_no_cap(terms: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CAP, **terms)


def test_amounts_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="base of a cap"):
        CAP.amount(Decimal(-1), Decimal("0.8"))
    with pytest.raises(ValueError, match="a release of"):
        annualised([(Decimal(1), -1)])
    with pytest.raises(ValueError, match="a claim is -1"):
        settle([Decimal(-1)], Decimal(5))
    with pytest.raises(ValueError, match="finer than a fen"):
        settle([Decimal("0.001")], Decimal(5))
    with pytest.raises(ValueError, match="has no cap"):
        POLICY.scheme("8:2", DAY).cap_amount(Decimal(1))
