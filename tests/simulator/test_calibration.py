"""The data file is complete, sourced and spells the same names as the book's tables."""

import tomllib
from importlib import resources

import numpy as np
import pytest

from vouch.book.tables import BORROWER_KINDS, LENDER_KINDS, REPAYMENTS, SIGNAL_KINDS
from vouch.simulator.borrowers import segment_weights
from vouch.simulator.calibration import chosen, log_effects, province, spread_evenly

NUMBERS = province()


def sections() -> list[tuple[str, dict[str, object]]]:
    found = [(name, part) for name, part in NUMBERS.items() if isinstance(part, dict)]
    rows = [(name, part) for name, part in NUMBERS.items() if isinstance(part, list)]
    return found + [(f"{name} {at}", row) for name, part in rows for at, row in enumerate(part)]


@pytest.mark.parametrize(("name", "section"), sections())
def test_every_table_says_where_its_numbers_come_from(
    name: str, section: dict[str, object]
) -> None:
    assert str(section["source"]).strip(), name


def test_names_are_those_of_the_tables() -> None:
    assert {kind for s in NUMBERS["segment"] for kind in s["kinds"]} <= set(BORROWER_KINDS)
    assert set(NUMBERS["lender"]["kinds"]) <= set(LENDER_KINDS)
    assert set(NUMBERS["repayment"]["names"]) <= set(REPAYMENTS)
    schemes = {use["scheme"] for use in NUMBERS["scheme_use"]}
    assert schemes | {"8:2"} == set(NUMBERS["scheme"]["names"])


def test_every_kind_of_signal_has_a_law() -> None:
    laws = [law for name in ("report", "count", "grade", "incident") for law in NUMBERS[name]]
    kinds = {law["kind"] for law in laws} | {law["companion"] for law in laws if "companion" in law}
    of_the_loan = {"late_payment", "interest_arrears", "account_balance"}
    of_ledgers = {"invoice_red_share", "invoice_gap", "invoice_buyers"}  # no feed gives them
    assert kinds | of_the_loan | of_ledgers | {"sector_price_change"} == set(SIGNAL_KINDS)
    assert {law["feed"] for law in laws} - {""} == set(NUMBERS["feed"]["names"])


def test_an_even_spread_gives_every_stretch_its_share() -> None:
    """Of any 100 rows in a row, 30 ± 2 are chosen at 30 %."""
    luck = spread_evenly(np.random.default_rng(3), np.arange(1_000))
    picked = chosen(np.array([0.3, 0.7]), luck) == 0
    stretches = np.convolve(picked, np.ones(100), mode="valid")
    assert stretches.min() >= 28
    assert stretches.max() <= 32


def test_lists_side_by_side_are_of_one_length() -> None:
    for section, keys in {
        "industry": ("codes", "shares", "rates"),
        "city": ("names", "slugs", "codes", "shares", "multipliers", "coal"),
        "lender": ("kinds", "shares", "rates", "interest_add"),
        "county": ("names", "slugs", "codes"),
        "feed": ("names", "absent"),
        "scheme": ("names", "guaranteed", "fees"),
        "recovery": ("months", "cumulative"),
    }.items():
        assert len({len(NUMBERS[section][key]) for key in keys}) == 1, section


def test_tickets_up_to_five_million_make_up_seventy_one_per_cent() -> None:
    by_amount = {s["name"]: s["share"] for s in NUMBERS["segment"]}
    large = by_amount["small_large"] + by_amount["tech"]
    assert sum(by_amount.values()) == pytest.approx(100)
    assert 100 - large == pytest.approx(70.98, abs=1.5)


def test_shares_by_number_give_back_the_shares_by_amount() -> None:
    mean = [s["median"] * np.exp(s["spread"] ** 2 / 2) for s in NUMBERS["segment"]]
    mean = np.minimum(mean, [s["highest"] for s in NUMBERS["segment"]])
    amount = segment_weights(NUMBERS) * mean
    expected = np.array([s["share"] for s in NUMBERS["segment"]]) / 100
    assert np.allclose(amount / amount.sum(), expected)


def test_rates_become_log_effects_around_their_mean() -> None:
    # shares 1:1 of rates 1 and 3 have mean 2, so the effects are log(1/2) and log(3/2)
    assert np.allclose(log_effects([1, 3], [1, 1]), np.log([0.5, 1.5]))


def test_the_guaranteed_part_is_what_the_policy_leaves_to_the_system() -> None:
    folder = resources.files("vouch.policy") / "risk_sharing"
    policies = [tomllib.loads(file.read_text("utf-8")) for file in folder.iterdir()]
    bank = {p["name"]: float(p["version"][-1]["shares"]["bank"]) for p in policies}
    scheme = NUMBERS["scheme"]
    for name, guaranteed in zip(scheme["names"], scheme["guaranteed"], strict=True):
        assert guaranteed == pytest.approx(1 - bank[name]), name
