"""How the portfolio stood comes back from JSON as it was."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.advice.case import CapState, Missing, PortfolioState
from vouch.domain.burden import Burden, Step
from vouch.scoring.standing import read, written

MONEY = st.decimals(0, 10**12, places=2)
SHARES = st.fractions(0, 1) | st.none()


@st.composite
def burdens(draw):
    ends = sorted(set(draw(st.lists(MONEY, max_size=2))))
    steps = [Step(end, draw(MONEY), draw(st.decimals(0, 1, places=4))) for end in (*ends, None)]
    return Burden(tuple(steps))


STATES = st.builds(
    PortfolioState,
    as_of=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    guarantor=st.text(max_size=20),
    own_funds=MONEY | st.none(),
    client=burdens(),
    group=burdens(),
    whole=burdens(),
    client_loans=MONEY,
    small_balance=SHARES,
    small_clients=SHARES,
    cap=st.builds(CapState, MONEY, MONEY) | st.none(),
)


@given(STATES | st.sampled_from(Missing))
def test_what_is_written_is_read(standing):
    assert read(json.loads(json.dumps(written(standing)))) == standing


def test_it_is_exact_and_readable():
    burden = Burden(
        (
            Step(Decimal("5000000.00"), Decimal("0.10"), Decimal("0.75")),
            Step(None, Decimal(0), Decimal(1)),
        )
    )
    state = PortfolioState(
        date(2025, 1, 2), "CZ1", None, burden, burden, burden, Decimal("7.00"), Fraction(1, 3), None
    )
    body = written(state)
    assert body["client"] == [["5000000.00", "0.10", "0.75"], [None, "0", "1"]]
    assert (body["small_balance"], body["own_funds"], body["cap"]) == ("1/3", None, None)
    assert written(Missing.TOO_OLD) == "too_old"
    with pytest.raises(ValueError, match="unheard"):
        read("unheard")
