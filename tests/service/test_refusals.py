"""What is refused: a 4xx with field and reason in one shape, never a 500."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vouch.errors import BookError, StoreError
from vouch.service.refusals import ErrorAnswer

SCORE = "/v1/in-loan/score"
GUARANTEE = {"amount": "1000.00", "event_at": "2024-01-31"}


def case(**changed):
    return {"as_of": "2024-03-15", "guarantee": GUARANTEE | changed}


def refused(answer, status, code):
    assert answer.status_code == status, answer.text
    body = answer.json()
    ErrorAnswer.model_validate(body, strict=True)
    assert set(body) == {"error"}
    assert body["error"]["code"] == code
    assert body["error"]["request_id"] == answer.headers["x-request-id"]
    return {fault["field"]: fault["reason"] for fault in body["error"]["fields"]}


TOMORROW = "2025-07-01"  # the tests' today is the day before

WRONG = {
    "missing": ({"guarantee": {"product": "x"}}, "guarantee.amount", "Field required"),
    "nothing": ({}, "guarantee", "Field required"),
    "unknown": (case(colour="red"), "guarantee.colour", "there is no such field"),
    "unknown on top": (case() | {"foo": 1}, "foo", "there is no such field"),
    "both ways": (case() | {"guarantee_id": "G1"}, "guarantee_id", "there is no such field"),
    "text for number": (case(interest_rate="high"), "guarantee.interest_rate", "valid number"),
    "number for text": (case(product=5), "guarantee.product", "valid string"),
    "flag for money": (case(amount=True), "guarantee.amount", "Decimal"),
    "text for count": (case(tenor_months="12"), "guarantee.tenor_months", "valid integer"),
    "fraction for count": (case(tenor_months=1.5), "guarantee.tenor_months", "valid integer"),
    "number for flag": (case(is_revolving=1), "guarantee.is_revolving", "valid boolean"),
    "negative": (case(amount=-1), "guarantee.amount", "greater than or equal to 0.01"),
    "absurd": (case(amount=1e15), "guarantee.amount", "less than or equal to"),
    "finer than a fen": (case(amount=1.005), "guarantee.amount", "decimal places"),
    "percent for a rate": (case(interest_rate=4.65), "guarantee.interest_rate", "equal to 1"),
    "unknown choice": (case(repayment="never"), "guarantee.repayment", "equal_instalment"),
    "no date": (case(start_on="31/01/2024"), "guarantee.start_on", "YYYY-MM-DD"),
    "seconds for a date": (case(start_on="1704067200"), "guarantee.start_on", "YYYY-MM-DD"),
    "number for a date": (case(start_on=20240131), "guarantee.start_on", "YYYY-MM-DD"),
    "no such day": (case(start_on="2023-02-29"), "guarantee.start_on", ""),
    "before 1900": (case(start_on="1899-12-31"), "guarantee.start_on", "1900-01-01"),
    "too long": (case(product="x" * 201), "guarantee.product", "at most 200"),
    "control character": (case(product="a\0b"), "guarantee.product", "match pattern"),
    "blank identifier": (case(guarantee_id=" "), "guarantee.guarantee_id", "match pattern"),
    "null": (case(amount=None), "guarantee.amount", "Decimal"),
    "not an object": ({"guarantee": []}, "guarantee", "object"),
    "not a case": (5, "body", "object"),
    "after as_of": (case(event_at="2024-03-16"), "guarantee.event_at", "after as_of 2024-03-15"),
    "known after as_of": (case(known_at="2024-04-01"), "guarantee.known_at", "after as_of"),
    "known before it was": (case(known_at="2024-01-30"), "guarantee.known_at", "before event_at"),
    "tomorrow": ({"as_of": TOMORROW, "guarantee": {"amount": 5}}, "as_of", "in the future"),
    "tomorrow by id": ({"as_of": TOMORROW, "guarantee_id": "G1"}, "as_of", "in the future"),
    "unknown scheme": (case() | {"scheme": "9:1"}, "scheme", "known are 4:6"),
    "scheme not yet": (
        case(event_at="2012-01-01") | {"scheme": "4321"},
        "scheme",
        "not in force on 2012-01-01",
    ),
    "unknown scheme by id": ({"guarantee_id": "G1", "scheme": "9:1"}, "scheme", "known are 4:6"),
    "in a nested list": (
        case() | {"performance": [{"event_at": "2024-01-31", "days_past_due": -1}]},
        "performance[0].days_past_due",
        "greater than or equal to 0",
    ),
    "undated month": (
        case() | {"performance": [{"days_past_due": 0}]},
        "performance[0].event_at",
        "required",
    ),
    "month twice": (
        case() | {"performance": [{"event_at": "2024-01-31", "days_past_due": 0}] * 2},
        "performance[1]",
        "repeats performance[0]",
    ),
    "another's borrower": (
        case(borrower_id="B1") | {"borrower": {"borrower_id": "B2"}},
        "borrower.borrower_id",
        "differs",
    ),
    "another's month": (
        case(guarantee_id="G1")
        | {"performance": [{"event_at": "2024-01-31", "days_past_due": 0, "guarantee_id": "G2"}]},
        "performance[0].guarantee_id",
        "differs",
    ),
    "unknown signal": (
        case() | {"signals": [{"event_at": "2024-01-31", "kind": "rumour", "value": 1}]},
        "signals[0].kind",
        "tax_paid",
    ),
}


@pytest.mark.parametrize(("body", "field", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_named_with_its_reason(client, body, field, reason):
    faults = refused(client.post(SCORE, json=body), 422, "invalid_request")
    assert reason in faults[field]


@pytest.mark.parametrize(("body", "field", "reason"), WRONG.values(), ids=WRONG)
def test_in_a_list_the_field_carries_its_place(client, body, field, reason):
    sound = {"guarantee_id": "G1"}
    faults = refused(client.post(SCORE, json=[sound, sound, body]), 422, "invalid_request")
    place = "[2]" if field == "body" else f"[2].{field}"
    assert reason in faults[place]


def test_several_faults_are_all_named(client):
    faults = refused(client.post(SCORE, json=[case(amount=-1), case(x=1)]), 422, "invalid_request")
    assert set(faults) == {"[0].guarantee.amount", "[1].guarantee.x"}


def test_an_unknown_guarantee_is_not_found(client):
    answer = client.post(SCORE, json={"guarantee_id": "G-none"})
    assert "the book knows none" in refused(answer, 404, "not_found")["guarantee_id"]
    mixed = [{"guarantee_id": "G1"}, {"guarantee_id": "G-none"}]
    assert set(refused(client.post(SCORE, json=mixed), 404, "not_found")) == {"[1].guarantee_id"}


def test_a_guarantee_is_unknown_before_it_was_applied_for(client):
    answer = client.post(SCORE, json={"guarantee_id": "G1", "as_of": "2020-01-01"})
    assert "2020-01-01" in refused(answer, 404, "not_found")["guarantee_id"]


def test_without_a_book_identifiers_are_not_found(serve, tmp_path):
    client = serve(VOUCH_BOOK=str(tmp_path / "none"))
    answer = client.post(SCORE, json={"guarantee_id": "G1"})
    assert "send the facts" in refused(answer, 404, "not_found")["guarantee_id"]


BROKEN = {
    "empty": b"",
    "text": b"hello",
    "cut": b'{"guarantee": {"amount": 1',
    "two": b"{} {}",
    "latin": '{"guarantee_id": "é"}'.encode("latin-1"),
    "gb18030": '{"guarantee_id": "担保"}'.encode("gb18030"),
    "surrogate": b'{"guarantee_id": "\\ud800"}',
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "endless number": b'{"guarantee": {"amount": ' + b"9" * 10_000 + b"}}",
    "nul": b"\0",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_is_not_json_is_refused(client, body):
    answer = client.post(SCORE, content=body, headers={"content-type": "application/json"})
    refused(answer, 400, "invalid_request")
    assert "not JSON" in answer.json()["error"]["message"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400])
def test_a_number_without_an_end_is_refused(client, number):
    text = '{"guarantee": {"amount": 5, "interest_rate": ' + number + "}}"
    answer = client.post(SCORE, content=text, headers={"content-type": "application/json"})
    assert set(refused(answer, 422, "invalid_request")) == {"guarantee.interest_rate"}


def test_absurd_but_legal_facts_are_answered(client):
    signals = [
        {"kind": "tax_paid", "event_at": day, "value": value}
        for day, value in [("2023-03-10", 1e-300), ("2024-03-10", 1e15)]
    ]
    answer = client.post(SCORE, json=case(amount=0.01) | {"signals": signals})
    assert answer.status_code == 200
    json.loads(answer.text, parse_constant=pytest.fail)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
def test_another_media_type_is_unsupported(client, kind):
    refused(client.post(SCORE, content=b"{}", headers={"content-type": kind}), 415, "unsupported")


def test_a_compressed_body_is_unsupported(client):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    refused(client.post(SCORE, content=b"{}", headers=headers), 415, "unsupported")


def test_a_body_over_the_limit_is_refused_announced_or_not(serve):
    client = serve(VOUCH_MAX_BODY_BYTES="2000")
    body = json.dumps(case() | {"scheme": " " * 2000}).encode()
    refused(client.post(SCORE, content=body), 413, "too_large")

    async def chunks():
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    answer = client.post(SCORE, content=chunks())
    assert "content-length" not in answer.request.headers
    refused(answer, 413, "too_large")


def test_a_list_over_the_limit_is_refused(serve):
    client = serve(VOUCH_MAX_BATCH="2")
    refused(client.post(SCORE, json=[case()] * 3), 413, "too_large")


def test_another_method_or_address_is_refused_in_the_same_shape(client):
    answer = client.get(SCORE)
    refused(answer, 405, "unsupported")
    assert answer.headers["allow"] == "POST"
    refused(client.post("/v1/after-loan/score", json={}), 404, "not_found")
    refused(client.get("/v1/decisions/none"), 404, "not_found")


def test_before_the_models_are_loaded_nothing_is_at_hand(serve):
    client = serve()
    client.app.state.desk = None
    refused(client.post(SCORE, json=case()), 503, "unavailable")


def test_a_stage_without_a_champion_is_not_at_hand(serve, champions, tmp_path):
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "pre-loan").symlink_to(champions / "pre-loan")
    client = serve(VOUCH_CHAMPIONS=str(folder))
    assert client.post("/v1/pre-loan/score", json=case()).status_code == 200
    refused(client.post(SCORE, json=case()), 503, "unavailable")


def test_what_cannot_be_stored_is_not_answered(client, monkeypatch):
    def fail(*_):
        raise StoreError("postgresql://user:secret@host is down")

    monkeypatch.setattr("vouch.store.at_once.AtOnce.add", lambda *_: False)
    for way, body in (("add_together", case()), ("add", [case()])):
        monkeypatch.setattr(f"vouch.store.decisions.Decisions.{way}", fail)
        answer = client.post(SCORE, json=body)
        refused(answer, 503, "unavailable")
        assert "secret" not in answer.text


def test_a_damaged_book_is_not_at_hand(client, monkeypatch):
    def fail(*_):
        raise BookError("damaged")

    monkeypatch.setattr("vouch.monitoring.held_book.HeldBook.book", fail)
    refused(client.post(SCORE, json={"guarantee_id": "G1"}), 503, "unavailable")


def test_a_fault_of_our_own_keeps_the_shape_and_tells_nothing(client, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("inner matters")

    monkeypatch.setattr(client.desk, "decide_together", fail)
    monkeypatch.setattr(client.desk, "score", fail)
    answer = client.post(SCORE, json=case())
    refused(answer, 500, "internal")
    assert "inner" not in answer.text


def test_what_takes_too_long_is_given_up(client, monkeypatch):
    import time

    monkeypatch.setattr("vouch.service.threads.DEADLINE_SECONDS", 0.01)
    monkeypatch.setattr(client.desk, "score", lambda *_: time.sleep(0.2))
    refused(client.post(SCORE, json=[case()]), 503, "unavailable")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["amount", "event_at", "known_at", "guarantee_id", "interest_rate", "scheme", "tenor_months"]
)
DAYS = st.dates().map(str)
ALMOST = st.fixed_dictionaries(
    {"guarantee": st.dictionaries(FIELDS, JSON | DAYS | st.just("100.00"), max_size=5)},
    optional={
        "as_of": DAYS | JSON,
        "scheme": JSON,
        "borrower": JSON,
        "performance": st.lists(
            st.fixed_dictionaries({"event_at": DAYS, "days_past_due": st.integers(0, 40_000)}),
            max_size=3,
        ),
        "signals": JSON,
    },
)
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@RELAXED
@given(body=JSON | ALMOST | st.lists(ALMOST | JSON, max_size=3))
def test_garbage_is_never_a_fault_of_ours(client, body):
    text = json.dumps(body, ensure_ascii=True)
    answer = client.post(SCORE, content=text, headers={"content-type": "application/json"})
    assert answer.status_code < 500, (text, answer.text)
    if answer.status_code >= 400:
        ErrorAnswer.model_validate(answer.json())


@RELAXED
@given(body=st.binary(max_size=200))
def test_bytes_are_never_a_fault_of_ours(client, body):
    answer = client.post(SCORE, content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500 or answer.json() == []
