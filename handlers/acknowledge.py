"""Step 3. Somebody above is told, and says so: direct message -> one click -> clock met, what follows starts.

Whoever has told them says that too: reminder -> one click -> the one who was told is asked, the ladder waits.
Whoever acts in the incident needs no click: `handlers/duties.py`, `knows`.
"""

from datetime import datetime

from slack_bolt import Ack, App
from sqlalchemy import Connection

from bot import deadlines as rules
from bot import lifecycle
from bot.incident import Deadline, Duty, Event, Incident, NotAllowed, Person
from bot.lifecycle import Permitted
from handlers import duties
from handlers.blocks import Json
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.words import chosen_id
from storage import deadlines, incidents, journal, outbox


def register(app: App) -> None:
    """What leads here."""
    app.action("acknowledge.confirm")(confirm)
    app.action("acknowledge.told")(tell)


def confirm(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """One click: they know of it. Whoever stands higher may say so too."""
    with desk.db.begin() as tx:
        incident, deadline = _locked(tx, chosen_id(action))
        allowed = duties.who_acknowledges(desk, tx, incident, deadline)
        if person.user_id not in allowed:
            to = desk.procedure.duties[deadline.duty].to
            raise NotAllowed("allowed.only", who=Permitted((str(to),), next(iter(allowed), None)))
        met = deadlines.meet(tx, incident.id, [deadline.duty], person.user_id, now)
        journal.add(tx, incident.id, "acknowledged", person.user_id, now, duty=deadline.duty)
        if deadline.duty is Duty.REPORT_UP:
            duties.begin(desk, tx, incident, [Event.ACKNOWLEDGED], now)
        met += duties.knows(desk, tx, incident, person.user_id, "acknowledged", now)
        incidents.add_participants(tx, incident.id, [person.user_id])
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, met)
    ack()
    desk.wake()


def tell(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """One click: they have told the one who has to say so. What that changes is in `bot/deadlines.py`, `told`.

    Anybody who handles the case may say it, not the owner alone: whoever reaches that person first has done it.
    """
    with desk.db.begin() as tx:
        incident, deadline = _locked(tx, chosen_id(action))
        lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
        changed = rules.told(deadline, person.user_id, now)
        asked = rules.asked_to_know(deadline)
        if changed is None or asked is None:
            raise NotAllowed("allowed.already_told", by=deadline.told_by, at=deadline.told_at)
        deadlines.change(tx, changed)
        journal.add(tx, incident.id, "told", person.user_id, now, duty=deadline.duty, to=asked.user_id)
        met = duties.knows(desk, tx, incident, person.user_id, "told", now)  # they may be one of those to be told
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, [deadline.id, *met])
    ack()
    desk.wake()


def _locked(tx: Connection, deadline_id: int) -> tuple[Incident, Deadline]:
    """A deadline that is still owed, with its incident."""
    incident = incidents.get(tx, deadlines.get(tx, deadline_id).incident_id, lock=True)
    deadline = deadlines.get(tx, deadline_id, lock=True)
    lifecycle.check_open(incident)
    lifecycle.check_is_owed(deadline)
    return incident, deadline
