"""What would be: a changed case scores like that case, and advice reaches what it says."""

from copy import deepcopy

import pytest

pytestmark = pytest.mark.slow

CASE = {
    "as_of": "2024-03-15",
    "guarantee": {
        "borrower_id": "B3",
        "lender_id": "L1",
        "amount": "250000.00",
        "guaranteed_amount": "200000.00",
        "interest_rate": 0.07,
        "tenor_months": 12,
        "scheme": "8:2",
    },
    "borrower": {"kind": "enterprise", "industry": "F5211", "region": "140100"},
}


def post(client, path, body):
    answer = client.post(f"/v1/pre-loan/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def with_terms(**changed):
    case = deepcopy(CASE)
    case["guarantee"] |= changed
    return case


def same(one, other):
    names = ("score", "default_probability", "reasons", "expected_compensation")
    return {n: one[n] for n in names} == {n: other[n] for n in names}


def test_a_changed_case_is_answered_like_that_case(client):
    changes = {"guarantee": {"amount": "90000.00", "interest_rate": 0.05}, "scheme": "5:5"}
    found = post(client, "what-if", {"case": CASE, "changes": changes})
    # the guaranteed share stays: 200,000 of 250,000 is 72,000 of 90,000
    terms = {"amount": "90000.00", "interest_rate": 0.05, "guaranteed_amount": "72000.00"}
    other = post(client, "score", with_terms(**terms) | {"scheme": "5:5"})
    assert same(found["changed"], other)
    assert same(found["base"], post(client, "score", CASE))
    assert found["score_change"] == other["score"] - found["base"]["score"]
    assert found["changed"]["expected_compensation"]["scheme"] == "5:5"


def test_a_guarantee_of_the_book_can_be_asked_about(client):
    found = post(client, "what-if", {"case": {"guarantee_id": "G1"}, "changes": {}})
    assert found["score_change"] == 0
    assert same(found["base"], post(client, "score", {"guarantee_id": "G1"}))


def test_a_fee_and_a_cap_can_be_otherwise(client):
    changes = {"guarantee": {"fee_rate": 0.001}, "cap_rate": 0.03}
    found = post(client, "what-if", {"case": CASE, "changes": changes})
    assert found["changed"]["advice"]["fee"]["asked"] == "0.001"


def test_null_takes_a_field_away(client):
    gone = {"borrower": {"industry": None}}
    found = post(client, "what-if", {"case": CASE, "changes": gone})
    case = deepcopy(CASE)
    del case["borrower"]["industry"]
    assert same(found["changed"], post(client, "score", case))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"guarantee": {"amount": "-1"}}, "guarantee.amount"),
        ({"guarantee": {"colour": "red"}}, "guarantee.colour"),
        ({"guarantee": {"amount": None}}, "guarantee.amount"),
        ({"scheme": "9:1"}, "scheme"),
        ({"cap_rate": 0}, "changes.cap_rate"),
    ],
)
def test_a_wrong_change_is_named(client, changes, field):
    answer = client.post("/v1/pre-loan/what-if", json={"case": CASE, "changes": changes})
    assert answer.status_code == 422, answer.text
    assert field in [fault["field"] for fault in answer.json()["error"]["fields"]]


def test_it_is_no_decision_but_is_noted(client):
    store = client.desk.gate._store()
    before = len(store.decisions.sample(10**6))
    post(client, "what-if", {"case": CASE, "changes": {}})
    assert len(store.decisions.sample(10**6)) == before
    (entry,) = store.audit.latest(1)
    assert entry.action == "what_if"


def test_advice_reaches_the_grade_it_names_with_the_changes_it_names(client):
    grades = ["A", "B", "C", "D", "E"]
    now = post(client, "score", CASE)
    better = grades[max(0, grades.index(now["grade"]) - 1)]
    found = post(client, "counterfactual", {"case": CASE, "grade": better})
    assert found["tried"] > 0
    changed = {change["field"].split(".")[1]: change["to"] for change in found["changes"]}
    again = post(client, "what-if", {"case": CASE, "changes": {"guarantee": changed}})
    assert again["changed"]["score"] == found["changed"]["score"]
    assert found["reached"] == (found["changed"]["score"] >= found["target_score"])
    assert found["changed"]["score"] >= found["base"]["score"]


def test_a_grade_held_already_needs_no_change(client):
    found = post(client, "counterfactual", {"case": CASE, "grade": "E"})
    assert (found["reached"], found["changes"], found["tried"]) == (True, [], 0)


def test_an_unknown_grade_is_named(client):
    answer = client.post("/v1/pre-loan/counterfactual", json={"case": CASE, "grade": "Z"})
    assert answer.json()["error"]["fields"][0]["reason"].startswith("the grades are A, B")
