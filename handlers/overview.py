"""Where things stand: `/incident list`, `status`, `show INC-42`, `help` -> an answer for this person alone."""

import re
from collections.abc import Sequence
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk.models.blocks import Block
from sqlalchemy import Connection

from bot import lifecycle
from bot.deadlines import TO_CUSTOMERS
from bot.incident import Deadline, Duty, Incident, Person
from bot.wording import Mrkdwn, Wording, channel_link, unescape
from handlers import card, reminders, review
from handlers.blocks import Json, button, context, divider, section
from handlers.desk import Desk
from handlers.words import after_word, compared, word
from storage import deadlines, incidents

SHOWN = 15  # as many as somebody reads
IN_LIST = 60  # characters of what is to be done
NUMBER = re.compile(r"(?:inc)?[\s#–—-]*([0-9]{1,9})")


def register(app: App) -> None:
    """What leads here. Unknown words get help: `explain` stands last."""
    app.command("/incident", matchers=[word("list", "列表")])(open_list)
    app.command("/incident", matchers=[word("status", "状态")])(open_status)
    app.command("/incident", matchers=[_is_show])(open_one)
    app.command("/incident")(explain)


def open_list(ack: Ack, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Open incidents, latest first; private ones for their people only."""
    with desk.db.read() as tx:
        blocks = listed(desk, tx, person.user_id, words, now)
    ack(text=words.text("list.title"), blocks=[block.to_dict() for block in blocks])


def open_status(ack: Ack, body: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """In an incident's channel: its card, in the reader's language."""
    with desk.db.read() as tx:
        incident = incidents.in_channel(tx, str(body["channel_id"]))
        if incident is None or not _may_see(tx, incident, person):
            ack(text=words.text("status.not_here"))
            return
        drawing = card.card(desk, card.facets(desk, tx, incident), words, now)
    ack(text=drawing.text, blocks=[block.to_dict() for block in drawing.blocks])


def open_one(ack: Ack, body: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """One incident by its number, open or over: its card, and where the talk and the postmortem are."""
    said = _asked(body)
    if said is None or not (number := NUMBER.fullmatch(compared(said))):
        ack(text=words.mrkdwn("show.which", said=said[:50]) if said else words.text("show.no_number"))
        return
    with desk.db.read() as tx:
        incident = incidents.find(tx, int(number[1]))
        if incident is None or not _may_see(tx, incident, person):
            ack(text=words.mrkdwn("show.unknown", number=int(number[1])))
            return
        drawing = card.card(desk, card.facets(desk, tx, incident), words, now)
        where = _where(desk, tx, incident, words)
    ack(text=drawing.text, blocks=[block.to_dict() for block in [*drawing.blocks, context(where)]])


def _is_show(command: Json) -> bool:
    return _asked(command) is not None


def _asked(body: Json) -> str | None:
    """What stands behind `show`: `INC-42`, `42`; None when it is another word."""
    return after_word(body, "show", "查看")


def _where(desk: Desk, tx: Connection, incident: Incident, words: Wording) -> Mrkdwn:
    parts = []
    if incident.channel_id:
        key = "show.archived" if incident.archived_at else "show.channel"
        parts.append(words.mrkdwn(key, channel=channel_link(incident.channel_id)))
    else:
        parts.append(words.mrkdwn("show.no_channel"))
    if thread := review.link(desk, tx, incident, words):
        parts.append(words.mrkdwn("show.postmortem", thread=thread))
    return Mrkdwn(" · ".join(parts))


def explain(ack: Ack, body: Json, words: Wording) -> None:
    """What can be said after `/incident`."""
    said = unescape(str(body.get("text") or "")).strip()
    is_question = after_word(body, "help", "帮助", "?") is not None
    unknown = [] if is_question else [section(words.mrkdwn("help.unknown", said=said[:100]))]
    blocks = [*unknown, section(words.mrkdwn("help.commands"))]
    ack(text=words.text("help.title"), blocks=[block.to_dict() for block in blocks])


def listed(desk: Desk, tx: Connection, user_id: str, words: Wording, now: datetime) -> list[Block]:
    """The open incidents that somebody may know of, with the next thing that is due in each; or that there are none."""
    found = incidents.still_open(tx, user_id, SHOWN + 1)
    if not found:
        return [
            section(words.mrkdwn("list.none"), accessory=button(words.text("button.report.open"), "report.open", "new"))
        ]
    blocks: list[Block] = [
        section(words.mrkdwn("list.open", n=incidents.count_open_for(tx, user_id))),
        divider(),
        *lines(desk, tx, found[:SHOWN], words, now),
    ]
    if len(found) > SHOWN:
        blocks.append(context(words.mrkdwn("list.more", n=SHOWN)))
    return blocks


def lines(desk: Desk, tx: Connection, shown: Sequence[Incident], words: Wording, now: datetime) -> list[Block]:
    """Incidents, each with the next thing that is due in it: those in which something is late first, otherwise in their
    order."""
    due = deadlines.next_of_each(tx, [incident.id for incident in shown])
    late = {number for number, deadline in due.items() if deadline.is_late(now)}
    found = []
    for incident in sorted(shown, key=lambda each: each.id not in late):
        next_due = due.get(incident.id)
        subject = _subject(desk, tx, next_due, words) if next_due else ""
        found.append(section(_line(incident, card.summary(incident, next_due, words, now, subject))))
    return found


def _subject(desk: Desk, tx: Connection, deadline: Deadline, words: Wording) -> Mrkdwn | str:
    """Which of several tasks it is, masked. What is owed to one customer is not named: many read a list."""
    if deadline.duty in TO_CUSTOMERS or deadline.duty is Duty.CALL_IN_PERSON:
        return ""
    subject = reminders.subject_of(desk, tx, deadline, words, IN_LIST)
    return subject if isinstance(subject, Mrkdwn) else " ".join(subject.split())


def _line(incident: Incident, summary: Mrkdwn) -> Mrkdwn:
    return Mrkdwn(f"🔒 {summary}") if incident.is_private else summary


def _may_see(tx: Connection, incident: Incident, person: Person) -> bool:
    return lifecycle.may_see(incident, person.user_id, incidents.participants_of(tx, incident.id))
