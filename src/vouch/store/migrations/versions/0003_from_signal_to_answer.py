"""From signal to answer: the response clock, runs, the lease, links, deliveries by recipient."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)

_ALERT_COLUMNS = (
    sa.Column("also", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("borrower_id", sa.String(80)),
    sa.Column("guarantor_id", sa.String(80)),
    sa.Column("circle", sa.String(80)),
    sa.Column("expected", sa.Float, nullable=False, server_default="0"),
    sa.Column("news", sa.String(16), nullable=False, server_default="raised"),
    sa.Column("needs_answer", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("known_at", _MOMENT),
    sa.Column("clock_from", _MOMENT),
    sa.Column("told_at", _MOMENT),
    sa.Column("acknowledged_at", _MOMENT),
    sa.Column("responded_at", _MOMENT),
    sa.Column("disposition", sa.String(40)),
    sa.Column("closed_at", _MOMENT),
    sa.Column("suppressed_at", _MOMENT),
    sa.Column("steps", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_step_at", _MOMENT),
)


def upgrade() -> None:
    """Add what the way from signal to answer needs."""
    for column in _ALERT_COLUMNS:
        op.add_column("alerts", column)
    # what an older version mailed in the transaction that raised it
    op.execute(
        "UPDATE alerts SET known_at = raised_at, clock_from = raised_at, told_at = changed_at"
    )
    op.execute("UPDATE alerts SET closed_at = changed_at WHERE state = 'closed'")
    op.create_index("alerts_by_guarantee", "alerts", ["guarantee_id", "cause"])
    op.create_index("alerts_by_next_step", "alerts", ["next_step_at"])
    op.add_column(
        "alert_events", sa.Column("who", sa.String(200), nullable=False, server_default="")
    )
    op.add_column("alert_events", sa.Column("given", sa.JSON, nullable=False, server_default="{}"))
    _outbox()
    _runs()
    _leases()
    _links()


def _outbox() -> None:
    op.drop_index("outbox_by_state", "outbox")
    op.rename_table("outbox", "outbox_before")
    op.create_table(
        "outbox",
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("queued_at", _MOMENT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("refusals", sa.Integer, nullable=False),
        sa.Column("not_before", _MOMENT, nullable=False),
        sa.Column("claimed_until", _MOMENT),
        sa.Column("settled_at", _MOMENT),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("message_id", "recipient", name="one_mail_per_recipient"),
    )
    op.execute(
        "INSERT INTO outbox SELECT message_id, recipient, 'mail', content, queued_at, state, "
        "attempts, 0, queued_at, claimed_until, settled_at, last_error FROM outbox_before"
    )
    op.drop_table("outbox_before")
    op.create_index("outbox_by_state", "outbox", ["state", "not_before"])


def _runs() -> None:
    op.create_table(
        "watch_runs",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("known_at", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.Column("looked_at", sa.Integer, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("report", sa.JSON),
    )
    op.create_index("watch_runs_by_start", "watch_runs", ["started_at"])


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("holder", sa.String(80), nullable=False),
        sa.Column("until", _MOMENT, nullable=False),
    )


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("link_id", sa.String(32), primary_key=True),
        sa.Column("alert_ids", sa.JSON, nullable=False),
        sa.Column("reader", sa.String(254), nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT),
    )
