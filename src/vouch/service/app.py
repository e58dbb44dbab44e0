"""The BentoML service: health, readiness and metrics around the addresses of `web`."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import bentoml
from starlette.types import Receive, Scope, Send

from vouch.service.envelope import Envelope
from vouch.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from vouch.bootstrap import Vouch
    from vouch.service.desk import Desk

log = logging.getLogger("vouch.service")

# How often is looked until a first model is there.
_RETRY_SECONDS = 3.0
# A request makes thousands of short-lived objects and hardly any that outlive it.
_COLLECT_AFTER = (20_000, 20, 20)
# How long a thread that computes (a look for champions, a checkpoint) may keep the answers waiting.
_SWITCH_SECONDS = 0.0005
# MLflow may be away for long and holds up nobody: the models in use go on.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


def environment(base: Mapping[str, str], project: Path) -> Mapping[str, str]:
    """The environment; inside a Bento the packed champions are served unless it says otherwise.

    Args:
        base: what is set.
        project: the folder that holds the package: in a Bento it stands beside bento.yaml.
    """
    if not (project.parent / "bento.yaml").exists():
        return base
    packed = {"VOUCH_PACKED": "yes", "VOUCH_CHAMPIONS": str(project / "var" / "champions")}
    return {**packed, **base}


settings = Settings.from_env(environment(os.environ, Path(__file__).parents[2]))


class Door:
    """The addresses of `web`, made by the worker that answers.

    BentoML's supervisor imports this module too. It never answers, and what scores is large.

    Args:
        settings: the limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def app(self) -> FastAPI:
        """The application."""
        from vouch.service.web import web

        return web(self._settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        await self.app(scope, receive, send)


door = Door(settings)


# BentoML keeps a timer, and with it the request, for this long after each answer, and the garbage
# collector walks all of them: short, but long enough for the largest list.
@bentoml.service(
    name="vouch",
    traffic={"timeout": 10},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},  # no span is made for nobody: two thirds of BentoML's own cost
)
@bentoml.asgi_app(door, path="/")
class VouchService:
    """Default risk of guaranteed loans, with reasons. 担保贷款风险评分。"""

    def __init__(self) -> None:
        self._stop = Event()
        self._vouch: Vouch | None = None
        self._told: list[str] = []
        self._app = door.app
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        Thread(target=self._follow, name="champions", daemon=True).start()

    def __is_ready__(self) -> bool:
        """Ready once every champion that can be had is loaded, and there is at least one."""
        return self._app.state.desk is not None

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Stop following the champions and give back connections."""
        self._stop.set()
        if self._vouch is not None:
            self._vouch.close()

    def _follow(self) -> None:
        """Load the champions, open the desk, then follow promotions."""
        gc.disable()  # while all that stays is loaded there is nothing to collect
        while not self._stop.is_set():
            try:
                self._look()
            except Exception:
                # whatever it is, the models in use go on and the next look may succeed
                log.exception("the champions could not be looked up")
            gc.enable()
            is_open = self._app.state.desk is not None
            self._stop.wait(settings.follow_seconds if is_open else _RETRY_SECONDS)

    def _look(self) -> None:
        # imported here so that BentoML's supervisor, which never scores, stays small and quick
        from vouch.bootstrap import build
        from vouch.service.desk import Desk

        vouch = self._vouch = self._vouch or build(settings)
        self._app.state.vouch = vouch
        desk: Desk | None = self._app.state.desk
        problems = vouch.champions.refresh(desk.admit) if desk else vouch.champions.refresh()
        problems += vouch.challengers.refresh(vouch.champions.held)
        for problem in problems:
            if problem not in self._told:
                log.error("%s", problem)
        self._told = problems
        if not vouch.champions.held:
            log.warning("not ready: no stage has a champion in %s", vouch.settings.champions)
        vouch.held_book.hold()
        if desk is None and vouch.champions.held:
            self._app.state.desk = self._opened(vouch, Desk(vouch))

    def _opened(self, vouch: Vouch, desk: Desk) -> Desk:
        """The desk once everything answers from memory and nothing is left to compile."""
        from vouch.service.rehearsal import rehearse

        vouch.store().ping()
        for bundle in vouch.champions.held.values():
            desk.admit(bundle)
        rehearse(vouch, desk)
        sys.setswitchinterval(_SWITCH_SECONDS)
        # what is loaded stays: the collector need not walk it again
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECT_AFTER)
        Thread(target=desk.shadow.forever, args=(self._stop,), name="shadow", daemon=True).start()
        return desk


VouchService.add_asgi_middleware(Envelope)  # type: ignore[attr-defined]
