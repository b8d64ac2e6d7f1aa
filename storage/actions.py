"""Action items, and what has become of them."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from bot.action import Action, ActionKind, ActionState
from storage.tables import ACTION_OPEN, actions, as_dict


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


def of_incident(tx: Connection, incident_id: int) -> list[Action]:
    """All of an incident, in the order in which they were agreed."""
    question = select(actions).where(actions.c.incident_id == incident_id).order_by(actions.c.id)
    return [_action(row) for row in tx.execute(question)]


def open_of(tx: Connection, user_id: str, limit: int) -> list[Action]:
    """What somebody has still to do, the first due first."""
    question = select(actions).where(text(f"actions.{ACTION_OPEN}"), actions.c.owner_id == user_id)
    return _some(tx, question.order_by(actions.c.due_on, actions.c.id).limit(limit))


def overdue(tx: Connection, today: date, limit: int) -> list[Action]:
    """What should have been done before `today`, the longest overdue first."""
    question = select(actions).where(text(f"actions.{ACTION_OPEN}"), actions.c.due_on < today)
    return _some(tx, question.order_by(actions.c.due_on, actions.c.id).limit(limit))


def end(tx: Connection, action_id: int, state: ActionState, by: str, outcome: str, now: datetime) -> None:
    """Done, or dropped."""
    values = {"state": state, "ended_by": by, "ended_at": now, "outcome": outcome}
    tx.execute(update(actions).where(actions.c.id == action_id).values(**values))


def _some(tx: Connection, question: Any) -> list[Action]:
    return [_action(row) for row in tx.execute(question)]


def _action(row: Row[Any]) -> Action:
    said = as_dict(row)
    del said["form_key"]
    said["kind"], said["state"] = ActionKind(said["kind"]), ActionState(said["state"])
    return Action(**said)
