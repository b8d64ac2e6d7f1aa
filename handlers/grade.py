"""Step 4. Somebody grades the incident: button -> form that proposes as facts change -> saved -> clocks set anew.

Also when a fact that moves with time has crossed a threshold: message of the clock -> one click -> saved.
"""

import json
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

from bot import contact, grading, lifecycle
from bot.grading import Proposal
from bot.incident import (
    Complaint,
    Duty,
    Emotion,
    Grading,
    HighRisk,
    Incident,
    NotAllowed,
    Person,
    Publicity,
    Severity,
    Stage,
    Tier,
    YesNo,
)
from bot.procedure import Procedure
from bot.wording import Mrkdwn, Wording, mention
from handlers import card, checklist, decisions, duties, masks, occasion, solved, team
from handlers.blocks import Json, actions, button, modal, section
from handlers.card import SHOWN_WITH_INCIDENT, SIGN
from handlers.desk import Desk, Drawing
from handlers.fields import Amount, Answers, Choice, Number, Text, When, Word
from handlers.windows import show
from handlers.words import choice, chosen_id
from storage import deadlines, gradings, incidents, journal, outbox
from storage.outbox import Message, Saying

log = structlog.get_logger(__name__)

LIVE = "grade.propose"
CUSTOMERS = Number("customers_affected", "grade", required=True, least=1, tells=LIVE)
MONEY = Amount("money_lost", "grade", tells=LIVE)
CORE_SINCE = When("core_down_since", "grade", tells=LIVE)
CORE_UNTIL = When("core_restored_at", "grade", tells=LIVE)
PUBLICITY = Word("publicity", "grade", words_of=Publicity, vocabulary="publicity", tells=LIVE)
HIGH_RISK = Word("high_risk", "grade", words_of=HighRisk, vocabulary="high_risk", tells=LIVE)
PART_SINCE = When("part_faulty_since", "grade", tells=LIVE)
PART_UNTIL = When("part_restored_at", "grade", tells=LIVE)
COMPLAINT = Word("complaint", "grade", words_of=Complaint, vocabulary="complaint", tells=LIVE)
EMOTION = Word("emotion", "grade", words_of=Emotion, vocabulary="emotion", tells=LIVE)
TIER = Word("customer_tier", "grade", words_of=Tier, vocabulary="tier", tells=LIVE)
STOPPED = Word("business_stopped", "grade", words_of=YesNo, vocabulary="yes_no", tells=LIVE)
DECISION = Choice("decision", "grade", required=True)
REASON = Text("reason", "grade", multiline=True, max_length=500)


@dataclass(frozen=True)
class Start:
    """What travels with the form: the incident, the grading it began after, and how it is drawn."""

    incident_id: int
    after: int = 0
    more: bool = False
    proposed: int = 0  # what was proposed when it was drawn: a decision for it follows the proposal

    @classmethod
    def of(cls, view: Json) -> "Start":
        """As it travelled."""
        return cls(**json.loads(view["private_metadata"]))

    def about(self) -> str:
        """As it travels."""
        return json.dumps(self.__dict__)


def register(app: App) -> None:
    """What leads here."""
    app.action("grade.open")(open_form)
    app.action("card.menu", matchers=[choice("grade.open")])(open_form)
    app.action(LIVE)(propose)
    app.action("grade.more")(propose)
    app.action("grade.confirm")(confirm)
    app.view("grade.submit")(submit)


def open_form(
    ack: Ack,
    body: Json,
    action: Json,
    client: WebClient,
    desk: Desk,
    words: Wording,
    person: Person,
    now: datetime,
) -> None:
    """Everything known is filled in; says who may when this person may not."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        team.check_may(desk, tx, "grade", incident, person.user_id)
        last = _last(tx, incident)
    lifecycle.check_is_emergency(incident)
    start = Start(incident.id, last.id if last else 0)
    show(client, body, form(incident, start, desk.procedure, words, now))
    ack()


def propose(ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, now: datetime) -> None:
    """A fact has changed: the proposal is drawn anew. What was typed stays, since the fields keep their ids."""
    view = body["view"]
    start = Start.of(view)
    if action["action_id"] == "grade.more":
        start = replace(start, more=True)
    with desk.db.read() as tx:
        incident = incidents.get(tx, start.incident_id)
    answers = Answers(view)
    changed = read(answers, incident, desk.procedure, words.language, now)
    drawn = form(
        changed, start, desk.procedure, words, now, decision=_decided(answers, start), reason=REASON.read(answers)
    )
    try:
        client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    except SlackApiError as error:
        if error.response["error"] not in ("hash_conflict", "not_found"):
            raise  # the next change draws it
    ack()


def form(
    incident: Incident,
    start: Start,
    procedure: Procedure,
    words: Wording,
    now: datetime,
    decision: Severity | None = None,
    reason: str = "",
    notice: Mrkdwn | None = None,
) -> View:
    """The proposal with its reasons, the facts it goes by, and the decision.

    `incident` has the facts as they are typed so far; `decision` is None while it follows the proposal.
    """
    proposal = grading.propose(grading.facts_of(incident, now), procedure)
    facts: list[Block] = [
        CUSTOMERS.block(words, incident.customers_affected),
        MONEY.block(words, incident.money_lost),
        CORE_SINCE.block(words, incident.core_down_since),
        *([CORE_UNTIL.block(words, incident.core_restored_at)] if incident.core_down_since else []),
        PUBLICITY.block(words, incident.publicity),
        HIGH_RISK.block(words, incident.high_risk),
    ]
    if start.more:
        facts += [
            PART_SINCE.block(words, incident.part_faulty_since),
            *([PART_UNTIL.block(words, incident.part_restored_at)] if incident.part_faulty_since else []),
            COMPLAINT.block(words, incident.complaint),
            EMOTION.block(words, incident.emotion),
            TIER.block(words, incident.customer_tier),
            STOPPED.block(words, incident.business_stopped),
        ]
    else:
        facts.append(actions([button(words.text("grade.more"), "grade.more", "more")], block_id="more"))
    decided = decision or proposal.severity
    start = replace(start, proposed=int(proposal.severity))
    return modal(
        "grade.submit",
        words.text("grade.title", number=incident.number),
        [
            *([section(notice)] if notice else []),
            section(
                _proposed(proposal, words, _later(incident, procedure, words, now)),
                block_id=f"proposal_{int(proposal.severity)}",
            ),
            *facts,
            # A new proposal is a new field for Slack, which would keep what was chosen in the old one.
            replace(DECISION, id=f"decision_{int(proposal.severity)}").radio(
                words, [_option(severity, proposal, words) for severity in Severity], str(int(decided)), DECISION.label
            ),
            REASON.block(words, reason),
        ],
        close=words.text("form.cancel"),
        submit=words.text("grade.submit"),
        about=start.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Saved, the clocks are set anew. Somebody who was faster is named, and nothing typed is lost."""
    answers, start = Answers(view), Start.of(view)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident_id, lock=True)
        if gradings.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        changed = read(answers, incident, desk.procedure, words.language, now)
        decided = replace(DECISION, id=f"decision_{start.proposed}").read(
            answers, [str(int(each)) for each in Severity]
        )
        reason = REASON.read(answers)
        proposal = grading.propose(grading.facts_of(changed, now), desk.procedure)
        if decided and int(decided) != proposal.severity and not reason:
            answers.refuse(REASON.id, "grade.say_why", severity=int(proposal.severity))
        if answers.wrong or decided is None:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        team.check_may(desk, tx, "grade", incident, person.user_id)
        lifecycle.check_is_emergency(incident)
        last = _last(tx, incident)
        if last and last.id != start.after:
            notice = _faster(last, words)
            again = replace(start, after=last.id)
            severity = Severity(int(decided))
            drawn = form(changed, again, desk.procedure, words, now, severity, reason, notice)
            ack(response_action="update", view=drawn.to_dict())
            return
        save(desk, tx, changed, str(view["id"]), person.user_id, Severity(int(decided)), proposal, reason, now)
    ack()
    desk.wake()


def confirm(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """One click on what the clock has proposed; what the facts speak for at this moment counts."""
    with desk.db.begin() as tx:
        incident = incidents.get(tx, chosen_id(action), lock=True)
        team.check_may(desk, tx, "grade", incident, person.user_id)
        lifecycle.check_is_emergency(incident)
        proposal = grading.propose(grading.facts_of(incident, now), desk.procedure)
        last = _last(tx, incident)
        if incident.severity == proposal.severity and last:
            raise NotAllowed("allowed.already_graded", by=last.by, at=last.at, severity=int(last.severity))
        key = f"confirm:{incident.id}:{last.id if last else 0}"
        save(desk, tx, incident, key, person.user_id, proposal.severity, proposal, "", now)
    ack()
    desk.wake()


def save(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    key: str,
    by: str,
    severity: Severity,
    proposal: Proposal,
    reason: str,
    now: datetime,
) -> None:
    """A grading, and all that follows from it. `incident` has its new facts; it is locked."""
    was, was_restored = incident.severity, contact.is_restored(incidents.get(tx, incident.id))
    gradings.save(tx, incident.id, key, by, now, severity, proposal.severity, reason)
    incidents.set_facts(tx, incident)
    incidents.set_proposed(tx, incident.id, proposal.severity)
    incidents.set_graded(tx, incident.id, severity, by, now)
    journal.add(
        tx,
        incident.id,
        "graded",
        by,
        now,
        severity=int(severity),
        proposed=int(proposal.severity),
        was=int(was) if was else None,
        customers_affected=incident.customers_affected,
        money_lost=[incident.money_lost.minor, incident.money_lost.currency] if incident.money_lost else None,
        facts=[reason.fact for reason in proposal.reasons],
    )
    graded = incidents.get(tx, incident.id)
    asked_for = [d.id for d in deadlines.running(tx, incident.id) if d.duty is Duty.REGRADE and d.position > 0]
    met = deadlines.meet_these(tx, asked_for, by, now)
    checklist.post(desk, tx, graded, now)
    relieved, joined = team.regraded(desk, tx, graded, now) if incident.level != severity else ([], [])
    changed = duties.reconsider(desk, tx, graded, now, regraded=True)
    changed += duties.customers_changed(desk, tx, graded, by, now)
    changed += solved.reckon(desk, tx, incidents.get(tx, incident.id), by, now)  # another number has to confirm it
    changed += decisions.regraded(desk, tx, graded, now)
    changed += duties.knows(desk, tx, incidents.get(tx, incident.id), by, "graded", now)
    if was and was != severity:
        detail = {"grading": gradings.of_incident(tx, incident.id)[-1].id, "relieved": relieved, "joined": joined}
        outbox.say(tx, [Saying(incident.id, "graded", "incident", detail=detail)], now)
    if contact.is_restored(graded) and not was_restored:
        occasion.post(desk, tx, graded, Stage.VERIFICATION, now)
    shown = [*SHOWN_WITH_INCIDENT, *decisions.SHOWN, "script"]
    outbox.redraw(tx, [incident.id], now, shown, [*met, *changed])


def draw_graded(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """The severity has changed: from what to what, by whom, why; who joins, who is relieved."""
    incident, words = incidents.get(tx, message.incident_id), desk.channel_words
    before, grading_ = _with_the_one_before(tx, incident.id, int(message.detail["grading"]))
    parts = [
        words.mrkdwn(
            "graded.changed",
            who=mention(grading_.by),
            number=incident.number,
            sign=SIGN[grading_.severity],
            severity=int(grading_.severity),
            was_sign=SIGN[before.severity],
            was=int(before.severity),
        )
    ]
    if grading_.reason:
        parts.append(words.mrkdwn("graded.because", reason=masks.of(tx, incident.id)(grading_.reason)))
    parts += [
        words.mrkdwn(f"graded.{key}", who=Mrkdwn(" ".join(mention(each) for each in message.detail[key])))
        for key in ("joined", "relieved")
        if message.detail.get(key)
    ]
    text = Mrkdwn("\n".join(parts))
    return Drawing(text, [section(text)])


def read(answers: Answers, incident: Incident, procedure: Procedure, language: str, now: datetime) -> Incident:
    """The incident with the facts that the form says; what it does not show stays as it is."""

    def told(name: str) -> bool:
        return answers.shows(name)

    changed: dict[str, Any] = {"customers_affected": CUSTOMERS.read(answers)}
    if told(MONEY.id):
        changed["money_lost"] = MONEY.read(answers, procedure.money.currency, procedure.money.rates, language)
    for when in (CORE_SINCE, CORE_UNTIL, PART_SINCE, PART_UNTIL):
        if told(when.id):
            changed[when.id] = when.read(answers, now)
    for word in (PUBLICITY, HIGH_RISK, COMPLAINT, EMOTION, TIER, STOPPED):
        if told(word.id):
            changed[word.id] = word.read(answers)
    if answers.wrong:  # while somebody still types, what was known counts
        changed = {name: value for name, value in changed.items() if name not in answers.wrong}
    read_so_far = replace(incident, **changed)
    for since, until in ((CORE_SINCE, CORE_UNTIL), (PART_SINCE, PART_UNTIL)):
        began, ended = getattr(read_so_far, since.id), getattr(read_so_far, until.id)
        if began and ended and ended < began:
            answers.refuse(until.id, "grade.restored_before")
    return read_so_far


def _decided(answers: Answers, start: Start) -> Severity | None:
    """What somebody has decided on, where that differs from what was proposed."""
    chosen = answers.of(f"decision_{start.proposed}").get("selected_option") or {}
    value = str(chosen.get("value") or "")
    return Severity(int(value)) if value.isdigit() and int(value) != start.proposed else None


def _later(incident: Incident, procedure: Procedure, words: Wording, now: datetime) -> list[Mrkdwn]:
    """What the facts will speak for when only time passes."""
    undecided = replace(incident, severity=None, proposed_severity=Severity.THREE)
    at = grading.next_crossing(undecided, now, procedure)
    if at is None:
        return []
    severity = grading.propose(grading.facts_of(incident, at), procedure).severity
    return [words.mrkdwn("grade.later", severity=int(severity), at=words.when(at))]


def _proposed(proposal: Proposal, words: Wording, later: list[Mrkdwn]) -> Mrkdwn:
    lines = [*(card.reasons(proposal, words) or [words.mrkdwn("reason.none")]), *later]
    listed = "\n".join(f"• {line}" for line in lines)
    first = words.mrkdwn("grade.proposed", sign=SIGN[proposal.severity], severity=int(proposal.severity))
    return Mrkdwn(f"{first}\n{listed}")


def _option(severity: Severity, proposal: Proposal, words: Wording) -> tuple[str, str]:
    key = "grade.as_proposed" if severity == proposal.severity else "grade.severity"
    return str(int(severity)), words.text(key, sign=SIGN[severity], severity=int(severity))


def _faster(last: Grading, words: Wording) -> Mrkdwn:
    return words.mrkdwn("grade.faster", by=mention(last.by), severity=int(last.severity), at=words.time(last.at))


def _last(tx: Connection, incident: Incident) -> Grading | None:
    found = gradings.of_incident(tx, incident.id)
    return found[-1] if found else None


def _with_the_one_before(tx: Connection, incident_id: int, grading_id: int) -> tuple[Grading, Grading]:
    found = gradings.of_incident(tx, incident_id)
    index = next(number for number, each in enumerate(found) if each.id == grading_id)
    return found[max(index - 1, 0)], found[index]
