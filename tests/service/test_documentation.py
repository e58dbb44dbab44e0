"""What is documented: every address, every column of the book, and examples that work."""

import re

import pytest

from vouch.book.tables import BORROWER, GUARANTEE, LENDER, PERFORMANCE, SIGNAL
from vouch.service.payloads import EXAMPLES, MANY, ONE

TABLES = (GUARANTEE, BORROWER, LENDER, PERFORMANCE, SIGNAL)


@pytest.fixture(scope="module")
def documented(client):
    return client.get("/openapi.json").json()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_a_field_with_its_chinese_name_and_meaning(documented, table):
    schema = documented["components"]["schemas"][table.name.capitalize()]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(table.by_name)
    for name, column in table.by_name.items():
        field = schema["properties"][name]
        assert field["title"] == column.zh
        assert field["description"].startswith(column.about)
        assert column.zh in field["description"]


def test_every_address_says_what_it_does_and_how_it_refuses(documented):
    posts = {path: item["post"] for path, item in documented["paths"].items() if "post" in item}
    scores = {f"/v1/{s}/score" for s in ("pre-loan", "in-loan", "post-loan")}
    assert scores <= set(posts)
    for operation in (posts[path] for path in scores):
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["requestBody"]["content"]["application/json"]["examples"]) == set(
            EXAMPLES
        )
        for status in ("400", "401", "403", "404", "409", "413", "415", "422", "429", "503"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema["$ref"].endswith("/ErrorAnswer")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_valid_requests(name):
    import json

    value = EXAMPLES[name]["value"]
    adapter = MANY if isinstance(value, list) else ONE
    adapter.validate_json(json.dumps(value))


def test_the_example_with_facts_is_answered(client):
    answer = client.post("/v1/post-loan/score", json=EXAMPLES["facts"]["value"])
    assert answer.status_code == 200


def test_every_operation_has_words_in_both_languages_and_refuses_the_same_way(documented):
    for path, item in documented["paths"].items():
        for method, operation in item.items():
            assert re.search(r"[a-z]", operation["summary"]), (path, method)
            assert re.search(r"[\u4e00-\u9fff]", operation["summary"]), (path, method)
            assert {"401", "403", "429", "503"} <= set(operation["responses"])
            if method == "post" and "requestBody" in operation:
                assert {"400", "413", "415", "422"} <= set(operation["responses"])
