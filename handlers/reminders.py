"""A reminder is answered: the thing is done, put off once, or taken over.

The clock writes what is due (`handlers/clock.py`); here it is drawn, and its own three buttons are heard.
"""

from datetime import datetime
from typing import Any

from slack_bolt import Ack, App
from slack_sdk.models.blocks import Block, ButtonElement
from sqlalchemy import Connection

from bot import deadlines as rules
from bot import grading, lifecycle
from bot.confidential import known_by, masked
from bot.incident import RUNGS, Counts, Customer, Deadline, Duty, Incident, Moment, MomentKind, NotAllowed, Person, Role
from bot.plan import Plan
from bot.wording import Mrkdwn, Wording, channel_link, mention
from handlers import card, decisions, duties, masks
from handlers.blocks import Json, actions, beginning, button, fitting, room_for, section
from handlers.desk import Desk, Drawing
from handlers.words import chosen_id
from storage import actions as action_items
from storage import (
    contacts,
    customers,
    deadlines,
    incidents,
    journal,
    outbox,
    people,
    plans,
    progress,
    requests,
    roles,
    tasks,
)
from storage.outbox import Message

# The button with which its owner does the thing. Those that are about one role or one task carry its id, the others the
# incident's.
DOES = {
    Duty.VERIFY: "verify.open",
    Duty.REPORT_UP: "acknowledge.told",
    Duty.INFORM_EXECUTIVE: "acknowledge.told",
    Duty.INVOLVE_PR: "acknowledge.told",
    Duty.ASSEMBLE_TEAM: "roles.open",
    Duty.FIRST_CONTACT: "contact.open",
    Duty.UPDATE: "contact.open",
    Duty.PRELIMINARY_SOLUTION: "plan.open",
    Duty.COMPLAINT_RESPONSE: "contact.open",
    Duty.COMPLAINT_SOLUTION: "solution.open",
    Duty.COMPLEX_SOLUTION: "solution.open",
    Duty.COMPLAINT_FEEDBACK: "contact.open",
    Duty.FOLLOW_UP: "contact.open",
    Duty.APPROVE_PLAN: "plan.check",
    Duty.REQUEST: "requests.done",
    Duty.BRIEF: "progress.open",
    Duty.CONFIRMATION: "confirm.open",
    Duty.CALL_IN_PERSON: "contact.with",
    Duty.SECOND_PLAN: "plan.open",
    Duty.SATISFACTION: "satisfaction.open",
    Duty.SECTION: "postmortem.write",
    Duty.POSTMORTEM: "postmortem.submit_open",
    Duty.ACCEPT_POSTMORTEM: "postmortem.check",
    Duty.ACTION: "actions.done_open",
    Duty.PROMISE: "reminders.kept",
    Duty.CALL_AGAIN: "contact.with",
    Duty.TASK: "tasks.done",
    Duty.APPROVE_STATEMENT: "statement.check",
    Duty.REGRADE: "grade.confirm",
}
OF_A_SUBJECT = (
    "tasks.done",
    "roles.accept",
    "roles.decline",
    "contact.with",
    "statement.check",
    "plan.check",
    "requests.done",
    "actions.done_open",
    "actions.change_open",
)
KNOW, TOLD = "acknowledge.confirm", "acknowledge.told"  # whoever has to acknowledge; whoever reaches them
OF_A_DEADLINE = (KNOW, TOLD, "reminders.kept")
SUBJECT = 500  # characters of what is to be done
PARTS = 10  # what falls together in one message; Slack takes 50 blocks


def register(app: App) -> None:
    """What leads here."""
    app.action("reminders.postpone")(postpone)
    app.action("reminders.take_over")(take_over)
    app.action("reminders.kept")(keep)


def postpone(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """Once, for half of what is left; only by the one who owes it."""
    deadline_id = chosen_id(action)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, deadlines.get(tx, deadline_id).incident_id, lock=True)
        deadline = deadlines.get(tx, deadline_id, lock=True)
        lifecycle.check_owes(deadline, person.user_id)
        quiet = rules.is_quiet(deadline.duty, incident.level, desk.procedure)
        later = rules.postponed(deadline, now, desk.procedure.worktime if quiet else None)
        if later is None:
            raise NotAllowed("allowed.not_later", at=deadline.due_at)
        deadlines.change(tx, later)
        journal.add(tx, incident.id, "postponed", person.user_id, now, duty=deadline.duty)
        outbox.redraw(tx, [incident.id], now, (), [deadline.id])
    ack()
    desk.wake()


def take_over(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """It is theirs from now on; everybody who was told sees that."""
    deadline_id = chosen_id(action)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, deadlines.get(tx, deadline_id).incident_id, lock=True)
        deadline = deadlines.get(tx, deadline_id, lock=True)
        lifecycle.check_can_take_over(deadline, person.user_id)
        duties.take_over(desk, tx, incident, deadline, person.user_id, now)
        incidents.add_participants(tx, incident.id, [person.user_id])
        journal.add(tx, incident.id, "taken_over", person.user_id, now, duty=deadline.duty, of=deadline.owner_id)
        met = duties.knows(desk, tx, incident, person.user_id, "taken_over", now)
        shown = [*card.SHOWN_WITH_INCIDENT, "requests", "request", "section_asked"]
        outbox.redraw(tx, [incident.id], now, shown, [deadline.id, *met])
    ack()
    desk.wake()


def keep(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """A promise is kept."""
    deadline_id = chosen_id(action)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, deadlines.get(tx, deadline_id).incident_id, lock=True)
        deadline = deadlines.get(tx, deadline_id, lock=True)
        lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
        lifecycle.check_is_owed(deadline)
        met = deadlines.meet_these(tx, [deadline.id], person.user_id, now)
        journal.add(tx, incident.id, "promise_kept", person.user_id, now, contact=int(deadline.subject))
        outbox.redraw(tx, [incident.id], now, card.SHOWN_WITH_INCIDENT, met)
    ack()
    desk.wake()


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Everything that falls together in one message; what is done says who did it and when."""
    incident = incidents.get(tx, message.incident_id)
    words = desk.channel_words
    if message.place == "person":
        words = desk.words_for(people.get(tx, str(message.user_id)))
    texts: list[Mrkdwn] = []
    blocks: list[Block] = []
    said = 0
    for deadline_id, index in message.reminds_of[:PARTS]:
        deadline = deadlines.get(tx, deadline_id)
        text, buttons = _part(desk, tx, message, incident, deadline, deadline.moments[index], words)
        if len(message.reminds_of) > 1:  # each has its button, and the first one is the primary
            buttons = buttons[: 2 if message.place == "person" else 1]
            if any(block.type == "actions" for block in blocks):
                buttons = [_plain(each) for each in buttons]
        part = [section(text), *([actions(buttons)] if buttons else [])]
        if len(room_for(part, blocks)) < len(part):
            break
        texts.append(text)
        blocks += part
        said += 1
    if more := len(message.reminds_of) - said:
        texts.append(words.mrkdwn("remind.and_more", n=more))
        blocks.append(section(texts[-1]))
    return Drawing("\n".join(fitting(texts)), blocks)  # of longer texts Slack takes no edit


def _part(
    desk: Desk, tx: Connection, message: Message, incident: Incident, deadline: Deadline, moment: Moment, words: Wording
) -> tuple[Mrkdwn, list[ButtonElement]]:
    in_person = message.place == "person"
    values: dict[str, Any] = {
        "what": Mrkdwn(words.mrkdwn("remind.incident", number=incident.number, title=incident.title))
        if in_person
        else incident.number,
        "owner": mention(deadline.was_due_from),
        "due": words.time(deadline.due_at),
        "subject": subject_of(desk, tx, deadline, words),
        "n": incident.customers_affected,
        "to": mention(_named(message, deadline, moment)),
        "addressee": addressee(deadline, words),
    }
    counts = customers.counts(tx, incident) if deadline.duty in (Duty.FIRST_CONTACT, Duty.UPDATE) else None
    if counts and deadline.duty is Duty.FIRST_CONTACT:
        values["n"] = counts.unheard
    if deadline.met_at is not None:
        return _met(deadline, words, values), []
    if deadline.stopped_at is not None:
        values["duty"] = words.text(f"duty.{deadline.duty}")
        return words.mrkdwn("remind.stopped", **_these(words, "remind.stopped", values)), []
    if deadline.duty is Duty.ACTION:
        values["due"] = words.day(deadline.due_at)
    if deadline.duty is Duty.BRIEF and (last := progress.latest(tx, incident.id)) and last.at >= deadline.started_at:
        who, at = mention(last.by), words.time(last.at)
        return words.mrkdwn("progress.reminded", what=values["what"], who=who, at=at, due=values["due"]), []
    text, buttons = _running(desk, tx, message, incident, deadline, moment, words, values)
    if deadline.duty in decisions.MET_BY_IT and (waits := decisions.waits_for(desk, tx, incident)):
        text, buttons = _waits(*waits, moment, words, values)
    if counts and deadline.duty is Duty.FIRST_CONTACT and (so_far := _so_far(counts, words)):
        text = Mrkdwn(f"{text} {so_far}")
    if in_person and incident.channel_id:
        text = Mrkdwn(f"{text} {channel_link(incident.channel_id)}")
    return text, buttons


def _named(message: Message, deadline: Deadline, moment: Moment) -> str:
    """Who should act first: whoever reads it, or whom the channel is told of, of a reminder its owner as it is now."""
    if message.place == "person" and message.user_id:
        return message.user_id
    is_owners = moment.kind is MomentKind.REMIND and moment.role is Role.OWNER
    return deadline.owner_id if is_owners else moment.user_id or deadline.owner_id


def _waits(
    plan: Plan, who: str, moment: Moment, words: Wording, values: dict[str, Any]
) -> tuple[Mrkdwn, list[ButtonElement]]:
    """There is a plan, but nobody has approved it: another one would not help."""
    sign = "⚠️ " if moment.kind in rules.UP else ""
    values = {name: values[name] for name in ("to", "what", "due")}
    text = words.mrkdwn("plan.still_waits", sign=sign, version=plan.version, who=mention(who), **values)
    return text, [button(words.text("button.plan.check"), "plan.check", plan.id, primary=True)]


def _so_far(counts: Counts, words: Wording) -> Mrkdwn:
    """How many have heard, and whom to call first: `137 of 212 customers reached · 41 no answer`."""
    parts = card.progress(counts, words)
    if counts.urgent and counts.listed > 1:
        parts.append(words.mrkdwn("card.call_first", n=counts.urgent))
    return Mrkdwn(f"({' · '.join(parts)})") if parts else Mrkdwn("")


def _running(
    desk: Desk,
    tx: Connection,
    message: Message,
    incident: Incident,
    deadline: Deadline,
    moment: Moment,
    words: Wording,
    values: dict[str, Any],
) -> tuple[Mrkdwn, list[ButtonElement]]:
    duty, does = deadline.duty, _does(desk, tx, message, incident, deadline, moment)
    late = moment.kind in (MomentKind.ESCALATE, MomentKind.NOBODY_LEFT)
    if moment.kind is MomentKind.PROPOSE:
        proposal = grading.propose(grading.facts_of(incident, max(message.created_at, deadline.due_at)), desk.procedure)
        why = Mrkdwn(words.text("list.and").join(card.reasons(proposal, words)))
        sign, level = card.SIGN[proposal.severity], int(proposal.severity)
        text = words.mrkdwn("remind.regrade", to=values["to"], what=values["what"], sign=sign, severity=level, why=why)
        confirm = button(words.text("button.grade.confirm", severity=level), "grade.confirm", incident.id, primary=True)
        return text, [confirm, button(words.text("button.grade.open"), "grade.open", incident.id)]
    if moment.kind is MomentKind.NOBODY_LEFT:
        key = "late.nobody_left"
        values["duty"] = words.text(f"duty.{duty}")
    elif said := _told(message, deadline, moment):
        key = said
        values |= {"by": mention(deadline.told_by or ""), "at": words.time(deadline.told_at or deadline.due_at)}
    elif moment.kind is MomentKind.TELL:
        key = f"tell.{duty}" if moment.role is not Role.OWNER else "tell.copy"
        values["severity"] = card.level(incident, words)
    elif late:
        key = f"late.{duty}"
    else:
        key = f"remind.{duty}" if moment.role is Role.OWNER else f"remind.{duty}.addressee"
        values["left"] = words.duration((deadline.due_at - message.created_at).total_seconds())
    text = words.mrkdwn(key, **_these(words, key, values))
    if key == f"late.{duty}" and deadline.missed_by is not None:
        text = Mrkdwn(text + words.mrkdwn("late.now_with", who=mention(deadline.owner_id)))
    is_told_so = message.user_id == moment.user_id and moment.kind is MomentKind.ESCALATE
    if late and message.place == "person" and is_told_so and moment.role is not Role.OWNER:
        text = Mrkdwn(text + words.mrkdwn("late.as_role", role=words.text(f"role.{moment.role}").lower()))
    if deadline.postponed_at is not None and message.created_at <= deadline.postponed_at and not late:
        text = Mrkdwn(text + words.mrkdwn("remind.postponed"))
    return text, _buttons(message, deadline, moment, words, does)


def _told(message: Message, deadline: Deadline, moment: Moment) -> str | None:
    """The phrase for a duty of which its addressee was told: to them, to who hears of it after that, to others."""
    if deadline.told_at is None:
        return None
    if moment.kind is MomentKind.TELL:
        return "told.addressee" if moment.at >= deadline.told_at else None
    if moment.kind is MomentKind.REMIND and moment.role is not Role.OWNER:
        return None
    return "told.late" if message.created_at > deadline.told_at else "told.said"


def doing(action: str, deadline: Deadline, words: Wording, primary: bool = False) -> ButtonElement:
    """The button that does what is owed."""
    value: object = deadline.incident_id
    if action == "contact.with" and not deadline.subject:  # one of several who can't be told apart
        action = "contact.open"
    elif action in OF_A_SUBJECT:
        value = deadline.subject
    elif action in OF_A_DEADLINE:
        value = deadline.id
    elif action == "postmortem.write":
        value = f"{deadline.incident_id}:{deadline.subject}"
    return button(words.text(f"button.{action}"), action, value, primary=primary)


def _buttons(
    message: Message, deadline: Deadline, moment: Moment, words: Wording, does: list[str]
) -> list[ButtonElement]:
    found = [doing(action, deadline, words, primary=number == 0) for number, action in enumerate(does)]
    is_owners = moment.kind is MomentKind.REMIND and moment.user_id == deadline.owner_id
    if is_owners and deadline.duty is not Duty.ACTION and deadline.told_at is None:
        later = rules.may_postpone(deadline, message.created_at)
        if later is not None:
            text = words.text("button.reminders.postpone", n=int(later.total_seconds() // 60))
            found.append(button(text, "reminders.postpone", deadline.id))
    if moment.kind is MomentKind.ESCALATE and moment.user_id != deadline.owner_id and deadline.duty not in NOT_TAKEN:
        found.insert(0, button(words.text("button.reminders.take_over"), "reminders.take_over", deadline.id))
    return found


# These wait for one person, or for the people of a role.
NOT_TAKEN = (
    Duty.ACCEPT_ROLE,
    Duty.APPROVE_STATEMENT,
    Duty.APPROVE_PLAN,
    Duty.ACCEPT_POSTMORTEM,
    *rules.TO_ACKNOWLEDGE,
)


def _plain(primary: ButtonElement) -> ButtonElement:
    return button(str(primary.text.text if primary.text else ""), str(primary.action_id), primary.value)


def _does(
    desk: Desk, tx: Connection, message: Message, incident: Incident, deadline: Deadline, moment: Moment
) -> list[str]:
    if deadline.duty is Duty.ACCEPT_ROLE:
        return ["roles.accept", "roles.decline"] if moment.kind is MomentKind.REMIND else ["roles.open"]
    if deadline.duty is Duty.APPROVE_STATEMENT and moment.kind is MomentKind.ESCALATE and moment.role in RUNGS:
        return ["roles.open"]  # they can't approve it, but they know who could
    if moment.kind is MomentKind.TELL and moment.role is Role.OWNER:
        return []
    if deadline.duty in rules.TO_ACKNOWLEDGE:
        return _tell_or_know(desk, tx, message, incident, deadline, moment)
    if deadline.duty is Duty.ACTION:  # it is due on a day, which can be another one
        return [DOES[deadline.duty], "actions.change_open"]
    return [DOES[deadline.duty]] if deadline.duty in DOES else []


def _tell_or_know(
    desk: Desk, tx: Connection, message: Message, incident: Incident, deadline: Deadline, moment: Moment
) -> list[str]:
    """What whoever reads it can do: say that they know of it, or that they have told the one who has to say so. In the
    channel others read along, so both stand there; first what the one who is named can do."""
    allowed = duties.who_acknowledges(desk, tx, incident, deadline)
    can_tell = deadline.told_at is None and rules.asked_to_know(deadline) is not None
    tell = [TOLD] if can_tell else []
    if message.place != "person":
        return [KNOW, *tell] if moment.user_id in allowed and moment.user_id != deadline.owner_id else [*tell, KNOW]
    if message.user_id == deadline.owner_id:
        return [*tell, KNOW] if message.user_id in allowed else tell
    return [KNOW] if message.user_id in allowed else tell


def _met(deadline: Deadline, words: Wording, values: dict[str, Any]) -> Mrkdwn:
    assert deadline.met_at is not None  # noqa: S101 - asked by the caller
    early = (deadline.due_at - deadline.met_at).total_seconds()
    values |= {
        "who": mention(deadline.met_by or deadline.owner_id),
        "at": words.time(deadline.met_at),
        "distance": words.text("remind.early" if early >= 0 else "remind.late", distance=words.duration(early)),
    }
    key = f"met.{deadline.duty}"
    return words.mrkdwn(key, **_these(words, key, values))


def subject_of(desk: Desk, tx: Connection, deadline: Deadline, words: Wording, length: int = SUBJECT) -> Mrkdwn | str:
    """What a deadline is about, when an incident may have several of its kind: the role, the task, the section, or the
    customer. Of what people wrote at most `length` characters."""
    if deadline.duty in (Duty.ACCEPT_ROLE, Duty.APPROVE_PLAN, Duty.APPROVE_STATEMENT):
        return _by_name(tx, deadline, words)
    if deadline.duty in (Duty.TASK, Duty.ACTION, Duty.REQUEST):
        return beginning(masks.of(tx, deadline.incident_id)(_in_words(desk, tx, deadline, words)), length)
    if deadline.duty is Duty.SECTION:
        return words.text(f"postmortem.chapter.{deadline.subject}")
    if deadline.duty is Duty.PROMISE:
        contact = contacts.get(tx, int(deadline.subject))
        listed = customers.get(tx, deadline.incident_id, contact.customer_id) if contact.customer_id else None
        customer = listed.customer if listed else Customer(contact.customer)
        promise = masked(contact.promise, contact.customer, *known_by(customer))
        to_many = contact.customers > 1 and not contact.customer
        name = words.text("contact.everybody") if to_many else masks.name_of(customer, words)
        return words.mrkdwn("remind.promise_to", customer=name, promise=promise)
    if deadline.duty in (Duty.CALL_AGAIN, Duty.CALL_IN_PERSON):
        known = customers.get(tx, deadline.incident_id, int(deadline.subject)) if deadline.subject else None
        return masks.name_of(known.customer, words) if known else words.text("closing.a_customer")
    return ""


def _by_name(tx: Connection, deadline: Deadline, words: Wording) -> str:
    """The role, the version of the plan, or for which role a statement is approved."""
    number, _, role = deadline.subject.partition(":")
    if deadline.duty is Duty.APPROVE_PLAN:
        return words.text("plan.name", version=plans.get(tx, int(number)).version)
    return words.text(f"who.{role}" if role else f"role.{roles.get(tx, int(number)).role}")


def _in_words(desk: Desk, tx: Connection, deadline: Deadline, words: Wording) -> str:
    """What somebody has written down that is to be done."""
    about = int(deadline.subject)
    if deadline.duty is Duty.TASK:
        return desk.procedure.task_words(tasks.get(tx, about), words.language)
    return action_items.get(tx, about).what if deadline.duty is Duty.ACTION else requests.get(tx, about).what


def addressee(deadline: Deadline, words: Wording) -> Mrkdwn | str:
    """Who has to say that they know of it."""
    told = rules.asked_to_know(deadline)
    if told is None or told.user_id is None:
        return words.text("remind.management")
    return mention(told.user_id)


def _these(words: Wording, key: str, values: dict[str, Any]) -> dict[str, Any]:
    """What this phrase says; the number of customers only where it is said, since it chooses the plural."""
    return values if words.counts(key) else {name: value for name, value in values.items() if name != "n"}
