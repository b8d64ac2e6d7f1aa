"""How far it is, for everybody inside: button -> form -> message in the channel, card and announcement are current.

What is said here goes to colleagues. Customers are told only the time, and only when somebody has ticked that.
"""

from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Duty, Incident, Person
from bot.plan import Progress
from bot.wording import Mrkdwn, Wording, escape, mention
from handlers import duties, masks, team
from handlers.approvals import quoted
from handlers.blocks import Json, beginning, modal, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk, Drawing
from handlers.fields import Answers, Text, Ticks, When
from handlers.windows import of_channel, show
from handlers.words import choice, chosen_id, word
from storage import contacts, deadlines, incidents, journal, outbox, progress
from storage.outbox import Message, Saying

NEWS = Text("words", "progress", required=True, multiline=True, max_length=1000, if_missing="progress.say_what")
EXPECTED = When("expected_at", "progress", ahead=True)
NEEDS = Text("needs", "progress", max_length=300)
TELL = Ticks("tell", "progress")
IN_SHORT = 1000  # letters of what is new, on a lock screen
CUSTOMERS = "customers"  # what is ticked


def register(app: App) -> None:
    """What leads here."""
    app.command("/incident", matchers=[word("progress", "进展")])(of_channel(open_form))
    app.action("progress.open")(open_form)
    app.action("card.menu", matchers=[choice("progress.open")])(open_form)
    app.view("progress.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """With what was said last: a time that still lies ahead is filled in."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        team.check_may(desk, tx, "report_progress", incident, person.user_id)
        last = progress.latest(tx, incident.id)
    lifecycle.check_is_emergency(incident)
    show(client, body, form(incident, last, words, now))
    ack()


def form(incident: Incident, last: Progress | None, words: Wording, now: datetime) -> View:
    """What is new; when it is expected to work again, and whether customers may be told; what is needed."""
    expected_at = last.expected_at if last and last.expected_at and last.expected_at > now else None
    return modal(
        "progress.submit",
        words.text("progress.title", number=incident.number),
        [
            NEWS.block(words, focus=True),
            EXPECTED.block(words, initial=expected_at),
            NEEDS.block(words),
            TELL.block(words, [(CUSTOMERS, words.text("progress.tell_customers"))]),
        ],
        close=words.text("form.cancel"),
        submit=words.text("progress.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Whoever else reports at the same time is kept as well."""
    answers = Answers(view)
    said, expected_at, needs = NEWS.read(answers), EXPECTED.read(answers, now), NEEDS.read(answers)
    is_told = CUSTOMERS in TELL.read(answers)
    if is_told and expected_at is None:
        answers.refuse(EXPECTED.id, "progress.say_when")
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if progress.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "report_progress", incident, person.user_id)
        lifecycle.check_is_emergency(incident)
        made = Progress(0, incident.id, person.user_id, now, said, expected_at, needs)
        made = progress.save(tx, str(view["id"]), made)
        if is_told and expected_at is not None:
            # As a time: each script says it in its own language.
            contacts.set_facts(tx, incident.id, {"eta": expected_at.isoformat()}, person.user_id, now)
        at = expected_at.isoformat() if expected_at else None
        journal.add(tx, incident.id, "progress", person.user_id, now, progress=made.id, expected_at=at, told=is_told)
        outbox.say(tx, [Saying(incident.id, "progress", "incident", detail={"progress": made.id})], now)
        briefs = [each.id for each in deadlines.running(tx, incident.id) if each.duty is Duty.BRIEF]
        met = duties.knows(desk, tx, incident, person.user_id, "progress", now)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, [*briefs, *met])
    ack()
    desk.wake()


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Who said what, until when it is expected, and what they need."""
    said, words = progress.get(tx, int(message.detail["progress"])), desk.channel_words
    mask = masks.of(tx, message.incident_id)
    number = incidents.get(tx, message.incident_id).number
    first = words.mrkdwn("progress.said", who=mention(said.by), number=number)
    below = [words.mrkdwn("progress.expected", at=words.when(said.expected_at))] if said.expected_at else []
    if said.needs:
        below.append(words.mrkdwn("progress.needed", needs=mask(said.needs)))
    blocks: list[Block] = [section(first), *quoted(mask(said.words))]
    if below:
        blocks.append(section(Mrkdwn("\n".join(below))))
    return Drawing(f"{first} {escape(beginning(mask(said.words), IN_SHORT))}", blocks)
