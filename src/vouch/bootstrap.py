"""The only place where parts are joined."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING
from uuid import uuid4

from vouch import clock
from vouch.domain.stage import Stage
from vouch.errors import PolicyError
from vouch.monitoring.held_book import HeldBook
from vouch.monitoring.measures.catalogue import Indicator, catalogue
from vouch.policy.access import AccessTable
from vouch.policy.reading import Policy
from vouch.policy.snapshot import Snapshot, snapshot
from vouch.scoring.bundle import Bundle
from vouch.scoring.champions import Challengers, Champions, LastInUse, Packed
from vouch.scoring.promotion import Promoter
from vouch.scoring.registry import Registry
from vouch.settings import Settings
from vouch.store.decisions import Verdict
from vouch.store.store import Store

if TYPE_CHECKING:
    from vouch.book.book import Known
    from vouch.domain.portfolio_part import PortfolioPart
    from vouch.features.describe import Progress
    from vouch.warning.duty import Duty
    from vouch.warning.linking import Linker
    from vouch.warning.notify import Mailer
    from vouch.warning.schedule import Watchman
    from vouch.warning.webhook import Robot

# What only a watch needs is imported by what makes it: a service starts the sooner.

log = logging.getLogger("vouch")


class Vouch:
    """Every part, made when first asked for.

    Args:
        settings: where things are.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = RLock()

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
        if self.settings.packed:
            return Champions(Packed(self.settings.champions))
        return Champions(self.registry, LastInUse(self.registry.cache))

    @cached_property
    def challengers(self) -> Challengers:
        """The models scored in shadow."""
        return Challengers(None if self.settings.packed else self.registry)

    def champion(self, stage: Stage) -> Bundle:
        """The model in use for a stage.

        Raises:
            ModelError: it cannot be had.
        """
        return self.champions.get(stage)

    def promoter(self) -> Promoter:
        """What makes a version champion and writes down who did.

        Raises:
            StoreError: the store cannot be reached.
        """
        return Promoter(self.registry, self.store(), self.policy.four_eyes)

    def verdicts(self, stage: Stage, since: date, until: date) -> list[Verdict]:
        """What was said of the applicants of a window; of running guarantees none is refused."""
        if stage is not Stage.PRE_LOAN:
            return []
        return self.store().decisions.verdicts(stage.value, since, until)

    @cached_property
    def indicators(self) -> Mapping[str, Indicator]:
        """The indicators by whose definitions the portfolio is read."""
        return catalogue(self.settings.policy / "indicators")

    @cached_property
    def held_book(self) -> HeldBook:
        """The book of the settings, opened once for as long as nothing is added to it."""
        return HeldBook(
            self.settings.book, self.indicators, self.policy, self.settings.home / "cache" / "book"
        )

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
        from vouch.warning.notify import mailer

        settings = self.settings
        outbox = settings.home / "outbox"
        return mailer(settings.smtp_url, settings.mail_from, outbox, settings.mails_per_minute)

    def linker(self) -> Linker | None:
        """What writes and reads the links in mails, or None where the settings name no address."""
        from vouch.warning.linking import Linker

        settings = self.settings
        if settings.public_url is None or settings.secret_key is None:
            return None
        return Linker(settings.secret_key, settings.public_url)

    def duty(self) -> Duty:
        """What a watch works with."""
        from vouch.warning.duty import Duty

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
            portfolio=self.portfolio_parts,
        )

    def portfolio_parts(self, known: Known, model: Bundle) -> list[PortfolioPart]:
        """The parts of the book that portfolio rules look at."""
        from vouch.monitoring.portfolio_parts import Parts

        return Parts(known, self.indicators, self.policy, model).all()

    def robot(self) -> Robot | None:
        """The robot told of what is urgent, or None where the settings name none."""
        from vouch.warning.webhook import Robot

        settings = self.settings
        if settings.webhook_url is None:
            return None
        return Robot(settings.webhook_url, settings.webhook_secret, clock.now)

    def watchman(self, progress: Progress) -> Watchman:
        """A process on watch over the book of the settings."""
        from vouch.warning.schedule import Watchman

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
