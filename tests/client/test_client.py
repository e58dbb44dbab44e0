"""The client: typed answers, errors with their fields, retries that decide once."""

import asyncio
import json

import httpx
import pytest

from vouch.client import AsyncClient, Calls, Client, Retries, ServiceError

QUICK = Retries(tries=3, first_wait=0.0)
REVIEW = {"error": {"code": "unavailable", "message": "away", "fields": [], "request_id": "r"}}


class Flaky:
    """A transport before the real service that first fails as told, and notes what was sent."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.sent = []

    def __call__(self, request):
        self.sent.append(request)
        failure = self.failures.pop(0) if self.failures else 200
        if isinstance(failure, Exception):
            raise failure
        body = {"models": [], "policy_hash": "a" * 64} if failure == 200 else REVIEW
        return httpx.Response(failure, json=body, headers={"retry-after": "0"})


def client(flaky, retries=QUICK):
    return Client("http://vouch", "k", retries, transport=httpx.MockTransport(flaky))


@pytest.mark.parametrize("failure", [429, 502, 503, 504, httpx.ConnectError("x")])
def test_it_tries_again_until_it_is_answered(failure):
    flaky = Flaky(failure, failure)
    with client(flaky) as vouch:
        assert vouch.send(Calls.models()).policy_hash == "a" * 64
    assert len(flaky.sent) == 3
    assert flaky.sent[0].headers["authorization"] == "Bearer k"


def test_it_gives_up_after_so_many_tries():
    flaky = Flaky(503, 503, 503)
    with client(flaky) as vouch, pytest.raises(ServiceError, match="away") as refused:
        vouch.send(Calls.models())
    assert (refused.value.status, refused.value.code, len(flaky.sent)) == (503, "unavailable", 3)


def test_a_refusal_is_not_tried_again():
    flaky = Flaky(422)
    with client(flaky) as vouch, pytest.raises(ServiceError):
        vouch.send(Calls.models())
    assert len(flaky.sent) == 1


def test_every_try_of_a_score_has_the_same_key():
    flaky = Flaky(httpx.ReadError("broken"), 503)
    call = Calls.score("pre_loan", {"guarantee_id": "G1"})
    with client(flaky) as vouch, pytest.raises(ValueError, match="validation error"):
        vouch.send(call)  # what answers here is no decision
    assert len({request.headers["idempotency-key"] for request in flaky.sent}) == 1
    assert json.loads(flaky.sent[-1].content) == {"guarantee_id": "G1"}
    assert Calls.score("pre_loan", {}).headers != call.headers


def test_a_review_is_not_asked_for_twice_unless_nothing_was_done():
    for failure, sent in [(httpx.ReadError("broken"), 1), (503, 1), (429, 2)]:
        flaky = Flaky(failure)
        with client(flaky) as vouch, pytest.raises((httpx.ReadError, ServiceError, ValueError)):
            vouch.send(Calls.request_review("d", "why"))
        assert len(flaky.sent) == sent


def test_it_waits_as_long_as_it_is_told_but_not_forever():
    told = [httpx.Response(429, headers={"retry-after": text}) for text in ("7", "9999")]
    assert [Retries().wait(0, Calls.models(), response) for response in told] == [7.0, 30.0]
    assert Retries(tries=1).wait(0, Calls.models(), told[0]) is None


def test_asynchronous_is_the_same():
    async def ask(flaky):
        transport = httpx.MockTransport(flaky)
        async with AsyncClient("http://vouch", "k", QUICK, transport=transport) as vouch:
            return await vouch.send(Calls.models())

    flaky = Flaky(503, httpx.ConnectError("x"))
    assert asyncio.run(ask(flaky)).models == []
    assert len(flaky.sent) == 3
