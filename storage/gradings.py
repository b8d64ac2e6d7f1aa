"""What people have decided about how bad it is: each grading stays on record."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from bot.incident import Grading, Severity
from storage.tables import gradings

OF_INCIDENT = select(gradings).where(gradings.c.incident_id == bindparam("incident")).order_by(gradings.c.id)


def was_saved(tx: Connection, form_key: str) -> bool:
    """Whether this form was saved before."""
    return tx.execute(select(gradings.c.id).where(gradings.c.form_key == form_key)).first() is not None


def save(
    tx: Connection,
    incident_id: int,
    form_key: str,
    by: str,
    at: datetime,
    severity: Severity,
    proposed: Severity,
    reason: str,
) -> None:
    """Remembers a grading.

    Raises sqlalchemy.exc.IntegrityError when this form was saved already, by whichever replica.
    """
    tx.execute(
        insert(gradings).values(
            incident_id=incident_id,
            form_key=form_key,
            by=by,
            at=at,
            severity=int(severity),
            proposed_severity=int(proposed),
            reason=reason,
        )
    )


def of_incident(tx: Connection, incident_id: int) -> list[Grading]:
    """Every grading of an incident, oldest first."""
    return [_grading(row) for row in tx.execute(OF_INCIDENT, {"incident": incident_id})]


def _grading(row: Row[Any]) -> Grading:
    return Grading(
        row.id,
        row.incident_id,
        row.by,
        row.at,
        Severity(row.severity),
        Severity(row.proposed_severity),
        row.reason,
    )
