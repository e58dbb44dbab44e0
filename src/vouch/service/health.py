"""How the service is: which models answer, what was refused, whether the store answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from vouch import clock
from vouch.domain.stage import Stage
from vouch.errors import VouchError
from vouch.service.answers import HealthAnswer
from vouch.service.refusals import Refusal
from vouch.service.routing import as_json, refusals
from vouch.service.threads import Threads

if TYPE_CHECKING:
    from vouch.bootstrap import Vouch
    from vouch.service.shadow import Shadow
    from vouch.settings import Settings

PATH = "/health"
_STORE_SECONDS = 3.0
_STYLED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_STATUS = {"ok": 200, "degraded": 200, "starting": 503, "down": 503}


@dataclass(frozen=True)
class Health:
    """The state of this process.

    Args:
        vouch: the parts.
        shadow: counts what was scored in shadow.
    """

    vouch: Vouch
    shadow: Shadow | None = None

    def answer(self, store: str) -> dict[str, Any]:
        """All of it, with the operator's words on what was refused.

        Args:
            store: what is wrong with the store, empty where it answers.
        """
        models = [self._model(stage) for stage in Stage]
        shadow = self.shadow
        return {
            "status": _status(models, store),
            "at": clock.now().isoformat(),
            "models": models,
            "store": {"answers": not store, "problem": store},
            "shadow": {
                "scored": shadow.scored if shadow else 0,
                "left_out": shadow.left_out if shadow else 0,
            },
        }

    def _model(self, stage: Stage) -> dict[str, Any]:
        champions = self.vouch.champions
        bundle, looked = champions.held.get(stage), champions.looked.get(stage)
        since = champions.since.get(stage)
        challenger = self.vouch.challengers.held.get(stage)
        return {
            "stage": stage.value,
            "version": bundle.version if bundle else None,
            "hash": bundle.hash if bundle else None,
            "since": since.isoformat() if since else None,
            "challenger": challenger.version if challenger else None,
            "looked_at": looked.at.isoformat() if looked else None,
            "problem": looked.problem if looked else "",
        }


def _status(models: list[dict[str, Any]], store: str) -> str:
    if store or not any(model["version"] for model in models):
        return "down"
    return "degraded" if any(model["problem"] for model in models) else "ok"


class HealthPage:
    """The page for people: open to all, so it names versions and states and nothing else.

    Args:
        settings: where people are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _template(self) -> Any:
        loader = PackageLoader("vouch.service")
        return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(
            "health.html.jinja"
        )

    def show(self, found: dict[str, Any]) -> HTMLResponse:
        """The page; 503 where nothing can be answered."""
        now = clock.now().astimezone(self._settings.timezone)
        text = self._template.render(**found, now=f"{now:%Y-%m-%d %H:%M:%S}")
        headers = {"content-security-policy": _STYLED}
        return HTMLResponse(text, _STATUS[found["status"]], headers)


def add_health(app: FastAPI, settings: Settings) -> None:
    """Add the page, and what it leaves out for those who may know."""
    page = HealthPage(settings)

    async def show(request: Request) -> Response:
        return page.show(await _found(request))

    app.add_route(PATH, show, ["GET"], include_in_schema=False)

    @app.get(
        "/v1/health",
        name="health",
        summary="Models that answer, versions refused, the store 服务状态",
        response_model=HealthAnswer,
        responses=refusals(),
    )
    async def health(request: Request) -> Response:
        return Response(as_json(await _found(request)), media_type="application/json")


async def _found(request: Request) -> dict[str, Any]:
    state = request.app.state
    vouch: Vouch | None = state.vouch
    if vouch is None:
        return {"status": "starting", "models": [], "store": {"answers": True}}
    problem = f"no answer within {_STORE_SECONDS:g} seconds"
    threads: Threads = state.threads
    try:
        with anyio.move_on_after(_STORE_SECONDS):
            problem = await threads.run(lambda: _store_problem(vouch))
    except Refusal as busy:
        problem = busy.message
    return Health(vouch, state.desk.shadow if state.desk else None).answer(problem)


def _store_problem(vouch: Vouch) -> str:
    try:
        vouch.store().ping()
    except VouchError as error:
        return str(error)
    return ""
