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
# Rules of the decision that speak of the guarantor's portfolio.
_OF_PORTFOLIO = frozenset({"single_client", "group", "leverage", "ticket", "scheme_cap"})
_RESIDENT = re.compile(r"[0-9]{17}[0-9Xx]")


def shown(answer: Mapping[str, Any], institution: Institution) -> dict[str, Any]:
    """An answer as an institution may see it; resident identity numbers are masked for all."""
    found = dict(answer)
    borrower = found.get("borrower_id")
    if borrower and _RESIDENT.fullmatch(borrower):
        found["borrower_id"] = masked_id(borrower)
    if institution.level is not Level.PROVINCE:
        found["reasons"] = [_withheld(reason) for reason in found["reasons"]]
    if institution.level is Level.LENDER and found.get("advice"):
        found["advice"] = _advice_for_bank(found["advice"])
    return found


def _advice_for_bank(advice: Mapping[str, Any]) -> dict[str, Any]:
    """The advice without the guarantor's own figures, or what the client owes elsewhere."""
    limit = advice["limit"]
    open_limits = [one for one in limit["limits"] if one["rule"] not in _OF_PORTFOLIO]
    shown_limit = limit | {"limits": open_limits}
    if limit["binding"] in _OF_PORTFOLIO:
        shown_limit |= {
            "zh": f"建议额度 {limit['advised']} 元，依据担保机构的组合",
            "en": f"Limit advised {limit['advised']} yuan, by the guarantor's portfolio",
        }
    return dict(advice) | {
        "limit": shown_limit,
        "rules": [_unfigured(rule, {"figures": {}}) for rule in advice["rules"]],
        "untested": [_unfigured(rule, {}) for rule in advice["untested"]],
    }


def _unfigured(rule: Mapping[str, Any], without: Mapping[str, Any]) -> Mapping[str, Any]:
    if rule["rule"] not in _OF_PORTFOLIO:
        return rule
    return {
        **rule,
        **without,
        "zh": "依据担保机构的组合，数值不展示",
        "en": "By the guarantor's portfolio; its figures are not shown",
    }


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
