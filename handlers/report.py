"""Step 1. Somebody reports an incident: command, shortcut or button -> form -> saved -> channel with clocks.

The form shows open incidents that may be the same: "Add to it" -> a shorter form -> saved with that incident.
"""

import http.client
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from bot import deadlines as rules
from bot import duplicates, grading, lifecycle
from bot.confidential import known_by, masked
from bot.incident import (
    Customer,
    CustomerLanguage,
    Emotion,
    Event,
    Evidence,
    Incident,
    MomentKind,
    Person,
    Report,
    Source,
    Tier,
    Urgency,
)
from bot.procedure import Procedure
from bot.record import mentioned, readable
from bot.wording import Wording, channel_link, mention
from handlers import channel, duties
from handlers.blocks import Json, actions, button, modal, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Files, Number, Text, When, Word
from handlers.words import after_word, chosen_id
from storage import customers, deadlines, incidents, journal, notes, outbox, people
from storage.outbox import Errand, Saying

log = structlog.get_logger(__name__)

TITLE_LENGTH = 80
# In doubt a sentence goes on: behind a number ("error 502."), an address, an initial, or what is often written short.
ENDS = re.compile(r"[。！？]+[”’」』）]*|(?P<word>[^\s。！？]*?)(?P<mark>[.!?]+)[\"”’)]*(?=\s+[^\sa-z])")
WRITTEN_SHORT = re.compile(
    "approx|art|ca|co|corp|dept|dr|est|etc|ext|fig|inc|incl|jr|ltd|max|min|mr|mrs|ms|no|nr|prof|sr|st|tel|vs",
    re.IGNORECASE,
)
# In bytes, since a Chinese letter says more: "支付失败" is a title, "Hello." and "急！" are none.
SAYS_SOMETHING = 12
SAYS_ENOUGH = 80
LOOKED_AT = 200  # the latest incidents that may be the same; of more than that a person could not choose anyway

WHAT = Text("what_happened", "report", required=True, multiline=True, max_length=3000, if_missing="report.say_what")
WHO = Text("customer", "report", required=True, max_length=150, if_missing="report.say_who")
HOW_MANY = Number("customers_affected", "report", required=True, least=1)
TRIGGER = Choice("trigger", "report", required=True, tells="report.look")

# Everything else of domain.md section 2, folded until somebody wants it.
CONTACT = Text("customer_contact", "report", max_length=200)
NUMBER = Text("customer_number", "report", max_length=80)
TIER = Word("customer_tier", "report", words_of=Tier, vocabulary="tier")
LANGUAGE = Word("customer_language", "report", words_of=CustomerLanguage, vocabulary="language")
EMOTION = Word("emotion", "report", words_of=Emotion, vocabulary="emotion")
URGENCY = Word("urgency", "report", words_of=Urgency, vocabulary="urgency")
PRODUCT = Text("product", "report", max_length=100, tells="report.look")
WHEN = When("happened_at", "report")
WHERE = Text("place", "report", max_length=200)
DEMAND = Text("demand", "report", multiline=True, max_length=1000)
DONE = Text("done_already", "report", multiline=True, max_length=1000)
IMPACT = Text("impact", "report", multiline=True, max_length=1000)
SOURCE = Word("source", "report", words_of=Source, vocabulary="source")
EVIDENCE = Files("evidence", "report")

# What is added to an incident that is known already, besides who is affected.
HOW_MANY_MORE = Number("customers_more", "report", required=True, least=1)
KNOWN = Text("what_you_know", "report", multiline=True, max_length=3000)


@dataclass(frozen=True)
class Start:
    """What a form begins with, and what travels with it (`private_metadata`): ids only."""

    text: str = ""
    message: str = ""  # the message it was reported from, `C…:ts`
    more: bool = False
    same: tuple[int, ...] = ()  # the incidents shown as possibly the same
    joins: int = 0  # the incident that this is added to
    again: bool = False  # drawn over one that somebody types in

    def about(self) -> str:
        """As it travels."""
        return json.dumps({"message": self.message, "more": self.more, "same": self.same, "joins": self.joins})


def register(app: App) -> None:
    """What leads here."""
    app.command("/incident", matchers=[_is_report])(open_form)
    app.shortcut("report.open")(open_form)
    app.shortcut("report.message")(open_form_from_message)
    app.action("report.open")(open_form)
    app.action("report.look")(look)
    app.action("report.more")(show_more)
    app.view("report.submit")(submit)
    app.action("report.join")(open_join)
    app.view("report.join_submit")(submit_join)


def open_form(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording) -> None:
    """`/incident report Payments fail` fills in what it says."""
    said = _asked(body) if "command" in body else None
    view = form(desk.procedure, words, Start(said)) if said else _empty(desk, words)
    client.views_open(trigger_id=body["trigger_id"], view=view)
    ack()


def _is_report(command: Json) -> bool:
    return _asked(command) is not None


def _asked(command: Json) -> str | None:
    """What stands behind `report`, as it was typed; None when it is another word."""
    return after_word(command, "report", "上报", "")


def open_form_from_message(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording) -> None:
    """The message becomes the text as people read it, and stays as evidence."""
    message, channel = body["message"], body["channel"]["id"]
    text = str(message.get("text") or "")
    with desk.db.read() as tx:
        names = people.names(tx, mentioned(text))
    start = Start(readable(text, names), f"{channel}:{message['ts']}")
    client.views_open(trigger_id=body["trigger_id"], view=form(desk.procedure, words, start))
    ack()


def show_more(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The other facts unfold; what was typed stays, since the fields keep their ids."""
    view = body["view"]
    start = replace(_start(view), more=True)
    drawn = form(desk.procedure, words, start, same_as(desk, view, person, now))
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def look(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Kind or product were changed: what may be the same is shown in the form, what no longer may be goes."""
    view = body["view"]
    start, same = _start(view), same_as(desk, view, person, now)
    if tuple(incident.id for incident in same) != start.same:
        drawn = form(desk.procedure, words, start, same)
        try:
            client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
        except (SlackApiError, OSError, http.client.HTTPException) as error:
            # Nobody waits for it: the form was changed or closed meanwhile, or Slack is slow. The next change looks.
            word = str(error.response["error"]) if isinstance(error, SlackApiError) else type(error).__name__
            if word != "hash_conflict":
                log.warning("could not show what may be the same", error=word)
    ack()


def same_as(desk: Desk, view: Json, person: Person, now: datetime) -> list[Incident]:
    """The incidents that are likely the one in the form, among those that this person may know of."""
    answers, rule = Answers(view), desk.procedure.duplicates
    trigger = TRIGGER.read(answers, desk.procedure.triggers)
    if trigger is None:
        return []
    draft = duplicates.Draft(title_of(WHAT.read(answers), _customer(answers)), trigger, PRODUCT.read(answers))
    with desk.db.read() as tx:
        recent = incidents.open_since(tx, person.user_id, trigger, duplicates.earliest(rule, now), LOOKED_AT)
    return duplicates.likely(draft, recent, rule, now)


def form(procedure: Procedure, words: Wording, start: Start, same: Sequence[Incident] = ()) -> View:
    """Four fields; ten seconds for somebody with a furious customer on the line."""
    start = replace(start, same=tuple(incident.id for incident in same))
    triggers = [(key, trigger.name.in_language(words.language)) for key, trigger in procedure.triggers.items()]
    blocks: list[Block] = [
        WHAT.block(words, initial=start.text, focus=not start.again),
        WHO.block(words),
        HOW_MANY.block(words),
        TRIGGER.block(words, triggers),
    ]
    if start.more:
        blocks += _more(words)
    else:
        blocks.append(actions([button(words.text("report.more"), "report.more", "more")], block_id="more"))
    blocks += [_possibly(incident, words) for incident in same]
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
    return Report(
        what_happened=WHAT.read(answers),
        trigger=TRIGGER.read(answers, procedure.triggers) or "",
        customer=_customer(answers),
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
        evidence=_evidence(answers),
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
    title = title_of(report.what_happened, report.customer)
    kind = procedure.triggers[report.trigger].kind
    incident = incidents.create(tx, key, report, title, reporter_id, severity, confidential, kind, now)
    plans = []
    urgent = rules.is_urgent(report.customer.tier, report.emotion, procedure)
    for duty in rules.starting(Event.REPORTED, severity, facts, procedure):
        owner = rules.owner_of(duty, {}, reporter_id, procedure, rosters) or reporter_id
        plans.append(rules.plan(duty, severity, owner, now, procedure, rosters, urgent=urgent))
    deadlines.start(tx, incident.id, plans)
    # Whoever is told of it at once can look at once: with the same invitation.
    told = [moment.user_id for plan in plans for moment in plan.moments if moment.kind is MomentKind.TELL]
    incidents.add_participants(
        tx, incident.id, [reporter_id, *rules.members(procedure.on_call, rosters), *(who for who in told if who)]
    )
    journal.add(tx, incident.id, "reported", reporter_id, now, trigger=report.trigger, proposed_severity=int(severity))
    # The channel stands first in the incident's lane: whatever is to be said there waits for it.
    outbox.ask(
        tx, "open_channel", f"incident:{incident.id}", now, incident.id, {"view_id": view_id, "user": reporter_id}
    )
    outbox.say(tx, [Saying(incident.id, "card", "incident")], now)
    _ask_permalinks(tx, incident.id, report.evidence, now)
    return incident


def title_of(what_happened: str, customer: Customer) -> str:
    """The first line of what happened, of a long one the first sentence, else shortened at a word; without what leads
    to a customer: everybody reads it."""
    first = next((line.strip() for line in what_happened.splitlines() if line.strip()), "")
    line = masked(" ".join(first.split()), *known_by(customer)).rstrip(" .。")
    title = line if len(line.encode()) <= SAYS_ENOUGH else _first_sentence(line).rstrip(" .。")
    if len(title) <= TITLE_LENGTH:
        return title
    cut = title[: TITLE_LENGTH - 1]
    at_word = cut.rpartition(" ")[0]
    return (at_word if len(at_word) > TITLE_LENGTH // 2 else cut).rstrip(" ,.;:，。；：") + "…"


def _first_sentence(line: str) -> str:
    """The line as far as the first sentence that says something; all of it when none ends early enough for a title."""
    for found in ENDS.finditer(line[: TITLE_LENGTH + 2]):
        word = found["word"] if found["mark"] == "." else None
        ends = word is None or (len(word) > 1 and word.isalpha() and not WRITTEN_SHORT.fullmatch(word))
        if ends and len(line[: found.end()].encode()) >= SAYS_SOMETHING:
            return line[: found.end()]
    return line


def recorded(incident: Incident, words: Wording, refused: str = "") -> View:
    """The form's last page: the number, then the way to the channel, or with what word Slack refuses to open it."""
    if incident.channel_id:
        sentence = words.mrkdwn("report.open_now", number=incident.number, channel=channel_link(incident.channel_id))
    elif refused:
        sentence = words.mrkdwn("report.refused", number=incident.number, error=refused)
    else:
        sentence = words.mrkdwn("report.recorded", number=incident.number)
    return modal("report.done", incident.number, [section(sentence)], close=words.text("form.close"))


def left_out(incident: Incident, somebody: str | None, words: Wording) -> View:
    """The last page for a guest whom Slack does not let into the channel: whom to ask."""
    if somebody:
        sentence = words.mrkdwn("report.left_out", number=incident.number, somebody=mention(somebody))
    else:
        sentence = words.mrkdwn("report.left_out_alone", number=incident.number)
    return modal("report.done", incident.number, [section(sentence)], close=words.text("form.close"))


def open_join(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The form becomes the shorter one, with what was typed."""
    view = body["view"]
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        lifecycle.check_can_join(incident, person.user_id, incidents.participants_of(tx, incident.id))
    drawn = join_form(incident, Answers(view), words, now)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def join_form(incident: Incident, typed: Answers, words: Wording, now: datetime) -> View:
    """Who, how many, what is known; and what else was said about the customer or attached."""
    customer, many = _customer(typed), HOW_MANY.read(typed)
    blocks: list[Block] = [
        section(
            words.mrkdwn(
                "report.join_about", number=incident.number, title=incident.title, at=words.when(incident.reported_at)
            )
        ),
        WHO.block(words, initial=customer.name),
        HOW_MANY_MORE.block(words, initial=None if HOW_MANY.id in typed.wrong else many),
        KNOWN.block(words, initial=_everything_said(typed, words, now)),
    ]
    if customer.contact:
        blocks.append(CONTACT.block(words, initial=customer.contact))
    if customer.number:
        blocks.append(NUMBER.block(words, initial=customer.number))
    if customer.tier:
        blocks.append(TIER.block(words, initial=customer.tier))
    if customer.language:
        blocks.append(LANGUAGE.block(words, initial=customer.language))
    if EVIDENCE.read(typed):
        blocks.append(EVIDENCE.block(words))  # Slack keeps what was uploaded
    return modal(
        "report.join_submit",
        words.text("report.join_title", number=incident.number),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("report.join_submit"),
        about=replace(_start(typed.view), same=(), joins=incident.id).about(),
    )


def submit_join(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Added to the incident in one transaction; then the form says where it goes on."""
    answers, key = Answers(view), str(view["id"])
    customer, more = _customer(answers), HOW_MANY_MORE.read(answers)
    known, attached = KNOWN.read(answers), _evidence(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, _start(view).joins, lock=True)
        if not notes.was_saved(tx, key):  # else the same form once more
            lifecycle.check_can_join(incident, person.user_id, incidents.participants_of(tx, incident.id))
            incidents.add_evidence(tx, incident.id, attached)
            _ask_permalinks(tx, incident.id, attached, now)
            notes.save(tx, incident.id, key, "also_reported", person.user_id, now, masked(known, *known_by(customer)))
            join(tx, desk, incident, customer, more, person.user_id, now)
            detail = {"view_id": key, "user": person.user_id}
            after = channel.SHOWN_AGAIN_AFTER  # by then Slack has said whether they may come in
            outbox.ask(tx, "show_left_out", f"form:{key}", now, incident.id, detail, after=after)
    ack(response_action="update", view=joined(incident, words).to_dict())
    desk.wake()


def join(
    tx: Connection, desk: Desk, incident: Incident, customer: Customer, more: int, reporter_id: str, now: datetime
) -> None:
    """The customers and whoever reported them belong to the incident; what its facts speak for is looked at again."""
    customers.add(tx, incident.id, [customer], reporter_id, now)
    channel.bring_in(tx, incident, [reporter_id], now)
    affected = incident.customers_affected + more
    tiers = [tier for tier in (incident.customer_tier, customer.tier) if tier]
    changed = replace(incident, customers_affected=affected, customer_tier=max(tiers, key=[*Tier].index, default=None))
    severity = grading.propose(grading.facts_of(changed, now), desk.procedure).severity
    incidents.set_facts(tx, changed)
    incidents.set_proposed(tx, incident.id, severity)
    set_anew = duties.reconsider(desk, tx, incidents.get(tx, incident.id), now, regraded=True)
    set_anew += duties.customers_changed(desk, tx, incidents.get(tx, incident.id), reporter_id, now)
    journal.add(
        tx,
        incident.id,
        "also_reported",
        reporter_id,
        now,
        customers_more=more,
        customers_affected=affected,
        proposed_severity=int(severity),
    )
    outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, set_anew)


def joined(incident: Incident, words: Wording) -> View:
    """The shorter form's last page: which incident it was added to, and the way to its channel."""
    if incident.channel_id:
        way = channel_link(incident.channel_id)
        sentence = words.mrkdwn("report.joined_open", number=incident.number, channel=way)
    else:
        sentence = words.mrkdwn("report.joined", number=incident.number)
    return modal("report.done", incident.number, [section(sentence)], close=words.text("form.close"))


def show_link(desk: Desk, errand: Errand) -> None:
    """The channel is open, or Slack refuses to open it: the form, if it still is open, says so."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, int(errand.incident_id or 0))
        words = desk.words_for(people.get(tx, str(errand.detail["user"])))
        guests = _left_out(desk, tx, incident, errand, words)
    view = guests or recorded(incident, words, str(errand.detail.get("error") or ""))
    desk.client.views_update(view_id=errand.detail["view_id"], view=view)


def show_left_out(desk: Desk, errand: Errand) -> None:
    """Who has added to an incident is to be invited: the form, if it still is there, says so when they can't be."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, int(errand.incident_id or 0))
        view = _left_out(desk, tx, incident, errand, desk.words_for(people.get(tx, str(errand.detail["user"]))))
    if view:
        desk.client.views_update(view_id=errand.detail["view_id"], view=view)


def _left_out(desk: Desk, tx: Connection, incident: Incident, errand: Errand, words: Wording) -> View | None:
    """The last page for a guest whom Slack does not let into the channel: one on call who is there is named first."""
    user_id = str(errand.detail["user"])
    if not incidents.is_refused(tx, incident.id, user_id):
        return None
    there = incidents.invited(tx, incident.id)
    return left_out(incident, channel.on_call_there(desk, tx, incident) or next(iter(there), None), words)


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
    procedure = desk.procedure
    name = f"report.{words.language}.{procedure.fingerprint}"
    drawn = desk.drawn.get(name)
    if drawn is None:
        drawn = desk.drawn[name] = form(procedure, words, Start()).to_dict()
    return drawn


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


def _possibly(incident: Incident, words: Wording) -> Block:
    at = words.when(incident.reported_at)
    sentence = words.mrkdwn("report.same", number=incident.number, title=incident.title, at=at)
    add = button(words.text("report.join"), "report.join", incident.id)
    return section(sentence, accessory=add, block_id=f"same.{incident.id}")


def _customer(answers: Answers) -> Customer:
    return Customer(
        name=WHO.read(answers),
        number=NUMBER.read(answers),
        contact=CONTACT.read(answers),
        tier=TIER.read(answers),
        language=LANGUAGE.read(answers),
    )


def _evidence(answers: Answers) -> tuple[Evidence, ...]:
    message = _start(answers.view).message
    return ((Evidence("message", message),) if message else ()) + EVIDENCE.read(answers)


def _ask_permalinks(tx: Connection, incident_id: int, items: Sequence[Evidence], now: datetime) -> None:
    for item in items:
        if item.kind == "message":
            outbox.ask(tx, "find_permalink", f"evidence:{incident_id}", now, incident_id, {"ref": item.ref})


def _everything_said(typed: Answers, words: Wording, now: datetime) -> str:
    """What was typed so far in one text: what happened, and a line for each other fact."""
    emotion, urgency, source = EMOTION.read(typed), URGENCY.read(typed), SOURCE.read(typed)
    happened_at = WHEN.read(typed, now)
    said = [
        (PRODUCT, PRODUCT.read(typed)),
        (WHEN, words.clock(happened_at) if happened_at else ""),
        (WHERE, WHERE.read(typed)),
        (DEMAND, DEMAND.read(typed)),
        (DONE, DONE.read(typed)),
        (IMPACT, IMPACT.read(typed)),
        (EMOTION, words.text(f"emotion.{emotion}") if emotion else ""),
        (URGENCY, words.text(f"urgency.{urgency}") if urgency else ""),
        (SOURCE, words.text(f"source.{source}") if source else ""),
    ]
    lines = [words.text("report.also", what=words.text(field.label), words=value) for field, value in said if value]
    return "\n".join([WHAT.read(typed), *lines]).strip()


def _start(view: Any) -> Start:
    about = json.loads(view.get("private_metadata") or "{}")
    return Start(
        message=str(about.get("message") or ""),
        more=bool(about.get("more")),
        same=tuple(int(incident_id) for incident_id in about.get("same") or ()),
        joins=int(about.get("joins") or 0),
        again=True,
    )
