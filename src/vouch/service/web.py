"""The addresses of the service: what is read from a request, and how it is answered."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from vouch.domain.stage import Stage
from vouch.errors import ConflictError, FactsError, FieldFault, VouchError
from vouch.service.acknowledge import add_acknowledgement
from vouch.service.answers import DecisionAnswer, VersionsAnswer
from vouch.service.batching import Batching
from vouch.service.envelope import REQUEST_ID, Envelope, request_id_of
from vouch.service.health import add_health
from vouch.service.payloads import EXAMPLES, MANY, Case, FactsCase, KnownCase, one_case
from vouch.service.records import Asked, asked_in
from vouch.service.refusals import (
    Refusal,
    error_body,
    routing_refusal,
    unreadable,
    wrong_fields,
)
from vouch.service.routing import (
    REFUSALS,
    GuardedRoute,
    Handler,
    desk_of,
    read_body,
    refusals,
    work,
)
from vouch.service.threads import Threads
from vouch.service.web_dossier import add_dossier, add_reviews
from vouch.service.web_what_if import add_expectation, add_what_if

if TYPE_CHECKING:
    from vouch.settings import Settings

log = logging.getLogger("vouch.service")

_TITLES = {
    Stage.PRE_LOAN: "保前准入: guarantee it?",
    Stage.IN_LOAN: "保中授信: keep, raise or cut the limit?",
    Stage.POST_LOAN: "保后预警: is it about to be called?",
}
_ABOUT = (
    "Scores one case, or a list of cases answered in the same order. A case is a guarantee of the "
    "book by its identifier, or the facts themselves. The decision is stored before it is "
    "answered; a list is answered whole or refused whole. 单笔或批量评分；先入库后返回。"
)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeats of one key and body are answered with the one decision made; the same "
    "key with another body is a conflict. 幂等键：同键同内容只评一次。",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,200}$"},
}


class CaseRoute(GuardedRoute):
    """The body of a score: one case or a list, which its first letter tells."""

    def unguarded(self) -> Handler:
        """Read, then call the endpoint."""

        async def handle(request: Request) -> Response:
            cases, request.state.asked = await read_cases(request)
            answer: Response = await self.endpoint(request, cases)
            return answer

        return handle


async def read_cases(
    request: Request,
) -> tuple[KnownCase | FactsCase | list[KnownCase | FactsCase], list[Asked] | None]:
    """The case or cases of a request, and what was asked, case by case.

    Raises:
        Refusal: the body is too large, not JSON, or its fields are wrong.
    """
    settings: Settings = request.app.state.settings
    body = await read_body(request)
    try:
        asked = asked_in(body)
        if not body.lstrip(b" \t\r\n").startswith(b"["):
            return one_case(body, None if asked is None else asked[0].body), asked
        cases = MANY.validate_json(body)
    except ValidationError as error:
        raise unreadable(error) from None
    if len(cases) > settings.max_batch:
        raise Refusal(413, f"{len(cases)} cases; a request takes {settings.max_batch} at most")
    return cases, asked


def web(settings: Settings) -> FastAPI:
    """The application; it answers once `app.state.desk` is set.

    Args:
        settings: the limits.
    """
    app = FastAPI(
        title="Vouch",
        version="1",
        description="Default risk of guaranteed loans, with reasons. 担保贷款风险评分。",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.desk = None
    app.state.vouch = None
    app.state.together = Batching()
    app.state.threads = Threads()
    app.router.route_class = GuardedRoute
    app.add_middleware(Envelope)
    for stage in Stage:
        _add_scoring(app, stage)
        add_what_if(app, stage)
    add_dossier(app)
    add_reviews(app)
    add_expectation(app)
    _add_reading(app)
    add_acknowledgement(app, settings)
    add_health(app, settings)
    _add_refusals(app)
    return app


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise wrong_fields([FieldFault("Idempotency-Key", "give 1 to 200 visible ASCII letters")])
    return key


def _add_scoring(app: FastAPI, stage: Stage) -> None:
    async def score(request: Request, case: Case | list[Case]) -> Response:
        caller, key = request.state.caller, _idempotency_key(request)
        asked = request.state.asked
        if isinstance(case, FactsCase):
            together: Batching = request.app.state.together
            lone = desk_of(request).lone(stage, case, caller, key, asked)
            if lone is not None:
                answer = await together.score(desk_of(request), lone)
                if answer is not None:
                    return Response(answer, media_type="application/json")
        return await work(request, lambda desk: desk.score(stage, case, caller, key, asked))

    app.router.add_api_route(
        f"/v1/{stage.slug}/score",
        score,
        methods=["POST"],
        name="score",
        operation_id=f"score_{stage.value}",
        summary=_TITLES[stage],
        description=_ABOUT,
        response_model=DecisionAnswer | list[DecisionAnswer],
        responses=REFUSALS,
        route_class_override=CaseRoute,
        openapi_extra={
            "requestBody": {"content": {"application/json": {"examples": EXAMPLES}}},
            "parameters": [_IDEMPOTENCY],
        },
    )


def _add_reading(app: FastAPI) -> None:
    async def documented(_request: Request) -> Response:
        return JSONResponse(app.openapi())

    # where BentoML has its own document, which would lack these addresses
    app.add_route("/docs.json", documented, ["GET"], include_in_schema=False)

    @app.get(
        "/v1/models",
        name="models",
        summary="The models in use 在用模型",
        response_model=VersionsAnswer,
        responses=refusals(),
    )
    async def models(request: Request) -> Response:
        return await work(request, lambda desk: desk.models())


def _add_refusals(app: FastAPI) -> None:
    def refuse(request: Request, refusal: Refusal) -> JSONResponse:
        request_id = request_id_of(request.scope)
        # the last of these handlers stands outside the envelope, so the header is set here too
        later = {"retry-after": "1"} if refusal.status == 503 else {}
        headers = {**later, **refusal.headers, REQUEST_ID: request_id}
        return JSONResponse(error_body(refusal, request_id), refusal.status, headers)

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> JSONResponse:
        return refuse(request, error)

    @app.exception_handler(FactsError)
    async def wrong(request: Request, error: FactsError) -> JSONResponse:
        return refuse(request, wrong_fields(error.faults))

    @app.exception_handler(ConflictError)
    async def conflicting(request: Request, error: ConflictError) -> JSONResponse:
        return refuse(request, Refusal(409, str(error)))

    @app.exception_handler(HTTPException)
    async def routed(request: Request, error: HTTPException) -> JSONResponse:
        answer = refuse(request, routing_refusal(error.status_code))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(VouchError)
    async def unavailable(request: Request, error: VouchError) -> JSONResponse:
        # the words are the operator's: they may name addresses and folders
        log.error("request %s: %s", request_id_of(request.scope), error)
        message = "a part of the service is not at hand; nothing was decided"
        return refuse(request, Refusal(503, message))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return refuse(request, Refusal(500, "the service failed; the error was logged"))
