"""The solution of an ordinary complaint is named: button on card or reminder -> form -> its words looked through ->
kept for the record, clock met.

An emergency has a plan instead, which somebody approves (`plan`).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot import lifecycle
from bot.incident import Duty, Event, Incident, Person, Stage
from bot.wording import Mrkdwn, Wording
from handlers import duties, occasion, team
from handlers.blocks import Json, context, modal
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Text
from handlers.windows import show
from handlers.words import chosen_id
from storage import deadlines, incidents, journal, notes, outbox

SOLVED_BY_IT = (Duty.COMPLAINT_SOLUTION, Duty.COMPLEX_SOLUTION)

WHAT = Text("words", "solution", required=True, multiline=True, max_length=2000, if_missing="solution.say_what")


@dataclass(frozen=True)
class Start:
    """What travels with the form: the incident, and a digest of the words that were warned of."""

    incident: int
    warned: str = ""


def register(app: App) -> None:
    """What leads here."""
    app.action("solution.open")(open_form)
    app.view("solution.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Says who may when this person may not."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        team.check_may(desk, tx, "solve", incident, person.user_id)
    lifecycle.check_is_complaint(incident)
    show(client, body, form(incident, Start(incident.id), words))
    ack()


def form(incident: Incident, start: Start, words: Wording, known: str = "", warnings: Sequence[Mrkdwn] = ()) -> View:
    """One field; `warnings` are about the words that are `known`."""
    return modal(
        "solution.submit",
        words.text("solution.title", number=incident.number),
        [*(context(each) for each in warnings), WHAT.block(words, known, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("solution.submit"),
        about=json.dumps(asdict(start)),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Kept; the customer has to hear of it now, in words that are looked through first as in the form of a contact."""
    start, answers = Start(**json.loads(view["private_metadata"])), Answers(view)
    said = WHAT.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident, lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "solve", incident, person.user_id)
        lifecycle.check_is_complaint(incident)
        found = occasion.flagged(desk, tx, incident, said, now)
        if found and start.warned != occasion.digest(said):
            again, warnings = (
                replace(start, warned=occasion.digest(said)),
                occasion.warnings(found, "solution.submit", words),
            )
            ack(response_action="update", view=form(incident, again, words, said, warnings).to_dict())
            return
        notes.save(tx, incident.id, str(view["id"]), "solution", person.user_id, now, said)
        met = deadlines.meet(tx, incident.id, SOLVED_BY_IT, person.user_id, now)
        journal.add(tx, incident.id, "solution_named", person.user_id, now, flagged=len(found))
        duties.begin(desk, tx, incident, [Event.ANSWERED], now)
        occasion.post(desk, tx, incident, Stage.SOLUTION, now)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, met)
    ack()
    desk.wake()
