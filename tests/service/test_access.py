"""Every endpoint × role × institution: what happens is what the access table says, and no more."""

from datetime import date

import pytest
from fastapi.routing import APIRoute

from vouch.domain.access import Institution, Level, Role
from vouch.policy.access import AccessTable
from vouch.policy.reading import SHIPPED

pytestmark = pytest.mark.slow

TABLE = AccessTable.read(SHIPPED)
INSTITUTIONS = ["province", "guarantor:CZ0", "guarantor:CZ1", "lender:L0", "lender:L1"]
CALLERS = [
    (role, institution)
    for role in Role
    for institution in INSTITUTIONS
    if (role is Role.BANK) == institution.startswith("lender")
]
UNKNOWN = "00000000-0000-0000-0000-000000000000"


class World:
    """A guarantee and a decision of each owner, and those that are nobody's."""

    def __init__(self, client, book):
        rows = book.known(book.newest_known_at).rows("guarantee").to_pylist()
        self.owners = {}
        for row in rows:
            owner = (row["guarantor_id"], row["lender_id"])
            if owner[0] in ("CZ0", "CZ1") and owner[1] in ("L0", "L1"):
                self.owners.setdefault(owner, row["guarantee_id"])
        self.decisions, self.reviews = {}, {}
        for owner, guarantee_id in self.owners.items():
            answer = client.post("/v1/post-loan/score", json={"guarantee_id": guarantee_id})
            self.decisions[owner] = answer.json()["decision_id"]
            path = f"/v1/decisions/{self.decisions[owner]}/reviews"
            self.reviews[owner] = client.post(path, json={"reason": "test"}).json()["review_id"]


@pytest.fixture(scope="module")
def world(client, book):
    return World(client, book)


CASE = {"as_of": "2024-03-15", "guarantee": {"amount": "1000.00"}}
OVERRIDE = {"outcome": "refer", "reason_code": "upheld", "note": "as before"}

# How each endpoint is asked about one owner's guarantee g, decision d or review r.
REQUESTS = {
    "score": lambda g, d, r: ("POST", "/v1/post-loan/score", {"guarantee_id": g}),
    "read_decision": lambda g, d, r: ("GET", f"/v1/decisions/{d}", None),
    "read_case": lambda g, d, r: ("GET", f"/v1/decisions/{d}/case", None),
    "reveal": lambda g, d, r: ("GET", f"/v1/decisions/{d}/case/revealed?purpose=archive", None),
    "explain": lambda g, d, r: ("GET", f"/v1/decisions/{d}/explanation", None),
    "replay": lambda g, d, r: ("POST", f"/v1/decisions/{d}/replay", None),
    "read_shadow": lambda g, d, r: ("GET", f"/v1/decisions/{d}/shadow", None),
    "request_review": lambda g, d, r: (
        "POST",
        f"/v1/decisions/{d}/reviews",
        {"reason": "new papers"},
    ),
    "list_reviews": lambda g, d, r: ("GET", "/v1/reviews", None),
    "read_review": lambda g, d, r: ("GET", f"/v1/reviews/{r}", None),
    "override": lambda g, d, r: ("POST", f"/v1/reviews/{r}/decision", OVERRIDE),
    "confirm": lambda g, d, r: (
        "POST",
        f"/v1/reviews/{r}/confirmation",
        {"agree": True, "note": "seen"},
    ),
    "what_if": lambda g, d, r: (
        "POST",
        "/v1/post-loan/what-if",
        {"case": {"guarantee_id": g}, "changes": {"guarantee": {"amount": "1000.00"}}},
    ),
    "counterfactual": lambda g, d, r: (
        "POST",
        "/v1/post-loan/counterfactual",
        {"case": {"guarantee_id": g}, "grade": "E"},
    ),
    "expectation": lambda g, d, r: ("GET", "/v1/portfolio/expectation?as_of=2024-06-30", None),
    "models": lambda g, d, r: ("GET", "/v1/models", None),
    "health": lambda g, d, r: ("GET", "/v1/health", None),
}
WITHOUT_ROWS = {"models", "health", "list_reviews", "expectation"}
# 409: a review that was asked for, or settled, already
DONE = (200, 201, 409)


def ask(client, key, endpoint, guarantee, decision, review):
    method, path, body = REQUESTS[endpoint](guarantee, decision, review)
    headers = {"authorization": f"Bearer {key}"}
    return client.request(method, path, json=body, headers=headers)


def said(answer, *hidden):
    """Status and words of an answer, without the request's number and what was asked."""
    text = answer.text.replace(answer.headers["x-request-id"], "")
    for word in hidden:
        text = text.replace(word, "…")
    return answer.status_code, text


def test_the_table_the_routes_and_this_test_name_the_same_endpoints(client):
    routes = {route.name for route in client.app.routes if isinstance(route, APIRoute)}
    assert routes == set(TABLE.endpoints) == set(REQUESTS)


@pytest.mark.parametrize(("role", "institution"), CALLERS, ids=str)
@pytest.mark.parametrize("endpoint", TABLE.endpoints)
def test_what_happens_is_what_the_table_says(client, keys, world, endpoint, role, institution):
    key, home = keys(role, institution), Institution.parse(institution)
    nothing = said(ask(client, key, endpoint, "GX", UNKNOWN, UNKNOWN), "GX", UNKNOWN)
    for owner, guarantee in world.owners.items():
        decision, review = world.decisions[owner], world.reviews[owner]
        answer = ask(client, key, endpoint, guarantee, decision, review)
        if not TABLE.allows(role, endpoint):
            assert answer.status_code == 403
        elif endpoint in WITHOUT_ROWS or home.sees(*owner):
            assert answer.status_code in DONE, answer.text
        else:
            assert said(answer, f'"{guarantee}"', guarantee, decision, review) == nothing
            assert answer.status_code == 404


@pytest.mark.parametrize("endpoint", TABLE.endpoints)
def test_without_a_key_there_is_nothing(client, world, endpoint):
    method, path, body = REQUESTS[endpoint]("G1", UNKNOWN, UNKNOWN)
    for authorization in ("", "Bearer", "Bearer x", "Basic dTpw", f"Bearer vouch_{'0' * 12}_x"):
        answer = client.request(method, path, json=body, headers={"authorization": authorization})
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("role", "institution"), CALLERS, ids=str)
def test_lists_and_sums_hold_only_ones_own(client, keys, world, book, role, institution):
    headers = {"authorization": f"Bearer {keys(role, institution)}"}
    home = Institution.parse(institution)
    listed = client.get("/v1/reviews", headers=headers).json()["reviews"]
    assert {r["review_id"] for r in listed} == {
        review for owner, review in world.reviews.items() if home.sees(*owner)
    }
    found = client.get("/v1/portfolio/expectation?as_of=2024-06-30", headers=headers).json()
    assert found["in_force"] == sum(
        home.sees(row["guarantor_id"], row["lender_id"]) for row in in_force(book)
    )
    assert (found["capped"] is not None) == (institution == "province")


def in_force(book):
    from vouch.monitoring.expectation.in_force import guarantees_in_force
    from vouch.monitoring.measures.view import View

    known = book.known(date(2024, 6, 30))
    terms = [g.terms for g in guarantees_in_force(View(known))]
    return [{"guarantor_id": t.guarantor, "lender_id": t.lender} for t in terms]


def test_a_list_with_one_case_of_another_is_refused_whole_without_a_hint(client, keys, world):
    own = next(g for o, g in world.owners.items() if o[0] == "CZ0")
    foreign = next(g for o, g in world.owners.items() if o[0] == "CZ1")
    headers = {"authorization": f"Bearer {keys(Role.UNDERWRITER, 'guarantor:CZ0')}"}
    for slug in ("pre-loan", "in-loan", "post-loan"):
        answers = [
            client.post(
                f"/v1/{slug}/score",
                json=[{"guarantee_id": own}, {"guarantee_id": other}],
                headers=headers,
            )
            for other in (foreign, "GX")
        ]
        assert said(answers[0], foreign) == said(answers[1], "GX")
        assert answers[0].status_code == 404


def test_facts_given_belong_to_the_institution_that_gives_them(client, keys):
    headers = {"authorization": f"Bearer {keys(Role.BANK, 'lender:L0')}"}
    case = {"as_of": "2024-03-15", "guarantee": {"amount": "1000.00", "guarantor_id": "CZ1"}}
    made = client.post("/v1/pre-loan/score", json=case, headers=headers)
    assert made.status_code == 200
    path = f"/v1/decisions/{made.json()['decision_id']}"
    assert client.get(path, headers=headers).status_code == 200
    for role, institution, status in [
        (Role.BANK, "lender:L1", 404),
        (Role.RISK, "guarantor:CZ0", 404),
        (Role.RISK, "guarantor:CZ1", 200),
    ]:
        other = {"authorization": f"Bearer {keys(role, institution)}"}
        assert client.get(path, headers=other).status_code == status
    foreign = case | {"guarantee": {"amount": "1000.00", "lender_id": "L1"}}
    refused = client.post("/v1/pre-loan/score", json=foreign, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["error"]["fields"] == [
        {"field": "guarantee.lender_id", "reason": "is not your institution"}
    ]


def test_naming_anothers_guarantee_scores_like_naming_none(client, keys, book):
    rows = book.known(book.newest_known_at).rows("guarantee").to_pylist()
    foreign = next(r for r in rows if r["guarantor_id"] == "CZ1")
    headers = {"authorization": f"Bearer {keys(Role.UNDERWRITER, 'guarantor:CZ0')}"}
    found = []
    for name in (foreign["guarantee_id"], "GX"):
        terms = {"guarantee_id": name, "borrower_id": foreign["borrower_id"], "amount": "9000.00"}
        case = {"as_of": "2025-03-15", "guarantee": terms}
        answer = client.post("/v1/pre-loan/score", json=case, headers=headers).json()
        assert answer["guarantee_id"] == name
        found.append((answer["score"], answer["reasons"], answer["expected_compensation"]))
    assert found[0] == found[1]


def test_below_the_province_the_shared_record_has_points_but_no_values(client, keys, world):
    guarantee = next(g for o, g in world.owners.items() if o[0] == "CZ0")
    asked = {"guarantee_id": guarantee}
    whole = client.post("/v1/pre-loan/score", json=asked).json()
    headers = {"authorization": f"Bearer {keys(Role.RISK, 'guarantor:CZ0')}"}
    part = client.post("/v1/pre-loan/score", json=asked, headers=headers).json()
    assert part["base_points"] + sum(r["points"] for r in part["reasons"]) == part["score"]
    shared = {"earlier_guarantees", "earlier_compensations", "lender_typical_amount_2y"}
    shared |= {name for name in (r["feature"] for r in whole["reasons"]) if "rate_" in name}
    assert shared & {r["feature"] for r in part["reasons"]}
    for full, seen in zip(whole["reasons"], part["reasons"], strict=True):
        if full["feature"] in shared:
            assert (seen["value"], seen["usual"], seen["points"]) == (None, None, full["points"])
            assert "全省" in seen["zh"]
        else:
            assert seen == full


def test_the_levels_are_those_of_the_book():
    assert {level.value for level in Level} == {"province", "guarantor", "lender"}
