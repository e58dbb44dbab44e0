"""The gate: keys that end, tokens that prove, limits that hold, secrets that stay secret."""

import json
import logging
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vouch import clock
from vouch.domain.access import Institution, Role
from vouch.errors import SettingsError, StoreError
from vouch.policy.access import AccessTable
from vouch.policy.reading import SHIPPED
from vouch.service.gate import REMEMBERED, Gate
from vouch.service.rates import RateLimits
from vouch.service.refusals import Refusal
from vouch.service.tokens import Tokens
from vouch.settings import Settings
from vouch.store.keys import NewKey
from vouch.store.store import Store

TABLE = AccessTable.read(SHIPPED)
PROVINCE = Institution.parse("province")


class Time:
    """A timer moved by hand."""

    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


@pytest.fixture
def store(tmp_path):
    opened = Store(f"sqlite:///{tmp_path / 'vouch.db'}")
    yield opened
    opened.close()


@pytest.fixture
def timer():
    return Time()


@pytest.fixture
def gate(store, timer):
    return Gate(lambda: store, TABLE, Settings.from_env({}), timer)


def made(store, **changed):
    now = clock.now()
    values = {"name": "li", "role": Role.RISK, "institution": PROVINCE} | changed
    return store.keys.create(NewKey(**{"expires_at": now + timedelta(days=1)} | values), "me", now)


def test_a_key_is_kept_only_as_a_hash(store, tmp_path):
    key, secret = made(store)
    store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in kept
    # what follows the identifier may hold underscores itself
    assert secret.split("_", 2)[2].encode() not in kept
    assert key.key_id.encode() in kept


def test_a_revoked_key_opens_nothing_within_seconds(store, gate, timer):
    key, secret = made(store)
    assert gate.look_up(secret) == key.caller
    store.keys.revoke(key.key_id, "me", clock.now())
    assert gate.remembered(secret) == key.caller
    timer.at = REMEMBERED.total_seconds() + 0.1
    assert gate.remembered(secret) is None
    assert gate.look_up(secret) is None


def test_a_key_looked_up_a_moment_ago_needs_no_store(store, timer):
    asked = []

    def opened():
        asked.append(1)
        return store

    gate = Gate(opened, TABLE, Settings.from_env({}), timer)
    _, secret = made(store)
    unknown = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    for _ in range(50):
        assert gate.look_up(secret)
        assert gate.look_up(unknown) is None
    assert len(asked) == 2


def test_an_expired_key_opens_nothing(store, gate, monkeypatch):
    _, secret = made(store)
    later = clock.now() + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert gate.look_up(secret) is None


def test_a_key_is_not_remembered_beyond_its_end(store, gate, timer):
    _, secret = made(store, expires_at=clock.now() + timedelta(seconds=2))
    assert gate.look_up(secret)
    timer.at = 2.1
    assert gate.remembered(secret) is None


def test_rotation_is_without_a_gap_and_keeps_the_caller(store, gate, timer):
    old, old_secret = made(store)
    now = clock.now()
    new, new_secret = store.keys.rotate(
        old.key_id, now + timedelta(hours=1), now + timedelta(days=9), "me", now
    )
    assert gate.look_up(old_secret) == gate.look_up(new_secret) == old.caller == new.caller
    assert {k.key_id: k.is_live(now + timedelta(hours=2)) for k in store.keys.every()} == {
        old.key_id: False,
        new.key_id: True,
    }


@pytest.mark.parametrize(
    ("role", "institution"), [(Role.BANK, "province"), (Role.RISK, "lender:L1")]
)
def test_a_bank_is_a_bank_and_nobody_else_is(store, role, institution):
    with pytest.raises(StoreError, match="the role bank goes with"):
        made(store, role=role, institution=Institution.parse(institution))
    assert store.keys.every() == []


def test_a_bucket_holds_a_minute_and_fills_evenly():
    timer = Time()
    limits = RateLimits(timer=timer)
    assert [limits.take("a", 60) for _ in range(60)] == [0.0] * 60
    assert limits.take("a", 60) == pytest.approx(1.0)  # 60 a minute: one a second
    assert limits.take("b", 60) == 0.0
    timer.at = 0.5
    assert limits.take("a", 60) == pytest.approx(0.5)
    timer.at = 1.0
    assert limits.take("a", 60) == 0.0
    assert limits.take("a", 60) > 0


def test_processes_share_a_limit():
    limits = RateLimits(4, Time())
    assert sum(limits.take("a", 60) == 0.0 for _ in range(60)) == 15


def test_too_many_requests_are_told_when_to_come_again(store, gate):
    key, _ = made(store, rate_per_minute=2)
    gate.admit(key.caller, "score")
    gate.admit(key.caller, "score")
    with pytest.raises(Refusal) as refused:
        gate.admit(key.caller, "score")
    assert (refused.value.status, refused.value.headers) == (429, {"retry-after": "30"})


SIGNER = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)


@pytest.fixture
def provider(tmp_path):
    """The settings of a service that takes an identity provider's tokens."""
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(SIGNER.public_key()))
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [public | {"kid": "one", "alg": "RS256"}]}))
    env = {"KEYS": str(path), "ISSUER": "https://id.example", "AUDIENCE": "vouch"}
    return Settings.from_env({f"VOUCH_JWT_{name}": value for name, value in env.items()})


def token(signer=SIGNER, algorithm="RS256", kid="one", **changed):
    claims = {
        "sub": "wang",
        "iss": "https://id.example",
        "aud": "vouch",
        "exp": datetime.now(UTC) + timedelta(minutes=5),
        "vouch_role": "underwriter",
        "vouch_institution": "guarantor:CZ0",
    } | changed
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, signer, algorithm, headers={"kid": kid})


def test_a_token_of_the_provider_says_who_calls(store, provider):
    caller = Gate(lambda: store, TABLE, provider).look_up(token())
    assert (caller.id, caller.role) == ("token:wang", Role.UNDERWRITER)
    assert str(caller.institution) == "guarantor:CZ0"


def public_pem():
    return SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


FORGED = {
    "another signer": lambda: token(OTHER),
    "no signature": lambda: token("", "none"),
    "the public key as a secret": lambda: jwt.api_jws.encode(b"{}", "x" * 40, "HS256"),
    "expired": lambda: token(exp=datetime.now(UTC) - timedelta(minutes=5)),
    "without an end": lambda: token(exp=None),
    "another audience": lambda: token(aud="other"),
    "another issuer": lambda: token(iss="https://evil.example"),
    "without a subject": lambda: token(sub=None),
    "no role": lambda: token(vouch_role=None),
    "unknown role": lambda: token(vouch_role="king"),
    "no institution": lambda: token(vouch_institution=None),
    "a bank of the province": lambda: token(vouch_role="bank", vouch_institution="province"),
    "an institution that is no text": lambda: token(vouch_institution=7),
    "garbage": lambda: "a.b.c",
    "altered": lambda: token()[:-8] + "AAAAAAAA",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_token_that_proves_nothing_opens_nothing(store, provider, forged):
    assert Gate(lambda: store, TABLE, provider).look_up(forged()) is None


def test_tokens_open_nothing_where_no_provider_is_set(gate):
    assert gate.look_up(token()) is None


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"VOUCH_JWT_KEYS": "x.json"}, "VOUCH_JWT_ISSUER"),
        (
            {"VOUCH_JWT_KEYS": "http://x", "VOUCH_JWT_ISSUER": "i", "VOUCH_JWT_AUDIENCE": "a"},
            "https",
        ),
    ],
)
def test_settings_of_a_provider_are_whole_or_refused(env, says):
    with pytest.raises(SettingsError, match=says):
        Settings.from_env(env)


def test_a_file_of_keys_that_is_none_is_refused(tmp_path):
    env = {"KEYS": str(tmp_path / "none"), "ISSUER": "i", "AUDIENCE": "a"}
    settings = Settings.from_env({f"VOUCH_JWT_{name}": value for name, value in env.items()})
    with pytest.raises(SettingsError, match="no usable JWKS"):
        Tokens(settings)


@pytest.mark.slow
def test_answers_carry_security_headers(client):
    for answer in (client.get("/v1/models"), client.get("/nowhere")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.slow
def test_a_limit_over_http_says_when_to_come_again(client, keys):
    headers = {"authorization": f"Bearer {keys(rate=2)}"}
    answers = [client.get("/v1/models", headers=headers) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[-1].json()["error"]["code"] == "too_many_requests"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 30


@pytest.mark.slow
def test_no_secret_is_logged_or_answered(client, keys, monkeypatch, caplog):
    secret = keys()
    wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    caplog.set_level(logging.DEBUG)
    found = client.get("/v1/models", headers={"authorization": f"Bearer {secret}"})
    monkeypatch.setattr("vouch.store.keys.KeyRing.find", lambda *_: 1 / 0)
    failed = client.get("/v1/models", headers={"authorization": f"Bearer {wrong}"})
    assert (found.status_code, failed.status_code) == (200, 500)
    assert secret not in found.text + failed.text + caplog.text
    assert wrong not in failed.text + caplog.text
