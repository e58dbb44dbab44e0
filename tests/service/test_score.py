import json


def test_a(client) -> None:
    for slug in ("pre-loan", "in-loan", "post-loan"):
        r = client.post(
            f"/v1/{slug}/score",
            json={"guarantee_id": "G7"} | ({} if slug == "pre-loan" else {"as_of": "2023-12-31"}),
        )
        print(r.status_code, json.dumps(r.json(), ensure_ascii=False, indent=1))
    print(client.get("/v1/models").json())
    for body in (
        {"guarantee_id": "nope"},
        {"guarantee": {"amount": 0}},
        [{"guarantee_id": "nope"}, {"guarantee": {"amount": 5}}],
        {"guarantee": {"amount": "5000.00"}},
        {"guarantee": {"amount": "5000.00"}, "scheme": "9:9"},
    ):
        r = client.post(f"/v1/pre-loan/score", json=body)
        print(r.status_code, r.text)
    print(client.get("/nope").text, client.get("/v1/pre-loan/score").text)
    o = client.get("/openapi.json").json()
    print(len(json.dumps(o)), list(o["components"]["schemas"]))
