"""What is kept of a request and of the decision made on it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import randbits
from typing import Any

import orjson
from pydantic import BaseModel

from vouch import clock
from vouch.domain.access import Caller
from vouch.domain.stage import Stage
from vouch.scoring.decision import Decision
from vouch.service.given import named
from vouch.store.decisions import DecisionRecord, Once
from vouch.store.engine import Canonical


@dataclass(frozen=True)
class Asked:
    """A case as it was asked, in the one way of writing, and the hash of that."""

    body: dict[str, Any]
    text: Canonical
    hash: str


def asked_of(case: BaseModel) -> Asked:
    """What was asked by a case that did not come as JSON: only what was given."""
    return _asked(case.model_dump(mode="json", exclude_unset=True))


def asked_in(body: bytes) -> list[Asked] | None:
    """What was asked by a valid body of one case or a list; None where its JSON is unusual."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return [_asked(case) for case in (found if isinstance(found, list) else [found])]


def _asked(body: dict[str, Any]) -> Asked:
    text = Canonical.quickly(body)
    return Asked(body, text, hashlib.sha256(text.encode()).hexdigest())


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
    made_at = clock.now()
    decision_id = _identifier(made_at)
    decision = replace(
        decision,
        guarantee_id=named(decision.guarantee_id),
        borrower_id=named(decision.borrower_id),
    )
    stamp = {"decision_id": decision_id, "made_at": made_at.isoformat()}
    answer, basis = stamp | decision.answer(), decision.basis.body()
    texts = {"answer": Canonical.quickly(answer), "basis": Canonical.quickly(basis)}
    return DecisionRecord(
        decision_id=decision_id,
        made_at=made_at,
        stage=decision.stage.value,
        as_of=decision.as_of,
        guarantee_id=decision.guarantee_id or "",
        borrower_id=decision.borrower_id,
        request_hash=request.hash,
        request=request.body,
        answer=answer,
        model_name=decision.model.name,
        model_version=decision.model.version,
        model_hash=decision.model.hash,
        caller=caller.id,
        guarantor_id=decision.basis.subject.guarantor_id,
        lender_id=decision.basis.subject.lender_id,
        policy_hash=policy_hash,
        basis=basis,
    ).written(texts | {"request": request.text})


def _identifier(now: datetime) -> str:
    """A UUID of version 7 (RFC 9562): by its beginning later ones are stored after earlier ones."""
    time = int(now.timestamp() * 1000) << 80
    return str(uuid.UUID(int=time | 7 << 76 | randbits(12) << 64 | 2 << 62 | randbits(62)))
