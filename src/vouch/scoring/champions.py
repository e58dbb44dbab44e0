"""The champions in use, from MLflow's registry or packed into a folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Protocol

from vouch.domain.stage import Stage
from vouch.errors import ModelError, VouchError
from vouch.scoring.bundle import Bundle
from vouch.scoring.registry import packed_champion

log = logging.getLogger("vouch")


class ChampionSource(Protocol):
    """Where champions come from."""

    def champion_version(self, stage: Stage) -> str | None:
        """What the champion is now, cheaply; None where a stage has none."""
        ...

    def champion(self, stage: Stage) -> Bundle:
        """The champion itself.

        Raises:
            ModelError: there is none, or it cannot be had, or fails its proof.
        """
        ...


@dataclass(frozen=True)
class Packed:
    """Champions packed into a folder by `Registry.pack`, served without MLflow."""

    folder: Path

    def champion_version(self, stage: Stage) -> str | None:
        """The packed version, or None where the stage was not packed."""
        note = self.folder / stage.slug / "version.json"
        if not note.exists():
            return None
        try:
            return str(json.loads(note.read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{note} cannot be read; pack the champions again") from error

    def champion(self, stage: Stage) -> Bundle:
        """The packed champion."""
        return packed_champion(self.folder, stage)


class Champions:
    """The champions held in memory: one per stage, kept until a better one has proved itself."""

    def __init__(self, source: ChampionSource) -> None:
        self._source = source
        self._held: dict[Stage, Bundle] = {}
        self._lock = RLock()

    def get(self, stage: Stage) -> Bundle:
        """The champion of a stage, fetched when first asked for.

        Raises:
            ModelError: it cannot be had.
        """
        held = self._held.get(stage)
        if held is not None:
            return held
        with self._lock:
            if stage not in self._held:
                self._held[stage] = self._source.champion(stage)
            return self._held[stage]

    @property
    def held(self) -> Mapping[Stage, Bundle]:
        """The champions in use now."""
        return dict(self._held)

    def refresh(self) -> list[str]:
        """Fetch what was promoted since; returns what went wrong, in words, one line per stage.

        A version that cannot be had or fails its proof is refused and the old one goes on; a stage
        that lost its alias goes on too.
        """
        return [problem for stage in Stage if (problem := self._refresh_one(stage))]

    def _refresh_one(self, stage: Stage) -> str | None:
        with self._lock:
            held = self._held.get(stage)
            try:
                version = self._source.champion_version(stage)
                if version is not None and (held is None or held.version != version):
                    self._held[stage] = self._source.champion(stage)
                    log.info("%s %s is in use", stage.model_name, version)
            except VouchError as error:
                goes_on = f"version {held.version} goes on" if held else "the stage does not answer"
                return f"{stage.model_name}: {error}; {goes_on}"
        return None
