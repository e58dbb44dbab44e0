"""What a decision stands on, kept so that it can be made again years later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from vouch.scoring.standing import Standing, read, written
from vouch.scoring.subject import Asked, Subject


@dataclass(frozen=True)
class Basis:
    """With the model and the policy, everything a score, its sharing and the advice take.

    Args:
        standing: how the portfolio stood; None where nothing was advised, or (in what was stored
            before it was kept) the advice cannot be made again.
    """

    subject: Subject
    asked_scheme: str | None
    features: Mapping[str, float | str | None]
    standing: Standing | None = None

    def body(self) -> dict[str, Any]:
        """As plain JSON, exact: what is not finite becomes a text, what is unknown null."""
        subject = self.subject
        body = {
            "signed_on": subject.signed_on.isoformat(),
            "scheme": subject.scheme,
            "exposure": str(subject.exposure),
            "asked_scheme": self.asked_scheme,
            "features": {name: _written(value) for name, value in self.features.items()},
        }
        if self.standing is not None and subject.asked is not None:
            body |= {"terms": _terms(subject.asked), "standing": written(self.standing)}
        return body

    @classmethod
    def of(cls, body: Mapping[str, Any], as_of: date) -> Basis:
        """From plain JSON."""
        subject = Subject(
            guarantee_id="",
            borrower_id=None,
            as_of=as_of,
            signed_on=date.fromisoformat(body["signed_on"]),
            scheme=body["scheme"],
            exposure=Decimal(body["exposure"]),
            asked=_asked(body["terms"]) if "terms" in body else None,
        )
        standing = read(body["standing"]) if "standing" in body else None
        return cls(subject, body["asked_scheme"], body["features"], standing)


def _terms(asked: Asked) -> dict[str, Any]:
    """The terms of which advice speaks; the rest of what is asked is in the features."""
    return {
        "amount": str(asked.amount),
        "covered": str(asked.covered),
        "kind": asked.kind,
        "product": asked.product,
        "fee_rate": None if asked.fee_rate is None else str(asked.fee_rate),
        "days": asked.days,
        "is_revolving": asked.is_revolving,
    }


def _asked(body: Mapping[str, Any]) -> Asked:
    fee_rate = body["fee_rate"]
    amounts = {name: Decimal(body[name]) for name in ("amount", "covered")}
    return Asked(**{**body, **amounts, "fee_rate": None if fee_rate is None else Decimal(fee_rate)})


def _written(value: float | str | None) -> float | str | None:
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else repr(value)
