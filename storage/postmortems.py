"""The postmortem of each incident: how far it is, and what people wrote for it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from bot.postmortem import Postmortem, Section, Written
from storage.db import upsert
from storage.tables import as_dict, postmortems, sections


def begin(tx: Connection, incident_id: int, now: datetime) -> bool:
    """It is drafted from now on. False when it was before: there is one for an incident, however often it is fixed."""
    statement = upsert(tx, postmortems).values(incident_id=incident_id, drafted_at=now).on_conflict_do_nothing()
    return tx.execute(statement.returning(postmortems.c.incident_id)).first() is not None


def get(tx: Connection, incident_id: int) -> Postmortem | None:
    """The one of an incident; None before it is drafted."""
    row = tx.execute(select(postmortems).where(postmortems.c.incident_id == incident_id)).one_or_none()
    return Postmortem(**as_dict(row)) if row else None


def change(tx: Connection, incident_id: int, **values: object) -> None:
    """Some of its columns have other values now, by their names in Postmortem."""
    tx.execute(update(postmortems).where(postmortems.c.incident_id == incident_id).values(**values))


def was_written(tx: Connection, form_key: str) -> bool:
    """Whether this form was submitted before."""
    return tx.execute(select(sections.c.id).where(sections.c.form_key == form_key)).first() is not None


def write(
    tx: Connection, incident_id: int, form_key: str, section: Section, parts: Mapping[str, str], by: str, now: datetime
) -> None:
    """What somebody has written for a section, by part. What was written before stays on record.

    Raises sqlalchemy.exc.IntegrityError when it was saved by this form already, by whichever replica.
    """
    rows = [
        {
            "incident_id": incident_id,
            "form_key": form_key,
            "section": section,
            "part": part,
            "words": words,
            "by": by,
            "at": now,
        }
        for part, words in parts.items()
    ]
    if rows:
        tx.execute(insert(sections), rows)


def written(tx: Connection, incident_id: int) -> list[Written]:
    """What counts of what people wrote: of each section what was submitted last, in the order of its parts."""
    latest: dict[Section, tuple[str, list[Written]]] = {}
    question = select(sections).where(sections.c.incident_id == incident_id).order_by(sections.c.id)
    for row in tx.execute(question):
        one = _written(row)
        if latest.get(one.section, ("", []))[0] != row.form_key:
            latest[one.section] = (row.form_key, [])
        latest[one.section][1].append(one)
    return [one for section in Section if section in latest for one in latest[section][1]]


def _written(row: Row[Any]) -> Written:
    said = as_dict(row)
    del said["form_key"]
    said["section"] = Section(said["section"])
    return Written(**said)
