"""The tasks of an incident: the playbook's, and those that people added."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text, update

from bot.incident import Role, Task, TaskState
from storage.db import upsert
from storage.incidents import IS_OPEN
from storage.tables import as_dict, incidents, tasks


def add(tx: Connection, incident_id: int, new: Sequence[tuple[str, str, Role | None]]) -> list[Task]:
    """Adds tasks, each (key, words, role); one that is there already stays as it is. Returns the new ones."""
    if not new:
        return []
    rows = [
        {"incident_id": incident_id, "key": key, "words": words, "role": role, "state": TaskState.OPEN}
        for key, words, role in new
    ]
    added = [
        tx.execute(upsert(tx, tasks).values(**row).on_conflict_do_nothing().returning(tasks)).one_or_none()
        for row in rows
    ]
    return [_task(row) for row in added if row is not None]


def set_state(
    tx: Connection, task_id: int, state: TaskState, user_id: str | None, by: str | None, now: datetime, reason: str = ""
) -> None:
    """What has become of a task; `user_id` is who does it, or did; `by` is None for the bot itself."""
    tx.execute(
        update(tasks)
        .where(tasks.c.id == task_id)
        .values(state=state, user_id=user_id, changed_by=by, changed_at=now, reason=reason)
    )


def get(tx: Connection, task_id: int) -> Task:
    """One task. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _task(tx.execute(select(tasks).where(tasks.c.id == task_id)).one())


def of_incident(tx: Connection, incident_id: int) -> list[Task]:
    """The tasks of an incident, in their order."""
    question = select(tasks).where(tasks.c.incident_id == incident_id).order_by(tasks.c.id)
    return [_task(row) for row in tx.execute(question)]


def taken_by(tx: Connection, user_id: str, limit: int) -> list[Task]:
    """The tasks that somebody has taken and not finished, in incidents that are open."""
    question = (
        select(tasks)
        # The first in the words of the index, so that it is used: it is asked for each open incident.
        .where(
            text("tasks.state = 'taken'"),
            tasks.c.user_id == user_id,
            tasks.c.incident_id.in_(select(incidents.c.id).where(IS_OPEN)),
        )
        .order_by(tasks.c.id)
        .limit(limit)
    )
    return [_task(row) for row in tx.execute(question)]


def _task(row: Row[Any]) -> Task:
    said = as_dict(row)
    said["role"] = Role(said["role"]) if said["role"] else None
    said["state"] = TaskState(said["state"])
    return Task(**said)
