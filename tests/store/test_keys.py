"""Keys on every database: made, found, rotated, revoked, and each change in the audit log."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from vouch.domain.access import Institution, Role
from vouch.errors import NotFoundError, StoreError
from vouch.store.audit import rows
from vouch.store.keys import NewKey, key_hash
from vouch.store.store import Store

pytestmark = pytest.mark.slow

NOW = datetime(2024, 7, 1, 1, 30, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
BANK = NewKey("工行太原", Role.BANK, Institution.parse("lender:ICBC-TY"), LATER, 600)


def actions(store: Store) -> list[tuple[str, str]]:
    with store._database.reading() as connection:
        entries = [json.loads(text) for _, text, _ in rows(connection)]
    return [(entry["action"], entry["object"]) for entry in entries]


def test_a_key_is_found_by_its_hash_as_it_was_made(store: Store) -> None:
    key, secret = store.keys.create(BANK, "li", NOW)
    assert store.keys.find(key_hash(secret)) == key
    assert (key.name, key.role, str(key.institution)) == ("工行太原", Role.BANK, "lender:ICBC-TY")
    assert store.keys.find(key_hash(secret + "x")) is None
    assert secret not in json.dumps(actions(store))


def test_a_rotated_key_goes_on_until_the_overlap_ends(store: Store) -> None:
    old, _ = store.keys.create(BANK, "li", NOW)
    new, _ = store.keys.rotate(old.key_id, NOW + timedelta(hours=1), LATER, "li", NOW)
    kept = {key.key_id: key for key in store.keys.every()}
    assert kept[old.key_id].expires_at == NOW + timedelta(hours=1)
    assert kept[new.key_id].caller == kept[old.key_id].caller
    assert [action for action, _ in actions(store)] == ["create_key", "create_key", "rotate_key"]


def test_an_overlap_does_not_lengthen_a_life(store: Store) -> None:
    old, _ = store.keys.create(BANK, "li", NOW)
    store.keys.rotate(old.key_id, LATER + timedelta(days=1), LATER, "li", NOW)
    assert store.keys.every()[0].expires_at == LATER


def test_a_revoked_key_stays_revoked_and_has_no_successor(store: Store) -> None:
    key, _ = store.keys.create(BANK, "li", NOW)
    store.keys.revoke(key.key_id, "li", NOW)
    store.keys.revoke(key.key_id, "li", LATER)
    assert store.keys.every()[0].revoked_at == NOW
    assert actions(store) == [("create_key", key.key_id), ("revoke_key", key.key_id)]
    with pytest.raises(NotFoundError, match="revoked"):
        store.keys.rotate(key.key_id, LATER, LATER, "li", NOW)


def test_what_cannot_be_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError, match="vouch keys list"):
        store.keys.revoke("none", "li", NOW)
    with pytest.raises(StoreError, match="expired already"):
        store.keys.create(BANK, "li", LATER)
    assert actions(store) == []
