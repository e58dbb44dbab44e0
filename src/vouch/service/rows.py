"""What of a decision an institution sees: only its own, and nothing that speaks of another's.

A score stands on the whole province's record, so its points do too; the values behind those points
(how often a borrower was guaranteed elsewhere, how a bank's other guarantees went) are shown to the
province alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vouch.domain.access import Institution, Level
from vouch.domain.masking import masked_id
from vouch.features.registry import features

# Inputs of features that read other institutions' guarantees.
_SHARED = frozenset({"earlier", "earlier_compensation", "portfolio"})
_RESIDENT = re.compile(r"[0-9]{17}[0-9Xx]")


def shown(answer: Mapping[str, Any], institution: Institution) -> dict[str, Any]:
    """An answer as an institution may see it; resident identity numbers are masked for all."""
    found = dict(answer)
    borrower = found.get("borrower_id")
    if borrower and _RESIDENT.fullmatch(borrower):
        found["borrower_id"] = masked_id(borrower)
    if institution.level is not Level.PROVINCE:
        found["reasons"] = [_withheld(reason) for reason in found["reasons"]]
    return found


def _withheld(reason: Mapping[str, Any]) -> Mapping[str, Any]:
    declared = features().get(reason["feature"])
    if declared is not None and _SHARED.isdisjoint(declared.inputs):
        return reason
    zh, en = (declared.zh, declared.en) if declared else (reason["feature"], reason["feature"])
    points = int(reason["points"])
    return {
        **reason,
        "value": None,
        "usual": None,
        "zh": f"{zh}：依据全省记录，数值不展示，{'加' if points > 0 else '减'} {abs(points)} 分",
        "en": f"{en[0].upper()}{en[1:]}: from the province's record, the value is not shown, "
        f"{points:+d} points",
    }
