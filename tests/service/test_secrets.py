"""What opens doors is told to nobody: not in logs, errors, answers, nor in the store."""

import logging
from pathlib import Path

import pytest

from vouch.bootstrap import build
from vouch.domain.stage import Stage
from vouch.errors import ModelError, SettingsError, StoreError
from vouch.settings import Settings
from vouch.warning.notify import mailer

SECRET = "s3cret-of-the-store"
CASE = {"as_of": "2024-03-15", "guarantee": {"borrower_id": "B3", "amount": "250000.00"}}
SECRETS = {
    "VOUCH_STORE_URL": f"postgresql+psycopg://vouch:{SECRET}@127.0.0.1:1/vouch",
    "MLFLOW_TRACKING_URI": f"http://vouch:{SECRET}@127.0.0.1:1",
    "VOUCH_SMTP_URL": f"smtp://vouch:{SECRET}@127.0.0.1:1",
    "VOUCH_SECRET_KEY": f"{SECRET}-0123456789-0123456789",
    "VOUCH_WEBHOOK_URL": f"https://robot.example/send?access_token={SECRET}",
    "VOUCH_WEBHOOK_SECRET": SECRET,
}


@pytest.fixture
def everything(caplog):
    """All that is logged, by whatever library."""
    with caplog.at_level(logging.DEBUG):
        yield lambda: caplog.text + "".join(str(record.__dict__) for record in caplog.records)


@pytest.fixture
def settings(tmp_path):
    return Settings.from_env({"VOUCH_HOME": str(tmp_path), **SECRETS})


def test_settings_shown_to_a_person_hold_no_secret(settings):
    assert SECRET in settings.store_url
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.listed())


def test_a_store_that_cannot_be_reached_is_named_without_its_password(settings, everything):
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1") as told:
        build(settings).store()
    assert SECRET not in str(told.value)
    assert SECRET not in everything()


def test_a_registry_that_cannot_be_reached_is_named_without_its_password(
    settings, everything, monkeypatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ModelError) as told:
        build(settings).registry.champion_version(Stage.PRE_LOAN)
    assert SECRET not in str(told.value)
    assert SECRET not in everything()


def test_a_mail_server_is_named_without_its_password(settings, tmp_path, everything):
    by_smtp = mailer(settings.smtp_url, "vouch@guarantor.cn", tmp_path)
    assert SECRET not in repr(by_smtp)
    ((_, refused),) = by_smtp.deliver([None])  # nobody listens there, so no mail is looked at
    assert refused.is_outage
    assert SECRET not in repr(refused)
    with pytest.raises(SettingsError) as told:
        Settings.from_env({"VOUCH_SMTP_URL": f"ftp://vouch:{SECRET}@127.0.0.1"})
    assert SECRET not in str(told.value)
    assert SECRET not in everything()


def test_a_key_is_kept_nowhere(serve, everything, monkeypatch):
    client = serve()
    key = client.key.rpartition("_")[2]
    wrong = client.key[:-4] + "AAAA"
    answers = [
        client.post("/v1/pre-loan/score", json=CASE),
        client.post("/v1/pre-loan/score", json={"guarantee": {}}),
        client.get("/v1/models", headers={"authorization": f"Bearer {wrong}"}),
        client.get("/v1/decisions/none"),
    ]

    def away(*_):
        raise StoreError(f"the store at {SECRETS['VOUCH_STORE_URL']} is away")

    monkeypatch.setattr(client.desk, "models", away)
    answers.append(client.get("/v1/models"))
    assert [answer.status_code for answer in answers] == [200, 422, 401, 404, 503]
    for answer in answers:
        told = answer.text + str(answer.headers)
        assert key not in told
        assert wrong not in told
        assert SECRET not in told
    assert key not in everything()
    assert wrong not in everything()
    path = Path(client.store_url.removeprefix("sqlite:///"))
    for file in path.parent.glob(f"{path.name}*"):
        assert key.encode() not in file.read_bytes()
