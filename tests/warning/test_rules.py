"""Every rule against its worked cases, and alone as among many."""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.alert import Severity
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED, Policy
from vouch.warning.rule import Snapshot, check_numbers, rule, rules, signals

FILES = sorted((Path(__file__).parents[1] / "cases" / "rules").glob("*.toml"))
NUMBERS = [f.name for f in fields(Snapshot) if f.name != "guarantee_ids"]
CASES = [
    pytest.param(body, case, id=f"{body['rule']}-{case['kind']}-{number}")
    for body in (tomllib.loads(path.read_text(encoding="utf-8")) for path in FILES)
    for number, case in enumerate(body["case"])
]


def snapshot(*rows: dict[str, float]) -> Snapshot:
    columns = {name: np.array([row.get(name, np.nan) for row in rows]) for name in NUMBERS}
    return Snapshot([f"G{i}" for i in range(len(rows))], **columns)


@pytest.mark.parametrize(("body", "case"), CASES)
def test_case(body: dict[str, Any], case: dict[str, Any]) -> None:
    finding = rules()[body["rule"]].function(snapshot(case), body["thresholds"])
    assert finding.fires.tolist() == [case["fires"]]


@pytest.mark.parametrize("code", rules())
def test_every_rule_has_a_case_of_each_kind(code: str) -> None:
    kinds = {p.values[1]["kind"] for p in CASES if p.values[0]["rule"] == code}
    assert kinds == {"fires", "silent", "boundary", "missing"}


@pytest.mark.parametrize("code", rules())
def test_every_rule_is_documented_in_both_languages(code: str) -> None:
    found = rules()[code]
    assert found.about
    assert all(any("\u4e00" <= c <= "\u9fff" for c in t) for t in (found.zh, found.action_zh))
    assert all(t.isascii() for t in (found.en, found.seen_en, found.action_en))


ROW = st.fixed_dictionaries(
    {},
    optional={
        "scores": st.integers(200, 900),
        "scores_before": st.integers(200, 900),
        "default_probabilities": st.floats(0, 1),
        "days_past_due": st.integers(0, 200),
    },
)


@given(st.lists(ROW, min_size=1, max_size=20))
def test_a_guarantee_gives_the_same_signals_alone_as_among_many(rows: list[dict[str, Any]]) -> None:
    together = [(s.rule, s.guarantee_id, s.evidence) for s in signals(snapshot(*rows), Policy())]
    alone = [
        (s.rule, f"G{i}", s.evidence)
        for i, row in enumerate(rows)
        for s in signals(snapshot(row), Policy())
    ]
    assert sorted(together, key=str) == sorted(alone, key=str)


def test_no_guarantees_give_no_signals() -> None:
    assert signals(snapshot(), Policy()) == []


def test_a_signal_carries_policy_numbers_and_the_figures_seen() -> None:
    (found,) = signals(snapshot({"days_past_due": 3}), Policy())
    assert (found.rule, found.cause) == ("RP01", "arrears")
    assert found.severity is Severity.ORANGE
    assert found.evidence == {"days_past_due": 3.0}


def edited(folder: Path, old: str, new: str) -> Policy:
    text = (SHIPPED / "warning.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "warning.toml").write_text(text.replace(old, new), encoding="utf-8")
    return Policy(folder)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[MD02]", "[MD09]", r"\[MD0[29]\]"),
        ("score_fall = 60", "scorefall = 60", "score_fall is missing"),
        ("score_fall = 60", "score_fall = 60\nwindow = 3", "window is read by nothing"),
    ],
)
def test_numbers_that_do_not_fit_the_rules_are_refused(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    with pytest.raises(PolicyError, match=says):
        check_numbers(edited(tmp_path, old, new))


def test_shipped_numbers_fit() -> None:
    check_numbers(Policy())


def test_two_rules_of_one_code_are_refused() -> None:
    texts = dict.fromkeys(("zh", "en", "seen_zh", "seen_en", "action_zh", "action_en"), "")
    with pytest.raises(ValueError, match="RP01"):
        rule("RP01", cause="x", thresholds=(), **texts)(lambda *_: None)
    assert rules()["RP01"].zh == "本金逾期"
