"""Letting a version answer: proposed, approved, gone back from; every step in the ledger.

The ledger is the store's append-only list of promotions. The champion itself is MLflow's alias;
both change, or neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from vouch.domain.stage import Stage
from vouch.errors import ModelError, VouchError
from vouch.scoring.bundle import Bundle
from vouch.scoring.registry import Registry
from vouch.store.store import PROMOTE, PROPOSE, ROLL_BACK, Promotion, Store

ALONE = "one person acted alone"


@dataclass(frozen=True)
class Promoter:
    """Who may make a version champion, and how it is written down.

    Args:
        four_eyes: whoever proposed a version cannot approve it.
    """

    registry: Registry
    store: Store
    four_eyes: bool

    def promote(
        self, stage: Stage, version: str, who: str, at: datetime, override: str = ""
    ) -> Promotion:
        """Make a version the champion; with four eyes propose it, or approve another's proposal.

        Args:
            override: why it may answer although gates failed; the proposer's counts.

        Returns:
            The entry of the ledger.

        Raises:
            ModelError: the version cannot be had, fails a gate without a reason, or its proposer
                would approve it.
            StoreError: the ledger cannot be written; the champion is the one it was.
        """
        proposal = self._proposal(stage, version) if self.four_eyes else None
        override = override or (str((proposal.evidence or {})["override"]) if proposal else "")
        bundle, failed = self.registry.checked(stage, version, override)
        entry = Promotion(
            stage=stage.value,
            version=version,
            previous=self.registry.champion_version(stage),
            who=who,
            at=at,
            note=_note(failed, override),
            evidence=_evidence(bundle, failed, override),
        )
        if not self.four_eyes:
            entry = replace(entry, note="; ".join(filter(None, [ALONE, entry.note])))
        elif proposal is None:
            return self._propose(entry)
        elif proposal.who == who:
            raise ModelError(
                f"{who} proposed version {version} of {stage.model_name}; someone else has to "
                "approve it, with the same command (four_eyes in policy/promotion.toml)"
            )
        else:
            entry = replace(entry, proposed_by=proposal.who)
        return self._written(stage, entry, lambda: self.registry.promote(stage, version, override))

    def roll_back(self, stage: Stage, who: str, at: datetime, note: str = "") -> Promotion:
        """Make the version champion again that was before; one person may, whatever the policy.

        Raises:
            ModelError: there was none before, it cannot be had, or the champion is not the
                ledger's.
            StoreError: the ledger cannot be written; the champion is the one it was.
        """
        past = _champions(self.store.promotions(stage.value))
        current = self.registry.champion_version(stage)
        if len(past) < 2:
            raise ModelError(f"{stage.model_name} had no champion before {current or 'any'}")
        if past[-1] != current:
            raise ModelError(
                f"the ledger's champion of {stage.model_name} is {past[-1]}, MLflow's {current}: "
                "someone moved it elsewhere; promote the version that is wanted"
            )
        bundle = self.registry.load(stage, past[-2])
        evidence = _evidence(bundle, self.registry.failed_gates(stage, past[-2]), "")
        entry = Promotion(
            stage.value, past[-2], current, who, at, note, ROLL_BACK, evidence=evidence
        )
        return self._written(stage, entry, lambda: self.registry.restore(stage, past[-2]))

    def _propose(self, entry: Promotion) -> Promotion:
        proposed = replace(entry, act=PROPOSE)
        self.store.add_promotion(proposed)
        return proposed

    def _proposal(self, stage: Stage, version: str) -> Promotion | None:
        """The proposal of a version that nothing was decided since."""
        for entry in reversed(self.store.promotions(stage.value)):
            if entry.act != PROPOSE:
                return None
            if entry.version == version:
                return entry
        return None

    def _written(self, stage: Stage, entry: Promotion, move: Any) -> Promotion:
        move()
        try:
            self.store.add_promotion(entry)
        except VouchError as error:
            self._undo(stage, entry, error)
            raise
        return entry

    def _undo(self, stage: Stage, entry: Promotion, error: VouchError) -> None:
        try:
            self.registry.restore(stage, entry.previous)
        except ModelError as away:
            raise ModelError(
                f"version {entry.version} of {stage.model_name} is champion, but the ledger could "
                f"not be written ({error}) and it could not be undone ({away}); do the same again "
                "once both answer"
            ) from error


def _champions(ledger: Sequence[Promotion]) -> list[str]:
    """The champions that led to the one in use, oldest first, none twice in a row.

    A roll-back takes away what stood after the version it went back to.
    """
    found: list[str] = []
    for entry in ledger:
        if entry.act == ROLL_BACK:
            while found and found[-1] != entry.version:
                found.pop()
        elif entry.act == PROMOTE:
            before = [entry.previous] if not found and entry.previous else []
            for version in [*before, entry.version]:
                if found[-1:] != [version]:
                    found.append(version)
    return found


def _note(failed: Sequence[str], override: str) -> str:
    return f"gates failed: {'; '.join(failed)}; overridden: {override}" if failed else ""


def _evidence(bundle: Bundle, failed: Sequence[str], override: str) -> dict[str, Any]:
    return {
        "model_hash": bundle.hash,
        "data_hash": bundle.training.data_hash,
        "known_until": str(bundle.training.known_until),
        "gates": dict(bundle.spec.gates),
        "slice_gates": dict(bundle.spec.slice_gates),
        "failed_gates": list(failed),
        "override": override,
    }
