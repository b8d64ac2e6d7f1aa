"""The form about a contact: its fields, what travels with it, and how it is drawn for one customer or several."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot.deadlines import interval
from bot.incident import (
    Consent,
    Contact,
    ContactChannel,
    Counts,
    CustomerLanguage,
    Duty,
    Emotion,
    Incident,
    Listed,
    Outcome,
    Person,
    Stage,
    Status,
    Tier,
)
from bot.scripts import FACTS, Script
from bot.wording import Mrkdwn, Wording, escape, mention
from handlers import card, occasion
from handlers.blocks import Json, actions, button, context, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Found, Text, Ticks, When, Word
from handlers.occasion import Situation, digest
from storage import contacts, customers, deadlines, incidents

UNHEARD, EVERYBODY = "unheard", "everybody"  # several at once, in writing

WHO = Found("who", "contact", required=True, tells="contact.look")
STAGE = Choice("stage", "contact", required=True, tells="contact.look")
CHANNEL = Choice("channel", "contact", required=True, tells="contact.look")
SAID = Text("said", "contact", required=True, multiline=True, max_length=3000, if_missing="contact.say_what")
OUTCOME = Choice("outcome", "contact", required=True, tells="contact.look")
ANSWER = Text("answer", "contact", multiline=True, max_length=3000)
EMOTION = Word("emotion", "contact", words_of=Emotion, vocabulary="emotion")
RETRY = When("retry_at", "contact", ahead=True)
CONSENT = Choice("consent", "contact", required=True)
KEPT = Ticks("kept", "contact")
FACT = {name: Text(f"fact_{name}", "contact", max_length=300) for name in FACTS}

# What is needed now and then, folded until somebody wants it.
PROMISE = Text("promise", "contact", max_length=300)
UNTIL = When("promised_until", "contact", ahead=True)
AT = When("at", "contact")

STAGES = [stage for stage in Stage if stage is not Stage.INTERNAL_BRIEF]  # that one is not for customers
EXPECTED = (Stage.FIRST_CONTACT, Stage.PROGRESS, Stage.DELAY, Stage.SOLUTION)  # may say when it will work
SPOKEN = (Outcome.REACHED, Outcome.NO_ANSWER, Outcome.BUSY, Outcome.WRONG_NUMBER)
WRITTEN = (Outcome.SENT, Outcome.WRONG_NUMBER)


@dataclass(frozen=True)
class Start:
    """What travels with the form (`private_metadata`): ids, words of the procedure and counters only.

    `who` is `c12`, `unheard` or `everybody`; `turn` counts the customers that the form was filled in for, `draft` how
    often its words were drawn anew; `drawn` and `warned` are digests of the words as drawn, and as warned of;
    `beneath` is the list that it was opened from, and the page of it.
    """

    incident: int
    who: str = ""
    stage: str = ""
    channel: str = ""
    language: str = ""
    outcome: str = ""
    turn: int = 0
    draft: int = 0
    drawn: str = ""
    warned: str = ""
    more: bool = False
    beneath: dict[str, Any] | None = None

    def about(self) -> str:
        """As it travels."""
        return json.dumps(vars(self))

    @property
    def customer_id(self) -> int | None:
        """The one customer; None for several."""
        return int(self.who[1:]) if self.who[:1] == "c" and self.who[1:].isdigit() else None

    @property
    def next_turn(self) -> "Start":
        """For whoever comes next, in the same window."""
        return Start(self.incident, turn=self.turn + 1, draft=self.draft + 1, beneath=self.beneath)

    @property
    def is_written(self) -> bool:
        """Whether the words are sent."""
        return ContactChannel(self.channel).is_written


def form(
    desk: Desk,
    tx: Connection,
    start: Start,
    words: Wording,
    person: Person,
    now: datetime,
    typed: Answers | None = None,
    notice: Sequence[Mrkdwn] = (),
) -> View:
    """Who, what for, how; the words; what became of it. `typed` is what the form says so far, `notice` stands above."""
    incident = incidents.get(tx, start.incident)
    now_is = occasion.situation(tx, incident)
    listed = customers.get(tx, incident.id, start.customer_id) if start.customer_id else None
    script = script_for(desk, now_is, start, listed, person, now, told_facts(typed))
    start, kept = _redrawn(start, script, typed)
    blocks: list[Block] = [context(line) for line in notice]
    counts = customers.counts(tx, incident)
    nameless = counts.nameless if incident.status.is_open else 0
    # Over the list nothing is opened any more: Slack stacks three windows, and the list has that button.
    add = None if start.beneath else button(words.text("button.lists.open"), "lists.open", incident.id)
    if incident.customers_affected > 1:
        option = _option(desk, tx, start, listed, incident, words, now)
        # Where a button adds somebody, no hint has to say how.
        blocks.append(WHO.version(start.turn).block(words, option, hint="" if nameless and add else None))
    if nameless:
        blocks.append(section(words.mrkdwn("contact.no_name_yet", n=nameless), add))
    if listed is None:
        several = counts.unheard if start.who == UNHEARD else counts.total
        blocks.append(context(words.mrkdwn("contact.in_writing", n=several)))
    else:
        blocks.append(context(_about(desk, listed, incident, words, person, now)))
    stages = [(stage.value, words.text(f"stage.{stage}")) for stage in STAGES]
    blocks.append(STAGE.version(start.turn).block(words, stages, start.stage))
    blocks.append(
        CHANNEL.version(start.turn).block(words, occasion.channels(words), f"{start.channel}:{start.language}")
    )
    if Stage(start.stage) is Stage.PUBLIC_STATEMENT:
        to_statement = button(words.text("button.statement.open"), "statement.open", incident.id)
        blocks += [section(words.mrkdwn("contact.needs_approval")), actions([to_statement], "to_statement")]
    told = occasion.told(desk, now_is, CustomerLanguage(start.language), now, told_facts(typed))
    unknown = replace(now_is, facts={}, expected_at=None)
    bare = script_for(desk, unknown, start, listed, person, now, {}) if told else script
    asked = [name for name in FACTS if name in (*script.missing, *bare.missing)]
    blocks += [FACT[name].version(start.turn).block(words, told.get(name, "")) for name in asked]
    if asked:
        use = button(words.text("button.contact.fill_in"), "contact.script", "facts")
        blocks.append(actions([use], "fill_in"))
    if not words.shares_clock(desk.channel_words, now):  # what a customer hears goes by the company's clock
        blocks.append(context(words.mrkdwn("contact.their_time", now=desk.channel_words.spoken(now, now))))
    blocks.append(said_field(start).block(words, kept or script.text, hint=_length(start, script, words)))
    if kept and kept != script.text:
        use = button(words.text("button.contact.script"), "contact.script", "script")
        blocks += [context(words.mrkdwn("contact.your_words")), actions([use], "use_script")]
    blocks += _outcome(start, listed, words, tx)
    blocks += _folded(start, words, told)
    return modal(
        "contact.submit",
        words.text("contact.title", number=incident.number),
        blocks,
        close=words.text("form.close" if start.turn else "form.cancel"),
        submit=words.text("contact.submit"),
        about=start.about(),
    )


def left(incident: Incident, start: Start, contact: Contact, counts: Counts, words: Wording) -> View:
    """Who is left when nobody can be called now, and what can be done for them: it ends when everybody was reached."""
    values = {"customer": contact.customer, "outcome": words.text(f"outcome.{contact.outcome}")}
    if counts.nameless == counts.unheard:
        said = words.mrkdwn("contact.logged_nameless", n=counts.nameless, **values)
    else:
        said = words.mrkdwn("contact.logged", n=counts.unheard, **values)
    blocks: list[Block] = [section(said)]
    if 0 < counts.nameless < counts.unheard:
        blocks.append(section(words.mrkdwn("contact.no_name_yet", n=counts.nameless)))
    if how_far := card.progress(counts, words):
        blocks.append(context(Mrkdwn(" · ".join(how_far))))
    offered = [button(words.text("button.contact.all", n=counts.unheard), "contact.all", incident.id)]
    if counts.nameless and not start.beneath:
        offered.insert(0, button(words.text("button.lists.open"), "lists.open", incident.id, primary=True))
    title = words.text("contact.title", number=incident.number)
    return modal(
        "contact.left",
        title,
        [*blocks, actions(offered)],
        close=words.text("form.close"),
        about=start.next_turn.about(),
    )


def start_of(view: Json) -> Start:
    return Start(**json.loads(view["private_metadata"]))


def script_for(
    desk: Desk,
    now_is: Situation,
    start: Start,
    listed: Listed | None,
    person: Person,
    now: datetime,
    facts: dict[str, str],
) -> Script:
    asked = occasion.occasion(
        desk,
        now_is,
        Stage(start.stage),
        ContactChannel(start.channel),
        CustomerLanguage(start.language),
        now,
        person,
        listed,
        facts,
    )
    return occasion.render(desk, asked)


def _redrawn(start: Start, script: Script, typed: Answers | None) -> tuple[Start, str]:
    """Which draft the form shows, and the words that somebody has changed: those stay until they ask for others."""
    stands = said_field(start).read(Answers(typed.view)) if typed else ""
    if start.drawn and stands and digest(stands) != start.drawn:
        return start, stands
    drawn = digest(script.text[: SAID.max_length])
    if start.drawn and drawn != start.drawn:
        start = replace(start, draft=start.draft + 1)
    return replace(start, drawn=drawn), ""


def said_field(start: Start) -> Text:
    return SAID.version(start.draft)


def told_facts(typed: Answers | None) -> dict[str, str]:
    """The facts that were filled in."""
    if typed is None:
        return {}
    values = typed.view.get("state", {}).get("values", {})
    told = {}
    for field_id in values:
        name = field_id.partition("__")[0]
        if name.startswith("fact_") and (said := str(typed.of(field_id).get("value") or "").strip()):
            told[name.removeprefix("fact_")] = said
    return told


def _length(start: Start, script: Script, words: Wording) -> str | None:
    if start.channel != ContactChannel.SMS or not script.segments:
        return None
    return words.text("contact.segments", n=script.segments)


def _about(desk: Desk, listed: Listed, incident: Incident, words: Wording, person: Person, now: datetime) -> Mrkdwn:
    """Who it is, how to reach them, and what became of them so far."""
    who = listed.customer
    parts: list[str] = [] if incident.customers_affected > 1 else [escape(who.name)]
    parts += [escape(part) for part in (who.contact, who.number) if part]
    if who.tier and who.tier is not Tier.ORDINARY:
        parts.append(words.text(f"tier.{who.tier}"))
    if listed.emotion:
        parts.append(words.text(f"emotion.{listed.emotion}"))
    if listed.heard_at and listed.heard_by:
        parts.append(words.mrkdwn("contact.heard", at=words.time(listed.heard_at), who=mention(listed.heard_by)))
        if due_at := next_at(desk, incident, listed):
            parts.append(words.mrkdwn("contact.next_word", at=words.time(due_at)))
    elif listed.outcome and listed.tried_at:
        outcome = words.text(f"outcome.{listed.outcome}")
        parts.append(words.mrkdwn("contact.tried", n=listed.tries, at=words.time(listed.tried_at), outcome=outcome))
    else:
        parts.append(words.mrkdwn("contact.never"))
    if listed.is_held(person.user_id, now) and listed.held_by:
        parts.append(words.mrkdwn("contact.held", who=mention(listed.held_by)))
    return Mrkdwn(" · ".join(parts))


def line(
    listed: Listed, next_at: datetime | None, is_promised: bool, is_held: bool, words: Wording, now: datetime
) -> str:
    """A customer in a list of options, with what became of them so far."""
    who = listed.customer
    parts = [who.name or words.text("contact.nameless")]
    if who.tier and who.tier is not Tier.ORDINARY:
        parts.append(words.text(f"tier.{who.tier}"))
    if listed.heard_at:
        parts.append(words.text("contact.has_heard", at=words.spoken(listed.heard_at, now)))
    elif listed.outcome:
        parts.append(words.text(f"outcome.{listed.outcome}"))
    else:
        parts.append(words.text("contact.never"))
    if next_at:
        parts.append(words.text("contact.next_by", at=words.spoken(next_at, now)))
    if is_promised:
        parts.append(words.text("contact.promise_open"))
    if is_held:
        parts.append(words.text("contact.in_hand"))
    return _within(" · ".join(parts), 75)


def _within(line: str, length: int) -> str:
    return line if len(line) <= length else line[: length - 1] + "…"


def next_at(desk: Desk, incident: Incident, listed: Listed) -> datetime | None:
    """When a customer who has heard is to hear again."""
    if listed.heard_at is None or incident.status is Status.COMPLAINT:
        return None
    distance = interval(Duty.UPDATE, incident.level, listed.heard_at, desk.procedure)
    return listed.heard_at + distance if distance else None


def promised_to(tx: Connection, incident_id: int) -> set[int]:
    """The customers to whom something was promised that is still open."""
    running = [int(each.subject) for each in deadlines.running(tx, incident_id) if each.duty is Duty.PROMISE]
    return contacts.customers_of(tx, running) if running else set()


def _option(
    desk: Desk,
    tx: Connection,
    start: Start,
    listed: Listed | None,
    incident: Incident,
    words: Wording,
    now: datetime,
) -> tuple[str, str]:
    if listed is None:
        return start.who, words.text(f"contact.{start.who}")
    is_promised = listed.id in promised_to(tx, incident.id)
    return start.who, line(listed, next_at(desk, incident, listed), is_promised, False, words, now)


def _outcome(start: Start, listed: Listed | None, words: Wording, tx: Connection) -> list[Block]:
    turn = start.turn
    known = WRITTEN if start.is_written else SPOKEN
    written = ".written" if start.is_written else ""
    options = [
        (each.value, words.text(f"outcome.{each}{written if each is Outcome.WRONG_NUMBER else ''}")) for each in known
    ]
    blocks: list[Block] = []
    initial = start.outcome if start.outcome in known else (Outcome.SENT if start.is_written else Outcome.REACHED)
    if listed is not None:  # several at once are written to: it was sent
        blocks.append(outcome_field(start).block(words, options, initial))
    if listed is None:
        return blocks
    if not Outcome(initial).is_heard:
        return [*blocks, RETRY.version(turn).block(words)] if initial != Outcome.WRONG_NUMBER else blocks
    blocks += [ANSWER.version(turn).block(words), EMOTION.version(turn).block(words)]
    if start.stage == Stage.TEMPORARY_MEASURE:
        consents = [(each.value, words.text(f"consent.{each}")) for each in Consent]
        blocks.append(CONSENT.version(turn).block(words, consents))
    if open_promises := _promises(tx, listed):
        kept = [(str(each.id), _promised(each, words)) for each in open_promises]
        blocks.append(KEPT.version(turn).block(words, kept))
    return blocks


def outcome_field(start: Start) -> Choice:
    """How it went: a field of its own for what is said and for what is sent, since they have different answers."""
    return OUTCOME.version(2 * start.turn + start.is_written)


def _promises(tx: Connection, listed: Listed) -> list[Contact]:
    """What was promised to a customer and is still open."""
    clocks = deadlines.running(tx, listed.incident_id)
    running = {deadline.subject for deadline in clocks if deadline.duty is Duty.PROMISE}
    if not running:
        return []
    return [each for each in contacts.last_with(tx, listed.id, 20) if str(each.id) in running][:10]


def _promised(contact: Contact, words: Wording) -> str:
    until = words.clock(contact.promised_until) if contact.promised_until else ""
    return _within(words.text("contact.promised", until=until, promise=contact.promise), 75)


def _folded(start: Start, words: Wording, told: Mapping[str, str]) -> list[Block]:
    if not start.more:
        return [actions([button(words.text("button.contact.more"), "contact.more", "more")], "more")]
    turn = start.turn
    expected = [FACT["eta"].version(turn).block(words, told.get("eta", ""))] if start.stage in EXPECTED else []
    promised = [PROMISE.version(turn).block(words), UNTIL.version(turn).block(words)]
    return [*promised, *expected, AT.version(turn).block(words)]
