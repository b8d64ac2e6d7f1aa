"""What is asked of other departments for an incident."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from bot.plan import Request, RequestState
from storage.tables import as_dict, requests


def was_saved(tx: Connection, form_key: str) -> bool:
    """Whether this form was submitted before."""
    return tx.execute(select(requests.c.id).where(requests.c.form_key == form_key)).first() is not None


def save(tx: Connection, form_key: str, request: Request) -> Request:
    """Keeps a new one; its own `id` does not count. Returns it with its number.

    Raises sqlalchemy.exc.IntegrityError when one was saved by this form already, by whichever replica.
    """
    values = {name: value for name, value in asdict(request).items() if name != "id"}
    return _request(tx.execute(insert(requests).values(**values, form_key=form_key).returning(requests)).one())


def get(tx: Connection, request_id: int) -> Request:
    """One of them. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _request(tx.execute(select(requests).where(requests.c.id == request_id)).one())


def of_incident(tx: Connection, incident_id: int) -> list[Request]:
    """All of an incident, oldest first."""
    question = select(requests).where(requests.c.incident_id == incident_id).order_by(requests.c.id)
    return [_request(row) for row in tx.execute(question)]


def answer(tx: Connection, request_id: int, state: RequestState, by: str, words: str, now: datetime) -> None:
    """What has become of it, and what was said to that."""
    values = {"state": state, "answered_by": by, "answered_at": now, "answer": words}
    tx.execute(update(requests).where(requests.c.id == request_id).values(**values))


def _request(row: Row[Any]) -> Request:
    said = as_dict(row)
    del said["form_key"]
    said["state"] = RequestState(said["state"])
    return Request(**said)
