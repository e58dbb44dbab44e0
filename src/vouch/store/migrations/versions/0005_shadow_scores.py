"""What challengers said in shadow, beside the decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLE = "shadow_scores"
_REFUSE = f"{_TABLE} is append-only"
_NOTED = "EXISTS (SELECT 1 FROM erasures WHERE kind = 'decisions' AND id = OLD.decision_id)"


def upgrade() -> None:
    """Add the table; like a decision a row goes only once its erasure is noted."""
    op.create_table(
        _TABLE,
        sa.Column(
            "decision_id", sa.String(64), sa.ForeignKey("decisions.decision_id"), primary_key=True
        ),
        sa.Column("model_hash", sa.String(64), primary_key=True),
        sa.Column("model_name", sa.String(64), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("default_probability", sa.Float, nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("grade", sa.String(16), nullable=False),
        sa.Column("band", sa.String(16), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        _refuse_on_sqlite()
    else:
        _refuse_on_postgresql()


def _refuse_on_sqlite() -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_REFUSE}'); END"
    op.execute(f"CREATE TRIGGER {_TABLE}_refuse_update BEFORE UPDATE ON {_TABLE} {refuse}")
    op.execute(
        f"CREATE TRIGGER {_TABLE}_refuse_delete BEFORE DELETE ON {_TABLE} "
        f"WHEN NOT {_NOTED} {refuse}"
    )


def _refuse_on_postgresql() -> None:
    refuse = f"RAISE EXCEPTION '{_REFUSE}'"
    op.execute(
        f"CREATE FUNCTION {_TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {refuse}; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {_TABLE}_refuse BEFORE UPDATE OR TRUNCATE ON {_TABLE} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {_TABLE}_refuse()"
    )
    op.execute(
        f"CREATE FUNCTION {_TABLE}_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NOT {_NOTED} THEN {refuse}; END IF; RETURN OLD; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {_TABLE}_refuse_delete BEFORE DELETE ON {_TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {_TABLE}_refuse_delete()"
    )
