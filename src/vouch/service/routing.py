"""What every endpoint shares: the gate before it, a bounded body, a thread to work in."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, get_type_hints

import orjson
from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from vouch.domain.access import Caller
from vouch.service.gate import credential
from vouch.service.refusals import ErrorAnswer, Refusal, unreadable
from vouch.service.threads import Threads

if TYPE_CHECKING:
    from vouch.service.desk import Desk
    from vouch.settings import Settings

REFUSALS: dict[int | str, dict[str, Any]] = {
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


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How an endpoint may refuse, besides what the gate does."""
    return {code: REFUSALS[code] for code in sorted({401, 403, 429, 503, *statuses})}


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """Lets nobody through to its endpoint but by the gate, under the endpoint's name."""

    def get_route_handler(self) -> Handler:
        """The handler: who asks, may they, then the endpoint."""
        handle, endpoint = self.unguarded(), self.name

        async def guarded(request: Request) -> Response:
            caller = await _caller(request)
            request.state.caller = desk_of(request).gate.admit(caller, endpoint)
            return await handle(request)

        return guarded

    def unguarded(self) -> Handler:
        """What stands behind the gate."""
        return super().get_route_handler()


async def _caller(request: Request) -> Caller | None:
    """Who asks, None where nothing valid was presented."""
    gate = desk_of(request).gate
    headers = request.headers
    presented = credential(headers.get("authorization"), headers.get("x-api-key"))
    if not presented:
        return None
    found = gate.remembered(presented)
    if found is not None:
        return found
    threads: Threads = request.app.state.threads
    return await threads.run(lambda: gate.look_up(presented))


def desk_of(request: Request) -> Desk:
    """The desk.

    Raises:
        Refusal: the models are not loaded yet.
    """
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise Refusal(503, "the models are still being loaded")
    return desk


class BodyRoute(GuardedRoute):
    """Documents its body by type but reads it itself.

    FastAPI's own reading takes any size, lets NaN pass and words its errors another way.
    """

    def unguarded(self) -> Handler:
        """Read, then call the endpoint with the body and what stands in the path."""
        adapter: TypeAdapter[Any] = TypeAdapter(get_type_hints(self.endpoint)["body"])

        async def handle(request: Request) -> Response:
            body = await read_body(request)
            try:
                found = adapter.validate_json(body)
            except ValidationError as error:
                raise unreadable(error) from None
            answer: Response = await self.endpoint(request, body=found, **request.path_params)
            return answer

        return handle


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "application/json")
    kind = given.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Refusal(415, "send the body as application/json in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, "send the body without content-encoding")


async def read_body(request: Request) -> bytes:
    """The body, counted as it comes: a length announced may be missing or untrue.

    Raises:
        Refusal: it is larger than the settings allow, or not announced as JSON.
    """
    settings: Settings = request.app.state.settings
    limit = settings.max_body_bytes
    _check_media_type(request)
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


async def in_thread(request: Request, task: Callable[[Desk], bytes]) -> bytes:
    """What a task of the desk gives, run in a thread within the deadline.

    Raises:
        Refusal: it takes too long, too many wait, or the models are not loaded yet.
    """
    desk = desk_of(request)
    threads: Threads = request.app.state.threads
    return await threads.run(lambda: task(desk))


async def work(request: Request, task: Callable[[Desk], Any], status: int = 200) -> Response:
    """Answer with what a task of the desk gives, as JSON."""
    found = await in_thread(request, lambda desk: as_json(task(desk)))
    return Response(found, status, media_type="application/json")


def as_json(answer: Any) -> bytes:
    """An answer as it goes out, the same bytes whenever it is given again."""
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS)
