"""What is done about it: form -> in the channel, who decides is asked -> approved, its steps are tasks with clocks.

Rejected with a reason -> a new version. A question about it stands in the thread of its message.
"""

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

from bot import lifecycle
from bot import plan as rules
from bot.incident import Duty, Incident, NotAllowed, Person, Role
from bot.plan import Plan
from bot.procedure import Procedure
from bot.wording import Mrkdwn, Wording, mention
from handlers import channel, decisions, duties, occasion, team
from handlers.blocks import Json, actions, button, context, modal, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.decisions import Facets
from handlers.desk import Desk
from handlers.fields import Amount, Answers, Choice, Somebody, Text, Ticks, When
from handlers.windows import of_channel, redraw, show
from handlers.words import chosen_id, word
from storage import deadlines, incidents, journal, notes, outbox, people, plans, roles
from storage.outbox import Saying

TEMPORARY, FINAL = KINDS = ("temporary", "final")
AT_ONCE = "at_once"

STEPS = Text("steps", "plan", required=True, multiline=True, max_length=3000, if_missing="plan.say_steps")
OWNER = Somebody("owner", "plan", required=True)
UNTIL = When("until", "plan", required=True, ahead=True)
KIND = Choice("kind", "plan", required=True)
TOLD_THEM = Text("told", "plan", required=True, multiline=True, max_length=2000, if_missing="plan.say_told")
COMPENSATION = Amount("compensation", "plan")
OWN = Ticks("own", "plan")
RESOURCES = Text("resources", "plan", multiline=True, max_length=1000)
RISKS = Text("risks", "plan", multiline=True, max_length=1000)
REASON = Text("reason", "plan", required=True, multiline=True, max_length=500, if_missing="plan.say_why")
QUESTION = Text("question", "plan", required=True, multiline=True, max_length=500, if_missing="plan.say_question")


@dataclass(frozen=True)
class Start:
    """What travels with the form: the incident, the version that it was written after (0: none), whether all fields
    are shown, whether it can be approved at once, and a digest of the words for customers that were warned of."""

    incident_id: int
    after: int = 0
    more: bool = False
    own: bool = False
    warned: str = ""

    @classmethod
    def of(cls, view: Json) -> "Start":
        """As it travelled."""
        return cls(**json.loads(view["private_metadata"]))

    def about(self) -> str:
        """As it travels."""
        return json.dumps(self.__dict__)


def register(app: App) -> None:
    """What leads here."""
    app.command("/incident", matchers=[word("plan", "方案")])(of_channel(open_form))
    app.action("plan.open")(open_form)
    app.action("plan.revise")(open_revision)
    app.action("plan.more")(show_more)
    app.view("plan.submit")(submit)
    app.action("plan.check")(check)
    app.action("plan.approve")(approve)
    app.action("plan.refuse")(open_refusal)
    app.view("plan.refuse_submit")(refuse)
    app.action("plan.ask")(open_question)
    app.view("plan.ask_submit")(submit_question)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Says who may when this person may not. What the version before says is filled in."""
    with desk.db.begin() as tx:
        view = _new(desk, tx, incidents.get(tx, chosen_id(action), lock=True), words, person, now)
    show(client, body, view)
    ack()


def open_revision(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """After a rejection: the version that was rejected, and why. Refuses kindly when somebody was faster."""
    with desk.db.begin() as tx:
        incident, plan = _locked(tx, chosen_id(action))
        lifecycle.check_can_rewrite(decisions.version_after(tx, plan))
        view = _new(desk, tx, incident, words, person, now)
    show(client, body, view)
    ack()


def show_more(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The other fields unfold; what was typed stays, since the fields keep their ids."""
    view = body["view"]
    start = replace(Start.of(view), more=True)
    with desk.db.read() as tx:
        incident = incidents.get(tx, start.incident_id)
        team.check_may(desk, tx, "plan", incident, person.user_id)
        before = next(reversed(plans.of_incident(tx, incident.id)), None)
    notice = _about_before(before, incident, words) if before is not None and before.version == start.after else []
    drawn = form(incident, start, words, _typed(view, incident, person, desk.procedure, words, now), notice)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def form(
    incident: Incident,
    start: Start,
    words: Wording,
    known: Plan,
    notice: Sequence[Mrkdwn] = (),
    warnings: Sequence[Mrkdwn] = (),
) -> View:
    """What is done, by whom, until when, and what customers are told; filled with what is `known`. `notice` stands
    above, `warnings` beside the words for customers."""
    kinds = [(each, words.text(f"plan_kind.{each}")) for each in KINDS]
    kind = (TEMPORARY if known.is_temporary else FINAL) if known.version else None
    until = known.until_at if known.until_at > known.at else None
    blocks: list[Block] = [section(each) for each in notice]
    blocks += [
        STEPS.block(words, known.steps, focus=not start.more),
        OWNER.block(words, known.owner_id),
        UNTIL.block(words, until),
        KIND.radio(words, kinds, kind, KIND.label),
        *(context(each) for each in warnings),
        TOLD_THEM.block(words, known.told),
        COMPENSATION.block(words, known.compensation),
    ]
    if start.own:
        blocks.append(OWN.block(words, [(AT_ONCE, words.text("plan.at_once"))]))
    if start.more:
        blocks += [
            RESOURCES.block(words, known.resources),
            RISKS.block(words, known.risks),
        ]
    else:
        blocks.append(actions([button(words.text("plan.more"), "plan.more", "more")], block_id="more"))
    return modal(
        "plan.submit",
        words.text("plan.title", number=incident.number),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("plan.submit"),
        about=start.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """A version of its own, whatever was there before. Who decides is asked, unless its author may and does at once.

    Words that a customer should not hear are shown once before; who submits them all the same means them."""
    start, answers = Start.of(view), Answers(view)
    steps, until = _steps(answers), UNTIL.read(answers, now)
    owner, kind = OWNER.read(answers), KIND.read(answers, KINDS)
    money = desk.procedure.money
    plan = Plan(
        id=0,
        incident_id=start.incident_id,
        version=start.after + 1,
        round=1,
        by=person.user_id,
        at=now,
        steps=steps,
        owner_id=owner or "",
        until_at=until or now,
        is_temporary=kind == TEMPORARY,
        told=TOLD_THEM.read(answers),
        resources=RESOURCES.read(answers),
        compensation=COMPENSATION.read(answers, money.currency, money.rates, words.language),
        risks=RISKS.read(answers),
    )
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident_id, lock=True)
        if plans.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "plan", incident, person.user_id)
        lifecycle.check_unsolved(incident)
        before = next(reversed(plans.of_incident(tx, incident.id)), None)
        if before is not None and before.version != start.after:
            again = replace(start, after=before.version)
            ack(response_action="update", view=form(incident, again, words, plan, [_faster(before, words)]).to_dict())
            return
        plan = replace(plan, round=incident.round)
        team.check_can_be_asked(desk, tx, answers, OWNER.id, incident, plan.owner_id, person.user_id, now)
        at_once = start.own and AT_ONCE in OWN.read(answers)
        decide = decisions.deciders(desk, tx, incident, plan)
        if at_once and person.user_id not in decide.everybody:
            _refuse_own(tx, answers, decide.asked)
        found = occasion.flagged(desk, tx, incident, plan.told, now, plan.until_at)
        if found and not answers.wrong and start.warned != occasion.digest(plan.told):
            again = replace(start, warned=occasion.digest(plan.told))
            notice = _about_before(before, incident, words) if before is not None else []
            warnings = occasion.warnings(found, "plan.submit", words)
            ack(response_action="update", view=form(incident, again, words, plan, notice, warnings).to_dict())
            return
        if answers.wrong:
            errors = answers.sentences(words)
        else:
            errors = {}
            _save(desk, tx, incident, str(view["id"]), plan, at_once, len(found), now)
    if errors:
        ack(response_action="errors", errors=errors)
    else:
        ack()
    desk.wake()


def check(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The whole of it in a window, with what this person can do; when that shows a customer, it is on record."""
    with desk.db.begin() as tx:
        _, plan = _locked(tx, chosen_id(action))
        found = decisions.facets(desk, tx, plan)
        view = _window(tx, found, person, words, now)
    show(client, body, view)
    ack()


def approve(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """One click. Whoever comes second is told who has decided."""
    with desk.db.begin() as tx:
        incident, plan = _locked(tx, chosen_id(action))
        _check_can_decide(desk, tx, incident, plan, person)
        changed = decisions.approve(desk, tx, incident, plan, person.user_id, now)
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *decisions.SHOWN], changed)
        found = decisions.facets(desk, tx, plans.get(tx, plan.id))
        view = _window(tx, found, person, words, now)
    if "view" in body and body["view"].get("callback_id") == "plan.shown":
        redraw(client, body, view)
    ack()
    desk.wake()


def open_refusal(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Refuses kindly when somebody was faster."""
    with desk.db.read() as tx:
        plan = plans.get(tx, chosen_id(action))
        _check_can_decide(desk, tx, incidents.get(tx, plan.incident_id), plan, person)
    show(client, body, refusal_form(plan, words))
    ack()


def refusal_form(plan: Plan, words: Wording) -> View:
    """What has to change."""
    return modal(
        "plan.refuse_submit",
        words.text("plan.refuse_title", version=plan.version),
        [REASON.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("plan.refuse_submit"),
        about=str(plan.id),
    )


def refuse(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Its author is asked for a new version, in person."""
    answers = Answers(view)
    reason = REASON.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident, plan = _locked(tx, int(view["private_metadata"]))
        if (plan.refused_by, plan.reason) == (person.user_id, reason):  # the same form once more
            ack(response_action="clear")
            return
        _check_can_decide(desk, tx, incident, plan, person)
        plans.refuse(tx, plan.id, person.user_id, reason, now)
        met = deadlines.meet(tx, incident.id, [Duty.APPROVE_PLAN], person.user_id, now, str(plan.id))
        journal.add(tx, incident.id, "plan_refused", person.user_id, now, plan=plan.id, version=plan.version)
        channel.bring_in(tx, incident, [person.user_id], now)
        decisions.tell(tx, incident, plan, plan.by, decisions.REVISE, now)
        met += decisions.ends_with_approval(tx, incident)
        met += duties.knows(desk, tx, incident, person.user_id, "plan_refused", now)
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *decisions.SHOWN], met)
    ack(response_action="clear")
    desk.wake()


def open_question(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Who decides may ask, and whoever may plan."""
    with desk.db.read() as tx:
        plan = plans.get(tx, chosen_id(action))
        _check_can_ask(desk, tx, incidents.get(tx, plan.incident_id), plan, person)
    show(client, body, question_form(plan, words))
    ack()


def question_form(plan: Plan, words: Wording) -> View:
    """One field; where it will stand is said below it."""
    return modal(
        "plan.ask_submit",
        words.text("plan.ask_title", version=plan.version),
        [QUESTION.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("plan.ask_submit"),
        about=str(plan.id),
    )


def submit_question(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """It stands in the thread of the plan's message, for its author."""
    answers, key = Answers(view), str(view["id"])
    question = QUESTION.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident, plan = _locked(tx, int(view["private_metadata"]))
        if notes.was_saved(tx, key):  # the same form once more
            ack(response_action="clear")
            return
        _check_can_ask(desk, tx, incident, plan, person)
        notes.save(tx, incident.id, key, "plan_question", person.user_id, now, question)
        said = outbox.of_incident(tx, incident.id)
        thread = next(each.id for each in said if each.drawing == "plan" and each.detail["plan"] == plan.id)
        detail = {"plan": plan.id, "note": key, "thread": thread}
        outbox.say(tx, [Saying(incident.id, "plan_question", "incident", detail=detail)], now)
        channel.bring_in(tx, incident, [person.user_id], now)  # they read the answer there
        journal.add(tx, incident.id, "plan_question", person.user_id, now, plan=plan.id, version=plan.version)
        if met := duties.knows(desk, tx, incident, person.user_id, "plan_question", now):
            outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, met)
    ack(response_action="clear")
    desk.wake()


def _new(desk: Desk, tx: Connection, incident: Incident, words: Wording, person: Person, now: datetime) -> View:
    """The form for the next version, filled with what the version before says."""
    team.check_may(desk, tx, "plan", incident, person.user_id)
    lifecycle.check_unsolved(incident)
    before = next(reversed(plans.of_incident(tx, incident.id)), None)
    own = decisions.may_approve_own(desk, tx, incident, person.user_id, now)
    if before is None:
        lead = roles.holders(roles.of_incident(tx, incident.id)).get(Role.LEAD, person.user_id)
        start, known = Start(incident.id, own=own), _empty(incident, person, lead, now)
        return form(incident, start, words, known)
    notice = _about_before(before, incident, words)
    if before.round != incident.round:
        known = _empty(incident, person, before.owner_id, now)
        return form(incident, Start(incident.id, before.version, own=own), words, known, notice)
    more = bool(before.resources or before.risks)
    _note_look(tx, incident, before, person, now)
    return form(incident, Start(incident.id, before.version, more, own), words, replace(before, at=now), notice)


def _save(
    desk: Desk, tx: Connection, incident: Incident, key: str, plan: Plan, at_once: bool, flagged: int, now: datetime
) -> None:
    plan = plans.save(tx, key, plan)
    channel.bring_in(tx, incident, [plan.owner_id], now)
    channel.bring_in(tx, incident, [plan.by], now)
    money = [plan.compensation.minor, plan.compensation.currency] if plan.compensation else None
    journal.add(
        tx,
        incident.id,
        "plan_made",
        plan.by,
        now,
        plan=plan.id,
        version=plan.version,
        owner=plan.owner_id,
        until=int(plan.until_at.timestamp()),
        temporary=plan.is_temporary,
        compensation=money,
        steps=len(rules.steps_of(plan.steps)),
        flagged=flagged,
    )
    if at_once:
        changed = decisions.supersede(tx, incident, plan, now)
        outbox.say(tx, [Saying(incident.id, "plan", "incident", detail={"plan": plan.id})], now)
        changed += decisions.approve(desk, tx, incident, plan, plan.by, now)
    else:
        changed = decisions.ask(desk, tx, incident, plan, now) + decisions.ends_with_approval(tx, incident)
    outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *decisions.SHOWN], changed)


def _steps(answers: Answers) -> str:
    said = STEPS.read(answers)
    found = rules.steps_of(said)
    if said and not found:
        answers.refuse(STEPS.id, STEPS.if_missing)
    if len(found) > rules.MOST_STEPS:
        answers.refuse(STEPS.id, "plan.too_many_steps", n=rules.MOST_STEPS)
    if too_long := next((each for each in found if len(each.what) > rules.LONGEST_STEP), None):
        beginning = too_long.what[:20]
        answers.refuse(STEPS.id, "plan.step_too_long", step=beginning, most=rules.LONGEST_STEP)
    return said


def _refuse_own(tx: Connection, answers: Answers, asked: Sequence[str]) -> None:
    first = next(iter(asked), None)
    if first is None:
        answers.refuse(OWN.id, "plan.not_by_you")
        return
    answers.refuse(OWN.id, "plan.too_much_for_you", who=people.names(tx, [first]).get(first, first))


def _typed(view: Json, incident: Incident, person: Person, procedure: Procedure, words: Wording, now: datetime) -> Plan:
    """What the form says so far, right or wrong: Slack keeps what stands in fields that stay."""
    answers = Answers(view)
    kind = KIND.read(answers, KINDS)
    return Plan(
        0,
        incident.id,
        1 if kind else 0,
        incident.round,
        person.user_id,
        now,
        STEPS.read(answers),
        OWNER.read(answers) or person.user_id,
        UNTIL.read(answers, now) or now,
        kind == TEMPORARY,
        TOLD_THEM.read(answers),
        compensation=COMPENSATION.read(answers, procedure.money.currency, procedure.money.rates, words.language),
    )


def _empty(incident: Incident, person: Person, owner: str, now: datetime) -> Plan:
    """Nothing is known but who is likely in charge."""
    return Plan(0, incident.id, 0, incident.round, person.user_id, now, "", owner, now, False, "")


def _about_before(before: Plan, incident: Incident, words: Wording) -> list[Mrkdwn]:
    values: dict[str, Any] = {"version": before.version, "by": mention(before.by)}
    if before.round != incident.round:
        return [words.mrkdwn("plan.of_last_round", **values)]
    if before.refused_by and before.refused_at:
        who, at = mention(before.refused_by), words.time(before.refused_at)
        return [words.mrkdwn("plan.was_refused_for", version=before.version, who=who, at=at, reason=before.reason)]
    if before.approved_by:
        return [words.mrkdwn("plan.is_in_force", **values)]
    return [words.mrkdwn("plan.will_replace", **values)]


def _faster(before: Plan, words: Wording) -> Mrkdwn:
    return words.mrkdwn("plan.faster", by=mention(before.by), version=before.version, at=words.time(before.at))


def _locked(tx: Connection, plan_id: int) -> tuple[Incident, Plan]:
    """The plan as it is now, with its incident locked."""
    incident = incidents.get(tx, plans.get(tx, plan_id).incident_id, lock=True)
    return incident, plans.get(tx, plan_id)


def _check_can_decide(desk: Desk, tx: Connection, incident: Incident, plan: Plan, person: Person) -> None:
    """Raises NotAllowed, which says who has decided, or who may."""
    _check_is_of_now(incident, plan)
    lifecycle.check_can_decide(
        plan, decisions.version_after(tx, plan), person.user_id, decisions.deciders(desk, tx, incident, plan)
    )


def _check_can_ask(desk: Desk, tx: Connection, incident: Incident, plan: Plan, person: Person) -> None:
    _check_is_of_now(incident, plan)
    lifecycle.check_waits(plan, decisions.version_after(tx, plan))
    if person.user_id not in decisions.deciders(desk, tx, incident, plan).everybody:
        team.check_may(desk, tx, "plan", incident, person.user_id)


def _check_is_of_now(incident: Incident, plan: Plan) -> None:
    """Raises NotAllowed when nobody needs to decide any more: it works again, or did, and is open once more."""
    if plan.is_waiting:
        lifecycle.check_unsolved(incident)
        if plan.round != incident.round:
            raise NotAllowed("allowed.not_owed")


def _window(tx: Connection, found: Facets, person: Person, words: Wording, now: datetime) -> View:
    """Every word for those who handle the case; for others who may decide, as in the channel."""
    incident, participants = found.incident, incidents.participants_of(tx, found.incident.id)
    handles = person.user_id == incident.reporter_id or person.user_id in participants
    if not handles and incident.is_private and person.user_id not in found.people.everybody:
        raise NotAllowed("allowed.only_its_people", reporter=incident.reporter_id)
    if handles:
        _note_look(tx, incident, found.plan, person, now)
    return modal(
        "plan.shown",
        words.text("plan.title", number=incident.number),
        decisions.window(found, found.plan if handles else found.shown, person.user_id, words),
        close=words.text("form.close"),
        about=str(found.plan.id),
    )


def _note_look(tx: Connection, incident: Incident, plan: Plan, person: Person, now: datetime) -> None:
    """Words that show what is masked for others are only for those who handle the case, and the look is on record."""
    if decisions.masked(tx, plan) != plan:
        lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="plan")
