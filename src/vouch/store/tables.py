"""The tables of the store as queries see them; `migrations/` makes them.

Decisions, promotions, watches and alert events are append-only: triggers refuse to change them.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

METADATA = MetaData()

# SQLite numbers rows by itself only in a column declared INTEGER.
_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept and given back in UTC; one without a zone is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        zoned: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)


def _number() -> Column[int]:
    return Column("number", _ROW_NUMBER, primary_key=True, autoincrement=True)


DECISIONS = Table(
    "decisions",
    METADATA,
    Column("decision_id", String(64), primary_key=True),
    Column("made_at", Moment, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("guarantee_id", String(80), nullable=False),
    Column("borrower_id", String(80)),
    Column("request_hash", String(64), nullable=False),
    Column("request", JSON, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("model_name", String(64), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("model_hash", String(64), nullable=False),
    Column("caller", String(200), nullable=False),
    Index("decisions_by_guarantee", "guarantee_id", "made_at"),
)

PROMOTIONS = Table(
    "promotions",
    METADATA,
    _number(),
    Column("stage", String(16), nullable=False),
    Column("version", String(64), nullable=False),
    Column("previous", String(64)),
    Column("who", String(200), nullable=False),
    Column("at", Moment, nullable=False),
    Column("note", Text, nullable=False),
    Index("promotions_by_stage", "stage", "number"),
)

WATCHES = Table(
    "watches",
    METADATA,
    _number(),
    Column("as_of", Date, nullable=False),
    Column("at", Moment, nullable=False),
    Column("counts", JSON, nullable=False),
)

ALERTS = Table(
    "alerts",
    METADATA,
    Column("alert_id", String(32), primary_key=True),
    Column("guarantee_id", String(80), nullable=False),
    Column("cause", String(40), nullable=False),
    Column("rule", String(16), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("lead_days", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("manager_id", String(80)),
    Column("raised_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("respond_by", Moment, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("detail", JSON, nullable=False),
    Index(
        "one_live_alert_per_cause",
        "guarantee_id",
        "cause",
        unique=True,
        sqlite_where=text("state <> 'closed'"),
        postgresql_where=text("state <> 'closed'"),
    ),
    Index("alerts_by_manager", "manager_id", "state"),
)

ALERT_EVENTS = Table(
    "alert_events",
    METADATA,
    _number(),
    Column("alert_id", String(32), ForeignKey("alerts.alert_id"), nullable=False),
    Column("change", String(16), nullable=False),
    Column("at", Moment, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("rule", String(16), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Index("alert_events_by_alert", "alert_id", "number"),
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("message_id", String(200), primary_key=True),
    Column("recipient", String(254), nullable=False),
    Column("content", Text, nullable=False),
    Column("queued_at", Moment, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claimed_until", Moment),
    Column("settled_at", Moment),
    Column("last_error", Text),
    Index("outbox_by_state", "state", "queued_at"),
)
