"""What is added at once is what would have been added by waiting; and it never waits."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from vouch.store.at_once import AtOnce
from vouch.store.decisions import DecisionRecord, Once
from vouch.store.store import Store

NOW = datetime(2024, 7, 1, 1, 30, 0, 123456, tzinfo=UTC)


def decision(name: str, **changed: Any) -> DecisionRecord:
    record = DecisionRecord(
        decision_id=name,
        made_at=NOW,
        stage="pre_loan",
        as_of=date(2024, 6, 30),
        guarantee_id="G1",
        borrower_id=None,
        request_hash="f" * 64,
        request={"amount": "1000000.00", "purpose": "周转"},
        answer={"score": 612, "default_probability": 1e-7},
        model_name="vouch-pre-loan",
        model_version="3",
        model_hash="a" * 64,
        caller="key:1",
        policy_hash="b" * 64,
        basis={"features": {"amount": 1e17, "kind": None}},
    )
    return replace(record, **changed)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vouch.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{file}")) as opened:
        yield opened


@pytest.fixture
def at_once(store: Store) -> AtOnce:
    assert store.at_once is not None
    return store.at_once


def test_what_is_added_at_once_is_read_and_proved_like_any(store: Store, at_once: AtOnce) -> None:
    store.decisions.add([decision("d1")], NOW)
    once = Once("key:1", "k1", "c" * 64)
    assert at_once.add([([decision("d2")], once), ([decision("d3", basis=None)], None)], NOW)
    store.decisions.add([decision("d4")], NOW)
    for name in ("d1", "d2", "d4"):
        assert store.decisions.one(name) == decision(name)
    assert store.decisions.one("d3") == decision("d3", basis=None)
    assert store.decisions.earlier(once) == [decision("d2")]
    assert [entry.number for entry in store.audit.latest(9)] == [4, 3, 2, 1]
    proved = store.verify()
    assert (proved.entries, proved.decisions, proved.faults) == (4, 4, [])


def test_a_key_seen_before_leaves_nothing_behind(store: Store, at_once: AtOnce) -> None:
    once = Once("key:1", "k1", "c" * 64)
    assert at_once.add([([decision("d1")], once)], NOW)
    assert not at_once.add([([decision("d2")], None), ([decision("d3")], once)], NOW)
    assert store.decisions.one("d2") is None
    assert store.verify().faults == []
    assert at_once.add([([decision("d2")], None)], NOW)


def test_another_writer_is_not_waited_for(store: Store, at_once: AtOnce, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert not at_once.add([([decision("d1")], None)], NOW)
        assert time.monotonic() - began < 5  # SQLite's own patience would be 30 seconds
        other.execute("ROLLBACK")
    assert store.decisions.one("d1") is None
    assert at_once.add([([decision("d1")], None)], NOW)


def test_a_value_the_store_refuses_is_left_to_the_way_that_says_why(at_once: AtOnce) -> None:
    assert not at_once.add([([decision("d1", stage=None)], None)], NOW)
    assert at_once.add([([decision("d1")], None)], NOW)


def test_a_checkpoint_brings_the_log_home(store: Store, at_once: AtOnce, file: Path) -> None:
    for start in range(0, 400, 50):
        made = [([decision(f"d{start + i}")], None) for i in range(50)]
        assert not at_once.wants_checkpoint
        assert at_once.add(made, NOW)
    assert at_once.wants_checkpoint
    store.checkpoint()
    assert not at_once.wants_checkpoint
    alone = file.with_name("copy.db")
    alone.write_bytes(file.read_bytes())  # without the log beside it
    with closing(Store(f"sqlite:///{alone}")) as copy:
        assert copy.verify().decisions == 400
