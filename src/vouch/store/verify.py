"""Whether the audit log and the decisions it speaks of are what they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from vouch.store.audit import START, AuditHead, chained, head, rows
from vouch.store.decisions import DECIDE, DecisionRecord, found
from vouch.store.engine import Database
from vouch.store.tables import DECISIONS

# The action of an entry that names the decisions, or their bases, deleted once their time was over.
ERASE = "erase"
_SHOWN = 20
_PAGE = 400

Erased = set[tuple[str, str]]


@dataclass
class Verified:
    """What was looked at, and every fault found, in words."""

    entries: int = 0
    decisions: int = 0
    erased: int = 0
    before_the_log: int = 0
    head: AuditHead = field(default_factory=lambda: AuditHead(0, START))
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Note a fault; beyond the first few only that there are more."""
        if len(self.faults) < _SHOWN:
            self.faults.append(text)
        elif len(self.faults) == _SHOWN:
            self.faults.append("and more")


def verify(database: Database, noted: AuditHead | None = None) -> Verified:
    """Walk the whole log: numbers without a gap, every hash, every decision as it was made.

    Args:
        noted: an end of the chain noted elsewhere earlier; it has to be in the log still.
    """
    result = Verified()
    with database.snapshot() as connection:
        result.head = head(connection)
        erased = _walk(connection, result, noted)
        result.erased = sum(kind == "decisions" for kind, _ in erased)
        _check_decisions(connection, erased, result)
    return result


def _walk(connection: Connection, result: Verified, noted: AuditHead | None) -> Erased:
    """Check the chain itself; returns what it says was erased."""
    erased: Erased = set()
    before, expected, hash_then = START, 1, None
    for number, text, hash_ in rows(connection):
        if number != expected:
            result.fault(f"entries {expected} to {number - 1} are missing")
        elif hash_ != chained(before, text):
            result.fault(f"entry {number}, or the one before it, is not as it was written")
        body = _body(number, text, result)
        if body.get("action") == ERASE:
            erased |= {(k, name) for k, names in body["detail"].items() for name in names}
        if noted and noted.number == number:
            hash_then = hash_
        result.entries, before, expected = result.entries + 1, hash_, number + 1
    if (expected - 1, before) != (result.head.number, result.head.hash):
        result.fault(f"the log ends with entry {expected - 1}, not as its end says")
    if noted and noted.number and hash_then != noted.hash:
        result.fault(f"entry {noted.number} is not the one that was noted")
    return erased


def _body(number: int, text: str, result: Verified) -> dict[str, Any]:
    try:
        body: dict[str, Any] = json.loads(text)
        if body["number"] == number:
            return body
    except (ValueError, TypeError, KeyError):
        pass
    result.fault(f"entry {number} does not say what it should")
    return {}


def _check_decisions(connection: Connection, erased: Erased, result: Verified) -> None:
    for page in _hashes(connection):
        kept = {record.decision_id: record for record in found(connection, list(page))}
        for decision_id, hashes in page.items():
            result.decisions += decision_id in kept
            fault = _fault(decision_id, hashes, kept.get(decision_id), erased)
            if fault:
                result.fault(f"decision {decision_id} {fault}")
    before = DECISIONS.c.policy_hash.is_(None)
    counted = select(func.count()).select_from(DECISIONS)
    result.before_the_log = connection.execute(counted.where(before)).scalar_one()
    extra = connection.execute(counted.where(~before)).scalar_one() - result.decisions
    if extra > 0:
        result.fault(f"{extra} decisions are in no entry of the log")


def _hashes(connection: Connection) -> Iterator[dict[str, list[str | None]]]:
    """What the log says of decisions, a page at a time: identifier and hashes."""
    page: dict[str, list[str | None]] = {}
    for _, text, _ in rows(connection):
        if f'"action":"{DECIDE}"' not in text:
            continue
        try:
            page |= json.loads(text)["detail"]
        except (ValueError, TypeError, KeyError):
            continue  # said already
        if len(page) >= _PAGE:
            yield page
            page = {}
    yield page


def _fault(
    decision_id: str, hashes: list[str | None], kept: DecisionRecord | None, erased: Erased
) -> str | None:
    if kept is None:
        return None if ("decisions", decision_id) in erased else "is missing"
    whole, basis = kept.hashes
    if whole != hashes[0]:
        return "is not as it was made"
    if basis is None and hashes[1] is not None:
        return None if ("bases", decision_id) in erased else "has lost its basis"
    return None if basis == hashes[1] else "stands on another basis than it was made on"
