"""Every rule against its worked cases, and alone as among many."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vouch.book.tables import SIGNAL_KINDS
from vouch.domain.alert import Severity
from vouch.domain.portfolio_part import PartKind, PortfolioPart
from vouch.errors import PolicyError
from vouch.features.facts import Cases, Facts, Views, to_days
from vouch.policy.reading import SHIPPED, Policy
from vouch.warning.rule import (
    Of,
    PartsSeen,
    Seen,
    Snapshot,
    check_numbers,
    rule,
    rules,
    signals,
    worded,
)

Row = dict[str, Any]
FILES = sorted((Path(__file__).parents[1] / "cases" / "rules").glob("*.toml"))
BODIES = [tomllib.loads(path.read_text(encoding="utf-8")) for path in FILES]
CASES = [
    pytest.param(body, case, id=f"{body['rule']}-{case['kind']}-{number}")
    for body in BODIES
    for number, case in enumerate(body["case"])
]
ON = date(2025, 6, 30)
GUARANTEE = {
    "amount": Decimal("1000000.00"),
    "event_at": date(2024, 12, 1),
    "start_on": date(2024, 12, 20),
    "maturity_on": date(2025, 12, 20),
}


def dated(rows: Iterable[Row], **ids: str) -> list[Row]:
    """Rows known on the day they happened."""
    return [ids | row | {"known_at": row["event_at"]} for row in rows]


def tables(number: int, case: Row) -> dict[str, list[Row]]:
    """The facts of a case by table; money may be written as text."""
    ids = {"guarantee_id": f"G{number}", "borrower_id": f"B{number}"}
    seen = [
        {"kind": kind, "event_at": day, "value": float(value)}
        for kind in SIGNAL_KINDS
        for day, value in case.get(kind, ())
    ]
    months = [{"balance": None, "is_extended": None} | row for row in case.get("performance", ())]
    about = {"event_at": date(2000, 1, 1)} | case.get("borrower", {})
    return {
        "guarantee": dated([GUARANTEE | case.get("guarantee", {})], **ids),
        "borrower": dated([about], borrower_id=ids["borrower_id"]),
        "performance": dated(months, guarantee_id=ids["guarantee_id"]),
        "signal": dated(seen, borrower_id=ids["borrower_id"]),
    }


def snapshot(*cases: Row, on: date = ON) -> Snapshot:
    """Guarantees with these facts and scores, all looked at on one day."""
    rows: dict[str, list[Row]] = {}
    for number, case in enumerate(cases):
        for name, found in tables(number, case).items():
            rows.setdefault(name, []).extend(found)
    looked_at = Cases([f"G{i}" for i in range(len(cases))], np.full(len(cases), to_days(on)))
    arrays = ("scores", "scores_before", "default_probabilities")
    numbers = {name: np.array([float(c.get(name, np.nan)) for c in cases]) for name in arrays}
    return Snapshot(looked_at, Views(Facts.of_case(rows), looked_at, None), **numbers)


def seen_by(code: str, case: Row, on: date = ON) -> Seen:
    """What a rule looks at: a guarantee with its facts, or a part of the book with its figures."""
    if rules()[code].of is Of.GUARANTEE:
        return snapshot(case, on=on)
    figures = {name: float(value) for name, value in case.items() if type(value) in (int, float)}
    return PartsSeen([PortfolioPart(PartKind.LENDER, "L1", "银行", "lender", None, figures)])


@pytest.mark.parametrize(("body", "case"), CASES)
def test_case(body: Row, case: Row) -> None:
    seen = seen_by(body["rule"], case, body["as_of"])
    finding = rules()[body["rule"]].finding(seen, body["thresholds"])
    assert finding.fires.tolist() == [case["fires"]]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body["rule"])
def test_the_cases_use_the_shipped_numbers(body: Row) -> None:
    levels = Policy().rule(body["rule"], body["as_of"]).levels
    assert body["thresholds"] in [level.thresholds for level in levels]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body["rule"])
def test_what_was_seen_can_be_said(body: Row) -> None:
    declared = rules()[body["rule"]]
    case = next(case for case in body["case"] if case["fires"])
    finding = declared.finding(seen_by(body["rule"], case), body["thresholds"])
    evidence = {name: float(values[0]) for name, values in finding.evidence.items()}
    said = [text.format(**body["thresholds"]) for text in (declared.zh, declared.en)]
    said += [text.format(**evidence) for text in (declared.seen_zh, declared.seen_en)]
    assert not any(re.search(r"\bnan\b", text) for text in said)


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


DAYS = st.dates(date(2024, 3, 1), ON)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "scores": st.integers(200, 900),
        "scores_before": st.integers(200, 900),
        "default_probabilities": st.floats(0, 1),
        "performance": st.lists(
            st.fixed_dictionaries({"event_at": DAYS, "days_past_due": st.integers(0, 200)}),
            max_size=4,
            unique_by=lambda row: row["event_at"],
        ),
        **{
            kind: st.lists(
                st.tuples(DAYS, st.integers(0, 6)), max_size=4, unique_by=lambda pair: pair[0]
            )
            for kind in SIGNAL_KINDS
        },
    },
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(ROW, min_size=1, max_size=6))
def test_a_guarantee_gives_the_same_signals_alone_as_among_many(rows: list[Row]) -> None:
    together = signals(snapshot(*rows), Policy(), ON)
    alone = [
        replace(s, guarantee_id=f"G{i}")
        for i, row in enumerate(rows)
        for s in signals(snapshot(row), Policy(), ON)
    ]
    assert sorted(map(str, together)) == sorted(map(str, alone))


def test_no_guarantees_give_no_signals() -> None:
    assert signals(snapshot(), Policy(), ON) == []


def test_a_signal_carries_policy_numbers_and_the_figures_seen() -> None:
    month = {"event_at": date(2025, 5, 31), "days_past_due": 3}
    (found,) = signals(snapshot({"performance": [month]}), Policy(), ON)
    assert (found.rule, found.cause) == ("RP01", "arrears")
    assert found.severity is Severity.ORANGE
    assert found.evidence == {"days_past_due": 3.0}


def test_a_figure_that_is_not_known_is_none_and_a_dash_in_words() -> None:
    (found,) = signals(snapshot({"tax_grade": [(date(2025, 4, 30), 4)]}), Policy(), ON)
    assert found.evidence == {"grade": 4.0}  # there was no grade before
    lenders = {"bureau_lenders": [(date(2024, 12, 31), 2), (date(2025, 6, 30), 5)]}
    (found,) = signals(snapshot(lenders), Policy(), ON)
    seen = worded(rules()["CR03"].seen_en, found.evidence)
    assert seen == "debt from – to – yuan, 3 more lenders"


@pytest.mark.parametrize(
    ("grade", "severity"), [(3, None), (4, Severity.ORANGE), (5, Severity.RED)]
)
def test_the_worst_level_that_is_reached_counts(grade: int, severity: Severity | None) -> None:
    found = signals(snapshot({"tax_grade": [(date(2025, 4, 30), grade)]}), Policy(), ON)
    assert [s.severity for s in found] == ([severity] if severity else [])


def test_an_older_day_has_the_older_numbers(tmp_path: Path) -> None:
    text = (SHIPPED / "warning.toml").read_text(encoding="utf-8")
    first = text.index("[[RP01]]")
    shipped = text[first : text.index("[[RP02]]")]
    newer = shipped.replace("2000-01-01", "2025-01-01").replace(
        "days_past_due = 1", "days_past_due = 5"
    )
    older = shipped.replace("2000-01-01", "2000-01-01\neffective_until = 2024-12-31")
    (tmp_path / "warning.toml").write_text(text.replace(shipped, older + newer), encoding="utf-8")
    late = snapshot({"performance": [{"event_at": date(2024, 12, 15), "days_past_due": 3}]})
    assert [s.rule for s in signals(late, Policy(tmp_path), date(2024, 12, 31))] == ["RP01"]
    assert signals(late, Policy(tmp_path), date(2025, 1, 1)) == []


def edited(folder: Path, old: str, new: str) -> Policy:
    text = (SHIPPED / "warning.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "warning.toml").write_text(text.replace(old, new), encoding="utf-8")
    return Policy(folder)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[[MD02]]", "[[MD09]]", r"\[MD0[29]\]"),
        ("[[MD02]]", "[MD02]", r"write each version of a rule's numbers as \[\[MD02\]\]"),
        ("lead_days = 75", 'lead_days = "long"', "lead_days is 'long'; write a whole number"),
        (
            '"orange", days_past_due',
            '"pink", days_past_due',
            "severity 'pink' is none",
        ),
        ("days_past_due = 1 }", 'days_past_due = "1" }', "days_past_due is '1'; write a number"),
        (
            '{ severity = "yellow", fall = 0.3 }',
            '{ severity = "orange", fall = 0.3 }',
            "two levels have one severity",
        ),
        (
            '{ severity = "yellow", fall = 0.3 }',
            '{ severity = "yellow" }',
            "fall stands in one level only",
        ),
        ("score_fall = ", "scorefall = ", "score_fall is missing"),
        ("score_at_most = 620", "score_at_most = 620\nwindow = 3", "window is read by nothing"),
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
