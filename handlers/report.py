"""Step 1. Somebody reports an incident: command, shortcut or button -> form -> saved -> channel with clocks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from bot import deadlines as rules
from bot import grading
from bot.confidential import without_name
from bot.incident import (
    Customer,
    CustomerLanguage,
    Emotion,
    Evidence,
    Incident,
    Person,
    Report,
    Source,
    Tier,
    Urgency,
)
from bot.procedure import Procedure
from bot.wording import Wording, channel_link
from handlers.blocks import Json, actions, button, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Files, Number, Text, When, Word
from handlers.words import word
from storage import deadlines, incidents, journal, outbox, people
from storage.outbox import Errand, Saying

TITLE_LENGTH = 80

WHAT = Text("what_happened", "report", required=True, multiline=True, max_length=3000, if_missing="report.say_what")
WHO = Text("customer", "report", required=True, max_length=150, if_missing="report.say_who")
HOW_MANY = Number("customers_affected", "report", required=True, least=1)
TRIGGER = Choice("trigger", "report", required=True)

# Everything else of domain.md section 2, folded until somebody wants it.
CONTACT = Text("customer_contact", "report", max_length=200)
NUMBER = Text("customer_number", "report", max_length=80)
TIER = Word("customer_tier", "report", words_of=Tier, vocabulary="tier")
LANGUAGE = Word("customer_language", "report", words_of=CustomerLanguage, vocabulary="language")
EMOTION = Word("emotion", "report", words_of=Emotion, vocabulary="emotion")
URGENCY = Word("urgency", "report", words_of=Urgency, vocabulary="urgency")
PRODUCT = Text("product", "report", max_length=100)
WHEN = When("happened_at", "report")
WHERE = Text("place", "report", max_length=200)
DEMAND = Text("demand", "report", multiline=True, max_length=1000)
DONE = Text("done_already", "report", multiline=True, max_length=1000)
IMPACT = Text("impact", "report", multiline=True, max_length=1000)
SOURCE = Word("source", "report", words_of=Source, vocabulary="source")
EVIDENCE = Files("evidence", "report")


@dataclass(frozen=True)
class Start:
    """What a form begins with, and what travels with it (`private_metadata`): ids only."""

    text: str = ""
    message: str = ""  # the message it was reported from, `C…:ts`
    more: bool = False

    def about(self) -> str:
        """As it travels."""
        return json.dumps({"message": self.message, "more": self.more})


def register(app: App) -> None:
    """What leads here."""
    app.command("/incident", matchers=[word("report", "", "上报")])(open_form)
    app.shortcut("report.open")(open_form)
    app.shortcut("report.message")(open_form_from_message)
    app.action("report.open")(open_form)
    app.action("report.more")(show_more)
    app.view("report.submit")(submit)


def open_form(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording) -> None:
    """`/incident report Payments fail` fills in what it says."""
    said = str(body.get("text") or "").strip().partition(" ")[2].strip() if "command" in body else ""
    view = form(desk.procedure, words, Start(said)) if said else _empty(desk, words)
    client.views_open(trigger_id=body["trigger_id"], view=view)
    ack()


def open_form_from_message(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording) -> None:
    """The message becomes the text, and stays as evidence."""
    message, channel = body["message"], body["channel"]["id"]
    start = Start(str(message.get("text") or ""), f"{channel}:{message['ts']}")
    client.views_open(trigger_id=body["trigger_id"], view=form(desk.procedure, words, start))
    ack()


def show_more(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording) -> None:
    """The other facts unfold; what was typed stays, since the fields keep their ids."""
    view = body["view"]
    start = replace(_start(view), more=True)
    client.views_update(view_id=view["id"], hash=view["hash"], view=form(desk.procedure, words, start))
    ack()


def form(procedure: Procedure, words: Wording, start: Start) -> View:
    """Four fields; ten seconds for somebody with a furious customer on the line."""
    triggers = [(key, trigger.name.in_language(words.language)) for key, trigger in procedure.triggers.items()]
    blocks: list[Block] = [
        WHAT.block(words, initial=start.text, focus=True),
        WHO.block(words),
        HOW_MANY.block(words),
        TRIGGER.block(words, triggers),
    ]
    if start.more:
        blocks += _more(words)
    else:
        blocks.append(actions([button(words.text("report.more"), "report.more", "more")], block_id="more"))
    return modal(
        "report.submit",
        words.text("report.title"),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("report.submit"),
        about=start.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Saved with its clocks and its errands in one transaction; then the form says the number."""
    answers = Answers(view)
    report = read(answers, desk.procedure, now)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    key = str(view.get("root_view_id") or view["id"])
    try:
        with desk.db.begin() as tx:
            incident = incidents.reported_as(tx, key) or save(
                tx, desk, key, report, person.user_id, view_id=str(view["id"]), now=now
            )
    except IntegrityError:  # the same form, at the same moment, by another replica
        with desk.db.read() as tx:
            found = incidents.reported_as(tx, key)
        if found is None:
            raise
        incident = found
    ack(response_action="update", view=recorded(incident, words).to_dict())
    desk.wake()


def read(answers: Answers, procedure: Procedure, now: datetime) -> Report:
    """What the form says; what is wrong about it is in `answers`."""
    message = _start(answers.view).message
    return Report(
        what_happened=WHAT.read(answers),
        trigger=TRIGGER.read(answers, procedure.triggers) or "",
        customer=Customer(
            name=WHO.read(answers),
            number=NUMBER.read(answers),
            contact=CONTACT.read(answers),
            tier=TIER.read(answers),
            language=LANGUAGE.read(answers),
        ),
        customers_affected=HOW_MANY.read(answers),
        source=SOURCE.read(answers),
        product=PRODUCT.read(answers),
        happened_at=WHEN.read(answers, now),
        place=WHERE.read(answers),
        demand=DEMAND.read(answers),
        done_already=DONE.read(answers),
        impact=IMPACT.read(answers),
        urgency=URGENCY.read(answers),
        emotion=EMOTION.read(answers),
        evidence=((Evidence("message", message),) if message else ()) + EVIDENCE.read(answers),
    )


def save(
    tx: Connection, desk: Desk, key: str, report: Report, reporter_id: str, view_id: str, now: datetime
) -> Incident:
    """The incident, its people, its clocks, and everything that is to be said about it."""
    procedure, rosters = desk.procedure, people.roster_members(tx)
    facts = grading.Facts(
        customers_affected=report.customers_affected,
        emotion=report.emotion,
        customer_tier=report.customer.tier,
        trigger=report.trigger,
    )
    severity = grading.propose(facts, procedure).severity
    confidential = procedure.triggers[report.trigger].confidential
    incident = incidents.create(tx, key, report, title_of(report), reporter_id, severity, confidential, now)
    incidents.add_participants(tx, incident.id, [reporter_id, *rules.members(procedure.on_call, rosters)])
    plans = [rules.plan(duty, severity, reporter_id, now, procedure, rosters) for duty in rules.STARTED_BY_REPORT]
    deadlines.start(tx, incident.id, plans)
    journal.add(tx, incident.id, "reported", reporter_id, now, trigger=report.trigger, proposed_severity=int(severity))
    # The channel stands first in the incident's lane: whatever is to be said there waits for it.
    outbox.ask(
        tx, "open_channel", f"incident:{incident.id}", now, incident.id, {"view_id": view_id, "user": reporter_id}
    )
    outbox.say(tx, [Saying(incident.id, "card", "incident")], now)
    for item in report.evidence:
        if item.kind == "message":
            outbox.ask(tx, "find_permalink", f"evidence:{incident.id}", now, incident.id, {"ref": item.ref})
    return incident


def title_of(report: Report) -> str:
    """The first line of what happened, shortened at a word, without the customer's name: everybody reads titles."""
    first = next((line.strip() for line in report.what_happened.splitlines() if line.strip()), "")
    title = without_name(" ".join(first.split()), report.customer.name).rstrip(" .。")
    if len(title) <= TITLE_LENGTH:
        return title
    cut = title[: TITLE_LENGTH - 1]
    at_word = cut.rpartition(" ")[0]
    return (at_word if len(at_word) > TITLE_LENGTH // 2 else cut).rstrip(" ,.;:，。；：") + "…"


def recorded(incident: Incident, words: Wording) -> View:
    """The form's last page: the number, then the way to the channel."""
    if incident.channel_id:
        sentence = words.mrkdwn("report.open_now", number=incident.number, channel=channel_link(incident.channel_id))
    else:
        sentence = words.mrkdwn("report.recorded", number=incident.number)
    return modal("report.done", incident.number, [section(sentence)], close=words.text("form.close"))


def show_link(desk: Desk, errand: Errand) -> None:
    """The channel is open: the form, if it still is, says where."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, int(errand.incident_id or 0))
        person = people.get(tx, str(errand.detail["user"]))
    desk.client.views_update(view_id=errand.detail["view_id"], view=recorded(incident, desk.words_for(person)))


def find_permalink(desk: Desk, errand: Errand) -> None:
    """The address of the message it was reported from; the bot needs not be where it stands."""
    incident_id, ref = int(errand.incident_id or 0), str(errand.detail["ref"])
    channel_id, _, ts = ref.partition(":")
    url = desk.client.chat_getPermalink(channel=channel_id, message_ts=ts)["permalink"]
    with desk.db.begin() as tx:
        incidents.set_evidence_url(tx, incident_id, ref, str(url))
        outbox.redraw(tx, [incident_id], desk.now(), drawings=["card"])


def _empty(desk: Desk, words: Wording) -> Json:
    """The form as most people meet it, drawn once a language: somebody waits for it, and drawing costs 2 ms."""
    name = f"report.{words.language}"
    if name not in desk.drawn:
        desk.drawn[name] = form(desk.procedure, words, Start()).to_dict()
    return desk.drawn[name]


def _more(words: Wording) -> Sequence[Block]:
    return [
        CONTACT.block(words),
        NUMBER.block(words),
        TIER.block(words),
        LANGUAGE.block(words),
        EMOTION.block(words),
        URGENCY.block(words),
        PRODUCT.block(words),
        WHEN.block(words),
        WHERE.block(words),
        DEMAND.block(words),
        DONE.block(words),
        IMPACT.block(words),
        SOURCE.block(words),
        EVIDENCE.block(words),
    ]


def _start(view: Any) -> Start:
    about = json.loads(view.get("private_metadata") or "{}")
    return Start(message=str(about.get("message") or ""), more=bool(about.get("more")))
