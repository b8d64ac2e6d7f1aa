"""The words that people had with customers."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from bot.incident import Contact, ContactChannel
from storage.encryption import cipher_of
from storage.tables import contacts


def was_logged(tx: Connection, form_key: str) -> bool:
    """Whether this form was saved before."""
    return tx.execute(select(contacts.c.id).where(contacts.c.form_key == form_key)).first() is not None


def log(
    tx: Connection,
    incident_id: int,
    form_key: str,
    by: str,
    at: datetime,
    channel: ContactChannel,
    customer: str,
    said: str,
    answer: str,
) -> None:
    """Remembers a contact, sealed.

    Raises sqlalchemy.exc.IntegrityError when this form was saved already, by whichever replica.
    """
    cipher = cipher_of(tx)
    tx.execute(
        insert(contacts).values(
            incident_id=incident_id,
            form_key=form_key,
            by=by,
            at=at,
            channel=channel,
            customer=cipher.seal(customer),
            said=cipher.seal(said),
            answer=cipher.seal(answer),
        )
    )


def of_incident(tx: Connection, incident_id: int) -> list[Contact]:
    """Every contact of an incident, oldest first, opened. Confidential."""
    cipher = cipher_of(tx)
    return [
        Contact(
            row.id,
            row.incident_id,
            row.by,
            row.at,
            ContactChannel(row.channel),
            cipher.open(row.customer),
            cipher.open(row.said),
            cipher.open(row.answer),
        )
        for row in tx.execute(select(contacts).where(contacts.c.incident_id == incident_id).order_by(contacts.c.id))
    ]


def count(tx: Connection, incident_id: int) -> int:
    """How many contacts were logged."""
    return tx.execute(
        select(func.count()).select_from(contacts).where(contacts.c.incident_id == incident_id)
    ).scalar_one()
