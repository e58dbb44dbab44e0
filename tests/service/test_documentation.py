"""What is documented: every address, every column of the book, and examples that work."""

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
    assert set(posts) == {f"/v1/{s}/score" for s in ("pre-loan", "in-loan", "post-loan")}
    for operation in posts.values():
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["requestBody"]["content"]["application/json"]["examples"]) == set(
            EXAMPLES
        )
        for status in ("400", "404", "413", "415", "422", "503"):
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
