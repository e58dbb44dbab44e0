"""Size classes by the sentences of 工信部联企业〔2011〕300号, in turn; money in 万元."""

from __future__ import annotations

from decimal import Decimal

# lower limits of small and medium, then the upper limit of small and medium together
NOTICE = {
    "A": {"revenue": (50, 500, 20000)},
    "B": {"headcount": (20, 300, 1000), "revenue": (300, 2000, 40000)},
    "E": {"revenue": (300, 6000, 80000), "assets": (300, 5000, 80000)},
    "F51": {"headcount": (5, 20, 200), "revenue": (1000, 5000, 40000)},
    "F52": {"headcount": (10, 50, 300), "revenue": (100, 500, 20000)},
    "G54": {"headcount": (20, 300, 1000), "revenue": (200, 3000, 30000)},
    "G592": {"headcount": (20, 100, 200), "revenue": (100, 1000, 30000)},
    "G60": {"headcount": (20, 300, 1000), "revenue": (100, 2000, 30000)},
    "H61": {"headcount": (10, 100, 300), "revenue": (100, 2000, 10000)},
    "H62": {"headcount": (10, 100, 300), "revenue": (100, 2000, 10000)},
    "I63": {"headcount": (10, 100, 2000), "revenue": (100, 1000, 100000)},
    "I65": {"headcount": (10, 100, 300), "revenue": (50, 1000, 10000)},
    "K701": {"revenue": (100, 1000, 200000), "assets": (2000, 5000, 10000)},
    "K702": {"headcount": (100, 300, 1000), "revenue": (500, 1000, 5000)},
    "L": {"headcount": (10, 100, 300), "assets": (100, 8000, 120000)},
    "O": {"headcount": (10, 100, 300)},
}


def size_class(industry: str, values: dict[str, Decimal | int]) -> str:
    """以下的为中小微型; 其中 both 及以上的为中型, both 及以上的为小型, either 以下的为微型."""
    limits = NOTICE[industry]
    if not any(values[m] < upper for m, (_, _, upper) in limits.items()):
        return "大型"
    if all(values[m] >= medium for m, (_, medium, _) in limits.items()):
        return "中型"
    if all(values[m] >= small for m, (small, _, _) in limits.items()):
        return "小型"
    return "微型"
