"""What waits for somebody: when they last looked at App Home, and what they can acknowledge.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TO_ACKNOWLEDGE = "duty in ('report_up', 'inform_executive', 'involve_pr') and met_at is null and stopped_at is null"


def upgrade() -> None:
    """Brings a database of the third version to this one."""
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.add_column(sa.Column("home_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("home_page", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "ix_deadlines_to_acknowledge",
        "deadlines",
        ["due_at"],
        postgresql_where=sa.text(TO_ACKNOWLEDGE),
        sqlite_where=sa.text(TO_ACKNOWLEDGE),
    )


def downgrade() -> None:
    """Takes them back."""
    op.drop_index("ix_deadlines_to_acknowledge", "deadlines")
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.drop_column("home_page")
        batch_op.drop_column("home_at")
