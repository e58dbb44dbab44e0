"""What is kept of a request and of the decision made on it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from vouch import clock
from vouch.domain.access import Caller
from vouch.domain.stage import Stage
from vouch.scoring.decision import Decision
from vouch.service.given import named
from vouch.store.decisions import DecisionRecord, Once


@dataclass(frozen=True)
class Asked:
    """A case as it was asked, and the hash of that."""

    body: dict[str, Any]
    hash: str


def asked_of(case: BaseModel) -> Asked:
    """A case as it was asked: only what was given, in one way of writing."""
    body = case.model_dump(mode="json", exclude_unset=True)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Asked(body, hashlib.sha256(canonical.encode()).hexdigest())


def once_of(
    stage: Stage, requests: Sequence[Asked], is_list: bool, caller: Caller, key: str | None
) -> Once | None:
    """The promise of an Idempotency-Key, None where none was given."""
    if key is None:
        return None
    whole = f"{stage.value} {is_list} {' '.join(request.hash for request in requests)}"
    return Once(caller.id, key, hashlib.sha256(whole.encode()).hexdigest())


def record_of(
    request: Asked, decision: Decision, caller: Caller, policy_hash: str
) -> DecisionRecord:
    """A decision as it is stored."""
    decision_id, made_at = str(uuid.uuid4()), clock.now()
    decision = replace(
        decision,
        guarantee_id=named(decision.guarantee_id),
        borrower_id=named(decision.borrower_id),
    )
    stamp = {"decision_id": decision_id, "made_at": made_at.isoformat()}
    return DecisionRecord(
        decision_id=decision_id,
        made_at=made_at,
        stage=decision.stage.value,
        as_of=decision.as_of,
        guarantee_id=decision.guarantee_id or "",
        borrower_id=decision.borrower_id,
        request_hash=request.hash,
        request=request.body,
        answer=stamp | decision.answer(),
        model_name=decision.model.name,
        model_version=decision.model.version,
        model_hash=decision.model.hash,
        caller=caller.id,
        guarantor_id=decision.basis.subject.guarantor_id,
        lender_id=decision.basis.subject.lender_id,
        policy_hash=policy_hash,
        basis=decision.basis.body(),
    )
