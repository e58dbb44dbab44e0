"""The history of an alert may go once its time is over and its erasure is noted."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLE = "alert_events"
_REFUSE = f"{_TABLE} is append-only"
_NOTED = "EXISTS (SELECT 1 FROM erasures WHERE kind = 'alerts' AND id = OLD.alert_id)"


def upgrade() -> None:
    """Let noted erasures through, and nothing else."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {_TABLE}_refuse_delete")
        op.execute(
            f"CREATE TRIGGER {_TABLE}_refuse_delete BEFORE DELETE ON {_TABLE} "
            f"WHEN NOT {_NOTED} BEGIN SELECT RAISE(ABORT, '{_REFUSE}'); END"
        )
        return
    op.execute(f"DROP TRIGGER {_TABLE}_refuse ON {_TABLE}")
    op.execute(
        f"CREATE TRIGGER {_TABLE}_refuse BEFORE UPDATE OR TRUNCATE ON {_TABLE} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {_TABLE}_refuse()"
    )
    op.execute(
        f"CREATE FUNCTION {_TABLE}_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NOT {_NOTED} THEN RAISE EXCEPTION '{_REFUSE}'; END IF; RETURN OLD; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {_TABLE}_refuse_delete BEFORE DELETE ON {_TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {_TABLE}_refuse_delete()"
    )
