"""Requests that are there at the same time: decided together, each answered as if it were alone."""

import asyncio
import time

import pytest
from sqlalchemy import text

from vouch.domain.stage import Stage
from vouch.errors import StoreError

PATH = "/v1/pre-loan/score"


def case(number, **changed):
    guarantee = {"borrower_id": f"B{number}", "lender_id": "L1", "amount": f"{250_000 + number}.00"}
    return {"as_of": "2024-03-15", "guarantee": guarantee, **changed}


def at_once(client, requests):
    """Post all of them before the first is answered; each is a body and a key or None."""

    async def post(body, key):
        headers = {"authorization": f"Bearer {client.key}"}
        headers |= {"idempotency-key": key} if key else {}
        return await client._http.post(PATH, json=body, headers=headers)

    async def all_of_them():
        return await asyncio.gather(*(post(body, key) for body, key in requests))

    return client._loop.run(all_of_them())


@pytest.fixture
def strokes(client, monkeypatch):
    """How many cases each stroke decided."""
    client.post(PATH, json=case(0))  # the first request of a model is decided alone
    found, decide = [], client.desk.decide_together

    def counted(lone):
        found.append(len(lone))
        return decide(lone)

    monkeypatch.setattr(client.desk, "decide_together", counted)
    return found


def stored(client, answers):
    ids = [answer.json()["decision_id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    return [client.get(f"/v1/decisions/{name}").json() for name in ids]


def test_requests_of_one_moment_are_decided_in_one_stroke(client, strokes):
    answers = at_once(client, [(case(n), f"together-{n}") for n in range(12)])
    assert [answer.status_code for answer in answers] == [200] * 12
    assert sum(strokes) == 12
    assert len(strokes) < 12
    assert stored(client, answers) == [answer.json() for answer in answers]
    assert client.desk._vouch.store().verify().faults == []


def test_together_or_in_a_list_the_score_is_the_same(client, strokes):
    bodies = [case(n) for n in range(10)]
    listed = client.post(PATH, json=bodies).json()
    together = [answer.json() for answer in at_once(client, [(body, None) for body in bodies])]
    for one, other in zip(together, listed, strict=True):
        for name in ("decision_id", "made_at"):
            one.pop(name)
            other.pop(name)
    assert together == listed


def test_a_wrong_request_spoils_no_other(client, strokes):
    requests = [(case(n, scheme="no such scheme" if n == 3 else None), None) for n in range(6)]
    answers = at_once(client, requests)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 200, 200]
    assert answers[3].json()["error"]["fields"][0]["field"] == "scheme"


def test_one_key_at_once_makes_one_decision(client, strokes):
    answers = at_once(client, [(case(1), "same")] * 5 + [(case(2), "other"), (case(3), "same")])
    assert [answer.status_code for answer in answers[:6]] == [200] * 6
    assert len({answer.json()["decision_id"] for answer in answers[:5]}) == 1
    assert answers[5].json()["decision_id"] != answers[0].json()["decision_id"]
    assert answers[6].status_code == 409


def test_what_cannot_be_stored_is_not_answered(client, strokes, monkeypatch):
    def full(lone, made):
        raise StoreError("database or disk is full")

    monkeypatch.setattr(client.desk, "keep_at_once", lambda lone, made: False)
    monkeypatch.setattr(client.desk, "keep_together", full)
    answers = at_once(client, [(case(n), None) for n in range(3)])
    assert [answer.status_code for answer in answers] == [503] * 3
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}


def test_a_store_that_hangs_is_not_waited_for(client, strokes, monkeypatch):
    keep = client.desk.keep_together

    def slow(lone, made):
        time.sleep(0.5)
        return keep(lone, made)

    monkeypatch.setattr(client.app.state.together, "_stored_within", 0.1)
    monkeypatch.setattr(client.desk, "keep_at_once", lambda lone, made: False)
    monkeypatch.setattr(client.desk, "keep_together", slow)
    began = time.monotonic()
    first = at_once(client, [(case(n), f"hang-{n}") for n in range(20)])
    assert {answer.status_code for answer in first} == {503}
    assert client.post(PATH, json=case(5)).headers["retry-after"] == "1"
    assert time.monotonic() - began < 0.5
    time.sleep(0.6)
    monkeypatch.setattr(client.desk, "keep_together", keep)
    again = at_once(client, [(case(n), f"hang-{n}") for n in range(20)])
    assert {answer.status_code for answer in again} == {200}
    # what was stored too late is found by its key, what was not is decided now: once each
    with client.desk._vouch.store()._database.reading() as connection:
        count = connection.execute(text("SELECT count(*) FROM idempotency WHERE key LIKE 'hang-%'"))
        assert count.scalar() == 20
    assert len(stored(client, again)) == 20


def test_more_than_can_wait_are_sent_away(client, strokes, monkeypatch):
    monkeypatch.setattr("vouch.service.batching._MOST_WAITING", 4)
    answers = at_once(client, [(case(n), None) for n in range(40)])
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    assert all(a.headers["retry-after"] == "1" for a in answers if a.status_code == 503)
    assert client.post(PATH, json=case(1)).status_code == 200


def test_stages_are_not_mixed(client, strokes):
    async def both():
        headers = {"authorization": f"Bearer {client.key}"}
        paths = [f"/v1/{stage.slug}/score" for stage in Stage] * 2
        return await asyncio.gather(
            *(client._http.post(path, json=case(1), headers=headers) for path in paths)
        )

    found = [answer.json()["stage"] for answer in client._loop.run(both())]
    assert found == [stage.value for stage in Stage] * 2
