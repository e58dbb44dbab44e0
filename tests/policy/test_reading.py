"""A wrong policy file is refused with its name, the key and the remedy."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from vouch.domain.alert import Severity
from vouch.domain.compensation_cap import Cap, CapBase, CapBasis, CapPeriod, CapScope, Excess
from vouch.domain.risk_sharing import LossBase
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
ONE = VERSION.format(since="2024-01-01", rest="0.9")
CAP = """[version.cap]
rate = "0.04"
base = "annualised_released"
scope = "bank_and_guarantor"
period = "calendar_year"
basis = "period_end"
"""
FEE = """[[version.reguarantee_fee]]
party = "province"
rate = "0.003"
"""


def test_shipped_policy_is_whole() -> None:
    policy = Policy()
    named = "8:2 5:5 4:6 倒2:8 4321 4222 442 二八 520 总对总 科创1 科创2 科创3 蜀担快贷"
    assert set(policy.schemes) == set(named.split())
    assert policy.default_scheme in policy.schemes
    assert [grade.name for grade in policy.grades] == ["A", "B", "C", "D", "E"]
    assert policy.rule("RP02", date(2025, 1, 1)).severity is Severity.RED
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
        ("version = 3", "at least one"),
        ("version = [3]", r"write each as \[\[version"),
        ("[[version]]\neffective_from = 2024-01-01T08:00:00", "YYYY-MM-DD without quotes"),
        (ONE.replace('"0.1"', '"nan"'), "shares.bank must be a fraction"),
        (ONE.replace('"0.1"', '"10%"'), "shares.bank must be a fraction"),
        (ONE.replace('"0.1"', '"0"'), "version from 2024-01-01: share of bank is 0"),
        (ONE.replace("shares", "share"), "share is no key here; known are effective_from"),
        ("colour = 1\n" + ONE, "colour is no key here"),
        (ONE + 'shares.bank = "0.1"\n', "not TOML"),
        (ONE.replace("shares = {", "shares = 1 #"), r"shares must be a table"),
        (ONE + "effective_until = 2023-12-31\n", "lies before effective_from"),
        (ONE + 'effective_until = "2025"\n', "effective_until is '2025'"),
        (ONE + "source = 1\n", "source is 1; write a text"),
        (ONE + 'follows_lender = "yes"\n', "write true or false"),
        (ONE + 'loss_base = "net"\n', "one of gross_at_payment, net_after_recovery"),
        (
            ONE + CAP.replace('period = "calendar_year"\n', ""),
            "cap.period is missing; write one of",
        ),
        (ONE + CAP.replace('"0.04"', '"4"'), r"cap.rate is 4, must lie in \[0, 1\]; write 20 % as"),
        (ONE + CAP.replace('"0.04"', '"1"'), "cap.rate is 1, .* write 4 % as 0.04"),
        (ONE + CAP.replace('rate = "0.04"\n', ""), "cap.rate must be a fraction"),
        (ONE + CAP.replace('"period_end"', '"later"'), "cap.basis is 'later'; write one of period"),
        (ONE + CAP + 'base_weight = "80"\n', "cap.base_weight is 80"),
        (ONE + CAP + 'days_at_most = "365"\n', "cap.days_at_most is '365'; write a whole number"),
        (ONE + CAP + "ceiling = 1\n", "cap.ceiling is no key here"),
        (ONE + "cap = 0.04\n", r"cap must be a table; write it as \[cap\]"),
        (ONE + FEE.replace("0.003", "0.3"), "reguarantee_fee.rate is 0.3, .* write 0.3 % as 0.003"),
        (ONE + FEE.replace("province", "planet"), "party 'planet' is no known party; known are"),
        (ONE + FEE.replace("province", "national_fund"), "bears no share"),
        (ONE + FEE + 'ticket_up_to = "5 million"\n', "ticket_up_to is '5 million'; write yuan"),
        (ONE + FEE + FEE, "reguarantee_fee is given twice"),
        (ONE + "reguarantee_fee = 0.003\n", "reguarantee_fee must be a list of tables"),
    ],
)
def test_a_wrong_scheme_is_refused(folder: Path, body: str, message: str) -> None:
    (folder / "risk_sharing" / "wrong.toml").write_text(scheme(body))
    with pytest.raises(PolicyError, match=message) as refusal:
        _ = Policy(folder).schemes
    assert "wrong.toml" in str(refusal.value)


def test_terms_are_read_as_written(folder: Path) -> None:
    terms = 'loss_base = "net_after_recovery"\nfollows_lender = true\nmemory = "shares"\n'
    more = 'base_weight = "0.80"\ndays_at_most = 365\nexcess = "suspend"\n'
    steps = FEE + FEE + 'ticket_up_to = "5000000.00"\n'
    (folder / "risk_sharing" / "a.toml").write_text(scheme(ONE + terms + CAP + more + steps))
    found = Policy(folder).scheme("9:1", date(2024, 1, 1))
    assert found.loss_base is LossBase.NET_AFTER_RECOVERY
    assert found.follows_lender
    assert found.memory == "shares"
    assert found.cap == Cap(
        Decimal("0.04"),
        CapBase.ANNUALISED_RELEASED,
        CapScope.BANK_AND_GUARANTOR,
        CapPeriod.CALENDAR_YEAR,
        CapBasis.PERIOD_END,
        base_weight=Decimal("0.80"),
        days_at_most=365,
        excess=Excess.SUSPEND,
    )
    # the step for small clients comes first, whatever the order in the file
    assert [fee.ticket_up_to for fee in found.reguarantee_fees] == [Decimal("5000000.00"), None]


def test_a_day_between_two_versions_says_when_the_scheme_holds(folder: Path) -> None:
    old = VERSION.format(since="2018-01-01", rest="0.9") + "effective_until = 2020-12-31\n"
    (folder / "risk_sharing" / "a.toml").write_text(scheme(ONE + old))
    with pytest.raises(PolicyError, match="not in force on 2022-01-01") as refusal:
        Policy(folder).scheme("9:1", date(2022, 1, 1))
    assert "2018-01-01 to 2020-12-31, 2024-01-01 on" in str(refusal.value)
    assert "[[version]]" in str(refusal.value)
    assert "risk_sharing/a.toml" in str(refusal.value)


def test_a_policy_without_a_default_scheme_says_so(folder: Path) -> None:
    (folder / "loss.toml").write_text('loss_given_default = "0.60"\n')
    with pytest.raises(PolicyError, match=r"loss\.toml: default_scheme is missing"):
        _ = Policy(folder).default_scheme


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
