"""The official lists that facts are held against, as pages of the data dictionary."""

from __future__ import annotations

from decimal import Decimal

from vouch.domain.classification import ClassificationStandard, RiskClass
from vouch.domain.code_list import CodeList
from vouch.domain.size_class import Measure, SizeStandard, SizeTest
from vouch.policy.reading import Policy

_WAN = 10_000


def code_lists(policy: Policy) -> list[str]:
    """Regions, industries, size classes and classes of risk, line by line."""
    return [
        *_codes("Regions 区域代码", policy.regions),
        *_codes("Industries 行业门类", policy.industries),
        *_sizes(policy.size_standards[-1]),
        *_classes(policy.classification_standards[-1]),
    ]


def _codes(title: str, found: CodeList) -> list[str]:
    lines = [f"## {title}", "", f"{found.standard}. {found.source}.", ""]
    lines += ["| code | 中文 | English |", "|---|---|---|"]
    return [*lines, *(f"| {e.code} | {e.zh} | {e.en} |" for e in found.entries.values()), ""]


def _sizes(found: SizeStandard) -> list[str]:
    lines = ["## Size classes 企业规模", "", f"From {found.effective_from}. {found.source}.", ""]
    lines += [
        "An enterprise is of a class once it reaches the lower limit by every measure, and micro "
        "微型 where it is below any limit of small. Small, medium, large 小、中、大: headcount in "
        "persons, revenue and assets in 万元.",
        "",
        "| industry | 中文 | codes | headcount 从业人员 | revenue 营业收入 | assets 资产总额 |",
        "|---|---|---|---|---|---|",
    ]
    return [*lines, *(_size(test) for test in found.tests), ""]


def _size(test: SizeTest) -> str:
    limits = [
        _limits(test, measure) for measure in (Measure.HEADCOUNT, Measure.REVENUE, Measure.ASSETS)
    ]
    return f"| {test.name} | {test.zh} | {', '.join(test.codes)} | {' | '.join(limits)} |"


def _limits(test: SizeTest, measure: Measure) -> str:
    unit = Decimal(1 if measure is Measure.HEADCOUNT else _WAN)
    return " / ".join(f"{limit / unit:,.0f}" for limit in test.limits.get(measure, ()))


def _classes(found: ClassificationStandard) -> list[str]:
    lines = ["## Classes of risk 五级分类", "", f"From {found.effective_from}. {found.source}.", ""]
    lines += ["| class | 中文 | at least so, overdue by more than |", "|---|---|---|"]
    for member in RiskClass:
        days = found.overdue_more_than.get(member)
        lines.append(f"| {member.slug} | {member.zh} | {'' if days is None else f'{days} days'} |")
    worst = found.compensated_at_least
    return [*lines, "", f"Once compensated it is at least {worst.slug} {worst.zh}.", ""]
