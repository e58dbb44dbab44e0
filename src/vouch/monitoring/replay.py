"""Making stored decisions again from archived models and policies: the same, or which differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vouch.errors import VouchError
from vouch.policy.reading import Policy
from vouch.policy.snapshot import unpack
from vouch.scoring.basis import Basis
from vouch.scoring.bundle import unpacked
from vouch.scoring.decision import Remade, remake
from vouch.store.decisions import DecisionRecord, Decisions

_COMPARED = tuple(n for n in Remade.__dataclass_fields__ if n not in ("points", "advice"))


@dataclass(frozen=True)
class Difference:
    """A decision that comes out another way, and how."""

    decision_id: str
    what: str
    then: Any
    now: Any


@dataclass
class Replayed:
    """How many were made again, how many are identical, which are not, which could not be."""

    decisions: int = 0
    identical: int = 0
    differing: list[Difference] = field(default_factory=list)
    not_replayable: Counter[str] = field(default_factory=Counter)


def replay(decisions: Decisions, records: Sequence[DecisionRecord]) -> Replayed:
    """Make decisions again and compare.

    Compared are probability, score, points, grade, who bears what, and the advice with its decision
    (where what it stood on was kept).
    """
    result = Replayed(decisions=len(records))
    groups: dict[tuple[str, str], list[DecisionRecord]] = defaultdict(list)
    for record in records:
        if record.basis is None or record.policy_hash is None:
            result.not_replayable["what it stood on is not kept (any more)"] += 1
        else:
            groups[record.model_hash, record.policy_hash].append(record)
    for group in groups.values():
        _replay_group(decisions, group, result)
    return result


def _replay_group(
    decisions: Decisions, records: Sequence[DecisionRecord], result: Replayed
) -> None:
    """Those of one model and one policy."""
    first = records[0]
    model = decisions.archived("model", first.model_hash)
    policy = decisions.archived("policy", str(first.policy_hash))
    if model is None or policy is None:
        lost = "model" if model is None else "policy"
        result.not_replayable[f"its {lost} is not in the archive"] += len(records)
        return
    try:
        remade = _remade(model, policy, records)
    except (VouchError, KeyError) as error:
        result.not_replayable[f"model or policy cannot be used: {error}"] += len(records)
        return
    for record, again in zip(records, remade, strict=True):
        found = next(_differences(record, again), None)
        if found is None:
            result.identical += 1
        else:
            result.differing.append(found)


def _remade(model: bytes, policy: bytes, records: Sequence[DecisionRecord]) -> list[Remade]:
    bundle = unpacked(model, records[0].model_version, records[0].model_hash)
    bases = [Basis.of(record.basis or {}, record.as_of) for record in records]
    with TemporaryDirectory() as folder:
        unpack(policy, Path(folder))
        return remake(bundle, Policy(Path(folder)), bases)


def _differences(record: DecisionRecord, again: Remade) -> Iterator[Difference]:
    then = record.answer
    points = {reason["feature"]: reason["points"] for reason in then["reasons"]}
    pairs = [(name, then[name], getattr(again, name)) for name in _COMPARED]
    pairs.append(("points", points, dict(again.points)))
    if again.advice is not None:
        advice = then.get("advice") or {}
        pairs.append(("decision", advice.get("decision"), again.decision))
        pairs += [(f"advice.{name}", advice.get(name), said) for name, said in again.advice.items()]
    for what, before, now in pairs:
        if before != now:
            yield Difference(record.decision_id, what, before, now)
