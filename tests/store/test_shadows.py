"""What challengers said: beside its decision, added once, gone only with it; on every database."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from tests.store.test_decisions import NOW, decision
from vouch.errors import StoreError
from vouch.store.engine import Database
from vouch.store.shadows import ShadowScore
from vouch.store.store import Store
from vouch.store.tables import SHADOW_SCORES

pytestmark = pytest.mark.slow

ONE = ShadowScore("d1", "b" * 64, "vouch-pre-loan", "4", NOW, 0.025, 640, "B", "approve")
SAID = {"default_probability": 0.03, "score": 620, "grade": "B", "band": "refer"}


def test_it_is_kept_beside_its_decision_and_once(store: Store) -> None:
    store.decisions.add([decision("d1", answer=SAID), decision("d2", answer=SAID)], NOW)
    store.shadows.add([ONE])
    store.shadows.add([replace(ONE, score=1), replace(ONE, decision_id="d2")])
    assert store.shadows.of("d1") == [ONE]
    later = replace(ONE, model_hash="c" * 64, model_version="5", at=NOW + timedelta(days=1))
    store.shadows.add([later])
    assert store.shadows.of("d1") == [ONE, later]
    assert store.shadows.of("d9") == []
    found = store.shadows.pairs("pre_loan", NOW)
    assert [pair.shadow.decision_id for pair in found].count("d1") == 2
    assert {(pair.score, pair.band) for pair in found} == {(620, "refer")}
    assert store.shadows.pairs("pre_loan", NOW + timedelta(days=1)) == []
    assert store.shadows.pairs("in_loan", NOW) == []


def test_of_no_decision_nothing_is_kept(store: Store) -> None:
    with pytest.raises(StoreError, match="refuses"):
        store.shadows.add([ONE])
    store.shadows.add([])


def test_it_cannot_be_rewritten_and_goes_with_its_decision(store: Store, store_url: str) -> None:
    store.decisions.add([decision("d1")], NOW)
    store.shadows.add([ONE])
    database = Database(store_url)
    for statement in (update(SHADOW_SCORES).values(score=1), delete(SHADOW_SCORES)):
        with pytest.raises(StoreError, match="append-only"), database.writing() as connection:
            connection.execute(statement)
    database.close()
    periods = dict.fromkeys(("decisions", "bases", "idempotency", "alerts"), timedelta(days=1))
    store.retention.run(periods, "li", NOW + timedelta(days=2))
    assert store.decisions.one("d1") is None
    assert store.shadows.of("d1") == []
    assert store.verify().faults == []
