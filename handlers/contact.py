"""Step 3. Somebody speaks to a customer: button -> form with the words -> logged -> clocks met, the next customer.

The form proposes whose turn it is, what they have to hear and in which words. A choice that changes draws the words
anew, unless somebody has changed them: then they are asked.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import contact as rules
from bot import lifecycle
from bot.deadlines import interval
from bot.incident import (
    Consent,
    Contact,
    ContactChannel,
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
from bot.scripts import FACTS, Flag, Script, flags
from bot.wording import Mrkdwn, Wording, escape, mention
from handlers import duties, occasion, team
from handlers.blocks import Json, actions, button, context, modal, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Found, Text, Ticks, When, Word
from handlers.occasion import Situation
from handlers.words import choice, chosen_id
from storage import contacts, customers, deadlines, incidents, journal, outbox, statements

UNHEARD, EVERYBODY = "unheard", "everybody"  # several at once, in writing
MARK = "[…]"
FOUND_AT_ONCE = 90  # Slack takes 100 options

WHO = Found("who", "contact", required=True, tells="contact.look")
STAGE = Word("stage", "contact", required=True, words_of=Stage, vocabulary="stage", tells="contact.look")
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

SPOKEN = (Outcome.REACHED, Outcome.NO_ANSWER, Outcome.BUSY, Outcome.WRONG_NUMBER)
WRITTEN = (Outcome.SENT, Outcome.WRONG_NUMBER)


@dataclass(frozen=True)
class Start:
    """What travels with the form (`private_metadata`): ids, words of the procedure and counters only.

    `who` is `c12`, `unheard` or `everybody`; `turn` counts the customers that the form was filled in for, `draft` how
    often its words were drawn anew; `drawn` and `warned` are digests of the words as drawn, and as warned of.
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

    def about(self) -> str:
        """As it travels."""
        return json.dumps(vars(self))

    @property
    def customer_id(self) -> int | None:
        """The one customer; None for several."""
        return int(self.who[1:]) if self.who[:1] == "c" and self.who[1:].isdigit() else None

    @property
    def is_written(self) -> bool:
        """Whether the words are sent."""
        return ContactChannel(self.channel).is_written


def register(app: App) -> None:
    """What leads here."""
    app.action("contact.open")(open_form)
    app.action("contact.said")(open_form)
    app.action("contact.with")(open_form)
    app.action("ledger.one", matchers=[choice("contact.with")])(open_form)
    app.options("contact.look")(find)
    app.action("contact.look")(look)
    app.action("contact.script")(use_script)
    app.action("contact.more")(show_more)
    app.view("contact.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Filled in for whoever's turn it is; that the customer was looked at is on record before it is shown."""
    wanted = _wanted(action)
    with desk.db.begin() as tx:
        if wanted.customer_id is not None and not wanted.incident:  # from the list: the customer alone is named
            wanted = replace(wanted, incident=customers.incident_of(tx, wanted.customer_id))
        incident = _checked(desk, tx, wanted.incident, person)
        view = _next_form(desk, tx, incident, wanted, words, person, now)
    if (body.get("view") or {}).get("type") == "modal":
        client.views_push(trigger_id=body["trigger_id"], view=view)
    else:
        client.views_open(trigger_id=body["trigger_id"], view=view)
    ack()


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
    script = _script(desk, now_is, start, listed, person, now, _told(typed))
    start, kept = _redrawn(start, script, typed)
    blocks: list[Block] = [context(line) for line in notice]
    if incident.customers_affected > 1:
        blocks.append(WHO.version(start.turn).block(words, _option(desk, tx, start, listed, incident, words, now)))
    blocks.append(context(_about(desk, listed, incident, words)))
    blocks.append(STAGE.version(start.turn).block(words, Stage(start.stage)))
    blocks.append(
        CHANNEL.version(start.turn).block(words, occasion.channels(words), f"{start.channel}:{start.language}")
    )
    if Stage(start.stage) is Stage.PUBLIC_STATEMENT:
        to_statement = button(words.text("button.statement.open"), "statement.open", incident.id)
        blocks += [section(words.mrkdwn("contact.needs_approval")), actions([to_statement], "to_statement")]
    asked = [name for name in FACTS if name in script.missing or _told(typed).get(name)]
    blocks += [FACT[name].version(start.turn).block(words, _told(typed).get(name, "")) for name in asked]
    if asked:
        use = button(words.text("button.contact.fill_in"), "contact.script", "facts")
        blocks.append(actions([use], "fill_in"))
    blocks.append(_said(start).block(words, kept or script.text, hint=_length(start, script, words)))
    if kept and kept != script.text:
        use = button(words.text("button.contact.script"), "contact.script", "script")
        blocks += [context(words.mrkdwn("contact.your_words")), actions([use], "use_script")]
    blocks += _outcome(start, listed, words, tx)
    blocks += _folded(start, words)
    return modal(
        "contact.submit",
        words.text("contact.title", number=incident.number),
        blocks,
        close=words.text("form.close" if start.turn else "form.cancel"),
        submit=words.text("contact.submit"),
        about=start.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Logged, sealed, and what it meets is met; then the form is the next customer's."""
    start, answers = _start(view), Answers(view)
    key = f"{view['id']}:{start.turn}"
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident, lock=True)
        if contacts.was_logged(tx, key):  # the same form once more
            ack()
            return
        _checked(desk, tx, start.incident, person)
        start = _chosen(start, answers)
        listed = customers.get(tx, incident.id, start.customer_id) if start.customer_id else None
        said = _words_said(desk, tx, incident, start, listed, answers, person, now)
        contact = _read(incident, start, listed, said, answers, person, now)
        retry_at = RETRY.version(start.turn).read(answers, now) if not contact.outcome.is_heard else None
        _check(tx, start, contact, answers)
        if answers.wrong:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        found = _flags(desk, tx, incident, contact, now)
        if found and start.warned != _digest(contact.said):
            warned = replace(start, warned=_digest(contact.said))
            drawn = form(desk, tx, warned, words, person, now, answers, _warnings(found, words))
            ack(response_action="update", view=drawn.to_dict())
            return
        _save(desk, tx, incident, key, start, contact, retry_at, answers, now, len(found))
        following = _following(desk, tx, incident, start, contact, words, person, now)
    if following:
        ack(response_action="update", view=following.to_dict())
    else:
        ack()
    desk.wake()


def find(ack: Ack, body: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Customers whose name, number or contact has what was typed, in the order of turns; and everybody at once."""
    start = _start(body["view"])
    said = str(body.get("value") or "")
    with desk.db.begin() as tx:
        incident = _checked(desk, tx, start.incident, person)
        found = customers.in_turn(tx, incident.id, now, FOUND_AT_ONCE, said)
        promised = _promised_to(tx, incident.id)
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="contact", n=len(found))
        options = [
            (f"c{listed.id}", _line(listed, _next_at(desk, incident, listed), listed.id in promised, words, now))
            for listed in found
        ]
    several = [(who, words.text(f"contact.{who}")) for who in (UNHEARD, EVERYBODY)]
    options += [(who, text) for who, text in several if said.casefold() in text.casefold()]
    ack(options=[{"value": value, "text": {"type": "plain_text", "text": text}} for value, text in options])


def look(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """A choice has changed: the words, and what is asked, go with it."""
    view = body["view"]
    was, answers = _start(view), Answers(view)
    start = _chosen(was, answers)
    with desk.db.begin() as tx:
        incident = _checked(desk, tx, start.incident, person)
        if start.who != was.who:
            listed = customers.get(tx, incident.id, start.customer_id) if start.customer_id else None
            start = _filled_in(desk, tx, replace(start, turn=start.turn + 1), incident, listed, now)
            journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="contact")
            answers = Answers(_only(view, "said"))
        drawn = form(desk, tx, start, words, person, now, answers)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def use_script(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The script's words in place of what stands there, with the facts as they were filled in."""
    view = body["view"]
    start, answers = _chosen(_start(view), Answers(view)), Answers(view)
    with desk.db.begin() as tx:
        _checked(desk, tx, start.incident, person)
        anew = replace(start, draft=start.draft + 1, drawn="")
        drawn = form(desk, tx, anew, words, person, now, answers)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def show_more(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """A promise, or another time, unfolds; what was typed stays."""
    view = body["view"]
    answers = Answers(view)
    start = replace(_chosen(_start(view), answers), more=True)
    with desk.db.begin() as tx:
        _checked(desk, tx, start.incident, person)
        drawn = form(desk, tx, start, words, person, now, answers)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


# -- whose turn it is, and what the form begins with -------------------------------------------------------------------


def _checked(desk: Desk, tx: Connection, incident_id: int, person: Person) -> Incident:
    """The incident, when this person may speak to its customers."""
    incident = incidents.get(tx, incident_id, lock=True)
    lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
    team.check_may(desk, tx, "contact", incident, person.user_id)
    lifecycle.check_open(incident)
    return incident


def _wanted(action: Json) -> Start:
    """What a button asks for: an incident; with its stage, channel and language, from a script; or one customer."""
    if action.get("action_id") in ("ledger.one", "contact.with"):
        return Start(0, who=f"c{chosen_id(action)}")
    number, *rest = str(action.get("value") or "").split(":")
    stage, channel, language = [*rest, "", "", ""][:3]
    return Start(int(number), stage=stage, channel=channel, language=language)


def _next_form(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    wanted: Start,
    words: Wording,
    person: Person,
    now: datetime,
    notice: Sequence[Mrkdwn] = (),
) -> View:
    if wanted.customer_id is not None:
        listed = customers.get(tx, incident.id, wanted.customer_id)
    else:
        listed = customers.next_to_contact(tx, incident.id, now)
    start = replace(wanted, who=f"c{listed.id}" if listed else UNHEARD)
    start = _filled_in(desk, tx, start, incident, listed, now)
    journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="contact")
    return form(desk, tx, start, words, person, now, None, notice)


def _filled_in(
    desk: Desk, tx: Connection, start: Start, incident: Incident, listed: Listed | None, now: datetime
) -> Start:
    """Stage, channel and language that fit this customer, where nobody has asked for others."""
    now_is = occasion.situation(tx, incident)
    same = start.stage and start.turn == 0
    return replace(
        start,
        stage=start.stage if same else occasion.stage_of(now_is, listed, now).value,
        channel=start.channel if same and start.channel else rules.channel_of(listed).value,
        language=start.language if same and start.language else occasion.language_of(desk, listed).value,
        outcome="",
    )


def _start(view: Json) -> Start:
    return Start(**json.loads(view["private_metadata"]))


def _chosen(start: Start, answers: Answers) -> Start:
    """What the form was drawn with, and what has been chosen since."""
    who = WHO.version(start.turn).read(answers) if answers.shows(WHO.version(start.turn).id) else start.who
    stage = STAGE.version(start.turn).read(answers)
    value = CHANNEL.version(start.turn).read(answers, occasion.CHANNELS)
    channel, _, language = (value or f"{start.channel}:{start.language}").partition(":")
    outcome = str((answers.of(OUTCOME.version(start.turn).id).get("selected_option") or {}).get("value") or "")
    return replace(
        start,
        who=who or start.who,
        stage=(stage or Stage(start.stage)).value,
        channel=channel,
        language=language,
        outcome=outcome,
    )


def _only(view: Json, name: str) -> Json:
    """The form with what was typed into one field: nothing else goes along to another customer."""
    values = view.get("state", {}).get("values", {})
    kept = {field_id: state for field_id, state in values.items() if field_id.partition("__")[0] == name}
    return {**view, "state": {"values": kept}}


# -- the words ---------------------------------------------------------------------------------------------------------


def _script(
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
    stands = _said(start).read(Answers(typed.view)) if typed else ""
    if start.drawn and stands and _digest(stands) != start.drawn:
        return start, stands
    if start.drawn and _digest(script.text) != start.drawn:
        start = replace(start, draft=start.draft + 1)
    return replace(start, drawn=_digest(script.text)), ""


def _said(start: Start) -> Text:
    return SAID.version(start.draft)


def _told(typed: Answers | None) -> dict[str, str]:
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


def _words_said(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    start: Start,
    listed: Listed | None,
    answers: Answers,
    person: Person,
    now: datetime,
) -> str:
    """What was said: the words in the form; with facts that were filled in since, the script that says them."""
    said = _said(start).read(answers)
    if _digest(said) != start.drawn:
        return said
    script = _script(desk, occasion.situation(tx, incident), start, listed, person, now, _told(answers))
    for name in script.missing:
        answers.refuse(FACT[name].version(start.turn).id, "contact.fill_in")
    return script.text if _told(answers) and not script.missing else said


def _digest(said: str) -> str:
    return hashlib.sha256(" ".join(said.split()).encode()).hexdigest()[:12]


def _flags(desk: Desk, tx: Connection, incident: Incident, contact: Contact, now: datetime) -> list[Flag]:
    """What is never said, and what is promised without being recorded as a promise (domain.md section 6)."""
    known = occasion.times(desk, occasion.situation(tx, incident), contact.language or CustomerLanguage.EN, now)
    found = flags(contact.said, desk.procedure, known)
    # What is recorded as a promise may be promised.
    return [flag for flag in found if not (flag.kind == "time" and contact.promised_until)]


def _warnings(found: Sequence[Flag], words: Wording) -> list[Mrkdwn]:
    lines = [words.mrkdwn("contact.warned")]
    lines += [words.mrkdwn(f"contact.flag.{flag.kind}", words=flag.words, instead=flag.instead) for flag in found[:8]]
    return lines


def _length(start: Start, script: Script, words: Wording) -> str | None:
    if start.channel != ContactChannel.SMS or not script.segments:
        return None
    return words.text("contact.segments", n=script.segments)


# -- what is asked about it --------------------------------------------------------------------------------------------


def _about(desk: Desk, listed: Listed | None, incident: Incident, words: Wording) -> Mrkdwn:
    """Who it is, how to reach them, and what became of them so far."""
    if listed is None:
        return words.mrkdwn("contact.in_writing", n=incident.customers_affected)
    who = listed.customer
    parts: list[str] = [] if incident.customers_affected > 1 else [escape(who.name)]
    parts += [escape(part) for part in (who.contact, who.number) if part]
    if who.tier and who.tier is not Tier.ORDINARY:
        parts.append(words.text(f"tier.{who.tier}"))
    if listed.emotion:
        parts.append(words.text(f"emotion.{listed.emotion}"))
    if listed.heard_at and listed.heard_by:
        parts.append(words.mrkdwn("contact.heard", at=words.time(listed.heard_at), who=mention(listed.heard_by)))
        if next_at := _next_at(desk, incident, listed):
            parts.append(words.mrkdwn("contact.next_word", at=words.time(next_at)))
    elif listed.outcome and listed.tried_at:
        outcome = words.text(f"outcome.{listed.outcome}")
        parts.append(words.mrkdwn("contact.tried", n=listed.tries, at=words.time(listed.tried_at), outcome=outcome))
    else:
        parts.append(words.mrkdwn("contact.never"))
    return Mrkdwn(" · ".join(parts))


def _line(listed: Listed, next_at: datetime | None, is_promised: bool, words: Wording, now: datetime) -> str:
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
    return _within(" · ".join(parts), 75)


def _within(line: str, length: int) -> str:
    return line if len(line) <= length else line[: length - 1] + "…"


def _next_at(desk: Desk, incident: Incident, listed: Listed) -> datetime | None:
    """When a customer who has heard is to hear again."""
    if listed.heard_at is None or incident.status is Status.COMPLAINT:
        return None
    return listed.heard_at + interval(Duty.UPDATE, incident.level, listed.heard_at, desk.procedure)


def _promised_to(tx: Connection, incident_id: int) -> set[int]:
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
    is_promised = listed.id in _promised_to(tx, incident.id)
    return start.who, _line(listed, _next_at(desk, incident, listed), is_promised, words, now)


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
        blocks.append(OUTCOME.version(turn).block(words, options, initial))
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


def _folded(start: Start, words: Wording) -> list[Block]:
    if not start.more:
        return [actions([button(words.text("button.contact.more"), "contact.more", "more")], "more")]
    turn = start.turn
    return [PROMISE.version(turn).block(words), UNTIL.version(turn).block(words), AT.version(turn).block(words)]


# -- read, checked, saved ----------------------------------------------------------------------------------------------


def _read(
    incident: Incident,
    start: Start,
    listed: Listed | None,
    said: str,
    answers: Answers,
    person: Person,
    now: datetime,
) -> Contact:
    turn = start.turn
    outcome = Outcome.SENT
    if listed is not None:
        known = WRITTEN if start.is_written else SPOKEN
        outcome = Outcome(OUTCOME.version(turn).read(answers, known) or known[0])
    consent = None
    if answers.shows(CONSENT.version(turn).id):
        consent = CONSENT.version(turn).read(answers, list(Consent))
    at = AT.version(turn).read(answers, now)
    if at is not None and at < incident.reported_at:
        answers.refuse(AT.version(turn).id, "contact.before_report")
    return Contact(
        id=0,
        incident_id=incident.id,
        by=person.user_id,
        at=min(at or now, now),
        channel=ContactChannel(start.channel),
        customer=listed.customer.name if listed else "",
        said=said if outcome.is_heard else "",
        answer=ANSWER.version(turn).read(answers),
        customer_id=listed.id if listed else None,
        logged_at=now,
        outcome=outcome,
        stage=Stage(start.stage),
        language=CustomerLanguage(start.language),
        emotion=EMOTION.version(turn).read(answers),
        promise=PROMISE.version(turn).read(answers),
        promised_until=UNTIL.version(turn).read(answers, now),
        consent=Consent(consent) if consent else None,
        measure=_told(answers).get("measure", "") if consent else "",
    )


def _check(tx: Connection, start: Start, contact: Contact, answers: Answers) -> None:
    """What is wrong about it goes beside its field; what was not said needs no words."""
    turn = start.turn
    if not contact.outcome.is_heard:
        for field_id in list(answers.wrong):
            if field_id.startswith(("said", "fact_")):
                del answers.wrong[field_id]
    if contact.customer_id is None and not contact.channel.is_written:
        answers.refuse(CHANNEL.version(turn).id, "contact.one_at_a_time")
    if contact.promise and contact.promised_until is None:
        answers.refuse(UNTIL.version(turn).id, "contact.say_until_when")
    if contact.promised_until and not contact.promise:
        answers.refuse(PROMISE.version(turn).id, "contact.say_what_promised")
    if contact.stage is Stage.PUBLIC_STATEMENT and statements.approved(tx, contact.incident_id) is None:
        answers.refuse(STAGE.version(turn).id, "contact.not_approved")


def _save(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    key: str,
    start: Start,
    contact: Contact,
    retry_at: datetime | None,
    answers: Answers,
    now: datetime,
    flagged: int,
) -> None:
    by, at = contact.by, contact.at
    ids = [contact.customer_id] if contact.customer_id else customers.ids_of(tx, incident.id, start.who == UNHEARD)
    counts = customers.counts(tx, incident)
    others = counts.total - counts.listed if contact.customer_id is None else 0
    contact_id = contacts.log(tx, key, replace(contact, customers=len(ids) + others))
    contacts.set_facts(tx, incident.id, _told(answers), by, now)
    customers.set_tried(tx, ids, contact.outcome, by, at, contact.emotion, retry_at)
    changed: list[int] = []
    if contact.customer_id:
        changed += deadlines.meet(tx, incident.id, [Duty.CALL_AGAIN], by, at, str(contact.customer_id))
    if others:
        incidents.set_others_heard(tx, incident.id, others)
        incident = incidents.get(tx, incident.id)
    for kept in KEPT.version(start.turn).read(answers):
        changed += deadlines.meet(tx, incident.id, [Duty.PROMISE], by, at, kept)
    if contact.outcome.is_heard:
        changed += duties.heard(desk, tx, incident, by, at, now)
    if contact.emotion is not None:
        changed += duties.feelings_changed(desk, tx, incident, now)
        incident = incidents.get(tx, incident.id)
    if contact.promised_until:
        duties.said_so(desk, tx, incident, Duty.PROMISE, contact_id, by, contact.promised_until, now)
    if retry_at and contact.customer_id:
        duties.said_so(desk, tx, incident, Duty.CALL_AGAIN, contact.customer_id, by, retry_at, now)
    is_settled = _is_settled(tx, incident, changed)
    if is_settled:
        incidents.set_closed(tx, incident.id, now)
    journal.add(
        tx,
        incident.id,
        "contacted",
        by,
        now,
        channel=contact.channel,
        outcome=contact.outcome,
        customers=len(ids) + others,
        flagged=flagged,
    )
    outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, changed)
    if is_settled:  # behind everything else: an archived channel takes no more words
        outbox.ask(tx, "archive", f"incident:{incident.id}", now, incident.id)


def _following(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    start: Start,
    contact: Contact,
    words: Wording,
    person: Person,
    now: datetime,
) -> View | None:
    """The form for the next one who has heard nothing yet, whose number is known; None when there is none."""
    if contact.customer_id is None or not incident.status.is_open:
        return None
    listed = customers.next_to_contact(tx, incident.id, now)
    is_waiting = listed is None or listed.heard_at is not None or listed.id == contact.customer_id
    if listed is None or is_waiting or listed.outcome is Outcome.WRONG_NUMBER:
        return None
    if listed.retry_at and listed.retry_at > now:
        return None
    counts = customers.counts(tx, incidents.get(tx, incident.id))
    outcome = words.text(f"outcome.{contact.outcome}")
    notice = words.mrkdwn("contact.logged", n=counts.unheard, customer=contact.customer, outcome=outcome)
    wanted = Start(incident.id, turn=start.turn + 1, draft=start.draft + 1)
    return _next_form(desk, tx, incident, wanted, words, person, now, [notice])


def _is_settled(tx: Connection, incident: Incident, met: Sequence[int]) -> bool:
    """A complaint is settled when the customer has heard of its solution (domain.md section 8)."""
    return incident.status is Status.COMPLAINT and any(
        deadline.id in met and deadline.duty is Duty.COMPLAINT_FEEDBACK and deadline.met_at is not None
        for deadline in deadlines.of_incident(tx, incident.id)
    )
