"""Files that were given to a form: a button beside their names, or ⋯ More -> fetched from Slack, one by one -> sent to
whoever asked, in a direct message.

Slack shows such a file to nobody but whoever uploaded it. In the channel it would show customers' data to everybody
who may read there, so it goes to those who handle the case, and each look is in the journal.
"""

from datetime import datetime, timedelta

import structlog
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Incident, NotAllowed, Person
from bot.lists import Unreadable
from bot.wording import Wording
from handlers import courier, files
from handlers.blocks import Json, actions, button, context, modal, section
from handlers.desk import Desk, Drawing
from handlers.windows import show
from handlers.words import chosen_id
from storage import incidents, journal, outbox, people
from storage.outbox import Errand, Message

log = structlog.get_logger(__name__)

AGAIN = timedelta(seconds=30)  # a second click within this is the same wish
LARGEST = 10 * 1024 * 1024  # bytes; Slack's limit for a file in a form (docs.slack.dev, file input element)


def register(app: App) -> None:
    """What leads here."""
    app.action("evidence.send")(open_form)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """One click asks for them; a window says where they will be. The look is on record before anything is sent."""
    with desk.db.begin() as tx:
        incident = incidents.get(tx, chosen_id(action), lock=True)
        lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
        lifecycle.check_not_erased(incident)
        attached = files.attached(tx, incident.id)
        if not attached:
            raise NotAllowed("allowed.no_files")
        latest = journal.latest(tx, incident.id, "customer_seen", person.user_id, form="files")
        if latest is None or now - latest > AGAIN:
            journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="files")
            for each in attached:
                detail = {"user": person.user_id, "file": each.ref}
                outbox.ask(tx, "send_file", f"files:{person.user_id}", now, incident.id, detail)
    desk.wake()
    show(client, body, form(incident, len(attached), words))
    ack()


def form(incident: Incident, count: int, words: Wording) -> View:
    """Where they will be."""
    return modal(
        "evidence.asked",
        words.text("evidence.title", number=incident.number),
        [section(words.mrkdwn("evidence.on_the_way", n=count)), context(words.mrkdwn("customer.seen"))],
        close=words.text("form.close"),
    )


def send(desk: Desk, errand: Errand) -> None:
    """One of the files. When that does not work, whoever waits for it is told so."""
    user_id, ref = str(errand.detail["user"]), str(errand.detail["file"])
    with desk.db.read() as tx:
        incident = incidents.get(tx, int(errand.incident_id or 0))
        words = desk.words_for(people.get(tx, user_id))
        found = next((each for each in files.attached(tx, incident.id) if each.ref == ref), None)
    if found is None or incident.customers_erased_at is not None:
        return  # a customer was erased meanwhile, and the file with them
    name = found.name or ref
    try:
        content = _content(desk, ref)
        comment = str(words.mrkdwn("evidence.sent", number=incident.number))
        place = courier.direct_channel(desk, user_id)
        files.upload(desk, errand, place, name, f"{name} ({errand.id})", content, comment)
    except Unreadable:
        files.tell(desk, errand, "file", user_id, "")
    except SlackApiError as error:
        if courier.may_pass(error):
            raise
        log.warning("Slack refused a file", error=error.response["error"], incident=incident.id)
        files.tell(desk, errand, "file", user_id, str(error.response["error"]))


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """To whoever waits for a file: they can't have it from here, and who has it."""
    words = desk.words_for(people.get(tx, str(message.user_id)))
    number, why = incidents.get(tx, message.incident_id).number, str(message.detail["why"])
    text = words.mrkdwn("evidence.refused_by_slack" if why else "evidence.gone", number=number, why=why)
    again = button(words.text("button.evidence.send"), "evidence.send", message.incident_id)
    return Drawing(text, [section(text), *([actions([again])] if why else [])])


def _content(desk: Desk, ref: str) -> bytes:
    """Raises Unreadable when there is nothing to send: Slack takes no empty file."""
    content = files.fetch(desk, ref, LARGEST)
    if not content or len(content) > LARGEST:
        raise Unreadable("lists.wrong_gone")
    return content
