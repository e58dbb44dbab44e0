"""Who may let a version answer: one alone, two by policy, and the way back; all in the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from training.run import train
from vouch.book.book import Book
from vouch.bootstrap import Vouch, build
from vouch.domain.stage import Stage
from vouch.errors import ModelError, PolicyError, StoreError
from vouch.monitoring.evaluation import learnt_from, settled
from vouch.monitoring.swap_set import swap_set
from vouch.policy.reading import Policy
from vouch.scoring.promotion import ALONE, Promoter
from vouch.scoring.spec import Spec
from vouch.settings import Settings
from vouch.store.store import Promotion, Store

STAGE, UNTIL = Stage.PRE_LOAN, date(2025, 6, 30)
AT = datetime(2025, 7, 1, tzinfo=UTC)
SPEC = Spec.read(ROOT / "models" / "pre_loan" / "spec.toml")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def parts(small_book: Book, tmp_path_factory: pytest.TempPathFactory) -> Vouch:
    """Three versions of the pre-loan model; the second is held back harder, the third the first."""
    home = tmp_path_factory.mktemp("home")
    parts = build(Settings.from_env({"VOUCH_HOME": str(home)}))
    for strength in (0.1, 0.0001, 0.1):
        spec = replace(SPEC, linear={"C": strength}, gates={}, slice_gates={})
        train(small_book, spec, Policy(), parts.registry, UNTIL)
    return parts


@pytest.fixture
def promoter(parts: Vouch, tmp_path: Path) -> Promoter:
    """With a ledger of its own and no champion."""
    parts.registry.restore(STAGE, None)
    return Promoter(parts.registry, Store(f"sqlite:///{tmp_path / 'vouch.db'}"), four_eyes=False)


def by_two(promoter: Promoter) -> Promoter:
    return replace(promoter, four_eyes=True)


def test_one_person_alone_is_written_down_as_that(promoter: Promoter) -> None:
    made = promoter.promote(STAGE, "1", "li", AT)
    assert (made.act, made.who, made.proposed_by, made.note) == ("promote", "li", None, ALONE)
    bundle = promoter.registry.champion(STAGE)
    assert bundle.version == "1"
    assert made.evidence is not None
    assert made.evidence["data_hash"] == bundle.training.data_hash
    assert made.evidence["model_hash"] == bundle.hash
    assert promoter.store.promotions(STAGE.value) == [made]


def test_two_pairs_of_eyes(promoter: Promoter) -> None:
    both = by_two(promoter)
    assert both.promote(STAGE, "1", "li", AT).act == "propose"
    assert both.registry.champion_version(STAGE) is None
    with pytest.raises(ModelError, match=r"li proposed version 1.*someone else"):
        both.promote(STAGE, "1", "li", AT)
    made = both.promote(STAGE, "1", "wang", AT)
    assert (made.act, made.proposed_by, made.who, made.note) == ("promote", "li", "wang", "")
    assert both.registry.champion_version(STAGE) == "1"
    assert [entry.act for entry in both.store.promotions(STAGE.value)] == ["propose", "promote"]


def test_a_proposal_is_spent_once_something_was_decided(promoter: Promoter) -> None:
    both = by_two(promoter)
    both.promote(STAGE, "1", "li", AT)
    both.promote(STAGE, "2", "li", AT)
    both.promote(STAGE, "2", "wang", AT)
    assert both.promote(STAGE, "1", "wang", AT).act == "propose"
    assert both.registry.champion_version(STAGE) == "2"


def test_the_way_back_goes_further_back_each_time(promoter: Promoter) -> None:
    for version in "123":
        promoter.promote(STAGE, version, "li", AT)
    back = promoter.roll_back(STAGE, "wang", AT, "level off")
    assert (back.act, back.version, back.previous, back.note) == (
        "roll_back",
        "2",
        "3",
        "level off",
    )
    assert promoter.registry.champion_version(STAGE) == "2"
    assert by_two(promoter).roll_back(STAGE, "wang", AT).version == "1"
    with pytest.raises(ModelError, match="no champion before 1"):
        promoter.roll_back(STAGE, "wang", AT)
    promoter.promote(STAGE, "3", "li", AT)
    promoter.registry.restore(STAGE, "2")  # somebody else moved the alias
    with pytest.raises(ModelError, match=r"the ledger's champion .* is 3, MLflow's 2"):
        promoter.roll_back(STAGE, "wang", AT)


def test_a_ledger_that_is_away_leaves_the_champion_both_ways(
    promoter: Promoter, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoter.promote(STAGE, "1", "li", AT)
    promoter.promote(STAGE, "2", "li", AT)

    def away(entry: Promotion) -> None:
        raise StoreError("the store is away")

    monkeypatch.setattr(promoter.store, "add_promotion", away)
    for move in (
        lambda: promoter.promote(STAGE, "3", "li", AT),
        lambda: promoter.roll_back(STAGE, "li", AT),
    ):
        with pytest.raises(StoreError, match="away"):
            move()
        assert promoter.registry.champion_version(STAGE) == "2"


def test_who_would_be_decided_otherwise_and_how_those_ended(parts: Vouch, small_book: Book) -> None:
    ours, theirs = (parts.registry.load(STAGE, version) for version in "12")
    window = date(2019, 1, 1), date(2020, 12, 31)
    found = swap_set(small_book, ours, theirs, Policy(), *window, UNTIL)
    groups = found.groups
    cases = settled(small_book, [ours, theirs], *window, UNTIL)
    before, after = (
        np.array([Policy().grade(one.scale.score(p)).band.name for p in cases.probabilities(one)])
        for one in (ours, theirs)
    )
    for name, here in {
        "newly_approved": (before != "APPROVE") & (after == "APPROVE"),
        "no_longer_approved": (before == "APPROVE") & (after != "APPROVE"),
        "as_before": before == after,
    }.items():
        assert groups[name].rows == here.sum()
        assert groups[name].compensated == cases.outcome[here].sum()
    assert groups["newly_approved"].rows + groups["no_longer_approved"].rows > 0
    assert found.compensated <= found.rows
    assert found.summary()["learnt_from_these_days"] == ["1", "2"]
    assert not learnt_from(ours, date(2025, 7, 1), date(2025, 12, 31))
    same = swap_set(small_book, ours, ours, Policy(), *window, UNTIL)
    assert same.groups["as_before"].rows == same.rows == found.rows
    assert same.groups["as_before"].compensated == same.compensated
    assert same.groups["newly_approved"].rows == 0
    assert same.summary()["newly_declined"]["observed"] is None
    other = replace(ours, spec=replace(SPEC, moment="month_end"))
    with pytest.raises(ModelError, match="ask different things"):
        swap_set(small_book, ours, other, Policy(), *window, UNTIL)


def test_a_policy_that_does_not_say_is_refused(tmp_path: Path) -> None:
    (tmp_path / "promotion.toml").write_text('four_eyes = "yes"', encoding="utf-8")
    with pytest.raises(PolicyError, match="write true or false"):
        _ = Policy(tmp_path).four_eyes
