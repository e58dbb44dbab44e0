"""What each guarantee is expected to cost whom: probability · exposure · severity by its scheme."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from vouch.domain.risk_sharing import Party
from vouch.monitoring.expectation.in_force import Guarantee, Probabilities
from vouch.policy.reading import Policy
from vouch.scoring.decision import ExpectedCompensation, share_expected
from vouch.scoring.subject import Subject

_YUAN = pa.decimal128(18, 2)
_UNSHARED = "unshared"


@dataclass(frozen=True)
class Expected:
    """The expected compensation of one guarantee within the horizon of its probability."""

    guarantee: Guarantee
    default_probability: float
    compensation: ExpectedCompensation


def expected_by_guarantee(
    policy: Policy, guarantees: Sequence[Guarantee], probabilities: Probabilities, as_of: date
) -> list[Expected]:
    """Each guarantee under the version of its scheme in force when it began, without any cap."""
    found = []
    for guarantee, chance in zip(guarantees, probabilities.of(guarantees).tolist(), strict=True):
        terms = guarantee.terms
        subject = Subject(
            terms.guarantee_id,
            guarantee.borrower_id,
            as_of,
            terms.signed_on,
            terms.scheme,
            guarantee.exposure,
        )
        found.append(Expected(guarantee, chance, share_expected(policy, subject, chance, None)))
    return found


def totals(rows: Sequence[Expected]) -> dict[str, Decimal]:
    """The sum by party, exact to the fen, and `total`; what no scheme shares is `unshared`."""
    sums: Counter[str] = Counter()
    for row in rows:
        compensation = row.compensation
        for party, part in (compensation.by_party or {}).items():
            sums[party.value] += part  # type: ignore[assignment]
        if compensation.by_party is None:
            sums[_UNSHARED] += compensation.total  # type: ignore[assignment]
    order = [party.value for party in Party] + [_UNSHARED]
    found = {name: Decimal(sums[name]) for name in order if name in sums}
    return found | {"total": sum(found.values(), Decimal("0.00"))}


def table(rows: Sequence[Expected], probabilities: Probabilities) -> pa.Table:
    """A row for each guarantee, amounts in yuan to the fen; a party that has no share is null."""
    plain = [_row(row) for row in rows]
    texts = ("guarantee_id", "borrower_id", "lender", "guarantor", "scheme")
    schema = [(name, pa.string()) for name in texts]
    schema += [("signed_on", pa.date32()), ("exposure", _YUAN)]
    schema += [("default_probability", pa.float64()), ("loss_given_default", pa.float64())]
    schema += [(name, _YUAN) for name in ("total", *(party.value for party in Party))]
    made = pa.Table.from_pylist(plain, schema=pa.schema([*schema, ("note", pa.string())]))
    size = len(rows)
    source = pa.array([probabilities.source] * size, pa.string())
    horizon = pa.array([probabilities.horizon_days] * size, pa.int64())
    return made.append_column("horizon_days", horizon).append_column("probability_from", source)


def _row(row: Expected) -> dict[str, Any]:
    terms, found = row.guarantee.terms, row.compensation
    return {
        "guarantee_id": terms.guarantee_id,
        "borrower_id": row.guarantee.borrower_id,
        "lender": terms.lender,
        "guarantor": terms.guarantor,
        "scheme": found.scheme,
        "signed_on": terms.signed_on,
        "exposure": found.exposure,
        "default_probability": row.default_probability,
        "loss_given_default": float(found.loss_given_default),
        "total": found.total,
        **{party.value: part for party, part in (found.by_party or {}).items()},
        "note": found.note,
    }
