"""The models in use: champions, which answer, and challengers, which are scored in shadow."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Protocol

from vouch import clock
from vouch.domain.stage import Stage
from vouch.errors import ModelError, VouchError
from vouch.scoring.bundle import Bundle
from vouch.scoring.registry import Registry

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


@dataclass(frozen=True)
class LastInUse:
    """Which versions answered last, noted beside the bundles fetched.

    A process that starts while MLflow is away, or while the newest version is broken, goes on with
    these.
    """

    cache: Path

    def note(self, bundle: Bundle) -> None:
        """Remember a champion; a disk that takes no note stops nothing."""
        if bundle.folder is None:
            return
        note = self._note(bundle.stage)
        draft = note.with_name(f".{note.name}.{os.getpid()}")
        try:
            draft.write_text(json.dumps({"version": bundle.version, "hash": bundle.hash}))
            draft.replace(note)
        except OSError as error:
            log.warning("%s is not noted as in use: %s", bundle.stage.model_name, error)

    def bundle(self, stage: Stage) -> Bundle | None:
        """The champion noted last, None where none was or it is no longer whole."""
        try:
            body = json.loads(self._note(stage).read_text())
            folder = self.cache / stage.slug / body["hash"]
            return Bundle.load(folder, body["version"], body["hash"])
        except (OSError, ValueError, KeyError, TypeError, ModelError):
            return None

    def _note(self, stage: Stage) -> Path:
        return self.cache / stage.slug / "in_use.json"


@dataclass(frozen=True)
class Looked:
    """What the last look for a newer version came to; `problem` is empty where all is well."""

    at: datetime
    problem: str = ""


def _admit_any(bundle: Bundle) -> None:
    """No further condition."""


class Champions:
    """The champions held in memory: one per stage, kept until a better one has proved itself.

    Args:
        source: where they come from.
        last: what a new process goes on with where the source has nothing sound.
    """

    def __init__(self, source: ChampionSource, last: LastInUse | None = None) -> None:
        self._source = source
        self._last = last
        self._held: dict[Stage, Bundle] = {}
        self._since: dict[Stage, datetime] = {}
        self._looked: dict[Stage, Looked] = {}
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

    @property
    def since(self) -> Mapping[Stage, datetime]:
        """Since when each champion followed answers in this process."""
        return dict(self._since)

    @property
    def looked(self) -> Mapping[Stage, Looked]:
        """What the last look came to."""
        return dict(self._looked)

    def refresh(self, admit: Callable[[Bundle], None] = _admit_any) -> list[str]:
        """Fetch what was promoted since; returns what went wrong, in words, one line per stage.

        A version that cannot be had, fails its proof or is not admitted is refused and the old one
        goes on; a stage that lost its alias goes on too.

        Args:
            admit: called with a version that proved itself before it answers.
        """
        return [problem for stage in Stage if (problem := self._refresh_one(stage, admit))]

    def _refresh_one(self, stage: Stage, admit: Callable[[Bundle], None]) -> str:
        with self._lock:
            problem = ""
            try:
                self._follow(stage, admit)
            except VouchError as error:
                problem = f"{stage.model_name}: {error}; {self._going_on(stage)}"
            self._looked[stage] = Looked(clock.now(), problem)
        return problem

    def _follow(self, stage: Stage, admit: Callable[[Bundle], None]) -> None:
        held = self._held.get(stage)
        version = self._source.champion_version(stage)
        if version is None:
            self._going_on(stage)
        elif held is None or held.version != version:
            bundle = self._source.champion(stage)
            admit(bundle)
            self._use(bundle)
            if self._last is not None:
                self._last.note(bundle)

    def _going_on(self, stage: Stage) -> str:
        """What answers instead, in words; a process that holds nothing takes what was last used."""
        if stage not in self._held and self._last is not None:
            last = self._last.bundle(stage)
            if last is not None:
                self._use(last)
        held = self._held.get(stage)
        return f"version {held.version} goes on" if held else "the stage does not answer"

    def _use(self, bundle: Bundle) -> None:
        self._held[bundle.stage] = bundle
        self._since[bundle.stage] = clock.now()
        log.info("%s %s is in use", bundle.stage.model_name, bundle.version)


class Challengers:
    """The challengers held in memory; a stage may well have none.

    Args:
        registry: names them; None where the champions are packed, which have no challengers.
    """

    def __init__(self, registry: Registry | None) -> None:
        self._registry = registry
        self._held: dict[Stage, Bundle] = {}

    @property
    def held(self) -> Mapping[Stage, Bundle]:
        """The challengers scored in shadow now."""
        return dict(self._held)

    def refresh(self, champions: Mapping[Stage, Bundle]) -> list[str]:
        """Follow the alias; one that cannot be had, or is champion by now, is dropped.

        Args:
            champions: in use now.

        Returns:
            What went wrong, in words.
        """
        problems = []
        for stage in champions if self._registry else ():
            try:
                self._follow(stage, champions[stage])
            except VouchError as error:
                self._held.pop(stage, None)
                problems.append(f"{stage.model_name}: no challenger is scored: {error}")
        return problems

    def _follow(self, stage: Stage, champion: Bundle) -> None:
        assert self._registry is not None  # noqa: S101 - without one nothing is followed
        held, version = self._held.get(stage), self._registry.challenger_version(stage)
        if version is None or version == champion.version:
            self._held.pop(stage, None)
        elif held is None or held.version != version:
            self._held[stage] = self._registry.load(stage, version)
            log.info("%s %s is scored in shadow", stage.model_name, version)


def packed_champion(folder: Path, stage: Stage) -> Bundle:
    """A champion packed by `Registry.pack`.

    Raises:
        ModelError: it is not there, or altered since.
    """
    note = folder / stage.slug / "version.json"
    try:
        body = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"no packed champion of {stage.value} in {folder}; make it with `vouch pack`: {error}"
        ) from error
    return Bundle.load(note.parent, body["version"], body["hash"])
