"""How far it is, as people said it."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from bot.plan import Progress
from storage.tables import as_dict, progress

LATEST = select(progress).where(progress.c.incident_id == bindparam("incident")).order_by(progress.c.id.desc()).limit(1)


def was_saved(tx: Connection, form_key: str) -> bool:
    """Whether this form was submitted before."""
    return tx.execute(select(progress.c.id).where(progress.c.form_key == form_key)).first() is not None


def save(tx: Connection, form_key: str, said: Progress) -> Progress:
    """Keeps it; its own `id` does not count. Returns it with its number.

    Raises sqlalchemy.exc.IntegrityError when it was saved by this form already, by whichever replica.
    """
    values = {name: value for name, value in asdict(said).items() if name != "id"}
    return _progress(tx.execute(insert(progress).values(**values, form_key=form_key).returning(progress)).one())


def get(tx: Connection, progress_id: int) -> Progress:
    """One of them. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _progress(tx.execute(select(progress).where(progress.c.id == progress_id)).one())


def of_incident(tx: Connection, incident_id: int) -> list[Progress]:
    """All of an incident, oldest first."""
    question = select(progress).where(progress.c.incident_id == incident_id).order_by(progress.c.id)
    return [_progress(row) for row in tx.execute(question)]


def latest(tx: Connection, incident_id: int) -> Progress | None:
    """What was said last."""
    row = tx.execute(LATEST, {"incident": incident_id}).one_or_none()
    return _progress(row) if row else None


def _progress(row: Row[Any]) -> Progress:
    said = as_dict(row)
    del said["form_key"]
    return Progress(**said)
