"""Clocks that jump: what may not depend on them does not."""

from datetime import UTC, datetime, timedelta

import pytest

from vouch import clock
from vouch.domain.access import Role
from vouch.store.audit import AuditEntry

pytestmark = pytest.mark.slow

PATH = "/v1/pre-loan/score"
CASE = {"as_of": "2024-03-15", "guarantee": {"borrower_id": "B3", "amount": "250000.00"}}
DAY = timedelta(days=1)


@pytest.fixture
def jump(monkeypatch):
    """Moves the clock by so much from the real time; the day with it."""

    def to(by):
        monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + by)
        monkeypatch.setattr(clock, "today", lambda: datetime(2025, 6, 30, tzinfo=UTC).date() + by)

    return to


def forget(client):
    """Callers remembered for a few seconds are looked up again."""
    client.desk.gate._remembered.clear()


def score(client, key=None, **headers):
    return client.post(PATH, json=CASE, headers=headers | ({"idempotency-key": key} if key else {}))


def test_the_audit_log_never_goes_back_and_says_what_the_clock_said(serve, jump):
    client = serve()
    for by in (0, 10, -10, 0, 20):
        jump(by * DAY)
        forget(client)
        if by != 20:  # by then the key has expired
            assert score(client).status_code == (401 if by == 10 else 200)
        entry = AuditEntry(clock.now(), "li", "test", "x")
        client.desk._vouch.store().audit.add(entry)
    store = client.desk._vouch.store()
    entries = store.audit.latest(100)[::-1]
    times = [entry.at for entry in entries]
    assert times == sorted(times)
    behind = [entry for entry in entries if entry.clock is not None]
    assert behind
    assert all(datetime.fromisoformat(entry.clock) < entry.at for entry in behind)
    assert store.verify().faults == []


def test_a_key_expires_by_the_clock_but_once_revoked_never_opens_again(client, keys, jump):
    secret = keys()  # for one day
    header = {"authorization": f"Bearer {secret}"}
    jump(2 * DAY)
    forget(client)
    assert score(client, **header).status_code == 401
    jump(0 * DAY)
    forget(client)
    assert score(client, **header).status_code == 200
    client.desk._vouch.store().keys.revoke(secret.split("_")[1], "test", clock.now())
    for by in (-10 * DAY, 0 * DAY, -DAY / 2):
        jump(by)
        forget(client)
        assert score(client, **header).status_code == 401


def test_limits_and_one_decision_per_key_do_not_depend_on_the_clock(client, keys, jump):
    header = {"authorization": f"Bearer {keys(Role.UNDERWRITER, 'guarantor:CZ0', rate=3)}"}
    first = score(client, "clock-1", **header)
    jump(-DAY / 2)
    again = score(client, "clock-1", **header)
    assert (first.status_code, again.json()) == (200, first.json())
    assert score(client, **header).status_code == 200
    for by in (-3 * DAY, DAY / 2):
        jump(by)
        assert score(client, **header).status_code == 429


def test_what_was_yesterday_may_be_tomorrow_and_is_then_refused_by_name(client, jump):
    case = {"as_of": "2025-06-30", "guarantee": {"amount": "250000.00"}}
    assert client.post(PATH, json=case).status_code == 200
    jump(-DAY)
    refused = client.post(PATH, json=case)
    assert refused.status_code == 422
    assert "in the future" in refused.json()["error"]["fields"][0]["reason"]
