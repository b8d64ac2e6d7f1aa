"""Step 3. Somebody has spoken to the customer: button -> form -> logged -> clock met, card redrawn."""

from collections.abc import Collection
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import ContactChannel, Duty, Event, Incident, Person, Status
from bot.wording import Wording
from handlers import duties, team
from handlers.blocks import Json, modal
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Text, Word
from handlers.words import chosen_id
from storage import contacts, customers, deadlines, incidents, journal, outbox

WHO = Text("customer", "contact", required=True, max_length=150, if_missing="contact.say_who")
CHANNEL = Word("channel", "contact", required=True, words_of=ContactChannel, vocabulary="contact_channel")
SAID = Text("said", "contact", required=True, multiline=True, max_length=3000, if_missing="contact.say_what")
ANSWER = Text("answer", "contact", multiline=True, max_length=3000)


def register(app: App) -> None:
    """What leads here."""
    app.action("contact.open")(open_form)
    app.view("contact.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Filled with the customer; that the name was looked at is on record before it is shown."""
    with desk.db.begin() as tx:
        incident = incidents.get(tx, chosen_id(action), lock=True)
        lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
        team.check_may(desk, tx, "contact", incident, person.user_id)
        lifecycle.check_open(incident)
        customer = customers.first_of(tx, incident.id)
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="contact")
    client.views_open(trigger_id=body["trigger_id"], view=form(incident, customer.name, words))
    ack()


def form(incident: Incident, customer: str, words: Wording) -> View:
    """Who, how, what was said, what they answered."""
    return modal(
        "contact.submit",
        words.text("contact.title", number=incident.number),
        [
            WHO.block(words, initial=customer),
            CHANNEL.block(words, initial=ContactChannel.PHONE),
            SAID.block(words, focus=True),
            ANSWER.block(words),
        ],
        close=words.text("form.cancel"),
        submit=words.text("contact.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Logged, sealed; the first contact is made."""
    answers = Answers(view)
    customer, said, answer = WHO.read(answers), SAID.read(answers), ANSWER.read(answers)
    channel = CHANNEL.read(answers)
    if answers.wrong or channel is None:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    key = str(view["id"])
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if contacts.was_logged(tx, key):  # the same form once more
            ack()
            return
        lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
        team.check_may(desk, tx, "contact", incident, person.user_id)
        lifecycle.check_open(incident)
        contacts.log(tx, incident.id, key, person.user_id, now, channel, customer, said, answer)
        met = deadlines.meet(tx, incident.id, duties.BY_CONTACT, person.user_id, now)
        if incident.status in (Status.REPORTED, Status.VERIFIED):
            duties.begin(desk, tx, incident, [Event.CONTACTED], now)
        is_settled = _is_settled(tx, incident, met)
        if is_settled:
            incidents.set_closed(tx, incident.id, now)
        journal.add(tx, incident.id, "contacted", person.user_id, now, channel=channel)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, met)
        if is_settled:  # behind everything else: an archived channel takes no more words
            outbox.ask(tx, "archive", f"incident:{incident.id}", now, incident.id)
    ack()
    desk.wake()


def _is_settled(tx: Connection, incident: Incident, met: Collection[int]) -> bool:
    """A complaint is settled when the customer has heard of its solution (domain.md section 8)."""
    return incident.status is Status.COMPLAINT and any(
        deadline.id in met and deadline.duty is Duty.COMPLAINT_FEEDBACK
        for deadline in deadlines.of_incident(tx, incident.id)
    )
