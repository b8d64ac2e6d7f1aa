"""Step 3. Somebody above is told, and says so: direct message -> one click -> clock met, what follows starts."""

from datetime import datetime

from slack_bolt import Ack, App

from bot import lifecycle
from bot.deadlines import addressees
from bot.incident import Duty, Event, NotAllowed, Person
from bot.lifecycle import Permitted
from handlers import duties
from handlers.blocks import Json
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.words import chosen_id
from storage import deadlines, incidents, journal, outbox, roles


def register(app: App) -> None:
    """What leads here."""
    app.action("acknowledge.confirm")(confirm)


def confirm(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """One click: they know of it. Whoever stands higher may say so too."""
    deadline_id = chosen_id(action)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, deadlines.get(tx, deadline_id).incident_id, lock=True)
        deadline = deadlines.get(tx, deadline_id, lock=True)
        lifecycle.check_open(incident)
        lifecycle.check_is_owed(deadline)
        times, who = desk.procedure.duties[deadline.duty], duties.company(desk, tx)
        allowed = [*addressees(times, who.procedure, who.rosters)]
        holders = roles.holders(roles.of_incident(tx, incident.id))
        if times.to in holders:
            allowed.append(holders[times.to])
        if person.user_id not in allowed:
            raise NotAllowed("allowed.only", who=Permitted((str(times.to),), next(iter(allowed), None)))
        met = deadlines.meet(tx, incident.id, [deadline.duty], person.user_id, now)
        journal.add(tx, incident.id, "acknowledged", person.user_id, now, duty=deadline.duty)
        if deadline.duty is Duty.REPORT_UP:
            duties.begin(desk, tx, incident, [Event.ACKNOWLEDGED], now)
        incidents.add_participants(tx, incident.id, [person.user_id])
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, met)
    ack()
    desk.wake()
