"""The words for customers, ready to use: posted when they are needed -> copied, or in another channel or language.

The message in the channel names no customer: others read along. Whoever says it logs that with one click.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import ContactChannel, CustomerLanguage, Deadline, Incident, Person, Stage
from bot.scripts import Script
from bot.wording import Mrkdwn, Wording, mention
from handlers import masks, occasion
from handlers.blocks import SECTION_LENGTH, Json, actions, button, context, modal, quote, section
from handlers.desk import Desk, Drawing
from handlers.fields import Answers, Choice, Text, Word
from storage import contacts, customers, deadlines, incidents, outbox
from storage.outbox import Message

STAGE = Word("stage", "contact", required=True, words_of=Stage, vocabulary="stage", tells="scripts.look")
CHANNEL = Choice("channel", "contact", required=True, tells="scripts.look")
WORDS = Text("words", "scripts", multiline=True, max_length=3000)


def register(app: App) -> None:
    """What leads here."""
    app.action("scripts.copy")(open_form)
    app.action("scripts.other")(open_form)
    app.action("scripts.look")(look)
    app.view("scripts.shown")(close)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The words alone, to be copied; and the choice of others."""
    number, stage, channel, language = str(action["value"]).split(":")
    with desk.db.read() as tx:
        incident = _checked(tx, int(number), person)
        view = form(
            desk, tx, incident, Stage(stage), ContactChannel(channel), CustomerLanguage(language), words, person, now
        )
    client.views_open(trigger_id=body["trigger_id"], view=view)
    ack()


def form(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    stage: Stage,
    channel: ContactChannel,
    language: CustomerLanguage,
    words: Wording,
    person: Person,
    now: datetime,
    draft: int = 0,
) -> View:
    """The words stand in a field with the cursor in it: two keys copy them."""
    script = _script(desk, tx, incident, stage, channel, language, now, person)
    hint = words.text("contact.segments", n=script.segments) if script.segments else None
    said = button(words.text("button.contact.said"), "contact.said", f"{incident.id}:{stage}:{channel}:{language}")
    blocks: list[Block] = [
        STAGE.block(words, stage),
        CHANNEL.block(words, occasion.channels(words), f"{channel}:{language}"),
        WORDS.version(draft).block(words, script.text, hint=hint, focus=True),
    ]
    if script.missing:
        blocks.append(context(_missing(script, words)))
    about = json.dumps({"incident": incident.id, "draft": draft})
    return modal(
        "scripts.shown",
        words.text("scripts.title", number=incident.number),
        [*blocks, *([actions([said], "said")] if stage is not Stage.INTERNAL_BRIEF else [])],
        close=words.text("form.close"),
        submit=words.text("scripts.done"),
        about=about,
    )


def look(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Other words, for another stage, channel or language."""
    view = body["view"]
    answers, about = Answers(view), json.loads(view["private_metadata"])
    channel, _, language = str(CHANNEL.read(answers, occasion.CHANNELS)).partition(":")
    stage = STAGE.read(answers) or Stage.FIRST_CONTACT
    with desk.db.read() as tx:
        incident = _checked(tx, int(about["incident"]), person)
        drawn = form(
            desk,
            tx,
            incident,
            stage,
            ContactChannel(channel),
            CustomerLanguage(language),
            words,
            person,
            now,
            int(about["draft"]) + 1,
        )
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """For whom, until when, how; the words; what to do with them. What was said is one line."""
    incident, words, now = incidents.get(tx, message.incident_id), desk.channel_words, desk.now()
    stage = Stage(str(message.detail["stage"]))
    deadline = deadlines.get(tx, message.deadline_id) if message.deadline_id else None
    values: dict[str, Any] = {"stage": words.text(f"stage.{stage}"), "what": incident.number}
    if not _is_needed(tx, message, incident, deadline, stage):
        text = words.mrkdwn("scripts.over", **values)
        return Drawing(text, [context(text)])
    counts = customers.counts(tx, incident)
    channel, language = ContactChannel.PHONE, occasion.language_of(desk, tx, None)
    script = _script(desk, tx, incident, stage, channel, language, now, None, masks.of(tx, incident.id))
    owner = deadline.owner_id if deadline else str(message.detail["owner"])
    n = counts.unheard if stage is Stage.FIRST_CONTACT and counts.unheard else counts.total
    values |= {"to": mention(owner), "n": n, "how": occasion.how(channel, language, words)}
    if deadline:
        values["due"] = words.time(deadline.due_at)
    first = words.mrkdwn("scripts.for_until" if deadline else "scripts.for", **values)
    about = f"{incident.id}:{stage}:{channel}:{language}"
    blocks: list[Block] = [section(Mrkdwn(f"{first}\n{_quoted(script.text, SECTION_LENGTH - len(first) - 1)}"))]
    if script.missing:
        blocks.append(context(_missing(script, words)))
    blocks.append(
        actions(
            [
                button(words.text("button.contact.said"), "contact.said", about, primary=True),
                button(words.text("button.scripts.copy"), "scripts.copy", about),
                button(words.text("button.scripts.other"), "scripts.other", about),
            ]
        )
    )
    return Drawing(first, blocks)


def close(ack: Ack) -> None:
    """Nothing was changed."""
    ack()


def _checked(tx: Connection, incident_id: int, person: Person) -> Incident:
    incident = incidents.get(tx, incident_id)
    lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
    return incident


def _script(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    stage: Stage,
    channel: ContactChannel,
    language: CustomerLanguage,
    now: datetime,
    agent: Person | None,
    mask: Callable[[str], str] = str,
) -> Script:
    """The words; `mask` is for what people have written, where others read along."""
    now_is, reached = occasion.situation(tx, incident), customers.counts(tx, incident).heard
    told = {name: mask(said) for name, said in now_is.facts.items()}
    now_is = replace(now_is, facts=told, incident=replace(incident, product=mask(incident.product)))
    return occasion.render(desk, occasion.occasion(desk, now_is, stage, channel, language, now, agent, reached=reached))


def _missing(script: Script, words: Wording) -> Mrkdwn:
    listed = words.text("list.comma").join(words.text(f"contact.fact_{name}") for name in script.missing)
    return words.mrkdwn("scripts.missing", facts=listed)


def _quoted(words: str, length: int) -> Mrkdwn:
    """A quotation that takes at most `length` characters, escaped as it is."""
    most = length
    while len(quoted := quote(words, most)) > length:
        most -= 100
    return quoted


def _is_needed(tx: Connection, message: Message, incident: Incident, deadline: Deadline | None, stage: Stage) -> bool:
    """Whether it is still to be said: nobody has, and no later script stands for it."""
    if not incident.status.is_open or (deadline is not None and not deadline.is_running):
        return False
    if any(each.drawing == "script" and each.id > message.id for each in outbox.of_incident(tx, incident.id)):
        return False
    return deadline is not None or not contacts.was_said_to_everybody(tx, incident.id, stage, message.created_at)
