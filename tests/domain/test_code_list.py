"""Regions and industries as the shipped lists have them, and lists that are refused."""

import tomllib
from pathlib import Path

import pytest

from vouch.domain.code_list import CodeList, read_code_list
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED
from vouch.simulator.calibration import province

CASES = Path(__file__).parents[1] / "cases" / "codes"
HEAD = 'standard = "S"\neffective_from = 2020-01-01\nsource = "somewhere"\n'
ENTRY = '[[entry]]\ncode = "A"\nzh = "甲"\nen = "First"\n'


def cases(name: str) -> list[dict[str, str]]:
    return tomllib.loads((CASES / f"{name}.toml").read_text(encoding="utf-8"))["case"]


@pytest.fixture(scope="module")
def regions() -> CodeList:
    return read_code_list(SHIPPED / "regions.toml")


@pytest.fixture(scope="module")
def industries() -> CodeList:
    return read_code_list(SHIPPED / "industries.toml")


@pytest.mark.parametrize("case", cases("regions"), ids=lambda case: case["code"])
def test_region(regions: CodeList, case: dict[str, str]) -> None:
    found = regions.region(case["code"])
    assert (found and found.zh) == case.get("region")


@pytest.mark.parametrize("case", cases("industries"), ids=lambda case: case["code"] or "empty")
def test_section(industries: CodeList, case: dict[str, str]) -> None:
    found = industries.section(case["code"])
    assert (found and found.zh) == case.get("section")


def test_shanxi_has_eleven_cities_and_is_not_shaanxi(regions: CodeList) -> None:
    cities = [code for code in regions.entries if code[:2] == "14" and code != "140000"]
    assert len(cities) == 11
    assert regions.entries["140000"].en == "Shanxi"
    assert regions.entries["610000"].en == "Shaanxi"


def test_there_are_thirty_four_provinces(regions: CodeList) -> None:
    assert sum(code.endswith("0000") for code in regions.entries) == 34


def test_sections_run_from_a_to_t_and_share_out_the_divisions(industries: CodeList) -> None:
    assert list(industries.entries) == list("ABCDEFGHIJKLMNOPQRST")
    pairs = [entry.divisions or (0, 0) for entry in industries.entries.values()]
    assert [d for first, last in pairs for d in range(first, last + 1)] == list(range(1, 98))


def test_the_simulated_province_uses_these_codes(regions: CodeList, industries: CodeList) -> None:
    city = province()["city"]
    found = [regions.entries[code].zh for code in city["codes"]]
    assert found == [f"{name}市" for name in city["names"]]
    assert all(industries.section(code) for code in province()["industry"]["codes"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "at least one"),
        (HEAD + ENTRY * 2, "entry 2 repeats the code A"),
        (HEAD + ENTRY.replace("zh", "cn"), "entry 1 has a wrong or missing 'zh'"),
        (HEAD + ENTRY + "divisions = [1]\n", "entry 1 has a wrong or missing"),
        (HEAD.replace("2020-01-01", '"soon"') + ENTRY, "effective_from = YYYY-MM-DD"),
        (HEAD.replace("somewhere", " ") + ENTRY, "needs a source"),
        ("[[entry", "is not TOML"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=message) as refusal:
        read_code_list(path)
    assert "list.toml" in str(refusal.value)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"regions\.toml is missing"):
        read_code_list(tmp_path / "regions.toml")
