"""It was not over: ⋯ on the card of a closed incident -> form with a reason -> open again, with its clocks.

When it had been solved, another round begins; a customer who is not satisfied is called, or a second plan is worked
out. Within some days of closing; later a new incident is reported.
"""

from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.closing import Confirmation, Proof
from bot.incident import Incident, Person
from bot.wording import Wording, mention
from handlers import channel, solved, team
from handlers.blocks import Json, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Found, Text
from handlers.windows import show
from handlers.words import choice, chosen_id
from storage import confirmations, incidents, journal, notes, outbox

WHO = Found("who", "reopen", tells="reopen.find")
REASON = Text("reason", "reopen", required=True, multiline=True, max_length=500, if_missing="reopen.say_why")


def register(app: App) -> None:
    """What leads here."""
    app.action("reopen.open")(open_form)
    app.action("card.menu", matchers=[choice("reopen.open")])(open_form)
    app.options("reopen.find")(find)
    app.action("reopen.find")(chosen)
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


def find(ack: Ack, body: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Customers who have what was typed, for those who handle the case; for others one without a name."""
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(body["view"]["private_metadata"]), lock=True)
        _check(desk, tx, incident, person, now)
        if _handles(tx, incident, person):
            options = solved.find(tx, incident, str(body.get("value") or ""), "reopen.nameless", words, person, now)
        else:
            options = [solved.several("reopen.nameless", words)]
    ack(options=options)


def chosen(ack: Ack) -> None:
    """Slack says at once what was chosen; nothing else in the form goes by it."""
    ack()


def form(incident: Incident, words: Wording) -> View:
    """Who closed it, why it is not over, and whether a customer says so."""
    by, at = incident.closed_by or incident.reporter_id, incident.closed_at or incident.reported_at
    blocks: list[Block] = [
        section(words.mrkdwn("reopen.was_closed", by=mention(by), at=words.day(at))),
        REASON.block(words, focus=True),
    ]
    if _was_solved(incident):
        blocks.append(WHO.block(words, None))
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
    """It goes on; what was said of the earlier rounds stays on record, and so does the thread of the postmortem."""
    answers = Answers(view)
    reason, who = REASON.read(answers), WHO.read(answers) if answers.shows(WHO.id) else ""
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        _check(desk, tx, incident, person, now)
        said = _not_satisfied(tx, incident, who, answers, person, now)
        if answers.wrong:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        notes.save(tx, incident.id, str(view["id"]), "reopened", person.user_id, now, reason)
        _open_again(desk, tx, incident, str(view["id"]), said, person, now)
    ack()
    desk.wake()


def _open_again(
    desk: Desk, tx: Connection, incident: Incident, key: str, said: Confirmation | None, person: Person, now: datetime
) -> None:
    by = person.user_id
    if said is None:
        incident, changed = solved.open_again(desk, tx, incident, by, now)
        solved.say_reopened(tx, incident, "reopened", by, now)
    else:
        said = confirmations.save(tx, key, said)
        incident, changed = solved.not_satisfied(desk, tx, incident, said, now)
        about = {"confirmation": said.id, "customer": said.customer_id, "customers": said.customers}
        journal.add(tx, incident.id, "customer_not_satisfied", by, now, **about, proof=said.proof, round=said.round)
    journal.add(tx, incident.id, "reopened", by, now, round=incident.round)
    channel.bring_in(tx, incident, [by], now)
    outbox.redraw(tx, [incident.id], now, (*solved.SHOWN, "script"), changed)


def _not_satisfied(
    tx: Connection, incident: Incident, who: str, answers: Answers, person: Person, now: datetime
) -> Confirmation | None:
    """What a customer has said, heard by whoever opens it again; None when nobody has said anything."""
    if not who or not _was_solved(incident):
        return None
    listed = solved.chosen(tx, incident, who) if _handles(tx, incident, person) else None
    if listed is None and who != solved.SEVERAL:
        answers.refuse(WHO.id, "form.choose_one")
        return None
    return Confirmation(
        id=0,
        incident_id=incident.id,
        round=incident.round,
        by=person.user_id,
        at=now,
        logged_at=now,
        is_satisfied=False,
        proof=Proof.WITNESS,
        customer_id=listed.id if listed else None,
        witness_id=person.user_id,
    )


def _was_solved(incident: Incident) -> bool:
    """Whether customers can be dissatisfied with what was done; a complaint has its own clocks for that."""
    return incident.fixed_at is not None and incident.dismissed_at is None


def _handles(tx: Connection, incident: Incident, person: Person) -> bool:
    return person.user_id in (incident.reporter_id, *incidents.participants_of(tx, incident.id))


def _check(desk: Desk, tx: Connection, incident: Incident, person: Person, now: datetime) -> None:
    team.check_may(desk, tx, "reopen", incident, person.user_id)
    lifecycle.check_can_open_again(incident, solved.reopened_until(desk, incident), now)
