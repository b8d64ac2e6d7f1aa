"""Grading, roles and tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables to this shape."""
    op.create_table(
        "assignments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("user_id", sa.String(length=20), nullable=False),
        sa.Column("asked_by", sa.String(length=20), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(length=20), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("hands_over", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["hands_over"], ["assignments.id"], name=op.f("fk_assignments_hands_over"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_assignments_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
    )
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.create_index("ix_assignments_incident", ["incident_id"], unique=False)
        batch_op.create_index(
            "ix_assignments_person",
            ["user_id"],
            unique=False,
            postgresql_where=sa.text("ended_at is null"),
            sqlite_where=sa.text("ended_at is null"),
        )
        batch_op.create_index(
            "uq_assignments_asked",
            ["incident_id", "role"],
            unique=True,
            postgresql_where=sa.text("ended_at is null and accepted_at is null"),
            sqlite_where=sa.text("ended_at is null and accepted_at is null"),
        )
        batch_op.create_index(
            "uq_assignments_held",
            ["incident_id", "role"],
            unique=True,
            postgresql_where=sa.text("ended_at is null and accepted_at is not null"),
            sqlite_where=sa.text("ended_at is null and accepted_at is not null"),
        )

    op.create_table(
        "gradings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(length=80), nullable=False),
        sa.Column("by", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("proposed_severity", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("severity in (1, 2, 3)", name=op.f("ck_gradings_severity")),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_gradings_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gradings")),
        sa.UniqueConstraint("form_key", name=op.f("uq_gradings_form_key")),
    )
    with op.batch_alter_table("gradings", schema=None) as batch_op:
        batch_op.create_index("ix_gradings_incident", ["incident_id"], unique=False)

    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.String(length=20), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("user_id", sa.String(length=20), nullable=True),
        sa.Column("changed_by", sa.String(length=20), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_tasks_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("incident_id", "key", name=op.f("uq_tasks_incident_id_key")),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_tasks_person",
            ["user_id"],
            unique=False,
            postgresql_where=sa.text("state = 'taken'"),
            sqlite_where=sa.text("state = 'taken'"),
        )

    with op.batch_alter_table("deadlines", schema=None) as batch_op:
        batch_op.add_column(sa.Column("subject", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("postponed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_deadlines_owner",
            ["owner_id", "due_at"],
            unique=False,
            postgresql_where=sa.text("met_at is null and stopped_at is null"),
            sqlite_where=sa.text("met_at is null and stopped_at is null"),
        )

    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("severity", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("graded_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("graded_by", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("customer_tier", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("money_lost_minor", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("money_lost_currency", sa.String(length=3), nullable=True))
        batch_op.add_column(sa.Column("core_down_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("core_restored_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("part_faulty_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("part_restored_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("publicity", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("high_risk", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("complaint", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("business_stopped", sa.String(length=5), nullable=True))
        batch_op.add_column(sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.alter_column("incident_id", existing_type=sa.INTEGER(), nullable=True)

    # A closed incident is not open either.
    op.drop_index("ix_incidents_open", table_name="incidents")
    still_open = sa.text("status not in ('dismissed', 'closed')")
    op.create_index(
        "ix_incidents_open", "incidents", ["reported_at"], postgresql_where=still_open, sqlite_where=still_open
    )
    # The tier that customers were reported with is a fact of the incident from now on.
    op.execute(
        "update incidents set customer_tier = (select tier from customers "
        "where customers.incident_id = incidents.id order by customers.id limit 1)"
    )


def downgrade() -> None:
    """Takes them back."""
    op.drop_index("ix_incidents_open", table_name="incidents")
    still_open = sa.text("status <> 'dismissed'")
    op.create_index(
        "ix_incidents_open", "incidents", ["reported_at"], postgresql_where=still_open, sqlite_where=still_open
    )
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.alter_column("incident_id", existing_type=sa.INTEGER(), nullable=False)

    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.drop_column("closed_at")
        batch_op.drop_column("business_stopped")
        batch_op.drop_column("complaint")
        batch_op.drop_column("high_risk")
        batch_op.drop_column("publicity")
        batch_op.drop_column("part_restored_at")
        batch_op.drop_column("part_faulty_since")
        batch_op.drop_column("core_restored_at")
        batch_op.drop_column("core_down_since")
        batch_op.drop_column("money_lost_currency")
        batch_op.drop_column("money_lost_minor")
        batch_op.drop_column("customer_tier")
        batch_op.drop_column("graded_by")
        batch_op.drop_column("graded_at")
        batch_op.drop_column("severity")
        batch_op.drop_column("kind")

    with op.batch_alter_table("deadlines", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_deadlines_owner",
            postgresql_where=sa.text("met_at is null and stopped_at is null"),
            sqlite_where=sa.text("met_at is null and stopped_at is null"),
        )
        batch_op.drop_column("postponed_at")
        batch_op.drop_column("subject")

    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_tasks_person", postgresql_where=sa.text("state = 'taken'"), sqlite_where=sa.text("state = 'taken'")
        )

    op.drop_table("tasks")
    with op.batch_alter_table("gradings", schema=None) as batch_op:
        batch_op.drop_index("ix_gradings_incident")

    op.drop_table("gradings")
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_assignments_held",
            postgresql_where=sa.text("ended_at is null and accepted_at is not null"),
            sqlite_where=sa.text("ended_at is null and accepted_at is not null"),
        )
        batch_op.drop_index(
            "uq_assignments_asked",
            postgresql_where=sa.text("ended_at is null and accepted_at is null"),
            sqlite_where=sa.text("ended_at is null and accepted_at is null"),
        )
        batch_op.drop_index(
            "ix_assignments_person",
            postgresql_where=sa.text("ended_at is null"),
            sqlite_where=sa.text("ended_at is null"),
        )
        batch_op.drop_index("ix_assignments_incident")

    op.drop_table("assignments")
