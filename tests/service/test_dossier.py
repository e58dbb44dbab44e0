"""Decisions explained, revealed, reviewed, made again, over HTTP."""

import re

import pypdfium2
import pytest

from vouch.domain.access import Role

pytestmark = pytest.mark.slow

PERSON = {
    "as_of": "2024-03-15",
    "guarantee": {"borrower_id": "B3", "amount": "250000.00", "guarantor_id": "CZ0"},
    "borrower": {"name": "张三丰", "kind": "sole_trader", "uscc": "92140300XXXX00027J"},
    "signals": [{"kind": "bureau_inquiries", "event_at": "2024-03-01", "value": 2}],
}


@pytest.fixture(scope="module")
def made(client):
    answer = client.post("/v1/pre-loan/score", json=PERSON)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def path(made):
    return f"/v1/decisions/{made['decision_id']}"


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def test_what_was_asked_is_masked(client, path):
    found = client.get(f"{path}/case").json()
    assert found["masked"] is True
    borrower = found["case"]["borrower"]
    assert (borrower["name"], borrower["uscc"]) == ("张*", "921***********027J")
    assert found["case"]["guarantee"] == PERSON["guarantee"]


def test_it_is_shown_whole_only_for_a_purpose_which_is_logged(client, path, made):
    assert client.get(f"{path}/case/revealed").status_code == 422
    assert client.get(f"{path}/case/revealed?purpose=x").status_code == 422
    found = client.get(f"{path}/case/revealed", params={"purpose": "司法协助 2024-7"}).json()
    assert found["case"]["borrower"]["name"] == "张三丰"
    (entry,) = client.desk.gate._store().audit.latest(1)
    assert (entry.action, entry.object) == ("reveal", made["decision_id"])
    assert entry.detail == {"purpose": "司法协助 2024-7"}


def test_the_page_says_it_in_words_and_not_in_codes(client, path, made):
    answer = client.get(f"{path}/explanation")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = answer.text
    assert "张*" in page
    assert "张三丰" not in page
    for reason in made["reasons"][:3]:
        assert reason["zh"] in page
        # one that is a plain word may well stand in a sentence
        assert "_" not in reason["feature"] or reason["feature"] not in page
    assert f"{made['score']} 分" in page
    assert "人工复核" in page


def test_a_name_cannot_smuggle_markup_into_the_page(client):
    hostile = PERSON | {"borrower": {"name": "<script>alert(1)</script>", "kind": "owner"}}
    made = client.post("/v1/pre-loan/score", json=hostile).json()
    purpose = {"purpose": "贷审会存档"}
    page = client.get(f"/v1/decisions/{made['decision_id']}/explanation", params=purpose).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def words_of(pdf):
    document = pypdfium2.PdfDocument(pdf)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return re.sub(r"\s", "", text)


def test_the_pdf_holds_the_same_words_and_its_own_font(client, path, made):
    answer = client.get(f"{path}/explanation.pdf", params={"purpose": "贷审会存档"})
    assert answer.headers["content-type"] == "application/pdf"
    words = words_of(answer.content)
    assert "担保贷款风险评分说明" in words
    assert "张三丰" in words
    for reason in made["reasons"][:3]:
        assert re.sub(r"\s", "", reason["zh"]) in words
    assert b"/FontFile3" in answer.content or b"/FontFile2" in answer.content
    again = client.get(f"{path}/explanation.pdf", params={"purpose": "贷审会存档"})
    assert again.content == answer.content


def test_a_name_in_full_needs_a_role_that_may(client, keys, path):
    banker = bearer(keys(Role.ACCOUNT_MANAGER, "guarantor:CZ0"))
    asked = {"purpose": "贷审会存档"}
    assert client.get(f"{path}/explanation", headers=banker).status_code == 200
    assert client.get(f"{path}/explanation", params=asked, headers=banker).status_code == 403


def test_a_decision_is_made_again_over_http(client, path):
    found = client.post(f"{path}/replay").json()
    assert (found["identical"], found["differences"]) == (True, [])


def score_of(client, amount):
    case = PERSON | {"guarantee": {"borrower_id": "B3", "amount": amount, "guarantor_id": "CZ0"}}
    return client.post("/v1/pre-loan/score", json=case).json()["decision_id"]


OVERRIDE = {"outcome": "approve", "reason_code": "new_information", "note": "已核实纳税证明"}
AGREE = {"agree": True, "note": "同意"}


def asked_for(client, amount):
    path = f"/v1/decisions/{score_of(client, amount)}/reviews"
    answer = client.post(path, json={"reason": "补充了纳税证明"})
    assert answer.status_code == 201, answer.text
    assert client.post(path, json={"reason": "又一次"}).status_code == 409
    assert answer.json()["state"] == "open"
    return f"/v1/reviews/{answer.json()['review_id']}"


def test_below_the_limit_one_person_settles_a_review(client):
    review = asked_for(client, "1000000.00")
    found = client.post(f"{review}/decision", json=OVERRIDE).json()
    assert (found["state"], found["outcome"]) == ("settled", "approve")
    assert [event["act"] for event in found["events"]] == ["request", "decide"]
    assert client.post(f"{review}/decision", json=OVERRIDE).status_code == 409
    assert client.get(review).json() == found
    assert client.get("/v1/reviews").json()["reviews"][0] == found


def test_above_it_a_second_pair_of_eyes_has_to_agree(client, keys):
    review = asked_for(client, "1000000.01")
    first, second = bearer(keys(Role.RISK)), bearer(keys(Role.RISK))
    found = client.post(f"{review}/decision", json=OVERRIDE, headers=first).json()
    assert (found["state"], found["outcome"]) == ("awaiting_second", None)
    own = client.post(f"{review}/confirmation", json=AGREE, headers=first)
    assert own.status_code == 409
    assert "another person" in own.json()["error"]["message"]
    no = {"agree": False, "note": "缺少抵押登记"}
    sent_back = client.post(f"{review}/confirmation", json=no, headers=second).json()
    assert (sent_back["state"], sent_back["outcome"]) == ("open", None)
    client.post(f"{review}/decision", json=OVERRIDE, headers=second)
    settled = client.post(f"{review}/confirmation", json=AGREE, headers=first).json()
    assert (settled["state"], settled["outcome"]) == ("settled", "approve")
    assert len(settled["events"]) == 5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (OVERRIDE | {"reason_code": "mood"}, "reason_code"),
        (OVERRIDE | {"outcome": "maybe"}, "outcome"),
        (OVERRIDE | {"note": "  "}, "note"),
        ({"outcome": "approve"}, "note"),
        (OVERRIDE | {"more": 1}, "more"),
    ],
)
def test_an_override_needs_a_reason_of_the_policy_and_words(client, body, field):
    review = asked_for(client, "5000.00")
    answer = client.post(f"{review}/decision", json=body)
    assert answer.status_code == 422
    assert field in [fault["field"] for fault in answer.json()["error"]["fields"]]


def test_everything_done_verifies(client):
    assert client.desk.gate._store().verify().faults == []
