"""What is stored is what is read, on every database."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text, update

from vouch.errors import StoreError
from vouch.store.decisions import DecisionRecord
from vouch.store.engine import Database
from vouch.store.store import Promotion, Store
from vouch.store.tables import ALERT_EVENTS, DECISIONS, METADATA, PROMOTIONS, WATCHES

pytestmark = pytest.mark.slow

NOW = datetime(2024, 7, 1, 1, 30, 0, 123456, tzinfo=UTC)
DECISION = DecisionRecord(
    decision_id="d1",
    made_at=NOW,
    stage="pre_loan",
    as_of=date(2024, 6, 30),
    guarantee_id="G1",
    borrower_id=None,
    request_hash="f" * 64,
    request={"borrower": {"name": "晋中恒达"}, "amount": "1000000.00"},
    answer={"score": 612, "default_probability": 0.1 + 0.2, "reasons": []},
    model_name="vouch-pre-loan",
    model_version="3",
    model_hash="a" * 64,
    caller="key-1",
)


def test_a_decision_is_read_as_it_was_made(store: Store) -> None:
    store.decisions.add([DECISION, replace(DECISION, decision_id="d2", borrower_id="B1")], NOW)
    assert store.decisions.one("d1") == DECISION
    found = store.decisions.one("d2")
    assert found is not None
    assert found.borrower_id == "B1"
    assert found.answer == DECISION.answer  # kept in canonical form: the order of keys says nothing
    assert store.decisions.one("d3") is None


def test_no_decisions_are_no_trouble(store: Store) -> None:
    store.decisions.add([], NOW)


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | PLAIN
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    request=st.dictionaries(PLAIN, JSON, max_size=3),
    made_at=st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    caller=PLAIN.map(lambda t: t[:200]),
)
def test_anything_comes_back(
    store: Store, request: dict[str, Any], made_at: datetime, caller: str
) -> None:
    _number["n"] += 1
    record = replace(
        DECISION,
        decision_id=f"h{_number['n']}",
        request=request,
        made_at=made_at,
        caller=caller,
    )
    store.decisions.add([record], NOW)
    assert store.decisions.one(record.decision_id) == record


_number = {"n": 0}


def test_moments_of_other_zones_become_utc(store: Store) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=8)))
    store.decisions.add([replace(DECISION, made_at=there)], NOW)
    found = store.decisions.one("d1")
    assert found is not None
    assert (found.made_at, found.made_at.tzinfo) == (NOW, UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"decision_id": "d1"},
        {"made_at": NOW.replace(tzinfo=None)},
        {"answer": {"score": float("nan")}},
        {"stage": None},
    ],
)
def test_decisions_go_in_together_or_not_at_all(store: Store, wrong: dict[str, Any]) -> None:
    with pytest.raises(StoreError):
        store.decisions.add([DECISION, replace(DECISION, **{"decision_id": "d2", **wrong})], NOW)
    assert store.decisions.one("d1") is None


def test_a_refused_decision_does_not_print_what_was_asked(store: Store) -> None:
    store.decisions.add([DECISION], NOW)
    with pytest.raises(StoreError, match="refuses") as refused:
        store.decisions.add([DECISION], NOW)
    assert "恒达" not in f"{refused.value} {refused.value.__cause__}"


@pytest.mark.parametrize("table", [DECISIONS, PROMOTIONS, WATCHES, ALERT_EVENTS], ids=str)
@pytest.mark.parametrize("statement", [update, delete], ids=["update", "delete"])
def test_history_cannot_be_rewritten(
    store: Store, store_url: str, table: Any, statement: Any
) -> None:
    store.decisions.add([DECISION], NOW)
    store.add_promotion(Promotion("pre_loan", "1", None, "li", NOW, ""))
    with store.alert_desk() as desk:
        desk.note_watch(date(2024, 6, 30), NOW, {})
    if table is ALERT_EVENTS:
        from .test_alerts import raised

        with store.alert_desk() as desk:
            desk.record([raised()])
    database = Database(store_url)
    changed = statement(table)
    if statement is update:
        changed = changed.values({next(iter(table.c)): next(iter(table.c))})
    with pytest.raises(StoreError, match="append-only"), database.writing() as connection:
        connection.execute(changed)
    database.close()


def test_promotions_are_kept_in_their_order(store: Store) -> None:
    store.add_promotion(Promotion("post_loan", "1", None, "li", NOW, ""))
    store.add_promotion(Promotion("pre_loan", "1", None, "li", NOW, ""))
    by_two = Promotion(
        "post_loan", "2", "1", "wang", NOW, "better in 2024", "promote", "li", {"data": "ab"}
    )
    store.add_promotion(by_two)
    assert store.promotions("post_loan") == [
        Promotion("post_loan", "1", None, "li", NOW, ""),
        by_two,
    ]
    assert store.promotions("in_loan") == []


def test_a_store_is_opened_again_as_it_was(store: Store, store_url: str) -> None:
    store.decisions.add([DECISION], NOW)
    store.close()
    again = Store(store_url)
    again.ping()
    assert again.decisions.one("d1") == DECISION
    again.close()


def test_migrations_make_what_queries_expect(store_url: str) -> None:
    database = Database(store_url)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_a_newer_store_is_refused(store: Store, store_url: str) -> None:
    database = Database(store_url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StoreError, match=r"newer version of Vouch \(revision 9999\)"):
        Store(store_url)


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    store.decisions.add([DECISION], NOW)
    with store.alert_desk():
        assert store.decisions.one("d1") == DECISION


@pytest.mark.slow
def test_several_processes_open_a_fresh_store_at_once(store_url: str) -> None:
    code = (
        "import sys, datetime\n"
        "from vouch.store.store import Promotion, Store\n"
        "store = Store(sys.argv[1])\n"
        "at = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)\n"
        "store.add_promotion(Promotion('pre_loan', sys.argv[2], None, 'li', at, ''))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, store_url, str(n)], stderr=subprocess.PIPE, text=True
        )
        for n in range(6)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 6, errors
    opened = Store(store_url)
    assert sorted(p.version for p in opened.promotions("pre_loan")) == list("012345")
    opened.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "no database address"),
        ("mysql://u:secret@h/d", "use sqlite or postgresql"),
        ("sqlite://", "must be a file"),
        ("postgresql://u:secret@127.0.0.1:1/d", "VOUCH_STORE_URL"),
        ("sqlite:////dev/null/vouch.db", "cannot make the folder"),
        ("sqlite:////dev", "cannot be opened"),
    ],
)
def test_a_store_that_cannot_be_reached_says_so(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as refused:
        Store(url)
    assert "secret" not in str(refused.value)


def test_ping_notices_a_store_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "vouch.db"
    store = Store(f"sqlite:///{path}")
    store.close()
    for file in tmp_path.iterdir():
        file.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        store.ping()
