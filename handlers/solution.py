"""The solution of an ordinary complaint is named: button on card or reminder -> form -> kept for the record, clock met.

An emergency has a plan instead, which somebody approves (`plan`).
"""

from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot import lifecycle
from bot.incident import Duty, Event, Incident, Person, Stage
from bot.wording import Wording
from handlers import duties, occasion, team
from handlers.blocks import Json, modal
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Text
from handlers.windows import show
from handlers.words import chosen_id
from storage import deadlines, incidents, journal, notes, outbox

SOLVED_BY_IT = (Duty.COMPLAINT_SOLUTION, Duty.COMPLEX_SOLUTION)

WHAT = Text("words", "solution", required=True, multiline=True, max_length=2000, if_missing="solution.say_what")


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
    show(client, body, form(incident, words))
    ack()


def form(incident: Incident, words: Wording) -> View:
    """One field."""
    return modal(
        "solution.submit",
        words.text("solution.title", number=incident.number),
        [WHAT.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("solution.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Kept; of a complaint, the customer has to hear of it now."""
    answers = Answers(view)
    said = WHAT.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "solve", incident, person.user_id)
        lifecycle.check_is_complaint(incident)
        notes.save(tx, incident.id, str(view["id"]), "solution", person.user_id, now, said)
        met = deadlines.meet(tx, incident.id, SOLVED_BY_IT, person.user_id, now)
        journal.add(tx, incident.id, "solution_named", person.user_id, now)
        duties.begin(desk, tx, incident, [Event.ANSWERED], now)
        occasion.post(desk, tx, incident, Stage.SOLUTION, now)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, met)
    ack()
    desk.wake()
