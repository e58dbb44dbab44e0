"""The ledger of promotions: what was done, who proposed it, and on what evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; earlier entries were promotions by one person."""
    act = sa.Column("act", sa.String(16), nullable=False, server_default="promote")
    op.add_column("promotions", act)
    op.add_column("promotions", sa.Column("proposed_by", sa.String(200)))
    op.add_column("promotions", sa.Column("evidence", sa.JSON))
