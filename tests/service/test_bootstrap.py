"""How the parts are joined: champions that follow, a book that grows, one index for all days."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from vouch.bootstrap import build
from vouch.domain.stage import Stage
from vouch.errors import BookError, ModelError
from vouch.features.facts import Cases, Facts, compute, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.registry import features
from vouch.scoring.champions import Champions, Packed

PRE = Stage.PRE_LOAN


@pytest.fixture(scope="module")
def better(book, train):
    return train(book, PRE, seed=9)


@pytest.fixture
def folder(bundles, pack_bundle, tmp_path):
    pack_bundle(bundles[PRE], tmp_path / "champions", "1")
    return tmp_path / "champions"


def test_a_champion_is_loaded_once(folder):
    champions = Champions(Packed(folder))
    assert champions.get(PRE) is champions.get(PRE)
    assert champions.held[PRE].version == "1"


def test_a_promotion_is_followed(folder, better, pack_bundle):
    champions = Champions(Packed(folder))
    first = champions.get(PRE)
    assert champions.refresh() == []
    assert champions.get(PRE) is first
    pack_bundle(better, folder, "2")
    assert champions.refresh() == []
    assert champions.get(PRE).version == "2"


def test_a_broken_version_is_refused_and_the_old_one_goes_on(folder, better, pack_bundle):
    champions = Champions(Packed(folder))
    first = champions.get(PRE)
    pack_bundle(better, folder, "2")
    (folder / PRE.slug / "trees.txt").write_text("tampered")
    (problem,) = champions.refresh()
    assert "version 1 goes on" in problem
    assert champions.get(PRE) is first


def test_a_note_that_cannot_be_read_is_a_problem_in_words(folder):
    (folder / PRE.slug / "version.json").write_text("{")
    (problem,) = Champions(Packed(folder)).refresh()
    assert "the stage does not answer" in problem


def test_a_stage_that_lost_its_champion_goes_on(folder):
    champions = Champions(Packed(folder))
    first = champions.get(PRE)
    (folder / PRE.slug / "version.json").unlink()
    assert champions.refresh() == []
    assert champions.get(PRE) is first


def test_a_stage_without_a_champion_says_how_to_get_one(folder):
    champions = Champions(Packed(folder))
    champions.refresh()
    assert list(champions.held) == [PRE]
    with pytest.raises(ModelError, match="vouch pack"):
        champions.get(Stage.IN_LOAN)


def test_without_a_book_there_is_no_portfolio(make_settings, tmp_path):
    vouch = build(make_settings(VOUCH_BOOK=str(tmp_path / "none")))
    assert vouch.held_book.book() is None
    assert vouch.held_book.portfolio() is None


def test_a_damaged_book_is_not_taken_for_none(make_settings, tmp_path):
    log = tmp_path / "broken" / "log"
    log.mkdir(parents=True)
    (log / "000001.json").write_text("{")
    vouch = build(make_settings(VOUCH_BOOK=str(tmp_path / "broken")))
    with pytest.raises(BookError, match="damaged"):
        vouch.held_book.portfolio()


def test_a_book_that_grows_is_opened_anew(make_settings, add_facts, tmp_path):
    path = tmp_path / "growing"

    def guarantee(name, day):
        facts = {"guarantee_id": name, "borrower_id": "B", "amount": Decimal(5)}
        return facts | {"event_at": day, "known_at": day}

    add_facts(path, "one", guarantee=[guarantee("G1", date(2024, 1, 1))])
    vouch = build(make_settings(VOUCH_BOOK=str(path)))
    book, portfolio = vouch.held_book.book(), vouch.held_book.portfolio()
    assert vouch.held_book.book() is book
    assert vouch.held_book.portfolio() is portfolio
    add_facts(path, "two", guarantee=[guarantee("G2", date(2024, 5, 1))])
    assert vouch.held_book.book() is not book
    assert vouch.held_book.portfolio().table["guarantee_id"].to_pylist() == ["G1", "G2"]


def test_an_index_of_today_shows_every_earlier_day_as_it_was(book):
    """The portfolio is indexed once, at the newest day, and serves cases of any day."""
    everything = PortfolioIndex.of(book.known(date(2025, 6, 30)))
    wanted = [f for f in features().values() if {"portfolio", "earlier"} & set(f.inputs)]
    wanted += [f for f in features().values() if "earlier_compensation" in f.inputs]
    assert len(wanted) > 8
    for months in range(3, 36, 4):
        as_of = date(2022, 1, 1) + timedelta(days=30 * months)
        known = book.known(as_of)
        ids = known.rows("guarantee")["guarantee_id"].to_pylist()[:40]
        facts, cases = Facts.of(known, ids), Cases(ids, np.full(len(ids), to_days(as_of)))
        then = compute(wanted, cases, facts, PortfolioIndex.of(known))
        now = compute(wanted, cases, facts, everything)
        for name, values in then.items():
            np.testing.assert_array_equal(values, now[name], err_msg=f"{name} on {as_of}")
