"""What is said in public: form with the script -> legal and PR are asked -> both approve -> it goes out, on record.

`/incident statement`, or a button. Somebody asks for changes -> a new version, which needs both approvals again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import (
    APPROVERS,
    ContactChannel,
    CustomerLanguage,
    Duty,
    Incident,
    Person,
    Stage,
    Statement,
)
from bot.scripts import GAPS, BrokenScript, Flag
from bot.wording import Mrkdwn, Wording
from handlers import approvals, duties, occasion, team
from handlers.approvals import Facets
from handlers.blocks import Json, modal, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Text, When, Word
from handlers.windows import redraw, show
from handlers.words import chosen_id, word
from storage import deadlines, incidents, journal, notes, outbox, statements

log = structlog.get_logger(__name__)

CHANNELS = (ContactChannel.SOCIAL, ContactChannel.EMAIL, ContactChannel.CHAT)

CHANNEL = Choice("channel", "statement", required=True, tells="statement.look")
LANGUAGE = Word(
    "language",
    "statement",
    required=True,
    tells="statement.look",
    words_of=CustomerLanguage,
    vocabulary="language",
)
WORDS = Text("words", "statement", required=True, multiline=True, max_length=3000, if_missing="statement.say_what")
REASON = Text("reason", "statement", required=True, multiline=True, max_length=500, if_missing="statement.say_why")
OUT_AT = When("published_at", "statement", required=True)
LINK = Text("link", "statement", max_length=500)


@dataclass(frozen=True)
class Start:
    """What travels with the form: the incident, the statement that it replaces, and how the words were filled in."""

    incident_id: int
    instead_of: int = 0
    began: int = 0  # when it was opened, in epoch seconds: the script names times as of then
    draft: int = 0  # how often the words were filled in anew
    filled: str = ""  # tells the script as it was filled in from what somebody has made of it
    warned: str = ""  # the words of which it was shown what is flagged

    @classmethod
    def of(cls, view: Json) -> "Start":
        """As it travelled."""
        return cls(**json.loads(view["private_metadata"]))

    def about(self) -> str:
        """As it travels."""
        return json.dumps(self.__dict__)

    @property
    def began_at(self) -> datetime:
        """When it was opened."""
        return datetime.fromtimestamp(self.began, UTC)

    @property
    def words(self) -> Text:
        """The field as it is drawn now."""
        return WORDS.version(self.draft)


def register(app: App) -> None:
    """What leads here."""
    app.command("/incident", matchers=[word("statement", "声明")])(open_in_channel)
    app.action("statement.open")(open_form)
    app.action("statement.look")(look)
    app.view("statement.submit")(submit)
    app.action("statement.check")(check)
    app.action("statement.approve")(approve)
    app.action("statement.refuse")(open_refusal)
    app.view("statement.refuse_submit")(refuse)
    app.action("statement.revise")(open_revision)
    app.action("statement.publish")(open_publishing)
    app.view("statement.publish_submit")(publish)


def open_in_channel(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The incident is the one of the channel."""
    with desk.db.read() as tx:
        incident = incidents.in_channel(tx, str(body["channel_id"]))
        if incident is None:
            ack(text=words.text("statement.not_here"))
            return
        view = _new(desk, tx, incident, words, person, now)
    client.views_open(trigger_id=body["trigger_id"], view=view)
    ack()


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Says who may when this person may not. From another form it lies above that one."""
    with desk.db.read() as tx:
        view = _new(desk, tx, incidents.get(tx, chosen_id(action)), words, person, now)
    show(client, body, view)
    ack()


def open_revision(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The words in which changes were asked for, and what is to change; the old version stays on record."""
    with desk.db.begin() as tx:
        incident, statement = _locked(tx, _about(action))
        team.check_may(desk, tx, "state_publicly", incident, person.user_id)
        lifecycle.check_open(incident)
        found = approvals.facets(desk, tx, statement)
        lifecycle.check_can_revise(statement, found.newer)
        _note_look(tx, found, person, now)
    start = Start(incident.id, statement.id, int(now.timestamp()))
    notice = words.mrkdwn("statement.to_change", reason=statement.reason)
    view = form(incident, start, words, statement.channel, statement.language, statement.words, [notice])
    show(client, body, view)
    ack()


def look(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person) -> None:
    """Another channel or language has its own script; words that somebody has changed stay."""
    view = body["view"]
    start, answers = Start.of(view), Answers(view)
    channel, language = _channel(answers), LANGUAGE.read(answers)
    said = start.words.read(answers)
    if channel is None or language is None or (said and _digest(said) != start.filled):
        ack()
        return
    with desk.db.read() as tx:
        incident = incidents.get(tx, start.incident_id)
        team.check_may(desk, tx, "state_publicly", incident, person.user_id)
        script = _script(desk, tx, incident, channel, language, start.began_at)
    start = replace(start, draft=start.draft + 1, filled=_digest(script))
    try:
        client.views_update(
            view_id=view["id"], hash=view["hash"], view=form(incident, start, words, channel, language, script)
        )
    except SlackApiError as error:
        if error.response["error"] not in ("hash_conflict", "not_found"):
            raise  # the next change draws it
    ack()


def form(
    incident: Incident,
    start: Start,
    words: Wording,
    channel: ContactChannel,
    language: CustomerLanguage,
    said: str,
    notice: Sequence[Mrkdwn] = (),
) -> View:
    """Where it goes out, in which language, and the words."""
    blocks: list[Block] = [section(Mrkdwn("\n".join(notice)))] if notice else []
    options = [(each.value, words.text(f"statement_channel.{each}")) for each in CHANNELS]
    return modal(
        "statement.submit",
        words.text("statement.title", number=incident.number),
        [
            *blocks,
            CHANNEL.block(words, options, channel),
            LANGUAGE.block(words, language),
            start.words.block(words, said),
        ],
        close=words.text("form.cancel"),
        submit=words.text("statement.submit"),
        about=start.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Kept, and both are asked. What is flagged is shown once before; who sends it all the same means it."""
    start, answers = Start.of(view), Answers(view)
    channel, language, said = _channel(answers), LANGUAGE.read(answers), start.words.read(answers)
    if gap := next((gap for gap in _gaps() if gap in said), None):
        answers.refuse(start.words.id, "statement.fill_in", gap=gap)
    if answers.wrong or channel is None or language is None:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident_id, lock=True)
        key = statements.key_of(str(view["id"]), start.instead_of)
        saved = statements.was_saved(tx, key)
        if saved and (saved.by, saved.words) == (person.user_id, said):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "state_publicly", incident, person.user_id)
        lifecycle.check_open(incident)
        if start.instead_of:
            lifecycle.check_can_revise(statements.get(tx, start.instead_of), saved)
        statement = Statement(0, incident.id, person.user_id, now, channel, language, said)
        times = approvals.known_times(tx, desk, incident, start.began_at)
        flagged = approvals.flagged(desk, said, statement, times)
        if flagged and start.warned != _digest(said):
            warned = replace(start, warned=_digest(said))
            drawn = form(incident, warned, words, channel, language, said, _warnings(flagged, words))
            ack(response_action="update", view=drawn.to_dict())
            return
        statement = statements.save(tx, key, statement)
        approvals.ask(desk, tx, incident, statement, times, now)
        journal.add(
            tx,
            incident.id,
            "statement_prepared",
            person.user_id,
            now,
            statement=statement.id,
            instead_of=start.instead_of or None,
            channel=channel,
            language=language,
            flagged=len(flagged),
        )
        met = duties.knows(desk, tx, incident, person.user_id, "statement_prepared", now)
        shown = approvals.SHOWN if start.instead_of else ()  # the old one has no button any more
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *shown], met)
    ack()
    desk.wake()


def check(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The whole of it in a window, for those who answer for it; when that shows a customer, it is on record."""
    with desk.db.begin() as tx:
        incident, statement = _locked(tx, _about(action))
        found = approvals.facets(desk, tx, statement)
        if not any(person.user_id in some for some in found.people.values()) and person.user_id != statement.by:
            team.check_may(desk, tx, "state_publicly", incident, person.user_id)
        _note_look(tx, found, person, now)
        view = _window(desk, found, person, words)
    show(client, body, view)
    ack()


def approve(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """One click; who is of both roles approves for both. With the second approval it may go out."""
    with desk.db.begin() as tx:
        incident, statement = _locked(tx, _about(action))
        lifecycle.check_open(incident)
        found = approvals.people_of(desk, tx, incident)
        counts = lifecycle.check_can_answer_statement(statement, person.user_id, found)
        statements.approve(tx, statement.id, counts, person.user_id, now)
        met = []
        for role in counts:
            about = approvals.subject(statement, role)
            met += deadlines.meet(tx, incident.id, [Duty.APPROVE_STATEMENT], person.user_id, now, about)
            journal.add(tx, incident.id, "statement_approved", person.user_id, now, statement=statement.id, role=role)
        incidents.add_participants(tx, incident.id, [person.user_id])
        met += duties.knows(desk, tx, incident, person.user_id, "statement_approved", now)
        after = approvals.facets(desk, tx, statements.get(tx, statement.id))
        if after.statement.is_approved:
            for user_id in approvals.publishers(after):
                approvals.tell(tx, incident, statement, user_id, approvals.PUBLISH, now)
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *approvals.SHOWN], met)
        view = _window(desk, after, person, words)
    if "view" in body and body["view"].get("callback_id") == "statement.shown":
        redraw(client, body, view)
    ack()
    desk.wake()


def open_refusal(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Refuses kindly when somebody was faster."""
    with desk.db.read() as tx:
        statement = statements.get(tx, _about(action))
        incident = incidents.get(tx, statement.incident_id)
        lifecycle.check_open(incident)
        found = approvals.people_of(desk, tx, incident)
        lifecycle.check_can_answer_statement(statement, person.user_id, found)
    show(client, body, refusal_form(statement, words))
    ack()


def refusal_form(statement: Statement, words: Wording) -> View:
    """What has to change."""
    return modal(
        "statement.refuse_submit",
        words.text("statement.refuse_title"),
        [REASON.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("statement.refuse_submit"),
        about=str(statement.id),
    )


def refuse(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """It can't go out any more; its author is asked for a new version."""
    answers = Answers(view)
    reason = REASON.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident, statement = _locked(tx, int(view["private_metadata"]))
        if (statement.refused_by, statement.reason) == (person.user_id, reason):  # the same form once more
            ack(response_action="clear")
            return
        lifecycle.check_open(incident)
        found = approvals.people_of(desk, tx, incident)
        counts = lifecycle.check_can_answer_statement(statement, person.user_id, found)
        statements.refuse(tx, statement.id, person.user_id, reason, now)
        ended = []
        for role in APPROVERS:
            about = approvals.subject(statement, role)
            if role in counts:
                ended += deadlines.meet(tx, incident.id, [Duty.APPROVE_STATEMENT], person.user_id, now, about)
            else:
                ended += deadlines.stop(tx, incident.id, now, [Duty.APPROVE_STATEMENT], about)
        journal.add(tx, incident.id, "statement_refused", person.user_id, now, statement=statement.id, roles=[*counts])
        incidents.add_participants(tx, incident.id, [person.user_id])
        ended += duties.knows(desk, tx, incident, person.user_id, "statement_refused", now)
        approvals.tell(tx, incident, statement, statement.by, approvals.REVISE, now)
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *approvals.SHOWN], ended)
    ack(response_action="clear")
    desk.wake()


def open_publishing(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Nothing is out before both have approved it."""
    with desk.db.read() as tx:
        statement = statements.get(tx, _about(action))
        _check_can_publish(desk, tx, incidents.get(tx, statement.incident_id), statement, person)
    show(client, body, publishing_form(statement, words, now))
    ack()


def publishing_form(statement: Statement, words: Wording, now: datetime) -> View:
    """When, and where it can be read."""
    return modal(
        "statement.publish_submit",
        words.text("statement.publish_title"),
        [OUT_AT.block(words, now), LINK.block(words)],
        close=words.text("form.cancel"),
        submit=words.text("statement.publish_submit"),
        about=str(statement.id),
    )


def publish(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """On record: who, when, where."""
    answers = Answers(view)
    at, link = OUT_AT.read(answers, now), LINK.read(answers)
    with desk.db.begin() as tx:
        incident, statement = _locked(tx, int(view["private_metadata"]))
        if statement.published_at is not None and statement.published_by == person.user_id:  # the same form once more
            ack(response_action="clear")
            return
        _check_can_publish(desk, tx, incident, statement, person)
        approved_at = max(approval[1] for role in APPROVERS if (approval := statement.approval(role)))
        if at is not None and at < approved_at.replace(second=0, microsecond=0):  # one chooses minutes
            answers.refuse(OUT_AT.id, "statement.after_approval", at=words.clock(approved_at))
        if answers.wrong or at is None:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        statements.set_published(tx, statement.id, person.user_id, at)
        notes.save(tx, incident.id, f"statement:{statement.id}", "stated", person.user_id, now, link)
        journal.add(
            tx,
            incident.id,
            "statement_published",
            person.user_id,
            now,
            statement=statement.id,
            at=int(at.timestamp()),
        )
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *approvals.SHOWN])
    ack(response_action="clear")
    desk.wake()


def _new(desk: Desk, tx: Connection, incident: Incident, words: Wording, person: Person, now: datetime) -> View:
    """The form with the script for the public, in the workspace's language at first."""
    team.check_may(desk, tx, "state_publicly", incident, person.user_id)
    lifecycle.check_open(incident)
    channel, language = CHANNELS[0], CustomerLanguage(desk.language)
    script = _script(desk, tx, incident, channel, language, now)
    start = Start(incident.id, began=int(now.timestamp()), filled=_digest(script))
    return form(incident, start, words, channel, language, script)


def _script(
    desk: Desk, tx: Connection, incident: Incident, channel: ContactChannel, language: CustomerLanguage, at: datetime
) -> str:
    """What the script says; where a fact is not known, its place is marked. Nothing when a company's own is broken."""
    now_is = occasion.situation(tx, incident)
    asked = occasion.occasion(desk, now_is, Stage.PUBLIC_STATEMENT, channel, language, at)
    try:
        return occasion.render(desk, asked).text
    except BrokenScript as error:
        log.warning("a script can't be filled in", path=str(error.path), why=error.sentence)
        return ""


def _check_can_publish(desk: Desk, tx: Connection, incident: Incident, statement: Statement, person: Person) -> None:
    """Its author, whoever has approved it for PR, and those who may prepare one may say that it is out."""
    if person.user_id not in (statement.by, statement.pr_by):
        team.check_may(desk, tx, "state_publicly", incident, person.user_id)
    lifecycle.check_can_publish(statement, approvals.people_of(desk, tx, incident))
    lifecycle.check_open(incident)


def _locked(tx: Connection, statement_id: int) -> tuple[Incident, Statement]:
    """The statement as it is now, with its incident locked."""
    incident = incidents.get(tx, statements.get(tx, statement_id).incident_id, lock=True)
    return incident, statements.get(tx, statement_id)


def _note_look(tx: Connection, found: Facets, person: Person, now: datetime) -> None:
    """Words that show what is masked for others are only for those who handle the case, and the look is on record."""
    if found.is_masked:
        incident = found.incident
        lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="statement")


def _window(desk: Desk, found: Facets, person: Person, words: Wording) -> View:
    return modal(
        "statement.shown",
        words.text("statement.title", number=found.incident.number),
        approvals.window(desk, found, person.user_id, words),
        close=words.text("form.close"),
        about=str(found.statement.id),
    )


def _about(action: Json) -> int:
    """The statement that a button is about; one on a reminder names the role too."""
    return int(str(action["value"]).partition(":")[0])


def _channel(answers: Answers) -> ContactChannel | None:
    chosen = CHANNEL.read(answers, [each.value for each in CHANNELS])
    return ContactChannel(chosen) if chosen else None


def _gaps() -> list[str]:
    """How a script marks what is still to be said."""
    return [f"[{gap}]" for gaps in GAPS.values() for gap in gaps.values()]


def _warnings(flagged: Sequence[Flag], words: Wording) -> list[Mrkdwn]:
    lines = [words.mrkdwn("statement.flag", words=each.words, instead=each.instead) for each in flagged]
    return [words.mrkdwn("statement.warned"), *lines[: approvals.FLAGS]]


def _digest(said: str) -> str:
    return hashlib.sha256(" ".join(said.split()).encode()).hexdigest()[:12]
