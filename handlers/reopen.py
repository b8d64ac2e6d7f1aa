"""It was not over: ⋯ on the card of a closed incident -> form with a reason -> another round, with its clocks.

Within some days of closing; later a new incident is reported.
"""

from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Incident, Person
from bot.wording import Wording, mention
from handlers import solved, team
from handlers.blocks import Json, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Text
from handlers.windows import show
from handlers.words import choice, chosen_id
from storage import incidents, journal, notes, outbox

REASON = Text("reason", "reopen", required=True, multiline=True, max_length=500, if_missing="reopen.say_why")


def register(app: App) -> None:
    """What leads here."""
    app.action("reopen.open")(open_form)
    app.action("card.menu", matchers=[choice("reopen.open")])(open_form)
    app.view("reopen.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Says who may, or what to do, when this person may not or it is too late."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        _check(desk, tx, incident, person, now)
    show(client, body, form(incident, words))
    ack()


def form(incident: Incident, words: Wording) -> View:
    """Who closed it, and why it is not over."""
    by, at = incident.closed_by or incident.reporter_id, incident.closed_at or incident.reported_at
    blocks: list[Block] = [
        section(words.mrkdwn("reopen.was_closed", by=mention(by), at=words.day(at))),
        REASON.block(words, focus=True),
    ]
    if incident.archived_at is not None:
        blocks.append(section(words.mrkdwn("reopen.new_channel")))
    return modal(
        "reopen.submit",
        words.text("reopen.title", number=incident.number),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("reopen.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Another round; what was said of the earlier ones stays on record, and so does the thread of the postmortem."""
    answers = Answers(view)
    reason = REASON.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        _check(desk, tx, incident, person, now)
        notes.save(tx, incident.id, str(view["id"]), "reopened", person.user_id, now, reason)
        incident, ended = solved.open_again(desk, tx, incident, person.user_id, now)
        journal.add(tx, incident.id, "reopened", person.user_id, now, round=incident.round)
        team.bring_in(tx, incident, person.user_id, now)
        solved.say_reopened(tx, incident, "reopened", person.user_id, now)
        outbox.redraw(tx, [incident.id], now, solved.SHOWN, ended)
    ack()
    desk.wake()


def _check(desk: Desk, tx: Connection, incident: Incident, person: Person, now: datetime) -> None:
    team.check_may(desk, tx, "reopen", incident, person.user_id)
    lifecycle.check_can_open_again(incident, solved.reopened_until(desk, incident), now)
