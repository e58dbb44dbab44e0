"""One request is one decision, and the log notices whatever changes afterwards."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import Connection, text

from vouch.errors import ConflictError
from vouch.store.audit import AuditEntry, AuditHead
from vouch.store.decisions import DecisionRecord, Once, Verdict
from vouch.store.engine import Database
from vouch.store.store import Store

pytestmark = pytest.mark.slow

NOW = datetime(2024, 7, 1, 1, 30, 0, 123456, tzinfo=UTC)
ONCE = Once("key:1", "k1", "a" * 64)


def decision(name: str, **changed: Any) -> DecisionRecord:
    record = DecisionRecord(
        decision_id=name,
        made_at=NOW,
        stage="pre_loan",
        as_of=date(2024, 6, 30),
        guarantee_id="G1",
        borrower_id=None,
        request_hash="f" * 64,
        request={"amount": "1000000.00"},
        answer={"score": 612, "default_probability": 0.1 + 0.2},
        model_name="vouch-pre-loan",
        model_version="3",
        model_hash="a" * 64,
        caller="key:1",
        policy_hash="b" * 64,
        basis={"features": {"amount": 1e6, "kind": None}},
    )
    return replace(record, **changed)


def test_the_same_request_is_given_the_decision_it_was_given(store: Store) -> None:
    first = decision("d1")
    assert store.decisions.earlier(ONCE) is None
    assert store.decisions.add([first], NOW, ONCE) == [first]
    assert store.decisions.add([decision("d2")], NOW, ONCE) == [first]
    assert store.decisions.earlier(ONCE) == [first]
    assert store.decisions.one("d2") is None


def test_the_newest_verdict_on_each_applicant_of_a_window(store: Store) -> None:
    said = {"advice": {"decision": "decline"}, "default_probability": 0.2}
    later = {"advice": None, "default_probability": 0.1}
    again = NOW + timedelta(hours=1)
    store.decisions.add([decision("d1", answer=said), decision("d0", guarantee_id="G0")], NOW)
    store.decisions.add([decision("d2", answer=later, made_at=again)], NOW)
    store.decisions.add([decision("d3", guarantee_id="G3", as_of=date(2024, 7, 2))], NOW)
    store.decisions.add([decision("d4", guarantee_id="G4", stage="in_loan")], NOW)
    found = store.decisions.verdicts("pre_loan", date(2024, 6, 30), date(2024, 7, 1))
    assert found == [Verdict("G0", None, 0.1 + 0.2), Verdict("G1", None, 0.1)]


def test_a_list_is_given_again_in_its_order(store: Store) -> None:
    made = [decision(f"d{9 - n}") for n in range(9)]
    store.decisions.add(made, NOW, ONCE)
    assert store.decisions.earlier(ONCE) == made


def test_another_request_of_the_same_key_is_a_conflict(store: Store) -> None:
    store.decisions.add([decision("d1")], NOW, ONCE)
    other = replace(ONCE, request_hash="b" * 64)
    for ask in (lambda: store.decisions.earlier(other), lambda: add_with(store, other)):
        with pytest.raises(ConflictError, match="came before with another request"):
            ask()
    assert store.decisions.one("d2") is None


def add_with(store: Store, once: Once) -> object:
    return store.decisions.add([decision("d2")], NOW, once)


def test_keys_of_two_callers_are_two(store: Store) -> None:
    store.decisions.add([decision("d1")], NOW, ONCE)
    other = replace(ONCE, caller="key:2", request_hash="b" * 64)
    assert [d.decision_id for d in store.decisions.add([decision("d2")], NOW, other)] == ["d2"]


def test_an_empty_list_is_remembered_too(store: Store) -> None:
    assert list(store.decisions.add([], NOW, ONCE)) == []
    assert store.decisions.earlier(ONCE) == []


def test_of_many_at_once_one_decides(store: Store) -> None:
    start, answered = Barrier(8), []

    def ask(number: int) -> None:
        start.wait()
        answered.extend(store.decisions.add([decision(f"d{number}")], NOW, ONCE))

    threads = [Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answered) == 8
    assert len({d.decision_id for d in answered}) == 1
    assert len(store.decisions.sample(10)) == 1
    assert store.verify().faults == []


def test_a_failed_decision_leaves_its_key_free(store: Store) -> None:
    store.decisions.add([decision("d1")], NOW)
    with pytest.raises(Exception, match="refuses"):
        store.decisions.add([decision("d1")], NOW, ONCE)
    assert store.decisions.earlier(ONCE) is None
    assert store.verify().faults == []


_WRITER = """
import datetime, sys
from tests.store.test_decisions import decision, NOW
from vouch.store.store import Store
store = Store(sys.argv[1])
for n in range(20):
    store.decisions.add([decision(f"{sys.argv[2]}-{n}-{i}") for i in range(1 + n % 3)], NOW)
"""


def test_writers_of_several_processes_make_one_chain(store: Store, store_url: str) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, store_url, str(n)]) for n in range(4)
    ]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    verified = store.verify()
    assert (verified.entries, verified.faults) == (80, [])
    assert verified.decisions == 4 * sum(1 + n % 3 for n in range(20))
    assert verified.head.number == 80


def fill(store: Store) -> None:
    for n in range(5):
        store.decisions.add([decision(f"d{n}a"), decision(f"d{n}b")], NOW)
        store.audit.add(AuditEntry(NOW, "li", "reveal", f"d{n}a", {"purpose": "贷审会"}))


def test_what_was_not_touched_verifies(store: Store) -> None:
    fill(store)
    verified = store.verify()
    assert (verified.entries, verified.decisions, verified.faults) == (10, 10, [])
    assert store.verify(verified.head).faults == []
    assert [entry.number for entry in store.audit.latest(2)] == [10, 9]


def sql(words: str) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(text(words))


def rewrite_with_hash(connection: Connection) -> None:
    """What a careful forger would do: change an entry and give it a hash that fits."""
    from vouch.store.audit import chained

    old, before = connection.execute(
        text(
            "SELECT a.text, b.hash FROM audit_log a JOIN audit_log b ON b.number = a.number - 1 "
            "WHERE a.number = 4"
        )
    ).one()
    new = old.replace("li", "wu")
    values = {"text": new, "hash": chained(before, new)}
    connection.execute(
        text("UPDATE audit_log SET text = :text, hash = :hash WHERE number = 4"), values
    )


def cut_the_end(connection: Connection) -> None:
    connection.execute(text("DELETE FROM audit_log WHERE number > 8"))


def cut_the_end_and_say_so(connection: Connection) -> None:
    cut_the_end(connection)
    connection.execute(
        text(
            "UPDATE audit_head SET number = 8, hash = (SELECT hash FROM audit_log WHERE number = 8)"
        )
    )


TAMPERED = {
    "an entry's words": (
        sql("UPDATE audit_log SET text = replace(text, 'li', 'wu') WHERE number = 2"),
        "entry 2",
    ),
    "an entry with a hash that fits": (rewrite_with_hash, "entry 5"),
    "an entry gone": (sql("DELETE FROM audit_log WHERE number = 6"), "entries 6 to 6 are missing"),
    "the first gone": (sql("DELETE FROM audit_log WHERE number = 1"), "entries 1 to 1"),
    "the end gone": (cut_the_end, "ends with entry 8"),
    "the end gone and its note": (cut_the_end_and_say_so, "2 decisions are in no entry"),
    "no JSON": (sql("UPDATE audit_log SET text = 'x' WHERE number = 3"), "entry 3"),
    "two swapped": (sql("UPDATE audit_log SET number = 7 - number WHERE number = 0"), None),
    "a score": (
        sql("UPDATE decisions SET answer = '{\"score\": 700}' WHERE decision_id = 'd1a'"),
        "decision d1a is not as it was made",
    ),
    "an owner": (
        sql("UPDATE decisions SET lender_id = 'X' WHERE decision_id = 'd1a'"),
        "decision d1a",
    ),
    "a moment": (
        sql("UPDATE decisions SET made_at = '2024-07-01 01:30:01' WHERE decision_id = 'd1a'"),
        "decision d1a",
    ),
    "a basis": (
        sql("UPDATE decision_bases SET basis = '{}' WHERE decision_id = 'd2b'"),
        "decision d2b stands on another basis",
    ),
    "a basis gone": (
        sql("DELETE FROM decision_bases WHERE decision_id = 'd2b'"),
        "decision d2b has lost its basis",
    ),
    "a decision gone": (
        lambda c: [
            c.execute(text(f"DELETE FROM {t} WHERE decision_id = 'd3a'"))
            for t in ("decision_bases", "decisions")
        ],
        "decision d3a is missing",
    ),
}


@pytest.mark.parametrize(("tamper", "says"), TAMPERED.values(), ids=TAMPERED)
def test_any_change_is_found(store: Store, store_url: str, tamper: Any, says: str | None) -> None:
    fill(store)
    noted = store.verify().head
    database = Database(store_url)
    with database.writing() as connection:
        _without_triggers(connection)
        tamper(connection)
    database.close()
    verified = store.verify(noted)
    if says is None:
        assert verified.faults == []
        return
    assert any(says in fault for fault in verified.faults), verified.faults


def _without_triggers(connection: Connection) -> None:
    """What only the owner of the database can do."""
    if connection.dialect.name == "postgresql":
        for table in ("audit_log", "decisions", "decision_bases"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    named = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
    for (name,) in named:
        connection.execute(text(f"DROP TRIGGER {name}"))


def test_an_end_noted_elsewhere_is_missed_when_the_whole_log_is_made_anew(store: Store) -> None:
    fill(store)
    forged = AuditHead(4, "0" * 64)
    assert store.verify(forged).faults == ["entry 4 is not the one that was noted"]


def test_the_log_holds_no_words_of_the_request(store: Store) -> None:
    store.decisions.add([decision("d1", request={"borrower": {"name": "晋中恒达"}})], NOW)
    (entry,) = store.audit.latest(1)
    assert (entry.action, entry.actor, entry.object) == ("decide", "key:1", "d1")
    assert "恒达" not in json.dumps(dict(entry.detail), ensure_ascii=False)
