"""The postmortem writes itself: an incident is fixed -> its draft is a thread, drawn again when its facts change.

Not a step of its own: the step `fixed` begins it, the step `postmortem` works on it.
"""

from datetime import datetime

from sqlalchemy import Connection

from bot.incident import Incident
from handlers.desk import Desk
from storage import postmortems


def begin(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> None:  # noqa: ARG001
    """An incident is fixed: its postmortem is drafted, and who owes a section is asked. Once, in all rounds."""
    postmortems.begin(tx, incident.id, now)
