"""Over HTTP: one key is one decision, and what was decided can be decided again."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

from vouch.cli import app
from vouch.domain.access import Role
from vouch.monitoring.replay import replay
from vouch.store.store import Store

pytestmark = pytest.mark.slow

CASE = {"as_of": "2024-03-15", "guarantee": {"borrower_id": "B3", "amount": "250000.00"}}


def post(client, body, key, **headers):
    return client.post("/v1/pre-loan/score", json=body, headers={"idempotency-key": key, **headers})


def test_a_repeat_is_answered_with_the_decision_made(client):
    first, again = (post(client, CASE, "k-1") for _ in range(2))
    assert first.json() == again.json()
    assert client.post("/v1/pre-loan/score", json=CASE).json() != first.json()


def test_the_order_of_fields_makes_no_other_request_but_a_value_does(client):
    first = post(client, CASE, "k-2")
    turned = dict(reversed(CASE.items()))
    assert post(client, turned, "k-2").json() == first.json()
    other = post(client, CASE | {"scheme": "5:5"}, "k-2")
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "conflict"
    assert post(client, [CASE], "k-2").status_code == 409


def test_another_callers_key_is_another(client, keys):
    mine = post(client, CASE, "k-3").json()
    other = {"authorization": f"Bearer {keys(Role.BANK, 'lender:L1')}"}
    theirs = post(client, CASE | {"scheme": "5:5"}, "k-3", **other)
    assert theirs.status_code == 200
    assert theirs.json()["decision_id"] != mine["decision_id"]


def test_two_at_once_make_one_decision(client):
    from vouch.domain.access import PROVINCE, Caller
    from vouch.domain.stage import Stage
    from vouch.service.payloads import ONE

    caller, case = Caller("key:x", "x", Role.RISK, PROVINCE), ONE.validate_json(json.dumps(CASE))

    def ask(_):
        return client.desk.score(Stage.PRE_LOAN, case, caller, "k-4")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(16)))
    assert all(answer == found[0] for answer in found)


@pytest.mark.parametrize("key", ["", " ", "a" * 201, "two words"])
def test_a_key_that_is_none_is_refused(client, key):
    answer = post(client, CASE, key)
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "Idempotency-Key"


@pytest.fixture
def decided(serve, book):
    """A service of its own with some two hundred decisions, known and given, of all stages."""
    client = serve()
    ids = [
        row["guarantee_id"]
        for row in book.known(book.newest_known_at).rows("guarantee").to_pylist()
    ]
    for slug in ("pre-loan", "in-loan", "post-loan"):
        cases = [{"guarantee_id": name} for name in ids[:60]]
        cases.append(CASE | {"scheme": "5:5"})
        # nothing known but the amount, and absurd but legal
        cases.append({"as_of": "2024-03-15", "guarantee": {"amount": "0.01"}})
        cases.append({"as_of": "2024-03-15", "guarantee": {"amount": "1e12", "tenor_months": 600}})
        assert client.post(f"/v1/{slug}/score", json=cases).status_code == 200
    return client


def test_replay_gives_identical_scores_and_points(decided):
    decisions = Store(decided.store_url).decisions
    found = replay(decisions, decisions.sample(1000))
    assert found.differing == []
    assert dict(found.not_replayable) == {}
    assert found.identical == found.decisions == 3 * 63
    assert decided.desk._vouch.store().verify().faults == []


def test_the_advice_is_made_again_and_named_where_it_differs(decided):
    from dataclasses import replace

    decisions = Store(decided.store_url).decisions
    records = decisions.sample(1000)
    stood = [r for r in records if isinstance((r.basis or {}).get("standing"), dict)]
    assert len(stood) > 30  # of these the portfolio was known
    one = stood[0]
    assert one.answer["advice"]["decision"] in ("approve", "refer", "decline")
    told = {"approve": "decline"}.get(one.answer["advice"]["decision"], "approve")
    other = one.answer["advice"] | {"decision": told}
    owned = one.basis["standing"] | {"own_funds": "1.00"}
    changed = [
        replace(one, answer=one.answer | {"advice": other}),
        replace(one, basis=one.basis | {"standing": owned}),
    ]
    found = replay(decisions, changed)
    assert found.identical == 0
    assert found.differing[0].what == "decision"
    assert (found.differing[0].then, found.differing[0].now) == (
        told,
        one.answer["advice"]["decision"],
    )
    assert found.differing[1].what.startswith(("decision", "advice."))
    bare = {n: v for n, v in one.basis.items() if n not in ("terms", "standing")}
    assert (
        replay(decisions, [replace(one, basis=bare)]).identical == 1
    )  # as stored in earlier times


def test_replay_names_what_differs_and_what_it_cannot_do(decided):
    from dataclasses import replace

    decisions = Store(decided.store_url).decisions
    records = decisions.sample(3)
    basis = records[0].basis
    altered = replace(
        records[0],
        basis=basis | {"features": basis["features"] | {"interest_rate": 0.99}},
        answer=records[0].answer | {"score": 0},
    )
    lost = replace(records[1], model_hash="0" * 64)
    bare = replace(records[2], basis=None)
    found = replay(decisions, [altered, lost, bare])
    assert [one.decision_id for one in found.differing] == [altered.decision_id]
    assert found.identical == 0
    assert sorted(found.not_replayable) == [
        "its model is not in the archive",
        "what it stood on is not kept (any more)",
    ]


def test_the_commands_say_so(decided):
    runner = CliRunner(env={"VOUCH_STORE_URL": decided.store_url})
    verified = runner.invoke(app, ["audit", "verify", "--json"], catch_exceptions=False)
    body = json.loads(verified.output)
    assert (body["faults"], body["decisions"]) == ([], 189)
    noted = runner.invoke(app, ["audit", "verify", "--noted", body["head"]], catch_exceptions=False)
    assert "189 decisions" in noted.output
    replayed = runner.invoke(app, ["replay", "--sample", "50"], catch_exceptions=False)
    assert "50 decisions, 50 identical: score, points, decision and advice" in replayed.output
    shown = runner.invoke(app, ["audit", "show", "--last", "1"], catch_exceptions=False)
    assert "decide" in shown.output
