"""The groups that a guarantee belongs to: its lender's, its industry's, its terms' and the like."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vouch.features.asof import Floats, Objects
from vouch.features.given import Lazy

# The columns by which guarantees are grouped.
GROUPED_BY = ("lender", "channel", "region", "legal_form", "industry", "product", "scheme")
GROUPINGS = (*GROUPED_BY, "everything", "lender_band", "terms")


def industry_group(code: str | None) -> str | None:
    """The section letter of a GB/T 4754 code, or the two-digit sector of a NAICS code.

    >>> industry_group("C2614"), industry_group("722110"), industry_group(None)
    ('C', '72', None)
    """
    if not code:
        return None
    return code[:2] if code[0].isdigit() else code[:1]


# Half powers of ten up to 10^13, the edges of amount bands.
_HALF_POWERS = np.array([10.0 ** (n / 2) for n in range(27)])


def amount_bands(amounts: Floats) -> Objects:
    """Half powers of ten at or below each amount, so that bands mean the same in any currency.

    >>> amount_bands(np.array([50_000, 150_000, 1_000_000, np.nan])).tolist()
    ['10^4.5', '10^5.0', '10^6.0', 'unknown']
    """
    names = ["unknown", *(f"10^{n / 2:.1f}" for n in range(len(_HALF_POWERS)))]
    at = np.searchsorted(_HALF_POWERS, np.nan_to_num(amounts, nan=0.0), "right")
    return np.array(names, dtype=object)[at]


def share_steps(shares: Floats) -> Objects:
    """Guaranteed shares to the nearest twentieth.

    >>> share_steps(np.array([0.8, 0.76, np.nan])).tolist()
    ['0.80', '0.75', '-']
    """
    steps, at = np.unique(np.round(shares * 20) / 20, return_inverse=True)
    names = ["-" if np.isnan(step) else f"{step:.2f}" for step in steps.tolist()]
    return np.array(names, dtype=object)[at]


def groups_of(
    columns: Mapping[str, Objects], amount: Floats, share: Floats
) -> Mapping[str, Objects]:
    """The group of each guarantee in each grouping, None where it belongs to none.

    Args:
        columns: GROUPED_BY, as texts.
        amount: loan amount.
        share: guaranteed share of it.
    """

    def make(grouping: str) -> Objects:
        if grouping == "everything":
            return np.full(len(amount), "", dtype=object)
        if grouping == "lender_band":
            pairs = zip(columns["lender"].tolist(), amount_bands(amount).tolist(), strict=True)
            named = (None if name is None else f"{name}/{band}" for name, band in pairs)
        elif grouping == "terms":
            pairs = zip(columns["channel"].tolist(), share_steps(share).tolist(), strict=True)
            named = (f"{name or '-'}/{step}" for name, step in pairs)
        elif grouping == "industry":
            codes = columns["industry"].tolist()
            section = {code: industry_group(code) for code in set(codes)}
            named = (section[code] for code in codes)
        else:
            return columns[grouping]
        return np.array(list(named), dtype=object)

    return Lazy(GROUPINGS, make)
