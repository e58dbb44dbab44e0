"""schemathesis over the whole OpenAPI document, and bodies that hypothesis makes up.

By default few examples, so that the suite stays quick; VOUCH_EXAMPLES=10000 makes as many.
"""

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

EXAMPLES = int(os.environ.get("VOUCH_EXAMPLES", "120"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_KEPT: dict[str, Any] = {}


@pytest.fixture(scope="module", autouse=True)
def _service(client):
    _KEPT["client"] = client
    yield
    _KEPT.clear()


@pytest.fixture(scope="module")
def api(client):
    return schemathesis.openapi.from_asgi("/openapi.json", client.app)


def operations(api):
    return [found.ok() for found in api.get_all_operations()]


def test_every_operation_keeps_to_its_document(api):
    bounds = settings(
        max_examples=max(2, EXAMPLES // 30),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    asked: list[str] = []
    for operation in operations(api):
        bounds(keeping(operation, asked))()
    assert len(asked) >= 2 * len(operations(api))


def keeping(operation, asked):
    @given(case=operation.as_strategy())
    def keeps_to_it(case):
        asked.append(operation.label)
        response = case.call(headers={"Authorization": f"Bearer {_KEPT['client'].key}"})
        case.validate_response(response, checks=CHECKS)

    return keeps_to_it


_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
_WORDS = (
    "guarantee amount borrower as_of scheme guarantee_id performance case signals kind "
    "event_at value changes grade cap_rate reason note"
)
_NAMES = st.sampled_from(tuple(_WORDS.split()))
_JSON = st.recursive(
    _LEAF | st.sampled_from(["2024-03-15", "1000.00", "8:2", "G1", "B", 1e308, -0.0, 10**30]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_NAMES | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=25,
)
_PATHS = [
    f"/v1/{slug}/{what}"
    for slug in ("pre-loan", "in-loan", "post-loan")
    for what in ("score", "what-if", "counterfactual")
] + ["/v1/decisions/x/reviews", "/v1/reviews/x/decision", "/v1/reviews/x/confirmation"]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(path=st.sampled_from(_PATHS), body=_JSON | st.binary(max_size=60))
def test_no_body_makes_the_service_fail(path, body):
    options = {"content": body} if isinstance(body, bytes) else {"content": _text(body)}
    headers = {"content-type": "application/json"}
    answer = _KEPT["client"].post(path, headers=headers, **options)
    assert answer.status_code < 500, answer.text


def _text(body):
    import json

    return json.dumps(body).encode("utf-8", "surrogatepass")
