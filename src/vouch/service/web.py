"""The addresses of the service: what is read from a request, and how it is answered."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from vouch.domain.access import Caller
from vouch.domain.stage import Stage
from vouch.errors import ConflictError, FactsError, FieldFault, VouchError
from vouch.service.acknowledge import add_acknowledgement
from vouch.service.answers import DecisionAnswer, VersionsAnswer
from vouch.service.envelope import REQUEST_ID, Envelope, request_id_of
from vouch.service.gate import credential
from vouch.service.payloads import EXAMPLES, MANY, ONE, Case, FactsCase, KnownCase
from vouch.service.refusals import (
    ErrorAnswer,
    Refusal,
    error_body,
    routing_refusal,
    unreadable,
    wrong_fields,
)

if TYPE_CHECKING:
    from vouch.service.desk import Desk
    from vouch.settings import Settings

log = logging.getLogger("vouch.service")

# Work runs in this many threads, fewer than the store's pool has connections.
_THREADS = 8

# A little less than BentoML's own time-out, so that the refusal keeps the one shape of error.
DEADLINE_SECONDS = 9.0

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
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "The body is not JSON. 非 JSON。"},
    401: {"model": ErrorAnswer, "description": "No valid key or token. 未认证。"},
    403: {"model": ErrorAnswer, "description": "The role may not do this. 无权限。"},
    404: {"model": ErrorAnswer, "description": "Unknown guarantee. 编号不存在。"},
    409: {"model": ErrorAnswer, "description": "The key came with another body. 幂等冲突。"},
    413: {"model": ErrorAnswer, "description": "Too large. 超出大小限制。"},
    415: {"model": ErrorAnswer, "description": "Not application/json. 类型不支持。"},
    422: {"model": ErrorAnswer, "description": "Wrong fields, each with its reason. 字段错误。"},
    429: {"model": ErrorAnswer, "description": "Too often; see Retry-After. 请求过于频繁。"},
    503: {"model": ErrorAnswer, "description": "No model, or no store, at hand. 暂不可用。"},
}

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeats of one key and body are answered with the one decision made; the same "
    "key with another body is a conflict. 幂等键：同键同内容只评一次。",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,200}$"},
}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """Lets nobody through to its endpoint but by the gate, under the endpoint's name."""

    def get_route_handler(self) -> Handler:
        """The handler: who asks, may they, then the endpoint."""
        handle, endpoint = self.unguarded(), self.name

        async def guarded(request: Request) -> Response:
            caller = await _caller(request)
            request.state.caller = _desk(request).gate.admit(caller, endpoint)
            return await handle(request)

        return guarded

    def unguarded(self) -> Handler:
        """What stands behind the gate."""
        return super().get_route_handler()


class CaseRoute(GuardedRoute):
    """Documents its body by type but reads it itself.

    FastAPI's own reading takes any size, lets NaN pass and words its errors another way.
    """

    def unguarded(self) -> Handler:
        """Read, then call the endpoint."""

        async def handle(request: Request) -> Response:
            answer: Response = await self.endpoint(request, await read_cases(request))
            return answer

        return handle


async def _caller(request: Request) -> Caller | None:
    """Who asks, None where nothing valid was presented."""
    gate = _desk(request).gate
    headers = request.headers
    presented = credential(headers.get("authorization"), headers.get("x-api-key"))
    if not presented:
        return None
    found = gate.remembered(presented)
    if found is not None:
        return found
    return await anyio.to_thread.run_sync(
        gate.look_up, presented, limiter=request.app.state.threads
    )


def _desk(request: Request) -> Desk:
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise Refusal(503, "the models are still being loaded")
    return desk


async def read_cases(request: Request) -> KnownCase | FactsCase | list[KnownCase | FactsCase]:
    """The case or cases of a request.

    Raises:
        Refusal: the body is too large, not JSON, or its fields are wrong.
    """
    settings: Settings = request.app.state.settings
    _check_media_type(request)
    body = await _read_body(request, settings.max_body_bytes)
    try:
        if not body.lstrip(b" \t\r\n").startswith(b"["):
            return ONE.validate_json(body)
        cases = MANY.validate_json(body)
    except ValidationError as error:
        raise unreadable(error) from None
    if len(cases) > settings.max_batch:
        raise Refusal(413, f"{len(cases)} cases; a request takes {settings.max_batch} at most")
    return cases


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "application/json")
    kind = given.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Refusal(415, "send the body as application/json in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, "send the body without content-encoding")


async def _read_body(request: Request, limit: int) -> bytes:
    """The body, counted as it comes: a length announced may be missing or untrue."""
    too_large = Refusal(413, f"the body is larger than {limit} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise too_large
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise too_large
            chunks.append(chunk)
    except ClientDisconnect:
        raise Refusal(400, "the body broke off") from None
    return b"".join(chunks)


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
    )
    app.state.settings = settings
    app.state.desk = None
    app.state.threads = anyio.CapacityLimiter(_THREADS)
    app.router.route_class = GuardedRoute
    app.add_middleware(Envelope)
    for stage in Stage:
        _add_scoring(app, stage)
    _add_reading(app)
    add_acknowledgement(app, settings)
    _add_refusals(app)
    return app


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise wrong_fields([FieldFault("Idempotency-Key", "give 1 to 200 visible ASCII letters")])
    return key


async def _work(request: Request, task: Callable[[Desk], Any]) -> Response:
    """Run a task of the desk in a thread and answer with what it gives."""
    desk = _desk(request)
    try:
        with anyio.fail_after(DEADLINE_SECONDS):
            found = await anyio.to_thread.run_sync(
                lambda: _json(task(desk)), abandon_on_cancel=True, limiter=request.app.state.threads
            )
    except TimeoutError:
        raise Refusal(503, f"no answer within {DEADLINE_SECONDS:g} seconds; send less") from None
    return Response(found, media_type="application/json")


def _json(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _add_scoring(app: FastAPI, stage: Stage) -> None:
    async def score(request: Request, case: Case | list[Case]) -> Response:
        caller, key = request.state.caller, _idempotency_key(request)
        return await _work(request, lambda desk: desk.score(stage, case, caller, key))

    app.router.add_api_route(
        f"/v1/{stage.slug}/score",
        score,
        methods=["POST"],
        name="score",
        operation_id=f"score_{stage.value}",
        summary=_TITLES[stage],
        description=_ABOUT,
        response_model=DecisionAnswer | list[DecisionAnswer],
        responses=_REFUSALS,
        route_class_override=CaseRoute,
        openapi_extra={
            "requestBody": {"content": {"application/json": {"examples": EXAMPLES}}},
            "parameters": [_IDEMPOTENCY],
        },
    )


def _add_reading(app: FastAPI) -> None:
    @app.get(
        "/v1/decisions/{decision_id}",
        name="read_decision",
        summary="A decision made before 查询已作出的评分",
        response_model=DecisionAnswer,
        responses={code: _REFUSALS[code] for code in (401, 403, 404, 422, 429, 503)},
    )
    async def decision(request: Request, decision_id: str) -> Response:
        caller = request.state.caller
        return await _work(request, lambda desk: desk.decision(decision_id, caller))

    @app.get(
        "/v1/models",
        name="models",
        summary="The models in use 在用模型",
        response_model=VersionsAnswer,
        responses={code: _REFUSALS[code] for code in (401, 403, 429, 503)},
    )
    async def models(request: Request) -> Response:
        return await _work(request, lambda desk: desk.models())


def _add_refusals(app: FastAPI) -> None:
    def refuse(request: Request, refusal: Refusal) -> JSONResponse:
        request_id = request_id_of(request.scope)
        # the last of these handlers stands outside the envelope, so the header is set here too
        headers = {**refusal.headers, REQUEST_ID: request_id}
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
