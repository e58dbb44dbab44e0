"""Human review, legal holds, and decisions that may go once their time is over."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.DateTime(timezone=True)

# What may be deleted once an erasure of this kind and identifier is noted.
_ERASABLE = {"decisions": "decisions", "decision_bases": "bases", "review_events": "decisions"}


def upgrade() -> None:
    """Add the tables and make the triggers let noted erasures through."""
    _review_events()
    _legal_holds()
    _erasures()
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER decisions_refuse_update")
        op.execute("DROP TRIGGER decisions_refuse_delete")
        for table, kind in _ERASABLE.items():
            _refuse_on_sqlite(table, kind)
    else:
        op.execute("DROP TRIGGER decisions_refuse ON decisions")
        for table, kind in _ERASABLE.items():
            _refuse_on_postgresql(table, kind)


def _review_events() -> None:
    op.create_table(
        "review_events",
        sa.Column("number", _ROW_NUMBER, primary_key=True, autoincrement=True),
        sa.Column("review_id", sa.String(64), nullable=False),
        sa.Column(
            "decision_id", sa.String(64), sa.ForeignKey("decisions.decision_id"), nullable=False
        ),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("reason_code", sa.String(64)),
    )
    op.create_index("review_events_by_review", "review_events", ["review_id", "number"])
    op.create_index("review_events_by_decision", "review_events", ["decision_id"])


def _legal_holds() -> None:
    op.create_table(
        "legal_holds",
        sa.Column("number", _ROW_NUMBER, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("released_at", _MOMENT),
    )


def _erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
    )


def _noted(kind: str) -> str:
    return f"EXISTS (SELECT 1 FROM erasures WHERE kind = '{kind}' AND id = OLD.decision_id)"


def _refuse_on_sqlite(table: str, kind: str) -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    op.execute(f"CREATE TRIGGER {table}_refuse_update BEFORE UPDATE ON {table} {refuse}")
    op.execute(
        f"CREATE TRIGGER {table}_refuse_delete BEFORE DELETE ON {table} "
        f"WHEN NOT {_noted(kind)} {refuse}"
    )


def _refuse_on_postgresql(table: str, kind: str) -> None:
    refuse = f"RAISE EXCEPTION '{table} is append-only'"
    op.execute(
        f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {refuse}; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_refuse BEFORE UPDATE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )
    op.execute(
        f"CREATE FUNCTION {table}_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NOT {_noted(kind)} THEN {refuse}; END IF; RETURN OLD; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_refuse_delete BEFORE DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse_delete()"
    )
