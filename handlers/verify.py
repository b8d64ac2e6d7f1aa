"""Step 2. Somebody verifies the report: button on card or reminder -> form -> saved -> clock met, card redrawn."""

from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Duty, Incident, Person
from bot.procedure import Procedure
from bot.wording import Wording
from handlers import checklist, duties, occasion, team
from handlers.blocks import Json, modal
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Text
from handlers.windows import show
from handlers.words import chosen_id
from storage import deadlines, incidents, journal, notes, outbox, people

NOTE = Text("note", "verify", multiline=True, max_length=1000)


def register(app: App) -> None:
    """What leads here."""
    app.action("verify.open")(open_form)
    app.view("verify.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Refuses kindly when somebody was faster."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        team.check_may(desk, tx, "verify", incident, person.user_id)
        knows = _who_knows(desk, tx, incident, person)
    lifecycle.check_can_verify(incident)
    show(client, body, form(incident, desk.procedure, words, knows))
    ack()


def _who_knows(desk: Desk, tx: Connection, incident: Incident, person: Person) -> str | None:
    """The name of the first person who can say whether it is so: before it is graded, nobody of their role is there."""
    trigger = desk.procedure.triggers.get(incident.trigger)
    if trigger is None or trigger.verify_with is None:
        return None
    asked = [who for who in team.proposed_now(desk, tx, incident, trigger.verify_with) if who != person.user_id]
    return people.names(tx, asked[:1]).get(asked[0]) if asked else None


def form(incident: Incident, procedure: Procedure, words: Wording, knows: str | None = None) -> View:
    """One optional field, with what to look at for this kind of incident, and whom to ask."""
    trigger = procedure.triggers.get(incident.trigger)
    hint = trigger.verify.in_language(words.language) if trigger else None
    if hint and knows:
        hint = words.text("verify.ask", hint=hint, who=knows)
    return modal(
        "verify.submit",
        words.text("verify.title", number=incident.number),
        [NOTE.block(words, hint=hint, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("verify.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """The report holds; the clock is met."""
    answers = Answers(view)
    note = NOTE.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "verify", incident, person.user_id)
        lifecycle.check_can_verify(incident)
        incidents.set_verified(tx, incident.id, person.user_id, now)
        notes.save(tx, incident.id, str(view["id"]), "verified", person.user_id, now, note)
        checklist.post(desk, tx, incident, now)
        occasion.post_first(desk, tx, incident, now)
        met = deadlines.meet(tx, incident.id, [Duty.VERIFY], person.user_id, now)
        journal.add(tx, incident.id, "verified", person.user_id, now, has_note=bool(note))
        met += duties.knows(desk, tx, incident, person.user_id, "verified", now)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, met)
    ack()
    desk.wake()
