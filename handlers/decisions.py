"""A plan and the decision on it: who is asked, until when, what follows, and the messages that show it.

Not a step of its own: the step `plan` calls this, and whatever changes who has a role or how severe it is; App Home
shows what waits.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement
from sqlalchemy import Connection

from bot import deadlines as rules
from bot import plan as plan_rules
from bot.deadlines import Plan as Clock
from bot.incident import Deadline, Duty, Incident, Moment, Role, Severity, Stage, TaskState
from bot.lifecycle import may_see
from bot.plan import Deciders, Plan
from bot.procedure import Span
from bot.wording import Mrkdwn, Wording, channel_link, mention
from handlers import channel, checklist, duties, masks, occasion
from handlers.approvals import quoted
from handlers.blocks import actions, as_fits, button, context, section
from handlers.desk import Desk, Drawing
from handlers.duties import Company
from storage import deadlines, incidents, journal, notes, outbox, people, plans, roles, tasks
from storage.outbox import Message, Saying

SHOWN = ("plan", "plan_asked")  # drawn again whenever something becomes of a plan
MET_BY_IT = (Duty.PRELIMINARY_SOLUTION, Duty.SECOND_PLAN)  # what nobody has approved is none
DECIDE, REVISE, CARRY_OUT = "decide", "revise", "carry_out"  # what somebody is told in a direct message
UNFINISHED = 50  # as many as are looked through for App Home


@dataclass(frozen=True)
class Facets:
    """Everything that a plan's messages show, read in one go. `shown` is the plan with what leads to somebody masked;
    `newer` is the version that stands for it; `clock` is what is running for the decision."""

    incident: Incident
    plan: Plan
    newer: Plan | None
    people: Deciders
    clock: Deadline | None
    shown: Plan

    @property
    def is_masked(self) -> bool:
        """Whether something of the words can't be seen in a message."""
        return self.shown != self.plan

    @property
    def is_asked(self) -> bool:
        """Whether somebody has still to decide."""
        return self.plan.is_waiting and self.newer is None and self.is_of_now

    @property
    def is_of_now(self) -> bool:
        """Whether it is about what still has to be solved."""
        return self.incident.status.is_unsolved and self.plan.round == self.incident.round


# -- who decides -------------------------------------------------------------------------------------------------------


def deciders(desk: Desk, tx: Connection, incident: Incident, plan: Plan) -> Deciders:
    """Who decides on a plan now, by the severity, the roles and the compensation; only people who are there."""
    holders, participants = (
        roles.holders(roles.of_incident(tx, incident.id)),
        incidents.participants_of(tx, incident.id),
    )
    who = duties.company(desk, tx, incident.reporter_id, *holders.values(), *participants)
    gone: set[str] = set()
    while True:
        found = plan_rules.deciders(
            incident.level,
            plan_rules.worth_of(plan, who.procedure),
            plan.by,
            who.procedure,
            {role: user_id for role, user_id in holders.items() if user_id not in who.gone},
            who.rosters,
            "" if incident.reporter_id in who.gone else incident.reporter_id,
            [user_id for user_id in participants if user_id not in who.gone],
            gone,
        )
        if not (left := people.not_there(tx, found.everybody)):
            return found
        gone |= left  # the procedure names them by themselves; then others may be asked


def ask(desk: Desk, tx: Connection, incident: Incident, plan: Plan, now: datetime) -> list[int]:
    """A new version: the channel sees it, those who decide are asked in person, and a clock runs.

    The clock of the version before ends: nobody decides on it any more. Returns the ids of the deadlines that changed.
    """
    ended = supersede(tx, incident, plan, now)
    found = deciders(desk, tx, incident, plan)
    outbox.say(tx, [Saying(incident.id, "plan", "incident", detail={"plan": plan.id})], now)
    _tell_deciders(tx, incident, plan, found, now)
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = duties.company(desk, tx, incident.reporter_id, *holders.values())
    clock = _clock(incident, plan, found, holders, who, now)
    deadlines.start(tx, incident.id, [clock] if clock else [])
    return ended


def _tell_deciders(tx: Connection, incident: Incident, plan: Plan, found: Deciders, now: datetime) -> None:
    """Whoever has not been asked yet. Of a confidential incident only the first hears: the next when it is their
    turn."""
    told = {
        message.user_id
        for message in outbox.of_incident(tx, incident.id)
        if message.drawing == "plan_asked" and message.detail == {"plan": plan.id, "to": DECIDE}
    }
    concerned = found.asked[:1] if incident.is_private else found.first(incident.level)
    for user_id in [who for who in concerned if who not in told]:
        tell(tx, incident, plan, user_id, DECIDE, now)


def ends_with_approval(tx: Connection, incident: Incident) -> list[int]:
    """The ids of the deadlines that an approved plan meets: what they say changes with each plan."""
    return [each.id for each in deadlines.running(tx, incident.id) if each.duty in MET_BY_IT]


def waits_for(desk: Desk, tx: Connection, incident: Incident) -> tuple[Plan, str] | None:
    """The plan on which somebody has still to decide, and who that is."""
    latest = next(reversed(plans.of_incident(tx, incident.id)), None)
    if latest is None or not latest.is_waiting or latest.round != incident.round:
        return None
    clock, found = _running(tx, latest), deciders(desk, tx, incident, latest).asked
    who = clock.owner_id if clock else next(iter(found), None)
    return (latest, who) if who else None


def supersede(tx: Connection, incident: Incident, plan: Plan, now: datetime) -> list[int]:
    """Nobody decides on the versions before this one any more."""
    before = [each for each in plans.of_incident(tx, incident.id) if each.id != plan.id and each.is_waiting]
    return [
        deadline
        for each in before
        for deadline in deadlines.stop(tx, incident.id, now, [Duty.APPROVE_PLAN], str(each.id))
    ]


def hand_on(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> list[int]:
    """The roles have changed: whoever comes first now is asked. Returns the ids of the deadlines that moved."""
    return _move(desk, tx, incident, now, _handed_to)


def regraded(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> list[int]:
    """The severity has changed: others may decide, within another time. Returns the ids of the deadlines that moved."""
    return _move(desk, tx, incident, now, _replanned)


def _move(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    now: datetime,
    moved: Callable[[Deadline, Incident, str, datetime, Company], Deadline],
) -> list[int]:
    latest = next(reversed(plans.of_incident(tx, incident.id)), None)
    if latest is None or not latest.is_waiting or latest.round != incident.round or not incident.status.is_unsolved:
        return []
    found = deciders(desk, tx, incident, latest)
    if not found.asked:
        return []
    clock, who = _running(tx, latest), duties.company(desk, tx)
    changed = []
    if clock is not None:
        handed = moved(clock, incident, found.asked[0], now, who)
        every = timedelta(seconds=handed.escalate_every_s)
        moments = _in_turn(handed.moments, handed.position, handed.due_at, every, incident, latest, found, who)
        if handed != clock or moments != tuple(clock.moments):
            ahead = moments[handed.position :]
            deadlines.change(tx, replace(handed, moments=moments, next_nudge_at=ahead[0].at if ahead else None))
            changed.append(clock.id)
    _tell_deciders(tx, incident, latest, found, now)
    return changed


def _handed_to(clock: Deadline, incident: Incident, first: str, now: datetime, who: Company) -> Deadline:
    return rules.handed_to(clock, incident.level, first, now, who.procedure, who.rosters)


def _replanned(clock: Deadline, incident: Incident, first: str, now: datetime, who: Company) -> Deadline:
    times = who.procedure.duties.get(Duty.APPROVE_PLAN)
    if times is None or not times.is_owed(incident.level):
        return _handed_to(clock, incident, first, now, who)
    return rules.replanned(clock, incident.level, first, now, who.procedure, who.rosters)


def tell(tx: Connection, incident: Incident, plan: Plan, user_id: str, to: str, now: datetime) -> None:
    """Somebody is told in person, `to` decide, revise it or carry it out; they handle the case from now on."""
    channel.bring_in(tx, incident, [user_id], now)
    detail = {"plan": plan.id, "to": to}
    outbox.say(tx, [Saying(incident.id, "plan_asked", "person", user_id, detail=detail)], now)


def _clock(
    incident: Incident, plan: Plan, found: Deciders, holders: Mapping[Role, str], who: Company, now: datetime
) -> Clock | None:
    """The first of those who decide is reminded; when it is late the next of them are, one after the other.

    Where there is nobody, whoever fills the roles owes it. None when the procedure gives no time at this severity.
    """
    times = who.procedure.duties.get(Duty.APPROVE_PLAN)
    if times is None or not times.is_owed(incident.level):
        return None
    owner = found.asked[0] if found.asked else who.owner(Duty.ASSEMBLE_TEAM, holders, incident)
    clock = rules.plan(Duty.APPROVE_PLAN, incident.level, owner, now, who.procedure, who.rosters, str(plan.id))
    every = timedelta(seconds=clock.escalate_every_s)
    return replace(clock, moments=_in_turn(clock.moments, 0, clock.due_at, every, incident, plan, found, who))


def _in_turn(
    moments: Sequence[Moment],
    position: int,
    due_at: datetime,
    every: timedelta,
    incident: Incident,
    plan: Plan,
    found: Deciders,
    who: Company,
) -> tuple[Moment, ...]:
    """Its moments, when it is late, for those who may decide; the ladder as it is where nobody else may."""
    following = found.then(incident.level, plan.by, [rung.role for rung in who.procedure.ladder])
    return rules.in_turn(moments, position, due_at, every, following)


def _running(tx: Connection, plan: Plan) -> Deadline | None:
    running = deadlines.running(tx, plan.incident_id)
    return next((each for each in running if each.duty is Duty.APPROVE_PLAN and each.subject == str(plan.id)), None)


# -- what follows ------------------------------------------------------------------------------------------------------


def approve(desk: Desk, tx: Connection, incident: Incident, plan: Plan, by: str, now: datetime) -> list[int]:
    """It is what is done: its steps are tasks with clocks, its owner is told, and so are the customers, in the words of
    the plan. What was still to be done of a version before is not. Returns the ids of the deadlines that changed."""
    plans.approve(tx, plan.id, by, now)
    plan = plans.get(tx, plan.id)
    plan = replace(plan, owner_id=owner_of(desk, tx, incident, plan))
    channel.bring_in(tx, incident, [plan.owner_id], now)
    changed = deadlines.meet(tx, incident.id, [Duty.APPROVE_PLAN], by, now, str(plan.id))
    changed += deadlines.meet(tx, incident.id, MET_BY_IT, plan.by, now)
    journal.add(tx, incident.id, "plan_approved", by, now, plan=plan.id, version=plan.version, own=by == plan.by)
    channel.bring_in(tx, incident, [by], now)
    changed += duties.knows(desk, tx, incident, by, "plan_approved", now)
    changed += _end_steps_before(desk, tx, incident, plan, by, now)
    _start_steps(desk, tx, incident, plan, by, now)
    if plan.owner_id != by:
        tell(tx, incident, plan, plan.owner_id, CARRY_OUT, now)
    stage = Stage.TEMPORARY_MEASURE if plan.is_temporary else Stage.SOLUTION
    occasion.post(desk, tx, incident, stage, now, plan.id)
    return changed


def owner_of(desk: Desk, tx: Connection, incident: Incident, plan: Plan) -> str:
    """Who carries it out: its owner, or whoever does what is to be done when they have left."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = duties.company(desk, tx, plan.owner_id, incident.reporter_id, *holders.values())
    return who.owner(Duty.TASK, holders, incident) if plan.owner_id in who.gone else plan.owner_id


def _start_steps(desk: Desk, tx: Connection, incident: Incident, plan: Plan, by: str, now: datetime) -> None:
    steps = plan_rules.steps_of(plan.steps)
    new = [(plan_rules.key_of(plan, number), step.what, None) for number, step in enumerate(steps, start=1)]
    added, who, clocks = tasks.add(tx, incident.id, new), duties.company(desk, tx), []
    for task, step in zip(added, steps, strict=True):
        tasks.set_state(tx, task.id, TaskState.TAKEN, plan.owner_id, by, now)
        within = Span(minutes=step.minutes) if step.minutes else None
        # A time that passed while the plan waited is no time: then it has that of any task.
        due_at = plan.until_at if within is None and plan.until_at > now else None
        if Duty.TASK in who.procedure.duties:
            clock = rules.plan(
                Duty.TASK, incident.level, plan.owner_id, now, who.procedure, who.rosters, str(task.id), within, due_at
            )
            clocks.append(clock)
    deadlines.start(tx, incident.id, clocks)
    checklist.show(tx, incident, now)


def _end_steps_before(desk: Desk, tx: Connection, incident: Incident, plan: Plan, by: str, now: datetime) -> list[int]:
    """What nobody has done of the versions before is not done any more: the new one says all that is."""
    reason, ended = desk.channel_words.text("plan.step_replaced", version=plan.version), []
    for task in tasks.of_incident(tx, incident.id):
        if plan_rules.is_step(task.key) and task.state not in checklist.FINISHED:
            tasks.set_state(tx, task.id, TaskState.NOT_APPLICABLE, None, by, now, reason)
            ended += deadlines.stop(tx, incident.id, now, [Duty.TASK], str(task.id))
    return ended


# -- what is shown -----------------------------------------------------------------------------------------------------


def facets(desk: Desk, tx: Connection, plan: Plan) -> Facets:
    """What the database knows of a plan."""
    incident = incidents.get(tx, plan.incident_id)
    plan = replace(plan, owner_id=owner_of(desk, tx, incident, plan))
    shown = masked(tx, plan)
    decide = deciders(desk, tx, incident, plan)
    return Facets(incident, plan, version_after(tx, plan), decide, _running(tx, plan), shown)


def masked(tx: Connection, plan: Plan) -> Plan:
    """A plan as everybody may see it."""
    mask = masks.of(tx, plan.incident_id)
    return replace(
        plan,
        steps=mask(plan.steps),
        told=mask(plan.told),
        resources=mask(plan.resources),
        risks=mask(plan.risks),
        reason=mask(plan.reason),
    )


def version_after(tx: Connection, plan: Plan) -> Plan | None:
    """The latest version that stands for this one: of one that was approved, only another that was."""
    later = [each for each in plans.of_incident(tx, plan.incident_id) if each.version > plan.version]
    if plan.approved_at is not None:
        later = [each for each in later if each.approved_at is not None]
    return later[-1] if later else None


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """For the incident's channel: who should do what, the plan, and how far it is."""
    found, words = facets(desk, tx, plans.get(tx, int(message.detail["plan"]))), desk.channel_words
    text, buttons = _sentence(found, words), _buttons(found, words)
    said = _reason(found.shown, words)
    if found.newer is None or found.plan.approved_at is not None:  # what was replaced before it counted is of no use
        said += body(found.shown, words)
    is_masked = found.is_asked and found.is_masked
    below: list[Block] = [context(words.mrkdwn("plan.masked"))] if is_masked else []
    shown, cut = _as_fits(said, [section(text), *below, actions([_look(found.plan, words), *buttons])], words)
    if cut and all(each.action_id != "plan.check" for each in buttons):
        buttons = [*buttons, _look(found.plan, words)]
    below += [*cut, *([actions(buttons)] if buttons else [])]
    return Drawing(text, [section(text), *shown, *below])


def draw_asked(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """For one person: what is asked of them; then what has become of it."""
    user_id, to = str(message.user_id), str(message.detail["to"])
    words = desk.words_for(people.get(tx, user_id))
    found = facets(desk, tx, plans.get(tx, int(message.detail["plan"])))
    if to == CARRY_OUT:
        return _for_owner(found, user_id, words)
    return _for_author(found, user_id, words) if to == REVISE else _for_decider(found, user_id, words)


def draw_question(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """In the thread of the plan's message: who asks whom what. The answer is whatever is said below."""
    plan, note = plans.get(tx, int(message.detail["plan"])), notes.get(tx, str(message.detail["note"]))
    asked, version = mention(plan.by), plan.version
    text = desk.channel_words.mrkdwn("plan.asks_about", author=asked, who=mention(note.by), version=version)
    return Drawing(text, [section(text), *quoted(masks.of(tx, plan.incident_id)(note.words))])


def window(found: Facets, shown: Plan, user_id: str, words: Wording) -> list[Block]:
    """The plan as somebody may see it, with what they can do about it."""
    blocks = [section(_sentence(found, words)), *_reason(shown, words), *body(shown, words)]
    if found.is_asked:
        ask = button(words.text("button.plan.ask"), "plan.ask", found.plan.id)
        blocks.append(actions(_answers(found.plan, words) if user_id in found.people.everybody else [ask]))
    return blocks


def waiting(
    desk: Desk, tx: Connection, user_id: str, words: Wording
) -> Iterator[tuple[Incident, Mrkdwn, ButtonElement]]:
    """The plans on which somebody may decide without owing it, and theirs that were refused: for App Home."""
    for plan in plans.unfinished(tx, user_id, UNFINISHED):
        incident = incidents.get(tx, plan.incident_id)
        name = words.text("plan.name", version=plan.version)
        if plan.refused_at is not None:
            revise = button(words.text("button.plan.revise"), "plan.revise", plan.id)
            yield incident, words.mrkdwn("plan.home_revise", version=plan.version), revise
            continue
        if not may_see(incident, user_id, incidents.participants_of(tx, incident.id)):
            continue
        clock = _running(tx, plan)
        if user_id in deciders(desk, tx, incident, plan).asked and (clock is None or clock.owner_id != user_id):
            check = _look(plan, words)
            yield (
                incident,
                words.mrkdwn("home.about", duty=words.text(f"duty.{Duty.APPROVE_PLAN}"), subject=name),
                check,
            )


def body(plan: Plan, words: Wording) -> list[Block]:
    """What the plan says: the steps, who and until when, what customers are told, what it costs and needs."""
    kind = words.text("plan_kind.temporary" if plan.is_temporary else "plan_kind.final")
    about = words.mrkdwn("plan.about", owner=mention(plan.owner_id), until=words.when(plan.until_at), kind=kind)
    blocks = [section(words.mrkdwn("plan.steps_are")), *quoted(plan.steps), section(about)]
    if plan.compensation is not None:
        amount = words.money(plan.compensation)
        blocks.append(section(words.mrkdwn("card.said", what=words.text("plan.compensation"), words=amount)))
    for key, said in (("told", plan.told), ("resources", plan.resources), ("risks", plan.risks)):
        if said:
            blocks += [section(words.mrkdwn("plan.part", what=words.text(f"plan.{key}"))), *quoted(said)]
    return blocks


def _reason(plan: Plan, words: Wording) -> list[Block]:
    return [section(words.mrkdwn("plan.because")), *quoted(plan.reason)] if plan.reason else []


def _sentence(found: Facets, words: Wording) -> Mrkdwn:
    """Who should act first, then what; in the end, what has become of it."""
    plan, newer = found.plan, found.newer
    values: dict[str, Any] = {"version": plan.version, "author": mention(plan.by)}
    if newer is not None:
        values |= {"newer": newer.version, "by": mention(newer.by)}
    if plan.approved_by and plan.approved_at:
        values |= {"who": mention(plan.approved_by), "at": words.time(plan.approved_at)}
        values |= {"owner": mention(plan.owner_id), "until": words.when(plan.until_at)}
        key = "plan.gave_way" if newer else "plan.approved" if found.is_of_now else "plan.was_approved"
    elif plan.refused_by and plan.refused_at:
        values |= {"who": mention(plan.refused_by), "at": words.time(plan.refused_at)}
        key = "plan.rewritten" if newer else "plan.refused" if found.is_of_now else "plan.was_refused"
    elif newer is not None or not found.is_of_now:
        key = "plan.replaced" if newer else "plan.over"
    elif not found.people.asked:
        key = "plan.asks_nobody"
    else:
        values["who"] = mention(found.clock.owner_id if found.clock else found.people.asked[0])
        values["at"] = words.when(found.clock.due_at) if found.clock else ""
        key = "plan.asks_by" if found.clock else "plan.asks"
    return words.mrkdwn(key, **values)


def _buttons(found: Facets, words: Wording) -> list[ButtonElement]:
    plan, incident = found.plan, found.incident
    if not found.is_of_now or found.newer is not None:
        return []
    request = button(words.text("button.requests.open"), "requests.open", incident.id)
    if plan.refused_at is not None:
        return [button(words.text("button.plan.revise"), "plan.revise", plan.id, primary=True)]
    if plan.approved_at is not None:
        return [request]
    check = _look(plan, words, primary=True)
    if not found.people.asked:
        return [check, button(words.text("button.roles.open"), "roles.open", incident.id)]
    return [check, request]


def _for_decider(found: Facets, user_id: str, words: Wording) -> Drawing:
    plan = found.plan
    values: dict[str, Any] = {"what": _what(found, words), "version": plan.version, "author": mention(plan.by)}
    if not found.is_asked:
        return _decided(found, user_id, words, values)
    if user_id not in found.people.everybody:
        first = next(iter(found.people.asked), None)
        return _only(words.mrkdwn("plan.not_yours", **values, who=mention(first) if first else Mrkdwn("–")))
    values["to"] = mention(user_id)
    if found.clock is not None:
        text = words.mrkdwn("plan.you_decide_by", **values, at=words.when(found.clock.due_at))
    else:
        text = words.mrkdwn("plan.you_decide", **values)
    above = [section(text), *_others(found, user_id, words)]
    below: list[Block] = [context(words.mrkdwn("plan.masked"))] if found.is_masked else []
    below += _where(found)
    shown, cut = _as_fits(body(found.shown, words), [*above, *below, actions(_answers(plan, words))], words)
    # Nobody decides on words that they can't see.
    buttons = [_look(plan, words, primary=True)] if found.is_masked or cut else _answers(plan, words)
    return Drawing(text, [*above, *shown, *cut, *below, actions(buttons)])


def _as_fits(said: Sequence[Block], beside: Sequence[Block], words: Wording) -> tuple[list[Block], list[Block]]:
    """As much of a plan as a message takes, and a line that says so where that is not all."""
    return as_fits(said, beside, context(words.mrkdwn("plan.cut")))


def _look(plan: Plan, words: Wording, primary: bool = False) -> ButtonElement:
    return button(words.text("button.plan.check"), "plan.check", plan.id, primary=primary)


def _others(found: Facets, user_id: str, words: Wording) -> list[Block]:
    """Who has been asked as well, so that nobody waits for the others; of a confidential incident nobody has."""
    asked = () if found.incident.is_private else found.people.first(found.incident.level)
    others = [mention(each) for each in asked if each != user_id]
    if not others:
        return []
    return [context(words.mrkdwn("plan.asked_too", who=Mrkdwn(words.text("list.comma").join(others))))]


def _decided(found: Facets, user_id: str, words: Wording, values: dict[str, Any]) -> Drawing:
    """What has become of it, to somebody who was asked."""
    plan, newer = found.plan, found.newer
    if plan.approved_by and plan.approved_at:
        values |= {"who": mention(plan.approved_by), "at": words.time(plan.approved_at)}
        return _only(words.mrkdwn(f"plan.{'you' if plan.approved_by == user_id else 'they'}_approved", **values))
    if plan.refused_by and plan.refused_at:
        values |= {"who": mention(plan.refused_by), "at": words.time(plan.refused_at)}
        text = words.mrkdwn(f"plan.{'you' if plan.refused_by == user_id else 'they'}_refused", **values)
        return Drawing(text, [section(text), *quoted(found.shown.reason)])
    if newer is not None:
        return _only(words.mrkdwn("plan.is_replaced", **values, newer=newer.version, by=mention(newer.by)))
    return _only(words.mrkdwn("plan.is_over", **values))


def _for_author(found: Facets, user_id: str, words: Wording) -> Drawing:
    plan, newer = found.plan, found.newer
    values: dict[str, Any] = {"what": _what(found, words), "version": plan.version, "to": mention(user_id)}
    if newer is not None:
        return _only(words.mrkdwn("plan.new_version", **values, newer=newer.version, by=mention(newer.by)))
    if not found.is_of_now:
        return _only(words.mrkdwn("plan.is_over", **values))
    text = words.mrkdwn("plan.you_revise", **values, who=mention(str(plan.refused_by)))
    revise = button(words.text("button.plan.revise"), "plan.revise", plan.id, primary=True)
    return Drawing(text, [section(text), *quoted(found.shown.reason), *_where(found), actions([revise])])


def _for_owner(found: Facets, user_id: str, words: Wording) -> Drawing:
    plan = found.plan
    values: dict[str, Any] = {"what": _what(found, words), "version": plan.version, "to": mention(user_id)}
    if found.newer is not None:
        newer = found.newer
        return _only(words.mrkdwn("plan.new_version", **values, newer=newer.version, by=mention(newer.by)))
    if not found.is_of_now:
        return _only(words.mrkdwn("plan.is_carried_out", **values))
    values |= {"who": mention(str(plan.approved_by)), "until": words.when(plan.until_at)}
    text = words.mrkdwn("plan.you_carry_out", **values)
    request = button(words.text("button.requests.open"), "requests.open", found.incident.id)
    return Drawing(text, [section(text), *quoted(found.shown.steps), *_where(found), actions([request])])


def _answers(plan: Plan, words: Wording) -> list[ButtonElement]:
    return [
        button(words.text("button.plan.approve"), "plan.approve", plan.id, primary=True),
        button(words.text("button.plan.refuse"), "plan.refuse", plan.id),
        button(words.text("button.plan.ask"), "plan.ask", plan.id),
    ]


def _what(found: Facets, words: Wording) -> Mrkdwn:
    return words.mrkdwn("remind.incident", number=found.incident.number, title=found.incident.title)


def _where(found: Facets) -> Sequence[Block]:
    channel_id = found.incident.channel_id
    return [context(channel_link(channel_id))] if channel_id else []


def _only(text: Mrkdwn) -> Drawing:
    return Drawing(text, [section(text)])


def may_approve_own(desk: Desk, tx: Connection, incident: Incident, author: str, now: datetime) -> bool:
    """Whether somebody may approve a plan of their own, as far as its compensation goes (never at severity 1)."""
    if incident.level is Severity.ONE:
        return False
    draft = Plan(0, incident.id, 0, incident.round, author, now, "", author, now, False, "")
    return author in deciders(desk, tx, incident, draft).asked
