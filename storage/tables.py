"""The tables. `storage/migrations/` brings an older database to this shape; a test compares the two."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime, on SQLite (which knows no zones) as on PostgreSQL. Refuses a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: always UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database: always aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _of_incident(nullable: bool = False) -> Column[int]:
    return Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=nullable)


def _words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


OVER = "status in ('dismissed', 'closed') and customers_erased_at is null"

incidents = Table(
    "incidents",
    metadata,
    _id(),
    Column("report_key", String(80), nullable=False, unique=True),  # a form is submitted once, however often it arrives
    Column("status", String(20), nullable=False),
    Column("title", String(150), nullable=False),
    Column("what_happened", Text, nullable=False),
    Column("trigger", String(40), nullable=False),
    Column("customers_affected", Integer, nullable=False),
    Column("proposed_severity", Integer, nullable=False),
    Column("reporter_id", String(20), nullable=False),
    Column("is_private", Boolean, nullable=False),
    Column("reported_at", UtcTime, nullable=False),
    Column("source", String(20)),
    _words("product"),
    Column("happened_at", UtcTime),
    _words("place"),
    _words("demand"),
    _words("done_already"),
    _words("impact"),
    Column("urgency", String(20)),
    Column("emotion", String(20)),
    Column("channel_id", String(20), unique=True),
    Column("channel_name", String(80)),
    Column("archived_at", UtcTime),
    Column("verified_at", UtcTime),
    Column("verified_by", String(20)),
    Column("dismissed_at", UtcTime),
    Column("dismissed_by", String(20)),
    _words("dismissal_reason"),
    Column("kind", String(40), nullable=False, server_default=""),
    Column("severity", Integer),
    Column("graded_at", UtcTime),
    Column("graded_by", String(20)),
    Column("customer_tier", String(20)),
    Column("money_lost_minor", BigInteger),  # in the currency's smallest unit
    Column("money_lost_currency", String(3)),
    Column("core_down_since", UtcTime),
    Column("core_restored_at", UtcTime),
    Column("part_faulty_since", UtcTime),
    Column("part_restored_at", UtcTime),
    Column("publicity", String(20)),
    Column("high_risk", String(20)),
    Column("complaint", String(20)),
    Column("business_stopped", String(5)),
    Column("closed_at", UtcTime),
    Column("others_heard", Integer, nullable=False, server_default="0"),  # of those who are not in the list by name
    Column("customers_erased_at", UtcTime),
    Column("round", Integer, nullable=False, server_default="1"),
    Column("fixed_at", UtcTime),
    Column("fixed_by", String(20)),
    Column("confirmed_at", UtcTime),
    Column("closed_by", String(20)),
    _words("closing_reason"),
    Column("reopened_at", UtcTime),
    Column("reopened_by", String(20)),
    CheckConstraint("proposed_severity in (1, 2, 3)", name="severity"),
    Index(
        "ix_incidents_open",
        "reported_at",
        postgresql_where=text("status not in ('dismissed', 'closed')"),
        sqlite_where=text("status not in ('dismissed', 'closed')"),
    ),
    # Those that are over and still have their customers' data.
    Index("ix_incidents_not_erased", "closed_at", "dismissed_at", postgresql_where=text(OVER), sqlite_where=text(OVER)),
)

gradings = Table(
    "gradings",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("proposed_severity", Integer, nullable=False),
    _words("reason"),
    CheckConstraint("severity in (1, 2, 3)", name="severity"),
    Index("ix_gradings_incident", "incident_id"),
)

assignments = Table(
    "assignments",
    metadata,
    _id(),
    _of_incident(),
    Column("role", String(20), nullable=False),
    Column("user_id", String(20), nullable=False),
    Column("asked_by", String(20)),  # None: the bot itself
    Column("asked_at", UtcTime, nullable=False),
    Column("accepted_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("ended_why", String(20), nullable=False, server_default=""),
    _words("note"),
    Column("hands_over", Integer, ForeignKey("assignments.id", ondelete="SET NULL")),
    _words("reason"),
    Column("with_duties", Boolean, nullable=False, server_default=text("false")),
    Index("ix_assignments_incident", "incident_id"),
    # Whom something waits for, and who has to be replaced when they leave.
    Index(
        "ix_assignments_person",
        "user_id",
        postgresql_where=text("ended_at is null"),
        sqlite_where=text("ended_at is null"),
    ),
    # Who is asked right now: what people have stays theirs when an incident is over.
    Index(
        "ix_assignments_asked",
        "user_id",
        postgresql_where=text("ended_at is null and accepted_at is null"),
        sqlite_where=text("ended_at is null and accepted_at is null"),
    ),
    # One holder of a role, and one person asked for it, whoever clicks at the same moment.
    Index(
        "uq_assignments_held",
        "incident_id",
        "role",
        unique=True,
        postgresql_where=text("ended_at is null and accepted_at is not null"),
        sqlite_where=text("ended_at is null and accepted_at is not null"),
    ),
    Index(
        "uq_assignments_asked",
        "incident_id",
        "role",
        unique=True,
        postgresql_where=text("ended_at is null and accepted_at is null"),
        sqlite_where=text("ended_at is null and accepted_at is null"),
    ),
)

tasks = Table(
    "tasks",
    metadata,
    _id(),
    _of_incident(),
    Column("key", String(80), nullable=False),  # of the playbook: trigger.number; of an added one, its form's
    _words("words"),
    Column("role", String(20)),
    Column("state", String(20), nullable=False),
    Column("user_id", String(20)),
    Column("changed_by", String(20)),
    Column("changed_at", UtcTime),
    _words("reason"),
    UniqueConstraint("incident_id", "key"),
    Index(
        "ix_tasks_person",
        "user_id",
        "incident_id",  # of those that are open: what was never ticked off in the others is there for ever
        postgresql_where=text("state = 'taken'"),
        sqlite_where=text("state = 'taken'"),
    ),
)

customers = Table(
    "customers",
    metadata,
    _id(),
    _of_incident(),
    _words("name"),  # name, number and contact are sealed
    _words("number"),
    _words("contact"),
    Column("tier", String(20)),
    Column("language", String(5)),
    Column("added_at", UtcTime),
    Column("added_by", String(20)),
    Column("emotion", String(20)),  # as of the last contact
    Column("outcome", String(20)),  # of the last try; None: nobody has tried yet
    Column("tried_at", UtcTime),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("first_heard_at", UtcTime),
    Column("heard_at", UtcTime),
    Column("heard_by", String(20)),
    Column("retry_at", UtcTime),
    Column("held_by", String(20)),  # who has them in hand right now: nobody is called by two people at once
    Column("held_until", UtcTime),
    Column("removed_at", UtcTime),  # off the list: not affected, or there is no way to reach them
    Column("removed_by", String(20)),
    _words("removal_reason"),
    Index("ix_customers_incident", "incident_id"),
    # Whose turn it is, and how many have heard, is known without reading what is sealed.
    Index(
        "ix_customers_state",
        "incident_id",
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
    ),
)

lists = Table(
    "lists",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("view_id", String(40), nullable=False, server_default=""),
    _words("name"),  # sealed
    _words("content"),  # sealed, until it is imported
    Column("columns", JSON),
    Column("added", Integer, nullable=False, server_default="0"),
    Column("merged", Integer, nullable=False, server_default="0"),
    Column("bad", Integer, nullable=False, server_default="0"),
    _words("bad_rows"),  # sealed
    Index("ix_lists_incident", "incident_id"),
)

script_facts = Table(
    "script_facts",
    metadata,
    _id(),
    _of_incident(),
    Column("name", String(20), nullable=False),
    _words("words"),  # sealed
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("incident_id", "name"),
)

statements = Table(
    "statements",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("channel", String(20), nullable=False),
    Column("language", String(5), nullable=False),
    _words("words"),
    Column("legal_by", String(20)),
    Column("legal_at", UtcTime),
    Column("pr_by", String(20)),
    Column("pr_at", UtcTime),
    Column("refused_by", String(20)),
    Column("refused_at", UtcTime),
    _words("reason"),
    Column("published_by", String(20)),
    Column("published_at", UtcTime),
    Index("ix_statements_incident", "incident_id"),
)

plans = Table(
    "plans",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    _words("steps"),
    Column("owner_id", String(20), nullable=False),
    Column("until_at", UtcTime, nullable=False),
    Column("is_temporary", Boolean, nullable=False),
    _words("told"),
    _words("resources"),
    Column("compensation_minor", BigInteger),
    Column("compensation_currency", String(3)),
    _words("risks"),
    Column("approved_by", String(20)),
    Column("approved_at", UtcTime),
    Column("refused_by", String(20)),
    Column("refused_at", UtcTime),
    _words("reason"),
    UniqueConstraint("incident_id", "version"),
    Index(
        "ix_plans_not_approved",
        "incident_id",
        postgresql_where=text("approved_at is null"),
        sqlite_where=text("approved_at is null"),
    ),
)

requests = Table(
    "requests",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    _words("what"),
    Column("department", String(40), nullable=False),
    Column("owner_id", String(20), nullable=False),
    Column("until_at", UtcTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("answered_by", String(20)),
    Column("answered_at", UtcTime),
    _words("answer"),
    Index("ix_requests_incident", "incident_id"),
)

progress = Table(
    "progress",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    _words("words"),
    Column("expected_at", UtcTime),
    _words("needs"),
    Index("ix_progress_incident", "incident_id"),
)

confirmations = Table(
    "confirmations",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("round", Integer, nullable=False),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("logged_at", UtcTime, nullable=False),
    Column("is_satisfied", Boolean, nullable=False),
    Column("proof", String(20), nullable=False),
    Column("customer_id", Integer, ForeignKey("customers.id", ondelete="SET NULL")),
    Column("customers", Integer, nullable=False, server_default="1"),
    Column("ref", String(80), nullable=False, server_default=""),
    _words("url"),
    Column("witness_id", String(20)),
    _words("words"),  # sealed
    Index("ix_confirmations_incident", "incident_id", "round", "customer_id"),
)

ratings = Table(
    "ratings",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("round", Integer, nullable=False),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("score", Integer, nullable=False),
    Column("customer_id", Integer, ForeignKey("customers.id", ondelete="SET NULL")),
    _words("comment"),  # sealed
    CheckConstraint("score between 1 and 5", name="score"),
    Index("ix_ratings_incident", "incident_id", "round", "customer_id"),
)

kept = Table(
    "kept",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("added_at", UtcTime, nullable=False),
    _words("words"),
    Column("author_id", String(20)),
    Column("ref", String(80)),
    Column("about", String(40), nullable=False, server_default=""),
    _words("name"),
    _words("url"),
    UniqueConstraint("incident_id", "ref"),
)

# What waits for somebody to accept or return it.
SUBMITTED = "submitted_at is not null and returned_at is null and accepted_at is null"

postmortems = Table(
    "postmortems",
    metadata,
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("drafted_at", UtcTime, nullable=False),
    Column("meeting_at", UtcTime),
    Column("submitted_by", String(20)),
    Column("submitted_at", UtcTime),
    Column("returned_by", String(20)),
    Column("returned_at", UtcTime),
    _words("remarks"),
    Column("accepted_by", String(20)),
    Column("accepted_at", UtcTime),
    Column("told_at", UtcTime),
    Index("ix_postmortems_submitted", "submitted_at", postgresql_where=text(SUBMITTED), sqlite_where=text(SUBMITTED)),
)

sections = Table(
    "sections",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False),
    Column("section", String(20), nullable=False),
    Column("part", String(20), nullable=False),
    _words("words"),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("form_key", "part"),
    Index("ix_sections_incident", "incident_id"),
)

ACTION_OPEN = "state = 'open'"

actions = Table(
    "actions",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    _words("what"),
    Column("kind", String(20), nullable=False),
    Column("owner_id", String(20), nullable=False),
    Column("due_on", Date, nullable=False),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("ended_by", String(20)),
    Column("ended_at", UtcTime),
    _words("outcome"),
    Index("ix_actions_incident", "incident_id"),
    Index("ix_actions_owner", "owner_id", "due_on", postgresql_where=text(ACTION_OPEN), sqlite_where=text(ACTION_OPEN)),
    Index("ix_actions_due", "due_on", postgresql_where=text(ACTION_OPEN), sqlite_where=text(ACTION_OPEN)),
)

evidence = Table(
    "evidence",
    metadata,
    _id(),
    _of_incident(),
    Column("kind", String(20), nullable=False),
    Column("ref", String(80), nullable=False),
    _words("name"),
    _words("url"),
    UniqueConstraint("incident_id", "ref"),
)

participants = Table(
    "participants",
    metadata,
    _id(),  # the order in which they were added: the reporter is invited first
    _of_incident(),
    Column("user_id", String(20), nullable=False),
    Column("invited_at", UtcTime),
    Column("refused", String(80)),  # Slack's word for why they could not be invited
    UniqueConstraint("incident_id", "user_id"),
)

contacts = Table(
    "contacts",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("channel", String(20), nullable=False),
    _words("customer"),  # customer, said, answer, promise and measure are sealed
    _words("said"),
    _words("answer"),
    Column("customer_id", Integer, ForeignKey("customers.id", ondelete="SET NULL")),  # None: several at once
    Column("customers", Integer, nullable=False, server_default="1"),  # how many it went to
    Column("logged_at", UtcTime),
    Column("outcome", String(20), nullable=False, server_default="reached"),
    Column("stage", String(20)),
    Column("language", String(5)),
    Column("emotion", String(20)),
    _words("promise"),
    Column("promised_until", UtcTime),
    Column("consent", String(20)),
    _words("measure"),
    Index("ix_contacts_incident", "incident_id"),
    Index("ix_contacts_customer", "customer_id"),
)

notes = Table(
    "notes",
    metadata,
    _id(),
    _of_incident(),
    Column("form_key", String(80), nullable=False, unique=True),
    Column("occasion", String(20), nullable=False),
    Column("by", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    _words("words"),
    Index("ix_notes_incident", "incident_id"),
)

# What waits for somebody above to say that they know of it.
TO_ACKNOWLEDGE = "duty in ('report_up', 'inform_executive', 'involve_pr') and met_at is null and stopped_at is null"

deadlines = Table(
    "deadlines",
    metadata,
    _id(),
    _of_incident(),
    Column("duty", String(40), nullable=False),
    Column("owner_id", String(20), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("escalate_every_s", Integer, nullable=False),
    Column("moments", Text, nullable=False),  # a line each: epoch seconds, kind, role, person
    Column("position", Integer, nullable=False, server_default="0"),
    Column("next_nudge_at", UtcTime),
    Column("met_at", UtcTime),
    Column("met_by", String(20)),
    Column("stopped_at", UtcTime),
    Column("subject", String(40), nullable=False, server_default=""),  # the id of what it is about, see Deadline
    Column("postponed_at", UtcTime),
    Column("missed_by", String(20)),  # who owed it when it fell due, if that is not its owner now
    Column("told_at", UtcTime),
    Column("told_by", String(20)),
    Index("ix_deadlines_incident", "incident_id"),
    Index(
        "ix_deadlines_owner",
        "owner_id",
        "due_at",
        postgresql_where=text("met_at is null and stopped_at is null"),
        sqlite_where=text("met_at is null and stopped_at is null"),
    ),
    Index(
        "ix_deadlines_to_acknowledge",
        "due_at",
        postgresql_where=text(TO_ACKNOWLEDGE),
        sqlite_where=text(TO_ACKNOWLEDGE),
    ),
    # Only rows that the clock still has something to do with: waking costs what is due, not what is open (decision 4).
    Index(
        "ix_deadlines_next_nudge",
        "next_nudge_at",
        postgresql_where=text("next_nudge_at is not null"),
        sqlite_where=text("next_nudge_at is not null"),
    ),
)

messages = Table(
    "messages",
    metadata,
    _id(),
    _of_incident(),
    Column("drawing", String(30), nullable=False),  # what draws it: card, announcement, reminder ...
    Column("place", String(20), nullable=False),  # incident, announcements, reviews, or person
    Column("user_id", String(20)),  # whom a direct message goes to
    Column("deadline_id", Integer, ForeignKey("deadlines.id", ondelete="CASCADE")),  # what it reminds of
    Column("moment", Integer),
    Column("detail", JSON),  # ids and numbers only; `more`: the other deadlines it reminds of; `thread`
    Column("created_at", UtcTime, nullable=False),
    Column("channel_id", String(20)),
    Column("ts", String(30)),
    Column("digest", String(64)),  # of what Slack shows: what looks the same is not said again
    Index("ix_messages_incident", "incident_id"),
    Index("ix_messages_deadline", "deadline_id"),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _of_incident(nullable=True),
    Column("errand", String(30), nullable=False),
    Column("lane", String(60), nullable=False),  # order is kept within a lane; lanes run side by side
    Column("message_id", Integer, ForeignKey("messages.id", ondelete="CASCADE")),
    Column("detail", JSON),  # ids only, and where to go on reading
    Column("collapses", String(80)),  # a drawing that still waits stands for all that ask for it
    Column("created_at", UtcTime, nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("unsure", Boolean, nullable=False, server_default=text("false")),  # an earlier try may have taken effect
    Column("held_by", String(160)),
    Column("held_until", UtcTime),
    Column("gave_up_at", UtcTime),
    _words("error"),
    Index(
        "ix_outbox_lane",
        "lane",
        "id",
        postgresql_where=text("gave_up_at is null"),
        sqlite_where=text("gave_up_at is null"),
    ),
    Index(
        "ix_outbox_due",
        "not_before",
        "id",
        postgresql_where=text("gave_up_at is null"),
        sqlite_where=text("gave_up_at is null"),
    ),
    Index(
        "uq_outbox_collapses",
        "collapses",
        unique=True,
        postgresql_where=text("tries = 0 and collapses is not null"),
        sqlite_where=text("tries = 0 and collapses is not null"),
    ),
    sqlite_autoincrement=True,  # a number is never given twice: who crosses out 7 means that 7
)

journal = Table(
    "journal",
    metadata,
    _id(),
    _of_incident(nullable=True),  # None: of the installation, such as a new procedure file
    Column("at", UtcTime, nullable=False),
    Column("by", String(20)),  # None: the bot itself
    Column("what", String(40), nullable=False),
    Column("detail", JSON, nullable=False),  # ids, numbers and the procedure's words; never customers' data
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    UniqueConstraint("incident_id", "previous"),
)

people = Table(
    "people",
    metadata,
    Column("user_id", String(20), primary_key=True),
    Column("name", String(150), nullable=False, server_default=""),
    Column("language", String(5)),
    Column("timezone", String(60)),
    Column("is_active", Boolean, nullable=False),
    Column("dm_channel_id", String(20)),
    Column("learned_at", UtcTime),
    Column("home_at", UtcTime),  # when they last looked at App Home
    Column("home_page", Integer, nullable=False, server_default="0"),
)

rosters = Table(
    "rosters",
    metadata,
    Column("handle", String(80), primary_key=True),
    Column("members", JSON, nullable=False),
    Column("learned_at", UtcTime, nullable=False),
)

places = Table(
    "places",
    metadata,
    Column("name", String(90), primary_key=True),  # as the procedure file writes it: #incidents
    Column("channel_id", String(20), nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("name", String(40), primary_key=True),  # key_check: proves that the keys are the ones of this database
    Column("value", Text, nullable=False),
)

# What is sealed, by table (storage/encryption.py). `python -m bot keys rotate` seals it anew, of `facts` only
# key_check, and that last: as long as it needs the old key, the bot does not start without it.
SEALED: Mapping[Table, Sequence[str]] = {
    customers: ("name", "number", "contact"),
    contacts: ("customer", "said", "answer", "promise", "measure"),
    script_facts: ("words",),
    confirmations: ("words",),
    ratings: ("comment",),
    lists: ("name", "content", "bad_rows"),
    facts: ("value",),
}

# What people write to each other. It may name customers: shown masked, and kept masked once their data are erased.
WRITTEN: Mapping[Table, Sequence[str]] = {
    incidents: (
        "title", "what_happened", "product", "place", "demand", "done_already", "impact", "dismissal_reason",
        "closing_reason",
    ),
    gradings: ("reason",),
    assignments: ("note", "reason"),
    tasks: ("words", "reason"),
    customers: ("removal_reason",),
    statements: ("words", "reason"),
    evidence: ("name",),
    notes: ("words",),
    plans: ("steps", "told", "resources", "risks", "reason"),
    requests: ("what", "answer"),
    progress: ("words", "needs"),
    kept: ("words", "name"),
    postmortems: ("remarks",),
    sections: ("words",),
    actions: ("what", "outcome"),
}  # fmt: skip


def as_dict(row: Any) -> dict[str, Any]:
    """A row's columns by name."""
    return dict(row._mapping)
