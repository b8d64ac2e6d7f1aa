"""It was no emergency: ⋯ on the card -> form with a reason -> clocks stop, channel archived, record kept.

Or it goes back to ordinary service as a complaint, which has longer clocks of its own (domain.md sections 1 and 8).
"""

from datetime import datetime
from enum import StrEnum

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot import lifecycle
from bot.incident import Duty, Event, Incident, Person
from bot.wording import Wording
from handlers import agreed, duties, team
from handlers.blocks import Json, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Text, Word
from handlers.windows import show
from handlers.words import choice, chosen_id
from storage import deadlines, incidents, journal, outbox, roles


class Becomes(StrEnum):
    """What is left of it when it is no emergency."""

    NOTHING = "nothing"
    ORDINARY_COMPLAINT = "ordinary_complaint"
    COMPLEX_COMPLAINT = "complex_complaint"


BECOMES = Word("becomes", "dismiss", required=True, words_of=Becomes, vocabulary="becomes")
REASON = Text("reason", "dismiss", required=True, multiline=True, max_length=500, if_missing="dismiss.say_why")


def register(app: App) -> None:
    """What leads here."""
    app.action("card.menu", matchers=[choice("dismiss.open")])(open_form)
    app.action("dismiss.open")(open_form)
    app.view("dismiss.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Says who may when this person may not."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        lifecycle.check_is_emergency(incident)
        team.check_may(desk, tx, "dismiss", incident, person.user_id)
    show(client, body, form(incident, words))
    ack()


def form(incident: Incident, words: Wording) -> View:
    """A reason, and what will happen."""
    return modal(
        "dismiss.submit",
        words.text("dismiss.title", number=incident.number),
        [
            REASON.block(words, focus=True),
            BECOMES.block(words, initial=Becomes.NOTHING),
            section(words.mrkdwn("dismiss.what_happens")),
        ],
        close=words.text("form.cancel"),
        submit=words.text("dismiss.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """The incident ends; everything that was said about it says so, then its channel is archived."""
    answers = Answers(view)
    reason, becomes = REASON.read(answers), BECOMES.read(answers)
    if answers.wrong or becomes is None:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if incident.dismissed_by == person.user_id and incident.dismissal_reason == reason:  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "dismiss", incident, person.user_id)
        lifecycle.check_is_emergency(incident)
        # What was learned, and what customers were promised, holds for a complaint too.
        goes_on = [Duty.ACTION, *duties.SAID_SO] if becomes is not Becomes.NOTHING else []
        stopped = deadlines.stop(tx, incident.id, now, [duty for duty in Duty if duty not in goes_on])
        given = [each for each in roles.of_incident(tx, incident.id) if each.ended_at is None]
        roles.end(tx, [each.id for each in given if not each.accepted_at], "relieved", now)
        journal.add(tx, incident.id, "dismissed", person.user_id, now, becomes=becomes)
        if becomes is Becomes.NOTHING:
            incidents.set_dismissed(tx, incident.id, person.user_id, reason, now)
            agreed.drop_all(tx, incident, person.user_id, reason, now)
        else:
            incidents.set_complaint(tx, incident.id, person.user_id, reason, now)
            event = Event.COMPLEX_COMPLAINT if becomes is Becomes.COMPLEX_COMPLAINT else Event.ORDINARY_COMPLAINT
            duties.begin(desk, tx, incidents.get(tx, incident.id), [Event.COMPLAINT, event], now)
        outbox.redraw(tx, [incident.id], now, team.SHOWN_WITH_ROLES, stopped, [each.id for each in given])
        if becomes is Becomes.NOTHING:
            # Behind everything else in the incident's lane: an archived channel takes no more words.
            outbox.ask(tx, "archive", f"incident:{incident.id}", now, incident.id)
    ack()
    desk.wake()
