"""What every request gets: an identifier, and one shape of error whoever refuses it."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vouch.service.refusals import error_body, routing_refusal

REQUEST_ID = "x-request-id"
# On every answer; a page that needs more says so in a content-security-policy of its own.
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
]
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Envelope:
    """Middleware that names each request and puts errors in plain text into the one shape."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http" or "request_id" in scope.get("state", {}):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _SAFE.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        await self._app(scope, receive, _Sending(send, request_id))


class _Sending:
    """Sends on, or in place of an error in plain text its shaped twin."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._is_replaced = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self._request_id
            given = {name for name, _ in message["headers"]}
            message["headers"] += [pair for pair in _SECURITY if pair[0] not in given]
            kind = headers.get("content-type", "")
            if message["status"] >= 400 and kind.startswith("text/plain"):
                self._is_replaced = True
                await self._replace(message, headers)
                return
        if not self._is_replaced:
            await self._send(message)

    async def _replace(self, message: Message, headers: MutableHeaders) -> None:
        body = json.dumps(error_body(routing_refusal(message["status"]), self._request_id)).encode()
        headers["content-type"] = "application/json"
        if message["status"] in (503, 504):
            headers.setdefault("retry-after", "1")
        headers["content-length"] = str(len(body))
        await self._send(message)
        await self._send({"type": "http.response.body", "body": body})


def request_id_of(scope: dict[str, Any] | Scope) -> str:
    """The identifier of a request that went through the middleware."""
    return str(scope.get("state", {}).get("request_id", ""))
