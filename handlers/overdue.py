"""Action items that are overdue: once a week the managers read what is, whose it is, and how late.

The clock's own job, with each sweep: the day of the procedure file has come, and nobody has told them yet -> a direct
message to each. Not a step of its own: App Home counts what this counts.
"""

import structlog
from slack_sdk.models.blocks import Block
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from bot import action as rules
from bot.action import Action
from bot.deadlines import members
from bot.postmortem import split
from bot.procedure import Procedure, Weekday
from bot.wording import Mrkdwn, Wording, mention
from handlers import masks
from handlers.blocks import SECTION_LENGTH, button, context, room_for, section
from handlers.blocks import actions as row
from handlers.desk import Desk, Drawing
from storage import actions, incidents, outbox, people
from storage.outbox import Message, Saying

log = structlog.get_logger(__name__)

NAMED = 15  # as many as somebody reads in a message; the others are behind its button


class Overdue:
    """Looks with each sweep whether the managers are to be told."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def look(self) -> None:
        """Tells them, unless it is too early or somebody has."""
        try:
            tell_managers(self._desk)
        except OperationalError as error:
            log.warning("the database can't be reached; what is overdue is told later", error=type(error.orig).__name__)


def tell_managers(desk: Desk) -> int:
    """Once a week, at the file's time or as soon after it as the bot runs: a message to each manager for whom something
    is overdue. Returns how many that are. Several replicas may ask: one tells."""
    now, procedure = desk.now(), desk.procedure
    asked = procedure.actions
    day = rules.told_last([*Weekday].index(asked.weekday), asked.at, now, procedure.worktime)
    with desk.db.read() as tx:
        if actions.was_told(tx, day):
            return 0
    with desk.db.begin() as tx:
        if not actions.start_telling(tx, day):
            return 0
        sayings = [
            Saying(found[0].incident_id, "overdue", "person", user_id, detail={"day": day.isoformat()})
            for user_id in managers(tx, procedure)
            if (found := actions.overdue(tx, rules.day_in_hand(now, procedure.worktime), 1, user_id))
        ]
        outbox.say(tx, sayings, now)
    desk.wake()
    return len(sayings)


def managers(tx: Connection, procedure: Procedure) -> list[str]:
    """Who hears of it: everybody on these rungs who is there."""
    named = [who for role in procedure.actions.managers for who in procedure.rung(role)]
    found = members(named, people.roster_members(tx))
    gone = people.not_there(tx, found)
    return [user_id for user_id in found if user_id not in gone]


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Everything that is overdue now, by owner; of confidential incidents only what the reader may know of."""
    user_id, now, calendar = str(message.user_id), desk.now(), desk.procedure.worktime
    words, day = desk.words_for(people.get(tx, user_id)), rules.day_in_hand(now, calendar)
    count = actions.count_overdue(tx, day, user_id)
    if not count:
        text = words.mrkdwn("overdue.none")
        return Drawing(text, [section(text)])
    found = actions.overdue(tx, day, NAMED, user_id)
    first = words.mrkdwn("overdue.sentence", n=count, to=mention(user_id), day=words.calendar_day(found[0].due_on))
    sections: list[Block] = []
    named: list[int] = []  # how many stand in each
    for owner_id in dict.fromkeys(each.owner_id for each in found):
        theirs = [each for each in found if each.owner_id == owner_id]
        lines = [words.mrkdwn("overdue.owner", who=mention(owner_id))]
        lines += [_line(tx, each, (day - each.due_on).days, words) for each in theirs]
        for number, part in enumerate(split(lines, SECTION_LENGTH)):
            sections.append(section(Mrkdwn("\n".join(part))))
            named.append(len(part) if number else len(part) - 1)
    all_of_them = row([button(words.text("button.actions.overdue"), "actions.overdue", "all", primary=True)])
    shown = room_for(sections, [section(first), context(words.mrkdwn("overdue.more", n=count)), all_of_them])
    more = count - sum(named[: len(shown)])
    left_out = [context(words.mrkdwn("overdue.more", n=more))] if more else []
    return Drawing(first, [section(first), *shown, *left_out, all_of_them])


def _line(tx: Connection, action: Action, days: int, words: Wording) -> Mrkdwn:
    incident = incidents.get(tx, action.incident_id)
    return words.mrkdwn(
        "overdue.line",
        n=days,
        number=incident.number,
        what=masks.of(tx, incident.id)(action.what),
        day=words.calendar_day(action.due_on),
    )
