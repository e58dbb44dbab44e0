"""A client of the score service: typed, plain or async, retrying without deciding twice.

>>> from vouch.client import Client
>>> with Client("http://127.0.0.1:3000", key="vouch_…") as vouch:  # doctest: +SKIP
...     vouch.score("pre_loan", {"guarantee_id": "SX-2025-000123"}).score
612

Every score carries an Idempotency-Key, so a retry after a broken connection is answered with the
decision that was made, if one was.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx
from pydantic import TypeAdapter

from vouch.domain.stage import Stage
from vouch.errors import VouchError
from vouch.service.answers import (
    CounterfactualAnswer,
    DecisionAnswer,
    ExpectationAnswer,
    ReplayAnswer,
    ReviewAnswer,
    ReviewsAnswer,
    VersionsAnswer,
    WhatIfAnswer,
)

T = TypeVar("T")
Case = Mapping[str, Any]

_RETRIED = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 30.0


class ServiceError(VouchError):
    """The service refused; `code`, `fields` and `request_id` are as it said."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        error = body.get("error", {})
        self.status = status
        self.code: str = error.get("code", "internal")
        self.fields: list[dict[str, str]] = error.get("fields", [])
        self.request_id: str = error.get("request_id", "")
        parts = [f"{fault['field']}: {fault['reason']}" for fault in self.fields]
        super().__init__("; ".join([error.get("message", f"status {status}"), *parts]))


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and what its answer is. `is_safe`: sent twice it does no more than once."""

    method: str
    path: str
    answer: Any
    body: Any = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_safe: bool = True

    def read(self, response: httpx.Response) -> T:
        """The answer.

        Raises:
            ServiceError: the service refused.
        """
        if response.is_error:
            raise ServiceError(response.status_code, _json(response))
        if self.answer is bytes:
            return response.content  # type: ignore[return-value]
        found: T = TypeAdapter(self.answer).validate_json(response.content)
        return found


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _slug(stage: Stage | str) -> str:
    return Stage.parse(stage).slug


def _once(key: str | None) -> dict[str, str]:
    return {"idempotency-key": key or str(uuid.uuid4())}


class Calls:
    """Every call there is; the clients send them."""

    @staticmethod
    def score(stage: Stage | str, case: Case, key: str | None = None) -> Call[DecisionAnswer]:
        """Score one case; `key` makes this and any repeat one decision."""
        path = f"/v1/{_slug(stage)}/score"
        return Call("POST", path, DecisionAnswer, dict(case), headers=_once(key))

    @staticmethod
    def score_many(
        stage: Stage | str, cases: Sequence[Case], key: str | None = None
    ) -> Call[list[DecisionAnswer]]:
        """Score a list, up to 1,000, answered in its order."""
        path = f"/v1/{_slug(stage)}/score"
        body = [dict(case) for case in cases]
        return Call("POST", path, list[DecisionAnswer], body, headers=_once(key))

    @staticmethod
    def what_if(stage: Stage | str, case: Case, changes: Case) -> Call[WhatIfAnswer]:
        """The case as it is and with changed fields, scheme, fee or cap."""
        body = {"case": dict(case), "changes": dict(changes)}
        return Call("POST", f"/v1/{_slug(stage)}/what-if", WhatIfAnswer, body)

    @staticmethod
    def counterfactual(stage: Stage | str, case: Case, grade: str) -> Call[CounterfactualAnswer]:
        """The smallest changes of terms that reach a grade."""
        body = {"case": dict(case), "grade": grade}
        return Call("POST", f"/v1/{_slug(stage)}/counterfactual", CounterfactualAnswer, body)

    @staticmethod
    def decision(decision_id: str) -> Call[DecisionAnswer]:
        """A decision made before."""
        return Call("GET", f"/v1/decisions/{decision_id}", DecisionAnswer)

    @staticmethod
    def explanation(decision_id: str, purpose: str | None = None, pdf: bool = False) -> Call[bytes]:
        """The decision in plain words, as HTML or PDF; the full name only for a purpose."""
        path = f"/v1/decisions/{decision_id}/explanation{'.pdf' if pdf else ''}"
        return Call("GET", path, bytes, params={"purpose": purpose} if purpose else {})

    @staticmethod
    def replay(decision_id: str) -> Call[ReplayAnswer]:
        """The decision made again."""
        return Call("POST", f"/v1/decisions/{decision_id}/replay", ReplayAnswer)

    @staticmethod
    def request_review(decision_id: str, reason: str) -> Call[ReviewAnswer]:
        """Ask for a review by a person."""
        path = f"/v1/decisions/{decision_id}/reviews"
        return Call("POST", path, ReviewAnswer, {"reason": reason}, is_safe=False)

    @staticmethod
    def review(review_id: str) -> Call[ReviewAnswer]:
        """A review with all that was done."""
        return Call("GET", f"/v1/reviews/{review_id}", ReviewAnswer)

    @staticmethod
    def reviews() -> Call[ReviewsAnswer]:
        """The reviews of one's institution."""
        return Call("GET", "/v1/reviews", ReviewsAnswer)

    @staticmethod
    def decide_review(
        review_id: str, outcome: str, reason_code: str, note: str
    ) -> Call[ReviewAnswer]:
        """A person's decision."""
        body = {"outcome": outcome, "reason_code": reason_code, "note": note}
        return Call("POST", f"/v1/reviews/{review_id}/decision", ReviewAnswer, body, is_safe=False)

    @staticmethod
    def confirm_review(review_id: str, agree: bool, note: str) -> Call[ReviewAnswer]:
        """The second pair of eyes."""
        path, body = f"/v1/reviews/{review_id}/confirmation", {"agree": agree, "note": note}
        return Call("POST", path, ReviewAnswer, body, is_safe=False)

    @staticmethod
    def expectation(as_of: str | None = None) -> Call[ExpectationAnswer]:
        """Expected compensation of one's guarantees in force."""
        params = {"as_of": as_of} if as_of else {}
        return Call("GET", "/v1/portfolio/expectation", ExpectationAnswer, params=params)

    @staticmethod
    def models() -> Call[VersionsAnswer]:
        """The models and the policy in use."""
        return Call("GET", "/v1/models", VersionsAnswer)


@dataclass(frozen=True)
class Retries:
    """How often a call is tried, and the first wait in seconds, which doubles each time."""

    tries: int = 4
    first_wait: float = 0.2

    def wait(self, attempt: int, call: Call[Any], response: httpx.Response | None) -> float | None:
        """Seconds until the next try, None to give up; `response` is None where none came.

        A call that is not safe to repeat is repeated only where the service says that it did
        nothing: when it was asked too often.
        """
        if attempt + 1 >= self.tries:
            return None
        status = response.status_code if response is not None else None
        if status is not None and status not in _RETRIED:
            return None
        if not call.is_safe and status != 429:
            return None
        named = (response.headers.get("retry-after", "") if response is not None else "").strip()
        if named.isdigit():
            return min(float(named), _LONGEST_WAIT)
        wait: float = self.first_wait * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        return min(wait, _LONGEST_WAIT)


class Client:
    """Talks to the service; close it, or use it in a `with`.

    Args:
        address: for instance `https://vouch.example.cn`.
        key: an API key, or a token of the identity provider.
        options: for httpx, such as `timeout`, `verify` or `transport`.
    """

    def __init__(
        self, address: str, key: str, retries: Retries = Retries(), **options: Any
    ) -> None:
        self._retries = retries
        self._http = httpx.Client(base_url=address, headers=_headers(key), **options)

    def send(self, call: Call[T]) -> T:
        """Send any of `Calls` and read the answer.

        Raises:
            ServiceError: the service refused.
            httpx.TransportError: it cannot be reached, however often it was tried.
        """
        for attempt in range(self._retries.tries):
            try:
                response = self._http.send(_request(self._http, call))
            except httpx.TransportError:
                wait = self._retries.wait(attempt, call, None)
                if wait is None:
                    raise
            else:
                wait = self._retries.wait(attempt, call, response)
                if wait is None:
                    return call.read(response)
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def score(self, stage: Stage | str, case: Case, key: str | None = None) -> DecisionAnswer:
        """Score one case."""
        return self.send(Calls.score(stage, case, key))

    def score_many(
        self, stage: Stage | str, cases: Sequence[Case], key: str | None = None
    ) -> list[DecisionAnswer]:
        """Score a list."""
        return self.send(Calls.score_many(stage, cases, key))

    def decision(self, decision_id: str) -> DecisionAnswer:
        """A decision made before."""
        return self.send(Calls.decision(decision_id))

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient:
    """The same for asyncio.

    Args:
        address: for instance `https://vouch.example.cn`.
        key: an API key, or a token of the identity provider.
        options: for httpx.
    """

    def __init__(
        self, address: str, key: str, retries: Retries = Retries(), **options: Any
    ) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(base_url=address, headers=_headers(key), **options)

    async def send(self, call: Call[T]) -> T:
        """Send any of `Calls` and read the answer.

        Raises:
            ServiceError: the service refused.
            httpx.TransportError: it cannot be reached, however often it was tried.
        """
        for attempt in range(self._retries.tries):
            try:
                response = await self._http.send(_request(self._http, call))
            except httpx.TransportError:
                wait = self._retries.wait(attempt, call, None)
                if wait is None:
                    raise
            else:
                wait = self._retries.wait(attempt, call, response)
                if wait is None:
                    return call.read(response)
            await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def score(self, stage: Stage | str, case: Case, key: str | None = None) -> DecisionAnswer:
        """Score one case."""
        return await self.send(Calls.score(stage, case, key))

    async def score_many(
        self, stage: Stage | str, cases: Sequence[Case], key: str | None = None
    ) -> list[DecisionAnswer]:
        """Score a list."""
        return await self.send(Calls.score_many(stage, cases, key))

    async def decision(self, decision_id: str) -> DecisionAnswer:
        """A decision made before."""
        return await self.send(Calls.decision(decision_id))

    async def close(self) -> None:
        """Give back the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _headers(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def _request(http: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
    return http.build_request(
        call.method,
        call.path,
        json=call.body,
        params=dict(call.params) or None,
        headers=dict(call.headers),
    )
