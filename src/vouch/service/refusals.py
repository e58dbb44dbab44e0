"""How a request is refused: one shape for every 4xx and 5xx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from vouch.errors import FieldFault
from vouch.service.payloads import SHAPES

Code = Literal[
    "invalid_request",
    "unauthenticated",
    "forbidden",
    "not_found",
    "conflict",
    "too_large",
    "unsupported",
    "too_many_requests",
    "unavailable",
    "internal",
]
_CODES: dict[int, Code] = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "unsupported",
    409: "conflict",
    413: "too_large",
    415: "unsupported",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
    504: "unavailable",
}

_MESSAGES = {
    404: "there is nothing at this address; /docs.json lists what there is",
    405: "this address does not take this method",
    503: "not ready: the models are not loaded yet",
}


class Refusal(Exception):
    """An answer other than the one asked for."""

    def __init__(
        self,
        status: int,
        message: str,
        faults: Sequence[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.faults = list(faults)
        self.headers = dict(headers or {})


class FieldReason(BaseModel):
    """A field and what is wrong with it. 出错字段及原因。"""

    field: str = Field(examples=["[3].guarantee.amount"], description="Dotted path. 字段路径。")
    reason: str = Field(examples=["Input should be greater than or equal to 0.01"])


class ErrorBody(BaseModel):
    """What went wrong. 错误内容。"""

    code: Code = Field(description="For programs. 错误代码。")
    message: str = Field(description="For people. 错误说明。")
    fields: list[FieldReason] = Field(description="Empty unless fields are wrong. 字段错误。")
    request_id: str = Field(description="Quote it when you ask for help. 请求编号。")


class ErrorAnswer(BaseModel):
    """Every refusal has this shape. 统一错误格式。"""

    error: ErrorBody


def code_of(status: int) -> Code:
    """The code that belongs to a status."""
    return _CODES.get(status, "invalid_request" if status < 500 else "internal")


def routing_refusal(status: int) -> Refusal:
    """The refusal of a request that never reached an endpoint."""
    return Refusal(status, _MESSAGES.get(status, "the request was refused"))


def error_body(refusal: Refusal, request_id: str) -> dict[str, Any]:
    """The body of a refusal."""
    return {
        "error": {
            "code": code_of(refusal.status),
            "message": refusal.message,
            "fields": [vars(fault) for fault in refusal.faults],
            "request_id": request_id,
        }
    }


def unreadable(error: ValidationError) -> Refusal:
    """The refusal of a body that is not JSON, or whose fields are wrong."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    broken = next((e for e in found if e["type"] == "json_invalid"), None)
    if broken:
        return Refusal(400, f"the body is not JSON in UTF-8: {broken['msg']}")
    faults = [FieldFault(_path(e["loc"]), _reason(e["type"], e["msg"])) for e in found]
    return wrong_fields(faults)


def wrong_fields(faults: Sequence[FieldFault]) -> Refusal:
    """The refusal of wrong fields."""
    return Refusal(422, "some fields are wrong; see fields", faults)


def _reason(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "there is no such field"
    return message.removeprefix("Value error, ")


def _path(location: Sequence[str | int]) -> str:
    r"""A pydantic location as a path; the shape of a case is no part of it.

    >>> _path((3, "facts", "performance", 0, "balance"))
    '[3].performance[0].balance'
    """
    shape = 1 if location and isinstance(location[0], int) else 0
    path = ""
    for position, part in enumerate(location):
        if position == shape and part in SHAPES:
            continue
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            # an unknown field's name is the caller's own text and may be of any length
            path += f".{part[:80]}" if path else part[:80]
    return path or "body"
