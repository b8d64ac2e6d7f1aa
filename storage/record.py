"""What people keep for the record: messages, files, corrections. Added, never changed."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, select, update

from bot.record import Kept, KeptKind
from storage.db import upsert
from storage.tables import as_dict, kept


def keep(tx: Connection, form_key: str, thing: Kept) -> Kept | None:
    """Keeps it; its own `id` does not count. None when it is kept already, by this form or by Slack's id of it."""
    values = {name: value for name, value in asdict(thing).items() if name != "id"}
    statement = upsert(tx, kept).values(**values, form_key=form_key).on_conflict_do_nothing().returning(kept)
    row = tx.execute(statement).one_or_none()
    return _kept(row) if row else None


def is_kept(tx: Connection, incident_id: int, ref: str) -> bool:
    """Whether a message or a file of Slack's is kept already, by Slack's id of it."""
    question = select(kept.c.id).where(kept.c.incident_id == incident_id, kept.c.ref == ref)
    return tx.execute(question).first() is not None


def set_url(tx: Connection, incident_id: int, ref: str, url: str) -> None:
    """Where a message that is kept can be read in Slack."""
    tx.execute(update(kept).where(kept.c.incident_id == incident_id, kept.c.ref == ref).values(url=url))


def of_incident(tx: Connection, incident_id: int) -> list[Kept]:
    """Everything that was kept of an incident, in the order in which it was said."""
    question = select(kept).where(kept.c.incident_id == incident_id).order_by(kept.c.at, kept.c.id)
    return [_kept(row) for row in tx.execute(question)]


def _kept(row: Row[Any]) -> Kept:
    said = as_dict(row)
    del said["form_key"]
    said["kind"] = KeptKind(said["kind"])
    return Kept(**said)
