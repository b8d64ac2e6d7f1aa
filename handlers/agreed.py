"""An action item on its way: its owner is told, its clock runs, and when the owner leaves somebody else has it.

Not a step of its own: the step `actions` calls this, App Home and the weekly word show items as this writes them, and
whatever notices that somebody has left asks it who is next.
"""

from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement
from sqlalchemy import Connection

from bot import action as rules
from bot import deadlines as clocks
from bot.action import Action, ActionState
from bot.incident import Deadline, Duty, Incident
from bot.wording import Mrkdwn, Wording, mention
from handlers import card, channel, duties, masks
from handlers.blocks import actions as row
from handlers.blocks import beginning, button, section
from handlers.desk import Desk, Drawing
from storage import actions, deadlines, incidents, journal, outbox, people, roles
from storage.outbox import Message, Saying

IN_SHORT = 1000  # letters of what was agreed, and of what came of it: both stand in one section
SHOWN = ("action", "postmortem")  # drawn again whenever something becomes of an action item


def tell(tx: Connection, action: Action, by: str | None, now: datetime) -> None:
    """Its owner reads it in a direct message, unless it was their own doing."""
    if action.owner_id != by:
        detail = {"action": action.id}
        outbox.say(tx, [Saying(action.incident_id, "action", "person", action.owner_id, detail=detail)], now)


def start_clock(desk: Desk, tx: Connection, incident: Incident, action: Action, now: datetime) -> None:
    """Reminded of the working day before, late when its day is over."""
    who = duties.company(desk, tx)
    made = clocks.plan(
        Duty.ACTION,
        incident.level,
        action.owner_id,
        now,
        who.procedure,
        who.rosters,
        str(action.id),
        due_on=action.due_on,
    )
    deadlines.start(tx, incident.id, [made])


def move_clock(desk: Desk, tx: Connection, incident: Incident, was: Action, now: datetime) -> list[int]:
    """It has another owner, or another day: then its clock starts anew. Returns the ids of the deadlines that are
    different."""
    action = actions.get(tx, was.id)
    if action.due_on != was.due_on:
        stopped = deadlines.stop(tx, incident.id, now, [Duty.ACTION], str(action.id))
        start_clock(desk, tx, incident, action, now)
        return stopped
    who, changed = duties.company(desk, tx), []
    for clock in clocks_of(tx, action):
        moved = clocks.handed_to(clock, incident.level, action.owner_id, now, who.procedure, who.rosters)
        deadlines.change(tx, moved)
        changed.append(clock.id)
    return changed


def clocks_of(tx: Connection, action: Action) -> list[Deadline]:
    """What runs for it."""
    running = deadlines.running(tx, action.incident_id, lock=True)
    return [each for each in running if each.duty is Duty.ACTION and each.subject == str(action.id)]


def drop_all(tx: Connection, incident: Incident, by: str, why: str, now: datetime) -> None:
    """It was none: nobody has to learn from it. Their clocks have been stopped."""
    for action in [each for each in actions.of_incident(tx, incident.id) if each.state is ActionState.OPEN]:
        actions.end(tx, action.id, ActionState.DROPPED, by, why, now)
        journal.add(tx, incident.id, "action_dropped", by, now, action=action.id)
    outbox.redraw(tx, [incident.id], now, SHOWN)


def replace_gone(desk: Desk, tx: Connection, incident: Incident, user_id: str, now: datetime) -> None:
    """An owner has left: what they had still to do is given to whoever the procedure says, who is told."""
    left = [each for each in actions.of_incident(tx, incident.id) if each.owner_id == user_id]
    for action in [each for each in left if each.state is ActionState.OPEN]:
        holders = roles.holders(roles.of_incident(tx, incident.id))
        who = duties.company(desk, tx, user_id, incident.reporter_id, *holders.values())
        owner = who.owner(Duty.ACTION, holders, incident)
        if owner == user_id:
            continue  # nobody is there
        actions.change(tx, action.id, owner, action.due_on)
        changed = move_clock(desk, tx, incident, action, now)
        channel.bring_in(tx, incident, [owner], now)
        journal.add(tx, incident.id, "action_changed", None, now, action=action.id, owner=owner, was=user_id)
        detail = {"action": action.id, "gone": user_id}
        outbox.say(tx, [Saying(incident.id, "action", "person", owner, detail=detail)], now)
        outbox.redraw(tx, [incident.id], now, SHOWN, changed)


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """The direct message to an owner; it says what has become of it."""
    action = actions.get(tx, int(message.detail["action"]))
    incident = incidents.get(tx, action.incident_id)
    words = desk.words_for(people.get(tx, str(message.user_id)))
    values: dict[str, Any] = {
        "number": incident.number,
        "title": incident.title,
        "what": masks.of(tx, incident.id)(action.what),
        "kind": words.text(f"action_kind.{action.kind}"),
        "day": words.calendar_day(action.due_on),
    }
    if action.state is not ActionState.OPEN:
        about = words.mrkdwn("actions.about", number=incident.number, title=incident.title)
        text = Mrkdwn(f"{ended(tx, action, words)}\n{about}")
        return Drawing(text, [section(text)])
    if action.owner_id != message.user_id:
        text = words.mrkdwn("actions.somebody_elses", who=mention(action.owner_id), **values)
        return Drawing(text, [section(text)])
    to = mention(action.owner_id)
    if gone := message.detail.get("gone"):
        text = words.mrkdwn("actions.yours_now", to=to, gone=mention(str(gone)), **values)
    else:
        text = words.mrkdwn("actions.asked", to=to, who=mention(action.by), **values)
    blocks: list[Block] = [section(text), row([done_button(action, words, primary=True), change_button(action, words)])]
    return Drawing(text, blocks)


def line(desk: Desk, tx: Connection, action: Action, words: Wording, now: datetime) -> Mrkdwn:
    """One that is still to be done: what, until when, and whose it is."""
    day = rules.day_in_hand(now, desk.procedure.worktime)
    return words.mrkdwn(
        "actions.late" if action.is_overdue(day) else "actions.running",
        what=masks.of(tx, action.incident_id)(action.what),
        day=words.calendar_day(action.due_on),
        who=mention(action.owner_id),
        kind=words.text(f"action_kind.{action.kind}"),
    )


def ended(tx: Connection, action: Action, words: Wording) -> Mrkdwn:
    """One that is done, or dropped: who, when, and with which words."""
    assert action.ended_by is not None  # noqa: S101 - asked by the caller
    assert action.ended_at is not None  # noqa: S101 - as above
    mask = masks.of(tx, action.incident_id)
    return words.mrkdwn(
        f"actions.{action.state}",
        what=beginning(mask(action.what), IN_SHORT),
        who=mention(action.ended_by),
        at=words.day(action.ended_at),
        outcome=beginning(mask(action.outcome), IN_SHORT),
    )


def where(incident: Incident, words: Wording) -> Mrkdwn:
    """Of which incident it is."""
    sign = card.sign_of(incident)
    return words.mrkdwn("actions.where", sign=sign, number=incident.number, title=incident.title)


def done_button(action: Action, words: Wording, primary: bool = False) -> ButtonElement:
    """It is done."""
    return button(words.text("button.actions.done_open"), "actions.done_open", action.id, primary=primary)


def change_button(action: Action, words: Wording) -> ButtonElement:
    """Somebody else, or another day."""
    return button(words.text("button.actions.change_open"), "actions.change_open", action.id)
