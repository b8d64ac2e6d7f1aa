"""Action items, and what has become of them."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, insert, or_, select, text, update

from bot.action import Action, ActionKind, ActionState
from storage.db import upsert
from storage.tables import ACTION_OPEN, actions, as_dict, facts, incidents, participants

IS_OPEN = text(f"actions.{ACTION_OPEN}")  # in the words of the index, so that it is used
TOLD = "overdue_told"


def was_saved(tx: Connection, form_key: str) -> bool:
    """Whether this form was submitted before."""
    return tx.execute(select(actions.c.id).where(actions.c.form_key == form_key)).first() is not None


def save(tx: Connection, form_key: str, action: Action) -> Action:
    """Keeps a new one; its own `id` does not count. Returns it with its number.

    Raises sqlalchemy.exc.IntegrityError when one was saved by this form already, by whichever replica.
    """
    values = {name: value for name, value in asdict(action).items() if name != "id"}
    return _action(tx.execute(insert(actions).values(**values, form_key=form_key).returning(actions)).one())


def get(tx: Connection, action_id: int) -> Action:
    """One of them. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _action(tx.execute(select(actions).where(actions.c.id == action_id)).one())


def of_owner(tx: Connection, user_id: str) -> list[int]:
    """The incidents of which somebody has still something to do."""
    question = select(actions.c.incident_id).where(IS_OPEN, actions.c.owner_id == user_id)
    return sorted(set(tx.execute(question).scalars()))


def of_incident(tx: Connection, incident_id: int) -> list[Action]:
    """All of an incident, in the order in which they were agreed."""
    question = select(actions).where(actions.c.incident_id == incident_id).order_by(actions.c.id)
    return [_action(row) for row in tx.execute(question)]


def open_of(tx: Connection, user_id: str, limit: int) -> list[Action]:
    """What somebody has still to do, the first due first."""
    question = select(actions).where(IS_OPEN, actions.c.owner_id == user_id)
    return _some(tx, question.order_by(actions.c.due_on, actions.c.id).limit(limit))


def count_of(tx: Connection, user_id: str, day: date) -> tuple[int, int]:
    """How many somebody has still to do, and how many of them should have been done before `day`."""
    late = func.count(case((actions.c.due_on < day, 1)))
    question = select(func.count(), late).select_from(actions).where(IS_OPEN, actions.c.owner_id == user_id)
    row = tx.execute(question).one()
    return int(row[0]), int(row[1])


def overdue(tx: Connection, day: date, limit: int, user_id: str | None = None) -> list[Action]:
    """What should have been done before `day`, the longest overdue first; of confidential incidents only what
    `user_id` may know of (None: everything)."""
    question = select(actions).where(IS_OPEN, actions.c.due_on < day)
    if user_id is not None:
        question = question.where(_may_know(user_id))
    return _some(tx, question.order_by(actions.c.due_on, actions.c.id).limit(limit))


def count_overdue(tx: Connection, day: date, user_id: str) -> int:
    """How many should have been done before `day`, of those that somebody may know of."""
    question = select(func.count()).select_from(actions).where(IS_OPEN, actions.c.due_on < day, _may_know(user_id))
    return tx.execute(question).scalar_one()


def change(tx: Connection, action_id: int, owner_id: str, due_on: date) -> None:
    """Somebody else's from now on, or until another day."""
    tx.execute(update(actions).where(actions.c.id == action_id).values(owner_id=owner_id, due_on=due_on))


def end(tx: Connection, action_id: int, state: ActionState, by: str, outcome: str, now: datetime) -> None:
    """Done, or dropped."""
    values = {"state": state, "ended_by": by, "ended_at": now, "outcome": outcome}
    tx.execute(update(actions).where(actions.c.id == action_id).values(**values))


def start_telling(tx: Connection, day: date) -> bool:
    """Remembers that the managers hear of what is overdue as of `day`. Of several who ask, one is to tell them: the
    others wait until that one has committed."""
    value = day.isoformat()
    first = upsert(tx, facts).values(name=TOLD, value=value).on_conflict_do_nothing(index_elements=["name"])
    if tx.execute(first.returning(facts.c.name)).one_or_none():
        return True
    later = update(facts).where(facts.c.name == TOLD, facts.c.value < value).values(value=value)
    return bool(tx.execute(later).rowcount)


def was_told(tx: Connection, day: date) -> bool:
    """Whether the managers have heard as of `day`: one look, so that nothing is written with each sweep."""
    value: str | None = tx.execute(select(facts.c.value).where(facts.c.name == TOLD)).scalar_one_or_none()
    return value is not None and value >= day.isoformat()


def _may_know(user_id: str) -> ColumnElement[bool]:
    takes_part = (
        select(participants.c.id)
        .where(participants.c.incident_id == actions.c.incident_id, participants.c.user_id == user_id)
        .exists()
    )
    about = incidents.c.id == actions.c.incident_id
    is_public = or_(incidents.c.is_private.is_(False), incidents.c.reporter_id == user_id)
    return or_(select(incidents.c.id).where(about, is_public).exists(), takes_part)


def _some(tx: Connection, question: Any) -> list[Action]:
    return [_action(row) for row in tx.execute(question)]


def _action(row: Row[Any]) -> Action:
    said = as_dict(row)
    del said["form_key"]
    said["kind"], said["state"] = ActionKind(said["kind"]), ActionState(said["state"])
    return Action(**said)
