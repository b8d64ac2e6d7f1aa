"""Of a duty: who owed it when it fell due, and who has told the one who has to acknowledge it.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds them; of what runs already its owner owes it, and nobody was told."""
    with op.batch_alter_table("deadlines") as batch:
        batch.add_column(sa.Column("missed_by", sa.String(20), nullable=True))
        batch.add_column(sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("told_by", sa.String(20), nullable=True))


def downgrade() -> None:
    """Takes them back."""
    with op.batch_alter_table("deadlines") as batch:
        for column in ("missed_by", "told_at", "told_by"):
            batch.drop_column(column)
