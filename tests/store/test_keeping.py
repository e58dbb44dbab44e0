"""Retention, legal holds, backup and restore, and stores of older versions, on every database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from tests.store.test_alerts import raised
from tests.store.test_decisions import NOW, ONCE, decision
from vouch.domain.alert import AlertState, Severity, Signal, close_alert
from vouch.domain.review import ReviewAct, ReviewEvent
from vouch.errors import NotFoundError, PolicyError, StoreError
from vouch.policy.reading import SHIPPED
from vouch.policy.retention import read_periods
from vouch.store import engine
from vouch.store.audit import AuditEntry
from vouch.store.engine import Database
from vouch.store.links import Link
from vouch.store.retention import HoldKind
from vouch.store.store import Promotion, Store

pytestmark = pytest.mark.slow

PERIODS = {
    "decisions": timedelta(days=100),
    "bases": timedelta(days=50),
    "idempotency": timedelta(days=10),
    "alerts": timedelta(days=70),
}
DAY = timedelta(days=1)


def fill(store: Store) -> None:
    """Three decisions, the last forty days younger; the first reviewed, the second on hold."""
    store.decisions.add([decision("d1"), decision("d2", borrower_id="B2")], NOW, ONCE)
    store.decisions.add([decision("d3", made_at=NOW + 40 * DAY)], NOW)
    event = ReviewEvent("r1", "d1", ReviewAct.REQUEST, NOW, "key:1", "risk", "why")
    store.reviews.request(event)
    store.retention.hold(HoldKind.BORROWER, "B2", "诉讼", "li", NOW)


def test_what_is_over_its_time_goes_and_the_log_says_so(store: Store) -> None:
    fill(store)
    rehearsed = store.retention.run(PERIODS, "li", NOW + 51 * DAY, is_rehearsal=True)
    assert (rehearsed.bases, rehearsed.decisions, rehearsed.idempotency) == (1, 0, 1)
    assert store.decisions.one("d1").basis is not None  # type: ignore[union-attr]
    first = store.retention.run(PERIODS, "li", NOW + 51 * DAY)
    assert (first.bases, first.decisions, first.idempotency) == (1, 0, 1)
    assert store.decisions.one("d1").basis is None  # type: ignore[union-attr]
    assert store.decisions.earlier(ONCE) is None
    then = store.retention.run(PERIODS, "li", NOW + 101 * DAY)
    assert (then.bases, then.decisions, then.on_hold) == (1, 1, 1)  # d3's basis is due by now
    assert store.decisions.one("d1") is None
    assert store.reviews.one("r1") == []
    kept = store.decisions.one("d2")
    assert kept is not None
    assert kept.basis is not None
    verified = store.verify()
    assert (verified.faults, verified.erased, verified.decisions) == ([], 1, 2)
    again = store.retention.run(PERIODS, "li", NOW + 101 * DAY)
    assert (again.bases, again.decisions) == (0, 0)


def test_closed_alerts_go_with_their_history_and_live_ones_stay(
    store: Store, store_url: str
) -> None:
    def signal(name: str) -> Signal:
        return Signal(name, "arrears", "RP01", Severity.ORANGE, 75, {"days_past_due": 5.0})

    changes = []
    for name in ("G1", "G2", "G3", "G4"):
        change = raised(f"a-{name}", signal(name))
        changes.append(change)
        if name != "G4":
            closed = close_alert(change.alert, "healed", change.alert.as_of, NOW)
            changes.append(closed)
    with store.alert_desk() as desk:
        for change in changes:
            desk.record([change])
        desk.add_link(Link("l1", ("a-G1",), "li@x.cn", NOW, NOW + DAY, None))
    store.retention.hold(HoldKind.GUARANTEE, "G2", "诉讼", "li", NOW)
    database = Database(store_url)
    with pytest.raises(StoreError, match="append-only"), database.writing() as connection:
        connection.execute(text("DELETE FROM alert_events"))
    assert store.retention.run(PERIODS, "li", NOW + 69 * DAY).alerts == 0
    assert store.retention.run(PERIODS, "li", NOW + 72 * DAY, is_rehearsal=True).alerts == 2
    assert store.link("l1") is not None
    found = store.retention.run(PERIODS, "li", NOW + 72 * DAY)
    assert (found.alerts, found.on_hold) == (2, 1)
    assert store.link("l1") is None
    left = [(alert.guarantee_id, alert.state) for alert in store.alerts(live_only=False)]
    assert sorted(left) == [("G2", AlertState.CLOSED), ("G4", AlertState.OPEN)]
    assert store.alert_events("a-G1") == []
    assert len(store.alert_events("a-G2")) == 2
    assert store.verify().faults == []
    database.close()


def test_a_released_hold_holds_nothing(store: Store) -> None:
    fill(store)
    (hold,) = store.retention.holds()
    store.retention.release(hold.number, "li", NOW)
    with pytest.raises(NotFoundError, match="no hold"):
        store.retention.release(hold.number, "li", NOW)
    assert store.retention.run(PERIODS, "li", NOW + 101 * DAY).decisions == 2


def test_periods_are_those_of_the_policy(tmp_path: Path) -> None:
    periods = read_periods(SHIPPED)
    assert periods["decisions"] > periods["bases"] > timedelta(days=3 * 365)
    (tmp_path / "retention.toml").write_text("[class.decisions]\ndays = 0\n")
    with pytest.raises(PolicyError, match=r"\[class.decisions\] needs days"):
        read_periods(tmp_path)


def test_a_backup_is_restored_as_it_was_into_either_database(
    store: Store, store_url: str, tmp_path: Path, postgres_url: str
) -> None:
    fill(store)
    store.add_promotion(Promotion("pre_loan", "1", None, "li", NOW, ""))
    store.decisions.archive("policy", "a" * 64, b"\x00\xff", NOW)
    file = tmp_path / "backup.json.gz"
    counts = store.backup(file)
    assert counts["decisions"] == 3
    assert file.stat().st_mode & 0o077 == 0
    others = {f"sqlite:///{tmp_path / 'other.db'}", postgres_url} - {store_url}
    for url in others:
        other = Store(url)
        other.restore(file)
        assert other.decisions.one("d2") == store.decisions.one("d2")
        assert other.decisions.archived("policy", "a" * 64) == b"\x00\xff"
        assert other.verify() == store.verify()
        other.add_promotion(Promotion("pre_loan", "2", "1", "li", NOW, ""))
        other.audit.add(AuditEntry(NOW, "li", "test", "x"))
        assert other.verify().faults == []
        with pytest.raises(StoreError, match="is not empty"):
            other.restore(file)
        other.close()


@pytest.mark.parametrize("keep", [0.5, 0.98])
def test_a_damaged_backup_restores_nothing(store: Store, tmp_path: Path, keep: float) -> None:
    fill(store)
    file = tmp_path / "backup.json.gz"
    store.backup(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * keep)])
    fresh = Store(f"sqlite:///{tmp_path / 'fresh.db'}")
    with pytest.raises(StoreError, match="nothing was restored"):
        fresh.restore(file)
    assert fresh.verify().entries == 0
    assert fresh.keys.every() == []
    fresh.close()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005", "0006", "0007"])
def test_a_store_of_every_earlier_version_is_brought_up_to_date(
    store_url: str, revision: str
) -> None:
    url = engine._parsed(store_url)
    if url.drivername == "sqlite":
        Path(str(url.database)).parent.mkdir(parents=True)
    config = Config()
    config.set_main_option("script_location", str(engine._MIGRATIONS).replace("%", "%%"))
    made = create_engine(url)
    with made.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.execute(
            text(
                "INSERT INTO decisions (decision_id, made_at, stage, as_of, guarantee_id, "
                "request_hash, request, answer, model_name, model_version, model_hash, caller) "
                "VALUES ('old', '2024-01-01 00:00:00', 'pre_loan', '2024-01-01', 'G1', 'h', '{}', "
                "'{\"score\": 1}', 'm', '1', 'h', 'http')"
            )
        )
    made.dispose()
    opened = Store(store_url)
    found = opened.decisions.one("old")
    assert found is not None
    assert (found.answer, found.guarantor_id, found.basis) == ({"score": 1}, None, None)
    assert found.made_at == datetime(2024, 1, 1, tzinfo=UTC)
    opened.decisions.add([decision("new")], NOW)
    verified = opened.verify()
    assert (verified.faults, verified.before_the_log, verified.decisions) == ([], 1, 1)
    opened.close()
    database = Database(store_url)
    with pytest.raises(StoreError, match="append-only"), database.writing() as connection:
        connection.execute(text("DELETE FROM decisions"))
    database.close()
