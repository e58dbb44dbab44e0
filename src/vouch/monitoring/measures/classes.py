"""What a client is: small, agricultural, and how its liability weighs, as SQL over guarantees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from vouch.monitoring.measures.catalogue import Numbers
from vouch.monitoring.measures.view import fen, literal

Row = Mapping[str, Any]

SIZES = ("small_kinds", "unknown_size_is_small", "medium_from")
CLASSES = (*SIZES, "agricultural_kinds", "agricultural_sections")
WEIGHTS = (
    *SIZES,
    "small_weight",
    "small_client_limit",
    "farmer_kinds",
    "farmer_weight",
    "farmer_client_limit",
    "product_weights",
)
WEIGHT_STEPS = 10_000  # weights are counted in ten-thousandths
_OTHER = "other"


def is_small(numbers: Numbers) -> str:
    """Whether the client is a small or micro business, a sole trader or an owner of one."""
    enterprise = f"kind = 'enterprise' AND {_is_small_enterprise(numbers)}"
    return (
        f"coalesce(list_contains({literal(numbers['small_kinds'])}, kind) OR ({enterprise}), false)"
    )


def is_small_or_agricultural(numbers: Numbers) -> str:
    """Whether the client counts as small or agricultural business (支小支农)."""
    kinds, sections = literal(numbers["agricultural_kinds"]), numbers["agricultural_sections"]
    agricultural = (
        f"list_contains({kinds}, kind) OR list_contains({literal(sections)}, left(industry, 1))"
    )
    return f"({is_small(numbers)} OR coalesce({agricultural}, false))"


def _is_small_enterprise(numbers: Numbers) -> str:
    """Below either limit of a medium business; the parameter decides where that is not known."""
    limits: dict[str, dict[str, Any]] = numbers["medium_from"]
    longest_first = sorted((key for key in limits if key != _OTHER), key=lambda key: -len(key))
    cases = " ".join(
        f"WHEN starts_with(industry, {literal(key)}) THEN {_is_below(limits[key])}"
        for key in longest_first
    )
    default = "true" if numbers["unknown_size_is_small"] else "false"
    return f"coalesce(CASE {cases} ELSE {_is_below(limits[_OTHER])} END, {default})"


def _is_below(limit: dict[str, Any]) -> str:
    tests = []
    if "headcount" in limit:
        tests.append(f"headcount < {int(limit['headcount'])}")
    if "revenue" in limit:
        tests.append(f"revenue < {fen(limit['revenue'])}")
    if "assets" in limit:
        tests.append("NULL::BOOLEAN")  # the book holds no total assets
    return "(" + " OR ".join(tests) + ")"


def weighted(numbers: Numbers) -> str:
    """Guarantees in force with `liability`: balance · weight, in fen times WEIGHT_STEPS."""
    client = "sum(balance) OVER (PARTITION BY guarantor, borrower_id)"
    products = " ".join(
        f"WHEN product = {literal(product)} THEN {_steps(weight)}"
        for product, weight in numbers["product_weights"].items()
    )
    return f"""(SELECT *, balance * CASE {products}
        WHEN list_contains({literal(numbers["farmer_kinds"])}, kind)
            AND {client} <= {fen(numbers["farmer_client_limit"])}
            THEN {_steps(numbers["farmer_weight"])}
        WHEN {is_small(numbers)} AND {client} <= {fen(numbers["small_client_limit"])}
            THEN {_steps(numbers["small_weight"])}
        ELSE {WEIGHT_STEPS} END AS liability FROM guarantees WHERE in_force)"""


def liabilities_of(rows: Sequence[Row], numbers: Numbers) -> list[int]:
    """`weighted` of a few rows without a database: what a decision waits for; a test holds both.

    Args:
        rows: guarantees in force with guarantor, borrower_id, product, kind, industry, headcount,
            revenue and balance (fen).

    Returns:
        Each row's balance · weight, in fen times WEIGHT_STEPS.
    """
    clients: Counter[tuple[Any, Any]] = Counter()
    for row in rows:
        clients[row["guarantor"], row["borrower_id"]] += row["balance"]
    return [
        row["balance"] * _weight(row, clients[row["guarantor"], row["borrower_id"]], numbers)
        for row in rows
    ]


def _weight(row: Row, client: int, numbers: Numbers) -> int:
    if row["product"] in numbers["product_weights"]:
        return _steps(numbers["product_weights"][row["product"]])
    is_farmer = row["kind"] in numbers["farmer_kinds"]
    if is_farmer and client <= fen(numbers["farmer_client_limit"]):
        return _steps(numbers["farmer_weight"])
    if client <= fen(numbers["small_client_limit"]) and _counts_as_small(row, numbers):
        return _steps(numbers["small_weight"])
    return WEIGHT_STEPS


def _counts_as_small(row: Row, numbers: Numbers) -> bool:
    if row["kind"] in numbers["small_kinds"]:
        return True
    if row["kind"] != "enterprise":
        return False
    limits: dict[str, dict[str, Any]] = numbers["medium_from"]
    fitting = [key for key in limits if (row["industry"] or "").startswith(key) and key != _OTHER]
    limit = limits[max(fitting, key=len, default=_OTHER)]
    tests = [("headcount", limit.get("headcount")), ("revenue", limit.get("revenue"))]
    known = [
        row[name] < (fen(value) if name == "revenue" else int(value))
        for name, value in tests
        if value is not None and row[name] is not None
    ]
    if any(known):
        return True
    is_known = "assets" not in limit and len(known) == sum(v is not None for _, v in tests)
    return not is_known and bool(numbers["unknown_size_is_small"])


def _steps(weight: object) -> int:
    return int(Decimal(str(weight)) * WEIGHT_STEPS)
