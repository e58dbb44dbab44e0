"""What a decision stands on, kept so that it can be made again years later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from vouch.scoring.subject import Subject


@dataclass(frozen=True)
class Basis:
    """With the model and the policy, everything a score and its sharing take."""

    subject: Subject
    asked_scheme: str | None
    features: Mapping[str, float | str | None]

    def body(self) -> dict[str, Any]:
        """As plain JSON, exact: what is not finite becomes a text, what is unknown null."""
        subject = self.subject
        return {
            "signed_on": subject.signed_on.isoformat(),
            "scheme": subject.scheme,
            "exposure": str(subject.exposure),
            "asked_scheme": self.asked_scheme,
            "features": {name: _written(value) for name, value in self.features.items()},
        }

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
        )
        return cls(subject, body["asked_scheme"], body["features"])


def _written(value: float | str | None) -> float | str | None:
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else repr(value)
