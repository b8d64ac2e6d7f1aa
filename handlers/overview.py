"""Where things stand: `/incident list`, `/incident status`, `/incident help` -> an answer for this person alone."""

from collections.abc import Sequence
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk.models.blocks import Block
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Incident, Person
from bot.wording import Mrkdwn, Wording
from handlers import card
from handlers.blocks import Json, button, context, divider, section
from handlers.desk import Desk
from handlers.words import word
from storage import deadlines, incidents

SHOWN = 15  # as many as somebody reads


def register(app: App) -> None:
    """What leads here. Unknown words get help: `explain` stands last."""
    app.command("/incident", matchers=[word("list", "列表")])(open_list)
    app.command("/incident", matchers=[word("status", "状态")])(open_status)
    app.command("/incident")(explain)


def open_list(ack: Ack, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Open incidents, latest first; private ones for their people only."""
    with desk.db.read() as tx:
        blocks = listed(tx, person.user_id, words, now)
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


def explain(ack: Ack, body: Json, words: Wording) -> None:
    """What can be said after `/incident`."""
    said = str(body.get("text") or "").strip()
    is_question = said.lower() in ("help", "帮助", "?", "？")
    unknown = [] if is_question else [section(words.mrkdwn("help.unknown", said=said[:100]))]
    blocks = [*unknown, section(words.mrkdwn("help.commands"))]
    ack(text=words.text("help.title"), blocks=[block.to_dict() for block in blocks])


def listed(tx: Connection, user_id: str, words: Wording, now: datetime) -> list[Block]:
    """The open incidents that somebody may know of, with the next thing that is due in each; or that there are none."""
    found = incidents.still_open(tx, user_id, SHOWN + 1)
    if not found:
        return [
            section(words.mrkdwn("list.none"), accessory=button(words.text("button.report.open"), "report.open", "new"))
        ]
    blocks: list[Block] = [
        section(words.mrkdwn("list.open", n=incidents.count_open_for(tx, user_id))),
        divider(),
        *lines(tx, found[:SHOWN], words, now),
    ]
    if len(found) > SHOWN:
        blocks.append(context(words.mrkdwn("list.more", n=SHOWN)))
    return blocks


def lines(tx: Connection, shown: Sequence[Incident], words: Wording, now: datetime) -> list[Block]:
    """Incidents, each with the next thing that is due in it."""
    due = deadlines.next_of_each(tx, [incident.id for incident in shown])
    return [section(_line(incident, card.summary(incident, due.get(incident.id), words, now))) for incident in shown]


def _line(incident: Incident, summary: Mrkdwn) -> Mrkdwn:
    return Mrkdwn(f"🔒 {summary}") if incident.is_private else summary


def _may_see(tx: Connection, incident: Incident, person: Person) -> bool:
    return lifecycle.may_see(incident, person.user_id, incidents.participants_of(tx, incident.id))
