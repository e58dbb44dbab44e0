"""What a client is: small, agricultural, and how its liability weighs, as SQL over guarantees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from vouch.monitoring.measures.catalogue import Numbers
from vouch.monitoring.measures.view import fen, literal

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


def _steps(weight: object) -> int:
    return int(Decimal(str(weight)) * WEIGHT_STEPS)
