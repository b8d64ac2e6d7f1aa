"""Why somebody can't take a role, and whether everything else of theirs is handed over with it.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables to this shape."""
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reason", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("with_duties", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    """Takes them back."""
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.drop_column("with_duties")
        batch_op.drop_column("reason")
