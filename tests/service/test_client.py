"""The client against the service itself: every call is answered and typed."""

import asyncio

import httpx
import pytest

from vouch.client import AsyncClient, Calls, Retries, ServiceError

pytestmark = pytest.mark.slow

CASE = {"as_of": "2024-03-15", "guarantee": {"borrower_id": "B3", "amount": "250000.00"}}


def test_every_call_is_answered_and_typed(client):
    async def ask():
        transport = httpx.ASGITransport(client.app)
        async with AsyncClient("http://vouch", client.key, Retries(1), transport=transport) as v:
            made = await v.score("pre_loan", CASE, key="client-1")
            assert await v.score("pre_loan", CASE, key="client-1") == made
            assert await v.decision(made.decision_id) == made
            many = await v.score_many("post_loan", [{"guarantee_id": "G1"}] * 2)
            assert [one.guarantee_id for one in many] == ["G1", "G1"]
            name = made.decision_id
            assert (await v.send(Calls.explanation(name, pdf=True))).startswith(b"%PDF")
            assert "评分" in (await v.send(Calls.explanation(name))).decode()
            assert (await v.send(Calls.replay(name))).identical
            other = await v.send(
                Calls.what_if("pre_loan", CASE, {"guarantee": {"amount": "5000.00"}})
            )
            assert other.score_change == other.changed.score - other.base.score
            assert (await v.send(Calls.counterfactual("pre_loan", CASE, "E"))).reached
            review = await v.send(Calls.request_review(name, "补充资料"))
            settled = await v.send(
                Calls.decide_review(review.review_id, "approve", "upheld", "同意")
            )
            assert settled.outcome == "approve"
            assert await v.send(Calls.review(review.review_id)) == settled
            assert settled in (await v.send(Calls.reviews())).reviews
            assert (await v.send(Calls.expectation("2024-06-30"))).in_force > 0
            assert len((await v.send(Calls.models())).models) == 3
            with pytest.raises(ServiceError, match=r"guarantee.amount: Field required") as refused:
                await v.score("pre_loan", {"guarantee": {}})
            assert refused.value.status == 422

    asyncio.run(ask())
