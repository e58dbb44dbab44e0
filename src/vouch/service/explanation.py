"""A decision in plain words for the applicant's file: what, why, and what one may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

_CHINA = timezone(timedelta(hours=8))
# Reasons on either side that are told one by one; PIPL asks for what matters, not for everything.
_TOLD = 5

_STAGES = {
    "pre_loan": ("保前准入", "before the guarantee"),
    "in_loan": ("保中授信", "review of a running guarantee"),
    "post_loan": ("保后预警", "watch over a running guarantee"),
}
_OUTCOMES = {
    "approve": ("建议通过", "approve"),
    "refer": ("建议人工审核", "refer to a person"),
    "decline": ("建议不予通过", "decline"),
}
_PARTIES = {
    "bank": ("银行", "the bank"),
    "city_guarantor": ("市级担保机构", "the city guarantor"),
    "county_guarantor": ("县级担保机构", "the county guarantor"),
    "province": ("省级再担保机构", "the provincial re-guarantor"),
    "national_fund": ("国家融资担保基金", "the national fund"),
    "government_pool": ("政府补偿资金", "the government's pool"),
}


@dataclass(frozen=True)
class Pair:
    """One sentence, or one cell, in both languages."""

    zh: str
    en: str


@dataclass(frozen=True)
class Explanation:
    """What the page and the PDF both show: facts as label and value, then sentences."""

    decision_id: str
    facts: Sequence[tuple[Pair, Pair]]
    against: Sequence[Pair]
    in_favour: Sequence[Pair]
    others: Pair | None
    rules: Sequence[Pair]
    shares: Sequence[tuple[Pair, str]]
    rights: Sequence[Pair]


def explanation(answer: Mapping[str, Any], name: str | None) -> Explanation:
    """Explain an answer as its reader may see it.

    Args:
        name: the borrower's, masked or not; None where none is known.
    """
    reasons = answer["reasons"]
    against = [r for r in reasons if r["points"] < 0]
    favour = [r for r in reversed(reasons) if r["points"] > 0]
    untold = [*against[_TOLD:], *favour[_TOLD:]]
    advice = answer.get("advice")
    return Explanation(
        answer["decision_id"],
        _facts(answer, name),
        [_pair(reason) for reason in against[:_TOLD]],
        [_pair(reason) for reason in favour[:_TOLD]],
        _others(untold),
        [_pair(rule) for rule in (advice or {}).get("rules", ())],
        _shares(answer["expected_compensation"]),
        _rights(),
    )


def _facts(answer: Mapping[str, Any], name: str | None) -> list[tuple[Pair, Pair]]:
    advice = answer.get("advice")
    outcome = _OUTCOMES[advice["decision"] if advice else answer["band"]]
    made = datetime.fromisoformat(answer["made_at"]).astimezone(_CHINA)
    chance = f"{answer['default_probability']:.2%}"
    model = answer["model"]
    rows = [
        ("申请人", "Applicant", name or "—", name or "—"),
        ("担保编号", "Guarantee", answer["guarantee_id"] or "—", answer["guarantee_id"] or "—"),
        ("阶段", "Stage", *_STAGES[answer["stage"]]),
        ("评估日", "As of", answer["as_of"], answer["as_of"]),
        (
            "作出时间",
            "Made at",
            f"{made:%Y-%m-%d %H:%M}（北京时间）",
            f"{made:%Y-%m-%d %H:%M} +08:00",
        ),
        ("结论", "Recommendation", *outcome),
        (
            "评分与等级",
            "Score and grade",
            f"{answer['score']} 分，{answer['grade']} 级（分数越高越安全）",
            f"{answer['score']}, grade {answer['grade']} (higher is safer)",
        ),
        ("估计代偿概率", "Probability", chance, chance),
        (
            "模型",
            "Model",
            f"{model['name']} {model['version']}",
            f"{model['name']} {model['version']}",
        ),
    ]
    return [(Pair(zh, en), Pair(zh_value, en_value)) for zh, en, zh_value, en_value in rows]


def _pair(body: Mapping[str, Any]) -> Pair:
    return Pair(body["zh"], body["en"])


def _others(untold: Sequence[Mapping[str, Any]]) -> Pair | None:
    if not untold:
        return None
    points = sum(reason["points"] for reason in untold)
    return Pair(
        f"其余 {len(untold)} 项合计 {points:+d} 分",
        f"{len(untold)} further reasons, {points:+d} points",
    )


def _shares(expected: Mapping[str, Any]) -> list[tuple[Pair, str]]:
    parts = [
        (Pair(*_PARTIES.get(party, (party, party))), f"{float(amount):,.2f}")
        for party, amount in (expected["by_party"] or {}).items()
    ]
    return [*parts, (Pair("合计", "total"), f"{float(expected['total']):,.2f}")]


def _rights() -> list[Pair]:
    return [
        Pair(
            "本评分由模型自动作出，仅供担保机构参考，最终决定由人作出。",
            "A model made this score; it advises the guarantor, and a person decides.",
        ),
        Pair(
            "您有权要求说明，并有权不接受仅由自动化方式作出的决定；请向受理机构申请人工复核。",
            "You may ask for an explanation and refuse a decision made by automation alone: ask "
            "the institution that took your application for a review by a person.",
        ),
    ]


@cache
def _page() -> Any:
    loader = PackageLoader("vouch.service", "templates")
    return Environment(loader=loader, autoescape=True).get_template("explanation.html.jinja")


def as_html(found: Explanation) -> bytes:
    """The explanation as a page that stands alone."""
    page: str = _page().render(e=found)
    return page.encode()


def font() -> Path:
    """Noto Sans SC, as the package `pylopdf-fonts-zh-cn` brings it: none needs installing."""
    import pylopdf_fonts_zh_cn

    return Path(pylopdf_fonts_zh_cn.__file__).parent / "NotoSansSC-Regular.otf"
