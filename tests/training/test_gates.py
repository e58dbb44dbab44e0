"""Gates on level, stability and slices: figures by hand, a slice that is worse than the whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tests.conftest import ROOT
from training.card import slice_rows
from training.gates import FEWEST_OF_A_SLICE, failed_gates, level, open_gates, stability
from training.run import Judgement
from training.slices import Slice, slices
from vouch.errors import SpecError
from vouch.features.asof import Floats
from vouch.monitoring.performance import Figure
from vouch.policy.reading import Policy
from vouch.scoring.spec import Spec

SPEC = Spec.read(ROOT / "models" / "pre_loan" / "spec.toml")


def judged(columns: dict[str, object], outcome: Floats, probability: Floats) -> Judgement:
    found = slices(columns, outcome, probability)
    day = date(2024, 1, 1)
    return Judgement("out_of_time", {}, [], [], 0, 0, day, outcome, probability, found)


def cases(bad: int) -> tuple[dict[str, object], Floats, Floats]:
    """Two regions of 1,000 cases: in the first, risk 0.9 always ends badly, in the second 0.1."""
    outcome = np.zeros(2000)
    outcome[:bad] = outcome[1000 : 1000 + bad] = 1
    probability = np.where(outcome == 1, 0.9, 0.1)
    probability[1000:] = 1 - probability[1000:]
    region = np.array(["a"] * 1000 + ["b"] * 1000, dtype=object)
    return {"region": region, "amount": np.full(2000, 2e6)}, outcome, probability


def test_level_by_hand() -> None:
    found = level(np.repeat([1.0, 0.0], [100, 900]), np.full(1000, 0.2))
    assert found.value == pytest.approx(np.log(2))  # 0.2 predicted, 0.1 observed
    assert 0 < found.low < found.value < found.high
    around = level(np.repeat([1.0, 0.0], [100, 900]), np.full(1000, 0.1))
    assert around.value == pytest.approx(0)
    assert around.low == 0.0


def test_stability_is_none_of_the_same_and_large_of_another() -> None:
    random = np.random.default_rng(1)
    learnt = random.beta(1, 20, 5000)
    assert stability(learnt, random.beta(1, 20, 5000)).value < 0.02
    assert stability(learnt, random.beta(2, 10, 5000)).value > 0.5


def test_slices_are_by_value_and_by_band() -> None:
    columns, outcome, probability = cases(bad=300)
    names = [
        (one.by, one.name, one.rows, one.compensated)
        for one in slices(columns, outcome, probability)
    ]
    assert names == [
        ("region", "a", 1000, 300),
        ("region", "b", 1000, 300),
        ("amount", "1,000,000 to 5,000,000", 2000, 600),
    ]


def test_a_slice_of_two_hundred_compensations_worse_than_its_limit_fails() -> None:
    spec = replace(SPEC, gates={}, slice_gates={"auc": 0.5})
    failed = failed_gates(spec, judged(*cases(bad=FEWEST_OF_A_SLICE)))
    assert [text[:20] for text in failed if text.startswith("region")] == ["region b: auc 0.0000"]


def test_a_smaller_slice_fails_only_where_its_whole_interval_does() -> None:
    columns, outcome, probability = cases(bad=30)
    probability[1000:] = np.random.default_rng(3).random(1000)
    spec = replace(SPEC, gates={}, slice_gates={"auc": 0.56})
    found = judged(columns, outcome, probability)
    assert [text for text in failed_gates(spec, found) if text.startswith("region")] == []
    assert [text[:8] for text in open_gates(spec, found)] == ["region b"]


def test_a_gate_without_its_figure_stays_open() -> None:
    spec = replace(SPEC, gates={"stability_at_most": 0.5}, slice_gates={})
    assert failed_gates(spec, judged({}, np.zeros(1), np.zeros(1))) == []
    assert "stability is not known" in open_gates(spec, judged({}, np.zeros(1), np.zeros(1)))[0]


def test_an_unknown_gate_of_slices_is_refused() -> None:
    with pytest.raises(SpecError, match=r"gates\.slices.*stability"):
        Spec.parse(SPEC.text.replace("[gates.slices]", "[gates.slices]\nstability_at_most = 1"))


def test_the_card_names_regions_and_what_no_slice_is_shown_of() -> None:
    part = Slice("region", "140200", 900, 24, 0.02, 0.027, {"auc": Figure(0.7, 0.6, 0.8)})
    text = "\n".join(slice_rows([part], Policy().regions))
    assert (
        "| region 140200 大同市 Datong | 900 | 24 | 2.00% | 2.70% | 0.700 | 0.600 – 0.800 |" in text
    )
    assert "so there is none by lender_kind, borrower_kind, legal_form, amount" in text
