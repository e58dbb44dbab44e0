"""The tables of the store as queries see them; `migrations/` makes them.

Decisions, promotions, watches, alert events and the audit log are append-only: triggers refuse to
change them, and to delete what is not noted as erased.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
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
    Column("guarantor_id", String(80)),
    Column("lender_id", String(80)),
    Column("policy_hash", String(64)),
    Index("decisions_by_guarantee", "guarantee_id", "made_at"),
    Index("decisions_by_time", "made_at"),
)

# Apart from the decisions, because they are kept for a shorter time.
DECISION_BASES = Table(
    "decision_bases",
    METADATA,
    Column("decision_id", String(64), ForeignKey("decisions.decision_id"), primary_key=True),
    Column("basis", JSON, nullable=False),
)

IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    Column("caller", String(200), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("decision_ids", JSON, nullable=False),
    Column("at", Moment, nullable=False),
    Index("idempotency_by_time", "at"),
)

ARCHIVE = Table(
    "archive",
    METADATA,
    Column("kind", String(16), primary_key=True),
    Column("hash", String(64), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# `text` is hashed as it stands, so it is kept as it stands.
AUDIT_LOG = Table(
    "audit_log",
    METADATA,
    Column("number", _ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)

# One row: the end of the chain. Locked while an entry is added, so the chain never forks.
AUDIT_HEAD = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", _ROW_NUMBER, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at", Moment),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("key_id", String(32), primary_key=True),
    Column("lineage", String(32), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("institution", String(120), nullable=False),
    Column("rate_per_minute", Integer),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
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
    Column("act", String(16), nullable=False, server_default="promote"),
    Column("proposed_by", String(200)),
    Column("evidence", JSON),
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
    Column("also", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("borrower_id", String(80)),
    Column("guarantor_id", String(80)),
    Column("circle", String(80)),
    Column("expected", Float, nullable=False),
    Column("news", String(16), nullable=False),
    Column("needs_answer", Boolean, nullable=False),
    Column("known_at", Moment),
    Column("clock_from", Moment),
    Column("told_at", Moment),
    Column("acknowledged_at", Moment),
    Column("responded_at", Moment),
    Column("disposition", String(40)),
    Column("closed_at", Moment),
    Column("suppressed_at", Moment),
    Column("steps", Integer, nullable=False),
    Column("next_step_at", Moment),
    Index(
        "one_live_alert_per_cause",
        "guarantee_id",
        "cause",
        unique=True,
        sqlite_where=text("state <> 'closed'"),
        postgresql_where=text("state <> 'closed'"),
    ),
    Index("alerts_by_manager", "manager_id", "state"),
    Index("alerts_by_guarantee", "guarantee_id", "cause"),
    Index("alerts_by_next_step", "next_step_at"),
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
    Column("who", String(200), nullable=False),
    Column("given", JSON, nullable=False),
    Index("alert_events_by_alert", "alert_id", "number"),
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("message_id", String(200), nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("content", Text, nullable=False),
    Column("queued_at", Moment, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("claimed_until", Moment),
    Column("settled_at", Moment),
    Column("last_error", Text),
    PrimaryKeyConstraint("message_id", "recipient", name="one_mail_per_recipient"),
    Index("outbox_by_state", "state", "not_before"),
)

WATCH_RUNS = Table(
    "watch_runs",
    METADATA,
    Column("run_id", String(32), primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("book", String(64), nullable=False),
    Column("known_at", Moment, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("looked_at", Integer, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("report", JSON),
    Index("watch_runs_by_start", "started_at"),
)

LEASES = Table(
    "leases",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("holder", String(80), nullable=False),
    Column("until", Moment, nullable=False),
)

LINKS = Table(
    "links",
    METADATA,
    Column("link_id", String(32), primary_key=True),
    Column("alert_ids", JSON, nullable=False),
    Column("reader", String(254), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

REVIEW_EVENTS = Table(
    "review_events",
    METADATA,
    _number(),
    Column("review_id", String(64), nullable=False),
    Column("decision_id", String(64), ForeignKey("decisions.decision_id"), nullable=False),
    Column("act", String(16), nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("outcome", String(16)),
    Column("reason_code", String(64)),
    Index("review_events_by_review", "review_id", "number"),
    Index("review_events_by_decision", "decision_id"),
)

LEGAL_HOLDS = Table(
    "legal_holds",
    METADATA,
    _number(),
    Column("kind", String(16), nullable=False),
    Column("id", String(80), nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", String(200), nullable=False),
    Column("at", Moment, nullable=False),
    Column("released_at", Moment),
)

# What a challenger would have said of a decision; nobody was answered with it.
SHADOW_SCORES = Table(
    "shadow_scores",
    METADATA,
    Column("decision_id", String(64), ForeignKey("decisions.decision_id"), primary_key=True),
    Column("model_hash", String(64), primary_key=True),
    Column("model_name", String(64), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("default_probability", Float, nullable=False),
    Column("score", Integer, nullable=False),
    Column("grade", String(16), nullable=False),
    Column("band", String(16), nullable=False),
)

# A row that is named here may be deleted; the triggers let nothing else go.
ERASURES = Table(
    "erasures",
    METADATA,
    Column("kind", String(16), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("at", Moment, nullable=False),
)
