"""The dossier: ⋯ Dossier, or `/incident dossier` -> made in the background -> PDF and JSON in one ZIP, in the channel;
customers' data are masked, unless somebody who handles the case asks for them, for themselves alone.
"""

import io
import zipfile
from datetime import datetime, timedelta

import structlog
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Incident, NotAllowed, Person
from bot.wording import Wording, channel_link, mention
from handlers import courier, files, printing, six_parts, team
from handlers.blocks import Json, actions, button, context, modal, section
from handlers.desk import Desk, Drawing
from handlers.windows import redraw, show
from handlers.words import choice, chosen_id, word
from storage import customers, incidents, journal, outbox, people
from storage.outbox import Errand, Message

log = structlog.get_logger(__name__)

AGAIN = timedelta(seconds=30)  # a second click within this is the same wish
LONGEST = timedelta(minutes=5)
AT_ONCE = 2  # are printed, however many replicas and wishes there are: each takes a processor and much memory
TRIES = 5  # after which somebody is told that it does not work


def register(app: App) -> None:
    """What leads here."""
    app.action("dossier.make")(open_form)
    app.action("card.menu", matchers=[choice("dossier.make")])(open_form)
    app.command("/incident", matchers=[word("dossier", "档案")])(open_in_channel)
    app.action("dossier.unmasked")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """One click asks for it; a window says where it will be."""
    show(client, body, _ask(desk, chosen_id(action), words, person, now))
    ack()


def open_in_channel(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """`/incident dossier` in an incident's channel."""
    with desk.db.read() as tx:
        incident = incidents.in_channel(tx, str(body["channel_id"]))
    if incident is None:
        ack(text=words.text("dossier.not_here"))
        return
    show(client, body, _ask(desk, incident.id, words, person, now))
    ack()


def form(incident: Incident, words: Wording, may_see: bool, is_unmasked: bool = False) -> View:
    """Where it will be; and the way to the other one, for those who handle the case."""
    if is_unmasked:
        said = words.mrkdwn("dossier.unmasked_being_made", number=incident.number)
    elif place := _channel(incident):
        said = words.mrkdwn("dossier.being_made", number=incident.number, where=channel_link(place))
    else:
        said = words.mrkdwn("dossier.being_made_for_you", number=incident.number)
    blocks: list[Block] = [section(said)]
    if may_see and not is_unmasked:
        blocks.append(section(words.mrkdwn("dossier.may_have")))
        blocks.append(actions([button(words.text("button.dossier.unmasked"), "dossier.unmasked", incident.id)]))
    if not printing.has_chinese_font():
        blocks.append(context(words.mrkdwn("dossier.no_chinese")))
    title = words.text("dossier.title", number=incident.number)
    return modal("dossier.asked", title, blocks, close=words.text("form.close"))


def submit(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """With customers' data in clear, for whoever asks; that they see them is on record before they do."""
    with desk.db.begin() as tx:
        incident = incidents.get(tx, chosen_id(action), lock=True)
        _check_may_make(desk, tx, incident, person.user_id)
        _check_may_see(desk, tx, incident, person.user_id)
        latest = journal.latest(tx, incident.id, "customer_seen", person.user_id, form="dossier")
        if latest is None or now - latest > AGAIN:
            n = customers.count_all(tx, incident.id)
            journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="dossier", n=n)
            _ask_errand(tx, incident, person.user_id, now, unmasked=True)
    desk.wake()
    redraw(client, body, form(incident, words, may_see=True, is_unmasked=True))
    ack()


def make(desk: Desk, errand: Errand) -> None:
    """Collected, printed, packed and sent. When that does not work, whoever waits for it is told so."""
    user_id, unmasked = str(errand.detail["user"]), bool(errand.detail["unmasked"])
    if errand.tries > TRIES:
        log.error("a dossier could not be made", incident=errand.incident_id)
        files.tell(desk, errand, "dossier", user_id, "")
        return
    with desk.db.read() as tx:
        incident = incidents.get(tx, int(errand.incident_id or 0))
        channel_id = None if unmasked else _channel(incident)
        words = desk.channel_words if channel_id else desk.words_for(people.get(tx, user_id))
        parts = six_parts.collect(desk, tx, incident, words, user_id, unmasked, errand.created_at)
    with desk.db.begin() as tx:  # printing may take its time: nobody else is to do the same meanwhile
        outbox.hold(tx, errand.id, desk.now() + LONGEST)
    content, why_no_pdf = packed(incident, parts, words, errand.created_at)
    phrase = "dossier.sent_unmasked" if unmasked else "dossier.sent"
    comment = str(words.mrkdwn(phrase, number=incident.number, who=mention(user_id)))
    if why_no_pdf:
        comment = f"{comment}\n{words.mrkdwn(why_no_pdf)}"
    name = f"{incident.number}-dossier.zip"
    title = f"{incident.number} {words.iso(errand.created_at)[:16].replace('T', ' ')} ({errand.id})"
    try:
        if channel_id is not None and not _sent_to(desk, errand, channel_id, name, title, content, comment):
            channel_id = None  # it was archived meanwhile
        if channel_id is None:
            files.upload(desk, errand, courier.direct_channel(desk, user_id), name, title, content, comment)
    except SlackApiError as error:
        if courier.may_pass(error):
            raise
        log.warning("Slack refused a dossier", error=error.response["error"], incident=incident.id)
        files.tell(desk, errand, "dossier", user_id, str(error.response["error"]))


def packed(incident: Incident, parts: Json, words: Wording, now: datetime) -> tuple[bytes, str]:
    """The ZIP. When there is a web page in it instead of a PDF, the phrase that says why."""
    page = printing.html("dossier", words, dossier=parts, zone=printing.zone(words, now))
    name = f"{incident.number}-dossier"
    try:
        shown, why = (f"{name}.pdf", printing.pdf(page)), ""
    except printing.NoPrinter as missing:
        shown, why = (f"{name}.html", page.encode()), missing.phrase
    packing = io.BytesIO()
    with zipfile.ZipFile(packing, "w", zipfile.ZIP_DEFLATED) as together:
        together.writestr(*shown)
        together.writestr(f"{name}.json", six_parts.as_json(parts))
    return packing.getvalue(), why


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """To whoever waits for a dossier: it could not be made."""
    words = desk.words_for(people.get(tx, str(message.user_id)))
    number, why = incidents.get(tx, message.incident_id).number, str(message.detail["why"])
    text = words.mrkdwn("dossier.refused_by_slack" if why else "dossier.failed", number=number, why=why)
    again = button(words.text("button.dossier.make"), "dossier.make", message.incident_id)
    return Drawing(text, [section(text), actions([again])])


def _ask(desk: Desk, incident_id: int, words: Wording, person: Person, now: datetime) -> View:
    with desk.db.begin() as tx:
        incident = incidents.get(tx, incident_id, lock=True)
        _check_may_make(desk, tx, incident, person.user_id)
        # In the channel it is everybody's; where there is none, each gets their own.
        latest = journal.latest(tx, incident.id, "dossier_made", None if _channel(incident) else person.user_id)
        if latest is None or now - latest > AGAIN:
            journal.add(tx, incident.id, "dossier_made", person.user_id, now)
            _ask_errand(tx, incident, person.user_id, now, unmasked=False)
        try:
            _check_may_see(desk, tx, incident, person.user_id)
            may_see = True
        except NotAllowed:
            may_see = False
    desk.wake()
    return form(incident, words, may_see)


def _ask_errand(tx: Connection, incident: Incident, user_id: str, now: datetime, unmasked: bool) -> None:
    lane = f"dossier:{incident.id % AT_ONCE}"
    name = f"dossier:{incident.id}:{unmasked}"
    if unmasked or not _channel(incident):
        name += f":{user_id}"
    detail = {"user": user_id, "unmasked": unmasked}
    outbox.ask(tx, "make_dossier", lane, now, incident.id, detail, collapses=name)


def _check_may_make(desk: Desk, tx: Connection, incident: Incident, user_id: str) -> None:
    team.check_may(desk, tx, "make_dossier", incident, user_id)
    if not lifecycle.may_see(incident, user_id, incidents.participants_of(tx, incident.id)):
        raise NotAllowed("allowed.only_its_people", reporter=incident.reporter_id)


def _check_may_see(desk: Desk, tx: Connection, incident: Incident, user_id: str) -> None:
    """Customers' data are for those who handle the case."""
    lifecycle.check_handles_case(user_id, incident, incidents.participants_of(tx, incident.id))
    team.check_may(desk, tx, "contact", incident, user_id)
    lifecycle.check_not_erased(incident)


def _channel(incident: Incident) -> str | None:
    """The incident's channel, as long as something can be said there."""
    return incident.channel_id if incident.archived_at is None else None


def _sent_to(desk: Desk, errand: Errand, channel_id: str, name: str, title: str, content: bytes, comment: str) -> bool:
    """False when nothing can be said in the channel any more."""
    try:
        files.upload(desk, errand, channel_id, name, title, content, comment)
    except SlackApiError as error:
        if error.response["error"] in courier.NO_PLACE:
            return False
        raise
    return True
