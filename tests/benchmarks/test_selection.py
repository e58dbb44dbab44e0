"""Methods of reject inference: none looks at an outcome that a refusal hides."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from benchmarks.models.rows import cases
from benchmarks.selection import (
    METHODS,
    POLICIES,
    compare,
    everybody,
    parcelled,
    refuse,
    reweighted,
)
from training.frame import Frame
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.features.asof import Flags
from vouch.scoring.spec import Spec
from vouch.settings import Settings

UNTIL = date(2025, 6, 30)


@pytest.fixture(scope="module")
def spec() -> Spec:
    return Spec.read(Settings.from_env().models / Stage.PRE_LOAN.value / "spec.toml")


@pytest.fixture(scope="module")
def frame(small_book: Book, spec: Spec) -> Frame:
    known = small_book.known(UNTIL)
    return cases(known, spec, ["amount"], date(2016, 1, 1), date(2022, 6, 30)).frame


@pytest.fixture(scope="module")
def granted(frame: Frame) -> Flags:
    risk = np.random.default_rng(0).random(len(frame))
    return refuse(risk, 0.3)


def test_a_policy_refuses_the_share_that_it_holds_the_riskiest() -> None:
    risk = np.array([0.1, 0.9, 0.4, 0.2, 0.8, 0.3, 0.5, 0.6, 0.7, 1.0])
    assert np.flatnonzero(~refuse(risk, 0.3)).tolist() == [1, 4, 9]


def test_no_method_but_the_impossible_one_sees_a_hidden_outcome(
    frame: Frame, granted: Flags
) -> None:
    turned = Frame(
        frame.spine,
        frame.columns,
        np.where(granted, frame.outcome, 1 - frame.outcome),
        frame.history,
    )
    said = np.full(len(frame), 0.05)
    for name, method in METHODS.items():
        made, other = (
            method(rows, granted, said, np.random.default_rng(1)) for rows in (frame, turned)
        )
        same = np.array_equal(made.outcome, other.outcome)
        assert same is (method is not everybody), name


def test_reweighting_lets_the_granted_stand_for_all_like_them(frame: Frame) -> None:
    # Refused are most of those with a high rate, so those granted among them count for more.
    rate = frame.columns["interest_rate"]
    random = np.random.default_rng(2)
    granted = random.random(len(frame)) < np.where(rate > np.nanmedian(rate), 0.3, 0.9)
    made = reweighted(frame, granted, np.zeros(len(frame)), np.random.default_rng(3))
    bare = np.nanmean(rate[granted])
    assert bare < np.nanmean(rate)
    assert np.nanmean(made.columns["interest_rate"]) == pytest.approx(np.nanmean(rate), rel=0.01)
    assert len(made) == pytest.approx(len(frame), rel=0.05)


def test_parcelling_gives_the_refused_the_multiple_asked(frame: Frame, granted: Flags) -> None:
    said = np.full(len(frame), 0.2)
    for factor in (1.0, 2.0, 4.0, 9.0):
        made = parcelled(factor)(frame, granted, said, np.random.default_rng(4))
        np.testing.assert_array_equal(made.outcome[granted], frame.outcome[granted])
        wanted = min(factor * 0.2, 1.0)
        assert made.outcome[~granted].mean() == pytest.approx(wanted, abs=0.06)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in METHODS if n != "reweighted"]:
        monkeypatch.delitem(METHODS, name)  # type: ignore[arg-type]
    monkeypatch.delitem(POLICIES, "by more than the form")


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_every_method_is_judged_on_the_granted_and_the_refused(frame: Frame, spec: Spec) -> None:
    half = len(frame) // 2
    first = np.arange(len(frame)) < half
    learn, judge = frame.take(first), frame.take(~first)
    rows = list(compare(learn, judge, spec, np.full(len(frame), 0.02), draws=1))
    assert [row["method"] for row in rows] == ["granted only (as shipped)", "reweighted"]
    for row in rows:
        assert 0.0 <= row["auc"] <= 1.0
        # three in ten are refused, so the two observed rates average to the whole one
        both = 0.7 * row["granted_observed"] + 0.3 * row["refused_observed"]
        assert both == pytest.approx(judge.outcome.mean(), abs=1e-3)
