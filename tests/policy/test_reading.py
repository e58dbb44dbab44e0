"""A wrong policy file is refused with its name, the key and the remedy."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from vouch.domain.alert import Severity
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED, Policy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("score.toml", "loss.toml", "warning.toml"):
        shutil.copy(SHIPPED / name, tmp_path / name)
    (tmp_path / "risk_sharing").mkdir()
    return tmp_path


def scheme(body: str) -> str:
    return f'name = "9:1"\n{body}'


VERSION = (
    '[[version]]\neffective_from = {since}\nshares = {{ bank = "0.1", province = "{rest}" }}\n'
)


def test_shipped_policy_is_whole() -> None:
    policy = Policy()
    assert set(policy.schemes) >= {"8:2", "5:5", "4:6", "4321", "520"}
    assert policy.default_scheme in policy.schemes
    assert [grade.name for grade in policy.grades] == ["A", "B", "C", "D", "E"]
    assert policy.rules["RP02"].severity is Severity.RED
    assert policy.loss_given_default == Decimal("0.60")


@pytest.mark.parametrize(
    ("score", "grade"), [(660, "A"), (659, "B"), (620, "B"), (579, "D"), (-5, "E")]
)
def test_a_grade_holds_from_its_lowest_score(score: int, grade: str) -> None:
    assert Policy().grade(score).name == grade


def test_an_old_guarantee_has_the_old_version(folder: Path) -> None:
    old = VERSION.format(since="2018-01-01", rest="0.9") + "effective_until = 2023-12-31\n"
    new = VERSION.format(since="2024-01-01", rest="0.9").replace('"0.1"', '"0.4"')
    (folder / "risk_sharing" / "a.toml").write_text(scheme(old + new.replace('"0.9"', '"0.6"')))
    policy = Policy(folder)
    assert policy.scheme("9:1", date(2023, 12, 31)).shares["bank"] == Decimal("0.1")  # type: ignore[index]
    assert policy.scheme("9:1", date(2024, 1, 1)).shares["bank"] == Decimal("0.4")  # type: ignore[index]
    with pytest.raises(PolicyError, match="not in force on 2017-12-31"):
        policy.scheme("9:1", date(2017, 12, 31))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (VERSION.format(since="2024-01-01", rest="0.8"), "sum to 0.9"),
        (VERSION.format(since="2024-01-01", rest="90"), "must lie in .0, 1."),
        (VERSION.format(since="2024-01-01", rest="many"), "fraction in quotes"),
        (VERSION.format(since='"soon"', rest="0.9"), "effective_from"),
        (
            VERSION.format(since="2024-01-01", rest="0.9").replace("bank", "banque"),
            "no known party",
        ),
        (VERSION.format(since="2024-01-01", rest="0.9") * 2, "overlaps"),
        ("", "at least one"),
        ("[[version", "not TOML"),
    ],
)
def test_a_wrong_scheme_is_refused(folder: Path, body: str, message: str) -> None:
    (folder / "risk_sharing" / "wrong.toml").write_text(scheme(body))
    with pytest.raises(PolicyError, match=message) as refusal:
        _ = Policy(folder).schemes
    assert "wrong.toml" in str(refusal.value)


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    text = scheme(VERSION.format(since="2024-01-01", rest="0.9"))
    for name in ("a.toml", "b.toml"):
        (folder / "risk_sharing" / name).write_text(text)
    with pytest.raises(PolicyError, match="already declares"):
        _ = Policy(folder).schemes


def test_an_unknown_scheme_names_those_there_are() -> None:
    with pytest.raises(PolicyError, match="known are"):
        Policy().scheme("7:3", date(2025, 1, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "ask", "message"),
    [
        ("score.toml", "anchor_odds = 50", "", "scale", "anchor_odds"),
        ("score.toml", 'band = "decline"', "", "grades", "band"),
        ("loss.toml", '"0.60"', '"60"', "loss_given_default", "write 20 % as 0.20"),
        ("warning.toml", '"orange"', '"purple"', "rules", "RP01"),
    ],
)
def test_a_wrong_number_is_refused(
    folder: Path, name: str, old: str, new: str, ask: str, message: str
) -> None:
    path = folder / name
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=message):
        getattr(Policy(folder), ask)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"loss\.toml is missing"):
        _ = Policy(tmp_path).default_scheme
