"""Scores over HTTP: by identifier, from facts, in lists, stored and given again."""

import hashlib
import json
from datetime import date
from decimal import Decimal

import pytest

from vouch import clock
from vouch.domain.stage import Stage
from vouch.service.answers import DecisionAnswer
from vouch.store.store import Store

pytestmark = pytest.mark.slow

SLUGS = [stage.slug for stage in Stage]
AS_OF = date(2024, 3, 15)
SAME = ("default_probability", "score", "base_points", "reasons", "grade", "expected_compensation")


def score(client, slug, body):
    answer = client.post(f"/v1/{slug}/score", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def known_guarantees(book, as_of, count):
    rows = book.known(as_of).rows("guarantee").to_pylist()
    return [row["guarantee_id"] for row in rows][:count]


@pytest.mark.parametrize("slug", SLUGS)
def test_points_add_up_and_every_point_has_a_reason(client, book, slug):
    ids = known_guarantees(book, AS_OF, 40)
    for found in score(client, slug, [{"guarantee_id": g, "as_of": str(AS_OF)} for g in ids]):
        assert found["base_points"] + sum(r["points"] for r in found["reasons"]) == found["score"]
        assert all(reason["points"] != 0 for reason in found["reasons"])
        assert DecisionAnswer.model_validate(found)


@pytest.mark.parametrize("slug", SLUGS)
def test_facts_given_and_facts_of_the_book_give_the_same_bit_for_bit(client, book, inline, slug):
    ids = known_guarantees(book, AS_OF, 30)
    by_id = score(client, slug, [{"guarantee_id": g, "as_of": str(AS_OF)} for g in ids])
    given = [score(client, slug, inline(g, AS_OF)) for g in ids]
    assert [[a[k] for k in SAME] for a in by_id] == [[a[k] for k in SAME] for a in given]


@pytest.mark.parametrize("slug", SLUGS)
def test_a_list_is_answered_in_its_order_and_like_one_by_one(client, book, inline, slug):
    ids = known_guarantees(book, AS_OF, 4)
    cases = [
        {"guarantee_id": g, "as_of": str(AS_OF)} if i % 2 else inline(g, AS_OF)
        for i, g in enumerate(ids)
    ]
    cases += [{"guarantee_id": ids[0], "as_of": "2024-03-10"}, inline(ids[1], date(2024, 3, 12))]
    together = score(client, slug, cases)
    alone = [score(client, slug, case) for case in cases]
    assert [[a[k] for k in SAME] for a in together] == [[a[k] for k in SAME] for a in alone]
    assert [a["as_of"] for a in together[-2:]] == ["2024-03-10", "2024-03-12"]


def test_an_empty_list_is_answered_with_an_empty_list(client):
    assert score(client, "pre-loan", []) == []


def test_the_same_guarantee_is_seen_as_it_was_on_each_day(client, book):
    known = book.known(AS_OF)
    query = f"SELECT * FROM {known.current('performance')} WHERE days_past_due > 100 ORDER BY ALL"
    late = known.query(query).to_pylist()[0]["guarantee_id"]
    after = score(client, "post-loan", {"guarantee_id": late, "as_of": str(AS_OF)})
    applied = score(client, "pre-loan", {"guarantee_id": late})["as_of"]
    before = score(client, "post-loan", {"guarantee_id": late, "as_of": applied})
    assert before["score"] > after["score"]


def test_the_day_defaults_to_the_application_before_and_to_today_after(client, book):
    rows = book.known(AS_OF).rows("guarantee").to_pylist()
    case = {"guarantee_id": rows[0]["guarantee_id"]}
    assert score(client, "pre-loan", case)["as_of"] == str(rows[0]["event_at"])
    assert score(client, "in-loan", case)["as_of"] == str(clock.today())
    given = {"guarantee": {"amount": 1000, "event_at": "2024-01-31"}}
    assert score(client, "pre-loan", given)["as_of"] == "2024-01-31"
    assert score(client, "post-loan", given)["as_of"] == str(clock.today())


def test_the_loss_is_shared_under_the_scheme_of_the_application_day(client):
    guarantee = {"amount": "1000000.00", "event_at": "2024-01-31", "scheme": "5:5"}
    own = score(client, "pre-loan", {"guarantee": guarantee})["expected_compensation"]
    asked = score(client, "pre-loan", {"guarantee": guarantee, "scheme": "8:2"})
    shared = asked["expected_compensation"]
    assert (own["scheme"], shared["scheme"]) == ("5:5", "8:2")
    assert own["exposure"] == "1000000.00"
    assert own["total"] == shared["total"]
    for parts in (own, shared):
        assert sum(map(Decimal, parts["by_party"].values())) == Decimal(parts["total"])
    expected = Decimal(repr(asked["default_probability"])) * 1_000_000 * Decimal("0.60")
    assert Decimal(own["total"]) == round(expected, 2)


def test_without_a_scheme_for_the_day_the_total_stands_alone_with_a_note(client):
    case = {"guarantee": {"amount": 1000, "event_at": "1985-05-03"}}
    found = score(client, "pre-loan", case)["expected_compensation"]
    assert found["by_party"] is None
    assert "not in force on 1985-05-03" in found["note"]
    assert Decimal(found["total"]) > 0


def test_the_exposure_is_the_newest_balance_once_the_loan_runs(client):
    case = {
        "as_of": "2024-03-15",
        "guarantee": {"amount": "1000.00", "event_at": "2023-12-01"},
        "performance": [
            {"event_at": "2024-02-29", "balance": "600.50", "days_past_due": 0},
            {"event_at": "2024-01-31", "balance": "800.00", "days_past_due": 0},
        ],
    }
    exposures = [score(client, slug, case)["expected_compensation"]["exposure"] for slug in SLUGS]
    assert exposures == ["1000.00", "600.50", "600.50"]


def test_a_correction_replaces_from_the_day_it_was_known(client):
    month = {"event_at": "2024-01-31", "balance": "800.00", "days_past_due": 240}
    right = month | {"days_past_due": 0, "known_at": "2024-03-01"}
    guarantee = {"amount": "1000.00", "event_at": "2023-12-01"}

    def found(as_of, *months):
        case = {"as_of": as_of, "guarantee": guarantee, "performance": list(months)}
        return score(client, "post-loan", case)["score"]

    clean = month | {"days_past_due": 0}
    assert found("2024-03-15", month, right) == found("2024-03-15", clean)
    assert found("2024-03-15", month) != found("2024-03-15", clean)


def test_a_decision_is_stored_as_answered(client):
    case = {"guarantee": {"amount": "1000.50"}, "as_of": "2024-03-15"}
    made = score(client, "pre-loan", case)
    assert client.get(f"/v1/decisions/{made['decision_id']}").json() == made
    store = Store(client.store_url)
    record = store.decisions.one(made["decision_id"])
    store.close()
    canonical = json.dumps(case, sort_keys=True, separators=(",", ":"))
    assert record.request_hash == hashlib.sha256(canonical.encode()).hexdigest()
    assert record.request == case
    assert record.made_at.isoformat() == made["made_at"]
    assert record.model_hash == made["model"]["hash"]


def test_every_decision_of_a_list_has_its_own_identifier(client):
    found = score(client, "pre-loan", [{"guarantee": {"amount": 5}}] * 3)
    assert len({a["decision_id"] for a in found}) == 3
    assert [client.get(f"/v1/decisions/{a['decision_id']}").json() for a in found] == found


def test_the_models_in_use_are_listed(client):
    models = client.get("/v1/models").json()["models"]
    assert [m["stage"] for m in models] == list(Stage)
    assert {m["version"] for m in models} == {"3"}


def test_without_a_book_the_models_own_history_serves(serve, client, inline, book, tmp_path):
    alone = serve(VOUCH_BOOK=str(tmp_path / "none"))
    case = inline(known_guarantees(book, AS_OF, 1)[0], AS_OF)
    with_book, without = (score(c, "pre-loan", case) for c in (client, alone))
    # the fixture's models were made from all of this book, so their history is the same
    assert {k: with_book[k] for k in SAME} == {k: without[k] for k in SAME}


def test_the_identifier_of_a_request_comes_back(client):
    answer = client.get("/v1/models", headers={"x-request-id": "bank-42"})
    assert answer.headers["x-request-id"] == "bank-42"
    assert (
        len(client.get("/v1/models", headers={"x-request-id": "a b"}).headers["x-request-id"]) == 32
    )
