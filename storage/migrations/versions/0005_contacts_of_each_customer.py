"""What became of each customer, what was said to them, lists that were read, and statements to the public.

Revision ID: 0005
Revises: 0004
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
STATE = [
    "removed_at",
    "first_heard_at",
    "heard_at",
    "outcome",
    "retry_at",
    "tier",
    "emotion",
    "tries",
    "held_until",
    "held_by",
]


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _added() -> dict[str, list["sa.Column[Any]"]]:
    return {
        "incidents": [
            sa.Column("others_heard", sa.Integer(), server_default="0", nullable=False),
            sa.Column("customers_erased_at", TIME, nullable=True),
        ],
        "customers": [
            sa.Column("added_at", TIME, nullable=True),
            sa.Column("added_by", sa.String(20), nullable=True),
            sa.Column("emotion", sa.String(20), nullable=True),
            sa.Column("outcome", sa.String(20), nullable=True),
            sa.Column("tried_at", TIME, nullable=True),
            sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
            sa.Column("first_heard_at", TIME, nullable=True),
            sa.Column("heard_at", TIME, nullable=True),
            sa.Column("heard_by", sa.String(20), nullable=True),
            sa.Column("retry_at", TIME, nullable=True),
            sa.Column("held_by", sa.String(20), nullable=True),
            sa.Column("held_until", TIME, nullable=True),
            sa.Column("removed_at", TIME, nullable=True),
            sa.Column("removed_by", sa.String(20), nullable=True),
            _words("removal_reason"),
        ],
        "contacts": [
            sa.Column("customers", sa.Integer(), server_default="1", nullable=False),
            sa.Column("logged_at", TIME, nullable=True),
            sa.Column("outcome", sa.String(20), server_default="reached", nullable=False),
            sa.Column("stage", sa.String(20), nullable=True),
            sa.Column("language", sa.String(5), nullable=True),
            sa.Column("emotion", sa.String(20), nullable=True),
            _words("promise"),
            sa.Column("promised_until", TIME, nullable=True),
            sa.Column("consent", sa.String(20), nullable=True),
            _words("measure"),
        ],
    }


def upgrade() -> None:
    """Brings a database of the fourth version to this one."""
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index("ix_customers_state", "customers", ["incident_id", *STATE])
    with op.batch_alter_table("contacts") as batch_op:  # nothing refers to it: SQLite may write it anew
        batch_op.add_column(sa.Column("customer_id", sa.Integer(), nullable=True))
        name = op.f("fk_contacts_customer_id")
        batch_op.create_foreign_key(name, "customers", ["customer_id"], ["id"], ondelete="SET NULL")
    op.create_index("ix_contacts_customer", "contacts", ["customer_id"])
    over = sa.text("status in ('dismissed', 'closed') and customers_erased_at is null")
    ends = ["closed_at", "dismissed_at"]
    op.create_index("ix_incidents_not_erased", "incidents", ends, postgresql_where=over, sqlite_where=over)
    # What was logged before each customer had a line of their own was the first one's.
    op.execute(
        "update contacts set customer_id = "
        "(select min(customers.id) from customers where customers.incident_id = contacts.incident_id)"
    )
    op.execute(
        "update customers set outcome = 'reached', "
        "first_heard_at = (select min(contacts.at) from contacts where contacts.customer_id = customers.id), "
        "heard_at = (select max(contacts.at) from contacts where contacts.customer_id = customers.id), "
        "tried_at = (select max(contacts.at) from contacts where contacts.customer_id = customers.id), "
        "tries = (select count(*) from contacts where contacts.customer_id = customers.id), "
        "heard_by = (select max(contacts.by) from contacts where contacts.customer_id = customers.id) "
        "where exists (select 1 from contacts where contacts.customer_id = customers.id)"
    )
    op.create_table(
        "lists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(80), nullable=False),
        sa.Column("by", sa.String(20), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("view_id", sa.String(40), server_default="", nullable=False),
        _words("name"),
        _words("content"),
        sa.Column("columns", sa.JSON(), nullable=True),
        sa.Column("added", sa.Integer(), server_default="0", nullable=False),
        sa.Column("merged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bad", sa.Integer(), server_default="0", nullable=False),
        _words("bad_rows"),
        _of_incident("lists"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lists")),
        sa.UniqueConstraint("form_key", name=op.f("uq_lists_form_key")),
    )
    op.create_index("ix_lists_incident", "lists", ["incident_id"])
    op.create_table(
        "script_facts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        _words("words"),
        sa.Column("by", sa.String(20), nullable=False),
        sa.Column("at", TIME, nullable=False),
        _of_incident("script_facts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script_facts")),
        sa.UniqueConstraint("incident_id", "name", name=op.f("uq_script_facts_incident_id_name")),
    )
    op.create_table(
        "statements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(80), nullable=False),
        sa.Column("by", sa.String(20), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("language", sa.String(5), nullable=False),
        _words("words"),
        sa.Column("legal_by", sa.String(20), nullable=True),
        sa.Column("legal_at", TIME, nullable=True),
        sa.Column("pr_by", sa.String(20), nullable=True),
        sa.Column("pr_at", TIME, nullable=True),
        sa.Column("refused_by", sa.String(20), nullable=True),
        sa.Column("refused_at", TIME, nullable=True),
        _words("reason"),
        sa.Column("published_by", sa.String(20), nullable=True),
        sa.Column("published_at", TIME, nullable=True),
        _of_incident("statements"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
        sa.UniqueConstraint("form_key", name=op.f("uq_statements_form_key")),
    )
    op.create_index("ix_statements_incident", "statements", ["incident_id"])


def downgrade() -> None:
    """Takes them back."""
    for table in ("statements", "script_facts", "lists"):
        op.drop_table(table)
    op.drop_index("ix_incidents_not_erased", "incidents")
    op.drop_index("ix_contacts_customer", "contacts")
    op.drop_index("ix_customers_state", "customers")
    with op.batch_alter_table("contacts") as batch_op:
        batch_op.drop_constraint(op.f("fk_contacts_customer_id"), type_="foreignkey")
        batch_op.drop_column("customer_id")
    for table, columns in _added().items():
        for column in columns:
            op.drop_column(table, column.name)


def _of_incident(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_incident_id")
    return sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=name, ondelete="CASCADE")
