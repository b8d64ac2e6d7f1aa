"""It was no emergency: ⋯ on the card -> form with a reason -> clocks stop, channel archived, record kept."""

from collections.abc import Collection
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import deadlines as rules
from bot import lifecycle
from bot.incident import Incident, Person
from bot.wording import Wording
from handlers.blocks import Json, modal, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Text
from handlers.words import choice, chosen_id
from storage import deadlines, incidents, journal, outbox, people

REASON = Text("reason", "dismiss", required=True, multiline=True, max_length=500, if_missing="dismiss.say_why")


def register(app: App) -> None:
    """What leads here."""
    app.action("card.menu", matchers=[choice("dismiss.open")])(open_form)
    app.view("dismiss.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Says who may when this person may not."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        lifecycle.check_can_dismiss(incident, person.user_id, _deciders(desk, tx))
    client.views_open(trigger_id=body["trigger_id"], view=form(incident, words))
    ack()


def form(incident: Incident, words: Wording) -> View:
    """A reason, and what will happen."""
    return modal(
        "dismiss.submit",
        words.text("dismiss.title", number=incident.number),
        [REASON.block(words, focus=True), section(words.mrkdwn("dismiss.what_happens"))],
        close=words.text("form.cancel"),
        submit=words.text("dismiss.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """The incident ends; everything that was said about it says so, then its channel is archived."""
    answers = Answers(view)
    reason = REASON.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if incident.dismissed_by == person.user_id and incident.dismissal_reason == reason:  # the same form once more
            ack()
            return
        lifecycle.check_can_dismiss(incident, person.user_id, _deciders(desk, tx))
        incidents.set_dismissed(tx, incident.id, person.user_id, reason, now)
        stopped = deadlines.stop(tx, incident.id, now)
        journal.add(tx, incident.id, "dismissed", person.user_id, now)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, stopped)
        # Behind everything else in the incident's lane: an archived channel takes no more words.
        outbox.ask(tx, "archive", f"incident:{incident.id}", now, incident.id)
    ack()
    desk.wake()


def _deciders(desk: Desk, tx: Connection) -> Collection[str]:
    named = [*desk.procedure.on_call, *(who for rung in desk.procedure.ladder for who in rung.people)]
    return rules.members(named, people.roster_members(tx))
