"""Plans, requests, progress, confirmations, satisfaction, what is kept, the postmortem and its action items.

Revision ID: 0006
Revises: 0005
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
OPEN = sa.text("state = 'open'")
ASKED = sa.text("ended_at is null and accepted_at is null")
TAKEN = sa.text("state = 'taken'")
SUBMITTED = sa.text("submitted_at is not null and returned_at is null and accepted_at is null")


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _somebody(name: str, nullable: bool = True) -> "sa.Column[str]":
    return sa.Column(name, sa.String(20), nullable=nullable)


def _at(name: str, nullable: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, TIME, nullable=nullable)


def _table(name: str, *columns: "sa.Column[Any]", unique: tuple[str, ...] = ("form_key",)) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(80), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=f"fk_{name}_incident_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.UniqueConstraint(*unique, name=f"uq_{name}_{'_'.join(unique)}"),
    )


def upgrade() -> None:
    """Adds them; what there is stays as it is."""
    with op.batch_alter_table("incidents") as batch:
        batch.add_column(sa.Column("round", sa.Integer(), server_default="1", nullable=False))
        for column in (_at("fixed_at"), _somebody("fixed_by"), _at("confirmed_at"), _somebody("closed_by")):
            batch.add_column(column)
        for column in (_words("closing_reason"), _at("reopened_at"), _somebody("reopened_by")):
            batch.add_column(column)
    with op.batch_alter_table("messages") as batch:
        batch.add_column(sa.Column("digest", sa.String(64), nullable=True))
    op.create_index("ix_assignments_asked", "assignments", ["user_id"], postgresql_where=ASKED, sqlite_where=ASKED)
    op.drop_index("ix_tasks_person", "tasks")
    op.create_index("ix_tasks_person", "tasks", ["user_id", "incident_id"], postgresql_where=TAKEN, sqlite_where=TAKEN)
    _add_the_plan()
    _add_the_closing()
    _add_the_postmortem()


def _add_the_plan() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        _somebody("by", nullable=False),
        _at("at", nullable=False),
        _words("steps"),
        _somebody("owner_id", nullable=False),
        _at("until_at", nullable=False),
        sa.Column("is_temporary", sa.Boolean(), nullable=False),
        _words("told"),
        _words("resources"),
        sa.Column("compensation_minor", sa.BigInteger(), nullable=True),
        sa.Column("compensation_currency", sa.String(3), nullable=True),
        _words("risks"),
        _somebody("approved_by"),
        _at("approved_at"),
        _somebody("refused_by"),
        _at("refused_at"),
        _words("reason"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_plans_incident_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        sa.UniqueConstraint("form_key", name="uq_plans_form_key"),
        sa.UniqueConstraint("incident_id", "version", name="uq_plans_incident_id_version"),
    )
    waits = sa.text("approved_at is null")
    op.create_index("ix_plans_not_approved", "plans", ["incident_id"], postgresql_where=waits, sqlite_where=waits)
    _table(
        "requests",
        _somebody("by", nullable=False),
        _at("at", nullable=False),
        _words("what"),
        sa.Column("department", sa.String(40), nullable=False),
        _somebody("owner_id", nullable=False),
        _at("until_at", nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        _somebody("answered_by"),
        _at("answered_at"),
        _words("answer"),
    )
    op.create_index("ix_requests_incident", "requests", ["incident_id"])
    _table(
        "progress",
        _somebody("by", nullable=False),
        _at("at", nullable=False),
        _words("words"),
        _at("expected_at"),
        _words("needs"),
    )
    op.create_index("ix_progress_incident", "progress", ["incident_id"])


def _add_the_closing() -> None:
    op.create_table(
        "confirmations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(80), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        _somebody("by", nullable=False),
        _at("at", nullable=False),
        _at("logged_at", nullable=False),
        sa.Column("is_satisfied", sa.Boolean(), nullable=False),
        sa.Column("proof", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("customers", sa.Integer(), server_default="1", nullable=False),
        sa.Column("ref", sa.String(80), server_default="", nullable=False),
        _words("url"),
        _somebody("witness_id"),
        _words("words"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_confirmations_customer_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name="fk_confirmations_incident_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_confirmations"),
        sa.UniqueConstraint("form_key", name="uq_confirmations_form_key"),
    )
    op.create_index("ix_confirmations_incident", "confirmations", ["incident_id", "round", "customer_id"])
    op.create_table(
        "ratings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(80), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        _somebody("by", nullable=False),
        _at("at", nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        _words("comment"),
        sa.CheckConstraint("score between 1 and 5", name=op.f("ck_ratings_score")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_ratings_customer_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_ratings_incident_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_ratings"),
        sa.UniqueConstraint("form_key", name="uq_ratings_form_key"),
    )
    op.create_index("ix_ratings_incident", "ratings", ["incident_id", "round", "customer_id"])


def _add_the_postmortem() -> None:
    op.create_table(
        "kept",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        _somebody("by", nullable=False),
        _at("at", nullable=False),
        _at("added_at", nullable=False),
        _words("words"),
        _somebody("author_id"),
        sa.Column("ref", sa.String(80), nullable=True),
        sa.Column("about", sa.String(40), server_default="", nullable=False),
        _words("name"),
        _words("url"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_kept_incident_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_kept"),
        sa.UniqueConstraint("form_key", name="uq_kept_form_key"),
        sa.UniqueConstraint("incident_id", "ref", name="uq_kept_incident_id_ref"),
    )
    op.create_table(
        "postmortems",
        sa.Column("incident_id", sa.Integer(), nullable=False),
        _at("drafted_at", nullable=False),
        _at("meeting_at"),
        _somebody("submitted_by"),
        _at("submitted_at"),
        _somebody("returned_by"),
        _at("returned_at"),
        _words("remarks"),
        _somebody("accepted_by"),
        _at("accepted_at"),
        _at("told_at"),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name="fk_postmortems_incident_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("incident_id", name="pk_postmortems"),
    )
    op.create_index(
        "ix_postmortems_submitted",
        "postmortems",
        ["submitted_at"],
        postgresql_where=SUBMITTED,
        sqlite_where=SUBMITTED,
    )
    _table(
        "sections",
        sa.Column("section", sa.String(20), nullable=False),
        sa.Column("part", sa.String(20), nullable=False),
        _words("words"),
        _somebody("by", nullable=False),
        _at("at", nullable=False),
        unique=("form_key", "part"),
    )
    op.create_index("ix_sections_incident", "sections", ["incident_id"])
    _table(
        "actions",
        _words("what"),
        sa.Column("kind", sa.String(20), nullable=False),
        _somebody("owner_id", nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        _somebody("by", nullable=False),
        _at("at", nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        _somebody("ended_by"),
        _at("ended_at"),
        _words("outcome"),
    )
    op.create_index("ix_actions_incident", "actions", ["incident_id"])
    op.create_index("ix_actions_owner", "actions", ["owner_id", "due_on"], postgresql_where=OPEN, sqlite_where=OPEN)
    op.create_index("ix_actions_due", "actions", ["due_on"], postgresql_where=OPEN, sqlite_where=OPEN)


def downgrade() -> None:
    """Takes them back."""
    op.drop_index("ix_assignments_asked", "assignments")
    op.drop_index("ix_tasks_person", "tasks")
    op.create_index("ix_tasks_person", "tasks", ["user_id"], postgresql_where=TAKEN, sqlite_where=TAKEN)
    new = ("actions", "sections", "postmortems", "kept", "ratings", "confirmations", "progress", "requests", "plans")
    for table in new:
        op.drop_table(table)
    with op.batch_alter_table("messages") as batch:
        batch.drop_column("digest")
    added = ("round", "fixed_at", "fixed_by", "confirmed_at", "closed_by")
    with op.batch_alter_table("incidents") as batch:
        for column in (*added, "closing_reason", "reopened_at", "reopened_by"):
            batch.drop_column(column)
