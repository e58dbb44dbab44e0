"""The five classes of risk (五级分类) that a guaranteed loan may at best be given.

《商业银行金融资产风险分类办法》 of 2023 says at which age of arrears a loan is at least of which
class. It is a floor: whoever classifies may always be stricter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from pathlib import Path
from typing import Any

from vouch.domain.dated import in_order, read_toml, read_validity
from vouch.errors import PolicyError


class RiskClass(IntEnum):
    """正常, 关注, 次级, 可疑, 损失, ordered: a larger value is worse."""

    NORMAL = 1
    SPECIAL_MENTION = 2
    SUBSTANDARD = 3
    DOUBTFUL = 4
    LOSS = 5

    @property
    def zh(self) -> str:
        """The Chinese name.

        >>> RiskClass.LOSS.zh
        '损失'
        """
        return ("正常", "关注", "次级", "可疑", "损失")[self - 1]

    @property
    def slug(self) -> str:
        """The name in lower case."""
        return self.name.lower()

    @property
    def is_non_performing(self) -> bool:
        """The last three count as 不良."""
        return self >= RiskClass.SUBSTANDARD

    @classmethod
    def parse(cls, text: str) -> "RiskClass":
        """Read a class by its number, its English or its Chinese name.

        >>> RiskClass.parse("次级") is RiskClass.parse("3") is RiskClass.parse("substandard")
        True

        Raises:
            ValueError: `text` names no class.
        """
        word = text.strip().lower().removesuffix("类")
        for member in cls:
            if word in (str(int(member)), member.slug, member.zh):
                return member
        known = ", ".join(f"{int(member)} {member.zh}" for member in cls)
        raise ValueError(f"{text!r} is no class of risk; known are {known}")


@dataclass(frozen=True)
class ClassificationStandard:
    """The floors of one rule: overdue by more than so many days is at least that class."""

    effective_from: date
    effective_until: date | None
    source: str
    overdue_more_than: Mapping[RiskClass, int]
    compensated_at_least: RiskClass

    def floor(self, days_past_due: int, *, is_compensated: bool = False) -> RiskClass:
        """The best class that a guarantee may have.

        Raises:
            ValueError: the days are negative.
        """
        if days_past_due < 0:
            raise ValueError(f"days past due are {days_past_due}, cannot be negative")
        reached = [c for c, days in self.overdue_more_than.items() if days_past_due > days]
        if is_compensated:
            reached.append(self.compensated_at_least)
        return max(reached, default=RiskClass.NORMAL)


def read_classification_standards(path: Path) -> list[ClassificationStandard]:
    """Read the versions of the rule, oldest first.

    Raises:
        PolicyError: the file is missing or wrong.
    """
    versions = [_standard(body, str(path)) for body in read_toml(path).get("version", [])]
    return in_order(versions, str(path))


def _standard(body: Mapping[str, Any], path: str) -> ClassificationStandard:
    since, until, source = read_validity(body, path)
    place = f"{path}: version from {since}"
    try:
        days = {RiskClass.parse(name): body["overdue_more_than"][name] for name in _SLUGS}
        compensated = RiskClass.parse(str(body["compensated_at_least"]))
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"{place} has a wrong or missing {error}") from error
    limits = list(days.values())
    if not all(type(limit) is int for limit in limits) or sorted({*limits}) != limits:
        raise PolicyError(f"{place}: overdue_more_than must be whole days that rise by class")
    return ClassificationStandard(since, until, source, days, compensated)


_SLUGS = tuple(member.slug for member in RiskClass if member is not RiskClass.NORMAL)
