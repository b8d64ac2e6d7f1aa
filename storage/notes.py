"""Short words that people leave for the team with what they do; everybody in the channel reads them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from storage.tables import notes

OF_INCIDENT = (
    select(notes).where(notes.c.incident_id == bindparam("incident"), notes.c.words != "").order_by(notes.c.id)
)


@dataclass(frozen=True)
class Note:
    """What somebody wrote, and on what occasion."""

    occasion: str
    by: str
    at: datetime
    words: str


def was_saved(tx: Connection, form_key: str) -> bool:
    """Whether this form was saved before."""
    return tx.execute(select(notes.c.id).where(notes.c.form_key == form_key)).first() is not None


def save(tx: Connection, incident_id: int, form_key: str, occasion: str, by: str, at: datetime, words: str) -> None:
    """Keeps a note, empty ones too: that the form was saved counts.

    Raises sqlalchemy.exc.IntegrityError when this form was saved already, by whichever replica.
    """
    tx.execute(
        insert(notes).values(incident_id=incident_id, form_key=form_key, occasion=occasion, by=by, at=at, words=words)
    )


def get(tx: Connection, form_key: str) -> Note:
    """What somebody wrote in this form. Raises sqlalchemy.exc.NoResultFound when it was not saved."""
    row = tx.execute(select(notes).where(notes.c.form_key == form_key)).one()
    return Note(row.occasion, row.by, row.at, row.words)


def of_incident(tx: Connection, incident_id: int) -> list[Note]:
    """What people wrote, oldest first, without the empty ones."""
    return [Note(row.occasion, row.by, row.at, row.words) for row in tx.execute(OF_INCIDENT, {"incident": incident_id})]
