"""What stays on record: a shortcut or an emoji keeps a message -> its words, files and address stand in the timeline;
button or `/incident record` -> the timeline, page by page -> what is wrong or missing is added, never overwritten.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Incident, NotAllowed, Person
from bot.postmortem import pieces
from bot.record import Kept, KeptKind, mentioned, readable, said_at
from bot.wording import Mrkdwn, Wording
from handlers import team, timeline
from handlers.blocks import Json, actions, button, context, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Text, When
from handlers.timeline import Line
from handlers.windows import redraw, show
from handlers.words import choice, chosen_id, word
from storage import incidents, journal, outbox, people, record
from storage.outbox import Errand

PAGE = 12
SECTION_LENGTH = 2900  # Slack takes 3,000 characters in a section; what is longer goes on in the next one
OPTION = 75  # Slack's limit
OUTSIDE = "outside"

WHICH = Choice("which", "record", required=True)
RIGHT = Text("right", "record", required=True, multiline=True, max_length=1000, if_missing="record.say_what")
AT = When("at", "record")


@dataclass(frozen=True)
class Shown:
    """Which page of which timeline is before somebody, counted from the end, and in which window."""

    incident: int
    page: int = 0
    window: str = ""

    def about(self) -> str:
        """As it travels."""
        return json.dumps({"incident": self.incident, "page": self.page, "window": self.window})


def register(app: App) -> None:
    """What leads here."""
    app.shortcut("record.keep")(keep)
    app.event("reaction_added")(keep_with_emoji)
    app.action("record.open")(open_form)
    app.action("card.menu", matchers=[choice("record.open")])(open_form)
    app.command("/incident", matchers=[word("record", "记录")])(open_in_channel)
    app.action("record.earlier")(turn_page)
    app.action("record.later")(turn_page)
    app.action("record.correct")(open_correct)
    app.view("record.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """The latest page."""
    with desk.db.read() as tx:
        view = form(desk, tx, Shown(chosen_id(action)), words, person)
    show(client, body, view)
    ack()


def open_in_channel(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person) -> None:
    """`/incident record` in an incident's channel."""
    with desk.db.read() as tx:
        incident = incidents.in_channel(tx, str(body["channel_id"]))
        if incident is None:
            ack(text=words.text("record.not_here"))
            return
        view = form(desk, tx, Shown(incident.id), words, person)
    show(client, body, view)
    ack()


def turn_page(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Earlier or later."""
    shown = _shown(body["view"])
    with desk.db.read() as tx:
        view = form(desk, tx, Shown(shown.incident, chosen_id(action)), words, person)
    redraw(client, body, view)
    ack()


def form(desk: Desk, tx: Connection, shown: Shown, words: Wording, person: Person) -> View:
    """A page of the timeline, the newest line last. Raises NotAllowed for whoever may not know of the incident."""
    incident = _seen_by(tx, shown.incident, person)
    page, parts, pages = _page(desk, tx, incident, shown.page, words)
    blocks: list[Block] = [section(text) for _, text in parts]
    blocks.append(context(words.mrkdwn("record.page", page=words.number(pages - page), pages=words.number(pages))))
    buttons = [button(words.text("button.record.correct"), "record.correct", page)]
    if page + 1 < pages:
        buttons.append(button(words.text("button.record.earlier"), "record.earlier", page + 1))
    if page:
        buttons.append(button(words.text("button.record.later"), "record.later", page - 1))
    blocks.append(actions(buttons))
    return modal(
        "record.shown",
        words.text("record.title", number=incident.number),
        blocks,
        close=words.text("form.close"),
        about=Shown(incident.id, page).about(),
    )


def open_correct(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person) -> None:
    """Says who may when this person may not."""
    shown = _shown(body["view"])
    with desk.db.read() as tx:
        incident = _seen_by(tx, shown.incident, person)
        team.check_may(desk, tx, "keep", incident, person.user_id)
        _, parts, _ = _page(desk, tx, incident, shown.page, words)
        lines = timeline.named(tx, list({line.key: line for line, _ in parts}.values()))
    view = correct_form(Shown(incident.id, shown.page, str(body["view"]["id"])), lines, words)
    show(client, body, view)
    ack()


def correct_form(shown: Shown, lines: Sequence[Line], words: Wording) -> View:
    """Which line, or none of them, and what is right."""
    options = [(OUTSIDE, words.text("record.outside"))]
    options += [(line.key, _short(f"{words.clock(line.at)} {line.text}")) for line in reversed(lines)]
    return modal(
        "record.submit",
        words.text("record.correct_title"),
        [WHICH.block(words, options), RIGHT.block(words), AT.block(words)],
        close=words.text("form.cancel"),
        submit=words.text("record.submit"),
        about=shown.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """It stands under the line that it corrects, or at its own time; nothing is overwritten."""
    answers, shown = Answers(view), _shown(view)
    right, at = RIGHT.read(answers), AT.read(answers, now)
    with desk.db.begin() as tx:
        incident = _seen_by(tx, shown.incident, person, lock=True)
        team.check_may(desk, tx, "keep", incident, person.user_id)
        known = [OUTSIDE, *(line.key for line in timeline.lines(desk, tx, incident, words))]
        which = WHICH.read(answers, known)
        if which == OUTSIDE and at is None and AT.id not in answers.wrong:
            answers.refuse(AT.id, "record.say_when")
        if answers.wrong or which is None:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        about = "" if which == OUTSIDE else which
        said_at = at if at and not about else now
        thing = Kept(0, incident.id, KeptKind.CORRECTION, person.user_id, said_at, now, right, about=about)
        added = record.keep(tx, str(view["id"]), thing)
        if added is not None:  # else the same form once more
            journal.add(tx, incident.id, "corrected", person.user_id, now, kept=added.id, about=about)
            outbox.redraw(tx, [incident.id], now, DRAWN_WITH_RECORD)
            detail = {"view": shown.window, "user": person.user_id, "page": shown.page}
            outbox.ask(tx, "show_record", f"record:{person.user_id}", now, incident.id, detail)
    ack()
    desk.wake()


def keep(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """The shortcut on a message. What became of it is said in a window."""
    message, channel_id = body["message"], str(body["channel"]["id"])
    with desk.db.begin() as tx:
        incident = _of_channel(tx, channel_id)
        team.check_may(desk, tx, "keep", incident, person.user_id)
        if _is_ours(desk, message):
            raise NotAllowed("allowed.kept_by_itself")
        added = _keep(tx, incident, channel_id, message, person.user_id, now)
    phrase = "record.kept" if added else "record.kept_already"
    view = modal(
        "record.shown",
        words.text("record.title", number=incident.number),
        [
            section(words.mrkdwn(phrase, number=incident.number)),
            actions([button(words.text("button.record.open"), "record.open", incident.id)]),
        ],
        close=words.text("form.close"),
    )
    show(client, body, view)
    ack()
    desk.wake()


def keep_with_emoji(ack: Ack, event: Json, desk: Desk, now: datetime) -> None:
    """The emoji under a message: what it says is fetched by the courier. Other emoji, and other places, are nobody's
    business."""
    ack()
    item = event.get("item") or {}
    if str(event.get("reaction")).partition("::")[0] != desk.procedure.record.reaction or item.get("type") != "message":
        return
    channel_id, ts, user_id = str(item["channel"]), str(item["ts"]), str(event["user"])
    with desk.db.begin() as tx:
        incident = incidents.in_channel(tx, channel_id)
        if incident is None or record.is_kept(tx, incident.id, f"{channel_id}:{ts}"):
            return
        detail = {"ts": ts, "user": user_id, "at": now.timestamp()}
        outbox.ask(tx, "keep_message", f"record:{incident.id}", now, incident.id, detail)
    desk.wake()


def keep_message(desk: Desk, errand: Errand) -> None:
    """What somebody has put the emoji under, as it is now. Whoever may not keep it is told so, to them alone."""
    user_id, ts = str(errand.detail["user"]), str(errand.detail["ts"])
    now = datetime.fromtimestamp(errand.detail["at"], errand.created_at.tzinfo)
    with desk.db.read() as tx:
        incident = incidents.get(tx, int(errand.incident_id or 0))
        words = desk.words_for(people.get(tx, user_id))
    channel_id = str(incident.channel_id)
    message = _message(desk, channel_id, ts)
    if message is None:  # deleted meanwhile
        return
    if _is_ours(desk, message):
        text = words.text("allowed.kept_by_itself")
        desk.client.chat_postEphemeral(channel=channel_id, user=user_id, text=text)
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, incident.id, lock=True)
        try:
            team.check_may(desk, tx, "keep", incident, user_id)
        except NotAllowed:
            return  # the emoji stays an emoji
        _keep(tx, incident, channel_id, message, user_id, now)
    desk.wake()


def find_kept(desk: Desk, errand: Errand) -> None:
    """The address of a message that was kept."""
    incident_id, ref = int(errand.incident_id or 0), str(errand.detail["ref"])
    channel_id, _, ts = ref.partition(":")
    url = desk.client.chat_getPermalink(channel=channel_id, message_ts=ts)["permalink"]
    with desk.db.begin() as tx:
        record.set_url(tx, incident_id, ref, str(url))
        outbox.redraw(tx, [incident_id], desk.now(), DRAWN_WITH_RECORD)


def show_record(desk: Desk, errand: Errand) -> None:
    """The window under the form in which somebody has added to it."""
    shown = Shown(int(errand.incident_id or 0), int(errand.detail["page"]))
    with desk.db.read() as tx:
        person = people.get(tx, str(errand.detail["user"])) or Person(str(errand.detail["user"]))
        try:
            view = form(desk, tx, shown, desk.words_for(person), person)
        except NotAllowed:
            return
    desk.client.views_update(view_id=errand.detail["view"], view=view)


def _keep(tx: Connection, incident: Incident, channel_id: str, message: Json, by: str, now: datetime) -> list[Kept]:
    """The message and each of its files. Returns what was not kept before."""
    text, ts = str(message.get("text") or ""), str(message["ts"])
    names = people.names(tx, mentioned(text))
    author, at = message.get("user"), said_at(ts)
    found = []
    if text or not message.get("files"):
        said = Kept(
            0, incident.id, KeptKind.MESSAGE, by, at, now, readable(text, names), author, ref=f"{channel_id}:{ts}"
        )
        found.append(said)
    found += [
        Kept(
            0,
            incident.id,
            KeptKind.FILE,
            by,
            at,
            now,
            "",
            author,
            ref=str(file["id"]),
            name=str(file.get("name") or file.get("title") or ""),
            url=str(file.get("permalink") or ""),
        )
        for file in message.get("files") or ()
        if file.get("mode") != "tombstone"
    ]
    added = [kept for each in found if (kept := record.keep(tx, f"kept:{incident.id}:{each.ref}", each))]
    if added:
        journal.add(tx, incident.id, "kept", by, now, kept=[each.id for each in added])
        outbox.redraw(tx, [incident.id], now, DRAWN_WITH_RECORD)
    for each in added:
        if each.kind is KeptKind.MESSAGE:
            outbox.ask(tx, "find_kept", f"record:{incident.id}", now, incident.id, {"ref": each.ref})
    return added


DRAWN_WITH_RECORD = ("postmortem",)


def _message(desk: Desk, channel_id: str, ts: str) -> Json | None:
    """A message by its id, in the channel or in one of its threads; None when it is not there."""
    pages = [desk.client.conversations_history(channel=channel_id, oldest=ts, latest=ts, inclusive=True, limit=1)]
    found = _first(pages[0]["messages"], ts)
    if found is None:  # what stands in a thread is not in the history
        try:
            page = desk.client.conversations_replies(channel=channel_id, ts=ts, inclusive=True, limit=1)
        except SlackApiError as error:
            if error.response["error"] not in ("thread_not_found", "message_not_found"):
                raise
            return None
        found = _first(page["messages"], ts)
    return found


def _first(messages: Iterable[Any], ts: str) -> Json | None:
    return next((dict(message) for message in messages if message.get("ts") == ts), None)


def _is_ours(desk: Desk, message: Json) -> bool:
    """What Hotline says is in the record by itself."""
    us = desk.identity()
    return message.get("user") == us.user_id or message.get("bot_id") == us.bot_id


def _of_channel(tx: Connection, channel_id: str) -> Incident:
    """The incident of a channel, locked. Raises NotAllowed elsewhere."""
    found = incidents.in_channel(tx, channel_id)
    if found is None:
        raise NotAllowed("allowed.keep_elsewhere")
    return incidents.get(tx, found.id, lock=True)


def _seen_by(tx: Connection, incident_id: int, person: Person, lock: bool = False) -> Incident:
    incident = incidents.get(tx, incident_id, lock=lock)
    if not lifecycle.may_see(incident, person.user_id, incidents.participants_of(tx, incident.id)):
        raise NotAllowed("allowed.only_its_people", reporter=incident.reporter_id)
    return incident


def _page(
    desk: Desk, tx: Connection, incident: Incident, page: int, words: Wording
) -> tuple[int, list[tuple[Line, Mrkdwn]], int]:
    """A page, counted from the end, the sections on it with their lines, and how many pages there are. A long line
    has several sections, and may go on overleaf: nothing is cut."""
    parts = [
        (line, Mrkdwn(piece))
        for line in timeline.lines(desk, tx, incident, words)
        for piece in pieces(f"{words.day(line.at)}  {line.text}", SECTION_LENGTH)
    ]
    pages = max(-(-len(parts) // PAGE), 1)
    page = min(max(page, 0), pages - 1)
    end = len(parts) - page * PAGE
    return page, parts[max(end - PAGE, 0) : end], pages


def _short(text: str) -> str:
    return text if len(text) <= OPTION else text[: OPTION - 1].rstrip() + "…"


def _shown(view: Json) -> Shown:
    about = json.loads(view["private_metadata"])
    return Shown(int(about["incident"]), int(about["page"]), str(about.get("window") or ""))
