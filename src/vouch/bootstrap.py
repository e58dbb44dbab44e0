"""The only place where parts are joined."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Protocol
from uuid import uuid4

from vouch import clock
from vouch.book.book import Book
from vouch.book.owners import Owners
from vouch.domain.advice.case import Missing, PortfolioState
from vouch.domain.stage import Stage
from vouch.errors import ModelError, PolicyError, VouchError
from vouch.features.describe import Progress
from vouch.features.portfolio import PortfolioIndex
from vouch.monitoring.measures.catalogue import Indicator, catalogue
from vouch.monitoring.portfolio_state import PortfolioDay
from vouch.policy.access import AccessTable
from vouch.policy.reading import Policy
from vouch.policy.snapshot import Snapshot, snapshot
from vouch.scoring.bundle import Bundle
from vouch.scoring.registry import Registry, packed_champion
from vouch.scoring.subject import Subject
from vouch.settings import Settings
from vouch.store.store import Store
from vouch.warning.duty import Duty
from vouch.warning.linking import Linker
from vouch.warning.notify import Mailer, mailer
from vouch.warning.schedule import Watchman
from vouch.warning.webhook import Robot

log = logging.getLogger("vouch")

# One day's portfolio is a scan of the book and is kept, so a service looks back so far only.
_DAYS_BACK, _DAYS_KEPT = 31, 4


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


@dataclass(frozen=True)
class _OpenBook:
    """A book with its portfolio, as of so many commits."""

    book: Book
    commits: int
    days: dict[date, PortfolioDay] = field(default_factory=dict)
    owners: dict[date, Owners] = field(default_factory=dict)
    ready: set[date] = field(default_factory=set)

    @cached_property
    def portfolio(self) -> PortfolioIndex | None:
        newest = self.book.newest_known_at
        if newest is None:
            return None
        index = PortfolioIndex.of(self.book.known(newest))
        for lazy in ("tracks", "by_borrower", "compensations_by_borrower"):
            getattr(index, lazy)
        return index


class Vouch:
    """Every part, made when first asked for.

    Args:
        settings: where things are.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = RLock()
        self._open: _OpenBook | None = None
        self._is_held = False

    @cached_property
    def policy(self) -> Policy:
        """What a risk officer decides."""
        return Policy(self.settings.policy)

    @cached_property
    def policy_snapshot(self) -> Snapshot:
        """The policy as it stands in memory, to be archived under its hash.

        Raises:
            PolicyError: a file is wrong, or changed while it was read.
        """
        found = snapshot(self.settings.policy)
        self.policy.read_all()
        if snapshot(self.settings.policy).hash != found.hash:
            raise PolicyError(f"{self.settings.policy} changed while it was read; start again")
        return found

    @cached_property
    def access(self) -> AccessTable:
        """Who may call what."""
        return AccessTable.read(self.settings.policy)

    @cached_property
    def registry(self) -> Registry:
        """Model versions in MLflow."""
        return Registry(self.settings.mlflow_tracking_uri, self.settings.home / "cache")

    @cached_property
    def champions(self) -> Champions:
        """The models in use, packed or from the registry."""
        packed = Packed(self.settings.champions)
        return Champions(packed if self.settings.packed else self.registry)

    def champion(self, stage: Stage) -> Bundle:
        """The model in use for a stage.

        Raises:
            ModelError: it cannot be had.
        """
        return self.champions.get(stage)

    def promote(
        self, stage: Stage, version: str, who: str, at: datetime, override: str = ""
    ) -> str | None:
        """Make a version the champion and keep who did it; both or neither.

        Args:
            override: why it may answer although a gate failed.

        Returns:
            The version that was champion before.

        Raises:
            StoreError: the ledger cannot be written; the champion is the one it was.
            ModelError: the version cannot be had, or fails a gate and no reason is given.
        """
        store = self.store()
        before = self.registry.promote(stage, version, override)
        failed = self.registry.failed_gates(stage, version)
        note = f"gates failed: {'; '.join(failed)}; overridden: {override}" if failed else ""
        try:
            store.add_promotion(stage.value, version, before, who, at, note)
        except VouchError:
            self.registry.restore(stage, before)
            raise
        return before

    def book(self) -> Book | None:
        """The book as it stands now, or None where there is none.

        Raises:
            BookError: its log cannot be read.
        """
        found = self._opened()
        return found.book if found else None

    def portfolio(self) -> PortfolioIndex | None:
        """The portfolio's history with everything known now, or None without a book.

        One index serves every as-of date: what it gives a case counts only days before the case's.
        """
        found = self._opened()
        return found.portfolio if found else None

    def owners(self) -> Owners | None:
        """Whose each guarantee is today, or None without a book."""
        found, today = self._opened(), clock.today()
        if found is None:
            return None
        if today not in found.owners:
            made = Owners.of(found.book.known(today))
            found.owners.clear()
            found.owners[today] = made
        return found.owners[today]

    def hold_book(self) -> None:
        """Make the book as it stands now ready to answer from memory, then use it.

        From then on what is imported later counts after the next call: a service that reads the
        book while it answers would keep callers waiting.

        Raises:
            BookError: its log cannot be read; the book used before goes on.
        """
        found, today = self._looked_up(), clock.today()
        if found is not None and found.portfolio is not None:
            found.owners.setdefault(today, Owners.of(found.book.known(today)))
            self._day(found, today).prepare()
            found.ready.clear()
            found.ready.add(today)
        with self._lock:
            self._open, self._is_held = found, True

    def holds(self, today: date) -> bool:
        """Whether what a case of today needs of the book is in memory."""
        held = self._open
        return self._is_held and (held is None or today in held.owners)

    def holds_state(self, day: date, today: date) -> bool:
        """Whether how the portfolio stood on a day is in memory, or too long ago to be read."""
        held = self._open
        return held is None or day in held.ready or day < today - timedelta(days=_DAYS_BACK)

    @cached_property
    def indicators(self) -> Mapping[str, Indicator]:
        """The indicators by whose definitions the portfolio is read."""
        return catalogue(self.settings.policy / "indicators")

    def states(
        self, subjects: Sequence[Subject], oldest: date | None = None
    ) -> list[PortfolioState | Missing]:
        """How the portfolio stands towards each subject on its own day.

        Args:
            oldest: days before this one are not read.
        """
        opened = self._opened()
        if opened is None or opened.book.newest_known_at is None:
            return [Missing.NO_BOOK] * len(subjects)
        found: list[PortfolioState | Missing] = [
            Missing.TOO_OLD if oldest is not None and one.as_of < oldest else Missing.NO_GUARANTOR
            for one in subjects
        ]
        rows: dict[date, list[int]] = {}
        for row, one in enumerate(subjects):
            if found[row] is Missing.NO_GUARANTOR and one.asked and one.guarantor_id:
                rows.setdefault(one.as_of, []).append(row)
        for day, here in rows.items():
            states = self._day(opened, day).states([subjects[row] for row in here])
            for row, state in zip(here, states, strict=True):
                found[row] = state
        return found

    def recent_states(self, subjects: Sequence[Subject]) -> list[PortfolioState | Missing]:
        """The same for a service, which looks back a month at most."""
        return self.states(subjects, clock.today() - timedelta(days=_DAYS_BACK))

    def portfolio_on(self, day: date) -> PortfolioDay:
        """The portfolio on a day.

        Raises:
            BookError: there is no book.
        """
        return self._day(self._opened() or _OpenBook(Book(self.settings.book), 0), day)

    def _day(self, opened: _OpenBook, day: date) -> PortfolioDay:
        with self._lock:
            if day not in opened.days:
                known = opened.book.known(day)
                opened.days[day] = PortfolioDay(known, self.indicators, self.policy)
            while len(opened.days) > _DAYS_KEPT:
                opened.days.pop(next(iter(opened.days)))
            return opened.days[day]

    def _opened(self) -> _OpenBook | None:
        with self._lock:
            if not self._is_held:
                self._open = self._looked_up()
            return self._open

    def _looked_up(self) -> _OpenBook | None:
        """The book as it stands: the one open already where nothing was committed since."""
        folder = self.settings.book / "log"
        if not folder.is_dir():
            return None
        commits = sum(1 for _ in folder.glob("[0-9]*.json"))
        known = self._open
        if known is not None and known.commits == commits:
            return known
        return _OpenBook(Book(self.settings.book), commits)

    @cached_property
    def _store(self) -> Store:
        return Store(self.settings.store_url)

    def store(self) -> Store:
        """The store.

        Raises:
            StoreError: it cannot be reached.
        """
        with self._lock:
            return self._store

    def mailer(self) -> Mailer:
        """Where alert mails go: the SMTP server of the settings, or files in the outbox folder."""
        settings = self.settings
        outbox = settings.home / "outbox"
        return mailer(settings.smtp_url, settings.mail_from, outbox, settings.mails_per_minute)

    def linker(self) -> Linker | None:
        """What writes and reads the links in mails, or None where the settings name no address."""
        settings = self.settings
        if settings.public_url is None or settings.secret_key is None:
            return None
        return Linker(settings.secret_key, settings.public_url)

    def duty(self) -> Duty:
        """What a watch works with."""
        settings = self.settings
        return Duty(
            policy=self.policy,
            store=self.store(),
            mailer=self.mailer(),
            calendar=self.policy.calendar(settings.timezone),
            clock=clock.now,
            holder=f"{socket.gethostname()[:40]} {os.getpid()} {uuid4().hex[:8]}",
            administrator=settings.administrator,
            duty_list=settings.duty_list,
            linker=self.linker(),
            robot=self.robot(),
        )

    def robot(self) -> Robot | None:
        """The robot told of what is urgent, or None where the settings name none."""
        settings = self.settings
        if settings.webhook_url is None:
            return None
        return Robot(settings.webhook_url, settings.webhook_secret, clock.now)

    def watchman(self, progress: Progress) -> Watchman:
        """A process on watch over the book of the settings."""
        settings = self.settings

        def champion() -> Bundle:
            self.champions.refresh()
            return self.champion(Stage.POST_LOAN)

        return Watchman(self.duty(), settings.book, champion, settings.inbox, progress)

    def close(self) -> None:
        """Give back what is held open."""
        if "_store" in self.__dict__:
            self._store.close()


def build(settings: Settings) -> Vouch:
    """Join the parts for these settings."""
    return Vouch(settings)
