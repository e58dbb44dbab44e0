"""The time of the last audit entry, so that no later one is earlier."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; until the next entry it is empty."""
    op.add_column("audit_head", sa.Column("at", sa.DateTime(timezone=True)))
