"""Large, medium, small and micro enterprises (企业规模) by the official thresholds.

工信部联企业〔2011〕300号, 《中小企业划型标准规定》. By each measure of its industry an enterprise
is of the class whose lower limit it reaches (及以上: a value equal to the limit reaches it); its
class is the lowest of them. That is the notice's text: medium and small need every lower limit,
micro falls below any one, and below the upper limit of any one it is not large (以下 without the
figure, as the statistical bureau's table of 2017 prints it).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

from vouch.domain.dated import in_order, read_toml, read_validity
from vouch.errors import PolicyError

_WAN = Decimal(10_000)


class SizeClass(IntEnum):
    """微, 小, 中, 大, ordered: a larger value is a larger enterprise."""

    MICRO = 1
    SMALL = 2
    MEDIUM = 3
    LARGE = 4

    @property
    def zh(self) -> str:
        """The Chinese name.

        >>> SizeClass.MICRO.zh
        '微型'
        """
        return ("微型", "小型", "中型", "大型")[self - 1]

    @property
    def slug(self) -> str:
        """The name in lower case."""
        return self.name.lower()


class Measure(StrEnum):
    """What the size of an enterprise is measured by: yuan a year, persons, yuan."""

    REVENUE = "revenue"
    HEADCOUNT = "headcount"
    ASSETS = "assets"


@dataclass(frozen=True)
class SizeTest:
    """An industry's lower limits of small, medium and large, in yuan and persons.

    `codes` are the beginnings of the GB/T 4754-2017 codes it holds for.
    """

    name: str
    zh: str
    codes: tuple[str, ...]
    limits: Mapping[Measure, tuple[Decimal, Decimal, Decimal]]

    def size_class(self, values: Mapping[Measure, Decimal | int | None]) -> SizeClass | None:
        """The class, None where a missing measure leaves it open.

        One measure below the limit of small makes a micro enterprise whatever the others are.
        """
        given = {measure: values.get(measure) for measure in self.limits}
        classes = [
            SizeClass(1 + sum(value >= limit for limit in self.limits[measure]))
            for measure, value in given.items()
            if value is not None
        ]
        lowest = min(classes, default=None)
        return lowest if len(classes) == len(given) or lowest is SizeClass.MICRO else None


@dataclass(frozen=True)
class SizeStandard:
    """The thresholds of all industries, as one notice has them."""

    effective_from: date
    effective_until: date | None
    source: str
    tests: tuple[SizeTest, ...]

    def test(self, industry: str) -> SizeTest | None:
        """The thresholds for an industry code, by its longest beginning that is listed."""
        fits = [(code, test) for test in self.tests for code in test.codes]
        found = [(len(code), test) for code, test in fits if industry.startswith(code)]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def size_class(
        self,
        industry: str,
        *,
        revenue: Decimal | None = None,
        headcount: int | None = None,
        assets: Decimal | None = None,
    ) -> SizeClass | None:
        """The class of an enterprise, money in yuan.

        None where the notice has no thresholds for the industry, the industry code is too short to
        tell, or a missing measure leaves the class open.
        """
        test = self.test(industry)
        if test is None:
            return None
        return test.size_class(
            {Measure.REVENUE: revenue, Measure.HEADCOUNT: headcount, Measure.ASSETS: assets}
        )


def read_size_standards(path: Path) -> list[SizeStandard]:
    """Read the versions of the thresholds, oldest first; the file has money in 万元.

    Raises:
        PolicyError: the file is missing or wrong.
    """
    versions = [_standard(body, str(path)) for body in read_toml(path).get("version", [])]
    return in_order(versions, str(path))


def _standard(body: Mapping[str, Any], path: str) -> SizeStandard:
    since, until, source = read_validity(body, path)
    tests = tuple(
        _test(row, f"{path}: version from {since}: industry {number}")
        for number, row in enumerate(body.get("industry", []), 1)
    )
    codes = [code for test in tests for code in test.codes]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise PolicyError(f"{path}: version from {since}: {', '.join(twice)} stands twice")
    return SizeStandard(since, until, source, tests)


def _test(row: Mapping[str, Any], place: str) -> SizeTest:
    limits = {
        measure: _limits(row[measure], 1 if measure is Measure.HEADCOUNT else _WAN, place)
        for measure in Measure
        if measure in row
    }
    if not limits or not row.get("codes") or not {"name", "zh"} <= set(row):
        raise PolicyError(f"{place}: needs name, zh, codes and one of {', '.join(Measure)}")
    return SizeTest(str(row["name"]), str(row["zh"]), tuple(row["codes"]), limits)


def _limits(row: Any, unit: Decimal | int, place: str) -> tuple[Decimal, Decimal, Decimal]:
    is_numbers = isinstance(row, list) and all(type(limit) is int for limit in row)
    if not is_numbers or len(row) != 3 or not 0 < row[0] < row[1] < row[2]:
        raise PolicyError(
            f"{place}: {row} must be three rising whole numbers: "
            "the lower limits of small, medium and large"
        )
    small, medium, large = (Decimal(limit) * unit for limit in row)
    return small, medium, large
