"""Who was asked to take which role, who has taken it, and how it ended."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, text, update

from bot.incident import Assignment, Role
from storage.tables import as_dict, assignments

OF_INCIDENT = select(assignments).where(assignments.c.incident_id == bindparam("incident")).order_by(assignments.c.id)


def ask(
    tx: Connection,
    incident_id: int,
    role: Role,
    user_id: str,
    by: str | None,
    now: datetime,
    note: str = "",
    hands_over: int | None = None,
    accepted: bool = False,
    with_duties: bool = False,
) -> int:
    """Somebody is asked to take a role, or has it at once (`accepted`). Returns the assignment's id.

    Raises sqlalchemy.exc.IntegrityError when somebody is asked for this role already, or has it.
    """
    statement = insert(assignments).values(
        incident_id=incident_id,
        role=role,
        user_id=user_id,
        asked_by=by,
        asked_at=now,
        accepted_at=now if accepted else None,
        note=note,
        hands_over=hands_over,
        with_duties=with_duties,
    )
    assignment_id: int = tx.execute(statement.returning(assignments.c.id)).scalar_one()
    return assignment_id


def accept(tx: Connection, assignment_id: int, now: datetime) -> None:
    """They take it."""
    tx.execute(update(assignments).where(assignments.c.id == assignment_id).values(accepted_at=now))


def end(tx: Connection, assignment_ids: Collection[int], why: str, now: datetime, reason: str = "") -> None:
    """They have it no more, or are asked no more; `why` is a word of `bot.incident.Assignment`, `reason` theirs."""
    tx.execute(
        update(assignments)
        .where(assignments.c.id.in_(list(assignment_ids)), assignments.c.ended_at.is_(None))
        .values(ended_at=now, ended_why=why, reason=reason)
    )


def get(tx: Connection, assignment_id: int) -> Assignment:
    """One assignment. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _assignment(tx.execute(select(assignments).where(assignments.c.id == assignment_id)).one())


def of_incident(tx: Connection, incident_id: int) -> list[Assignment]:
    """Every assignment of an incident, ended ones too, oldest first."""
    return [_assignment(row) for row in tx.execute(OF_INCIDENT, {"incident": incident_id})]


def asked_of(tx: Connection, user_id: str, limit: int) -> list[Assignment]:
    """The roles that somebody is asked to take and has not answered, oldest first."""
    question = (
        select(assignments)
        # In the words of the index, so that it is used.
        .where(assignments.c.user_id == user_id, text("ended_at is null and accepted_at is null"))
        .order_by(assignments.c.id)
        .limit(limit)
    )
    return [_assignment(row) for row in tx.execute(question)]


def held_by(tx: Connection, user_id: str) -> list[Assignment]:
    """The roles that somebody has, in all incidents."""
    question = (
        select(assignments)
        .where(
            assignments.c.user_id == user_id, assignments.c.ended_at.is_(None), assignments.c.accepted_at.is_not(None)
        )
        .order_by(assignments.c.id)
    )
    return [_assignment(row) for row in tx.execute(question)]


def holders(found: Sequence[Assignment]) -> dict[Role, str]:
    """Who has which role now."""
    return {each.role: each.user_id for each in found if each.ended_at is None and each.accepted_at is not None}


def asked(found: Sequence[Assignment]) -> dict[Role, Assignment]:
    """Who is asked for which role now, and has not answered."""
    return {each.role: each for each in found if each.ended_at is None and each.accepted_at is None}


def _assignment(row: Row[Any]) -> Assignment:
    said = as_dict(row)
    said["role"] = Role(said["role"])
    return Assignment(**said)
