"""The brief for the executives: at its time the clock makes it from the record and sends it, then the next round runs.

Not a step of its own: `handlers/clock.py` calls this inside its transaction, with the incident locked. Whoever leads is
asked for news before, and only when nobody has reported any in this round.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from bot import deadlines as rules
from bot import lifecycle
from bot.incident import Deadline, Duty, Incident, Role
from bot.plan import Plan
from bot.wording import Mrkdwn, Wording, channel_link, escape, mention
from handlers import card, channel, duties, masks
from handlers.blocks import beginning, fitting, section
from handlers.desk import Desk, Drawing
from storage import customers, deadlines, incidents, journal, outbox, people, plans, progress, roles
from storage.outbox import Message, Saying

LATE = 5  # as many as somebody takes in; the card has them all
LONGEST = 600  # letters of what somebody has reported


def is_answered(tx: Connection, deadline: Deadline) -> bool:
    """Whether somebody has reported progress in the round of this brief: nobody has to be asked for it."""
    if deadline.duty is not Duty.BRIEF:
        return False
    last = progress.latest(tx, deadline.incident_id)
    return last is not None and last.at >= deadline.started_at


def send(desk: Desk, tx: Connection, incident: Incident, deadline: Deadline, now: datetime) -> None:
    """It is time: everybody for whom it is gets it, and the next one has its time."""
    if not incident.status.is_unsolved:
        deadlines.stop(tx, incident.id, now, [Duty.BRIEF])
        return
    readers = _readers(desk, tx, incident, now)
    outbox.say(tx, [Saying(incident.id, "brief", "person", user_id) for user_id in readers], now)
    met = deadlines.meet_these(tx, [deadline.id], deadline.owner_id, now)
    journal.add(tx, incident.id, "briefed", None, now, to=readers)
    outbox.redraw(tx, [incident.id], now, (), met)
    duties.begin_again(desk, tx, incident, Duty.BRIEF, now)


def _readers(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> list[str]:
    """The people it is for who are there. Of a private incident only those who may know of it; when there is none of
    them, the first is brought in, as with everything that goes up."""
    who = duties.company(desk, tx)
    times = who.procedure.duties.get(Duty.BRIEF)
    found = rules.read_by(times, who.procedure, who.rosters) if times else []
    gone = people.not_there(tx, found)
    there = [user_id for user_id in found if user_id not in gone]
    if not incident.is_private:
        return there
    participants = incidents.participants_of(tx, incident.id)
    inside = [user_id for user_id in there if lifecycle.may_see(incident, user_id, participants)]
    for user_id in there[:1] if not inside else []:
        channel.bring_in(tx, incident, [user_id], now)
        inside.append(user_id)
    return inside


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Where it stands, in the reader's language: how bad, whom it hits, what is new, what is planned, what is late."""
    incident, now = incidents.get(tx, message.incident_id), message.created_at  # drawn again, it is still of then
    words = desk.words_for(people.get(tx, str(message.user_id)))
    mask, counts = masks.of(tx, incident.id), customers.counts(tx, incident)
    sign, level = card.sign_of(incident), card.level(incident, words)
    lines = [words.mrkdwn("brief.title", sign=sign, number=incident.number, title=incident.title, level=level)]
    heard = words.mrkdwn("brief.customers", n=counts.total, heard=words.number(counts.heard))
    since = incident.began_at or incident.reported_at
    lasted = words.duration((now - since).total_seconds())
    lines.append(words.mrkdwn("brief.since", at=words.time(since), lasted=lasted, customers=heard))
    last = progress.latest(tx, incident.id)
    if last is None:
        lines.append(words.mrkdwn("brief.no_news"))
    else:
        news = beginning(mask(last.words), LONGEST)
        lines.append(words.mrkdwn("brief.news", words=news, who=mention(last.by), at=words.time(last.at)))
        if last.expected_at:
            lines.append(words.mrkdwn("card.expected", at=words.when(last.expected_at)))
        if last.needs:
            lines.append(words.mrkdwn("progress.needed", needs=mask(last.needs)))
    lines.append(_planned(incident, plans.of_incident(tx, incident.id), words))
    lines.append(_late(deadlines.running(tx, incident.id), words, now))
    lines.append(_around(incident, roles.holders(roles.of_incident(tx, incident.id)).get(Role.LEAD), words))
    sentence = words.mrkdwn("brief.sentence", number=incident.number, level=level, customers=heard)
    return Drawing(sentence, [section(Mrkdwn("\n".join(fitting(line for line in lines if line))))])


def _planned(incident: Incident, versions: Sequence[Plan], words: Wording) -> Mrkdwn:
    plan = next((each for each in reversed(versions) if each.round == incident.round), None)
    if plan is None:
        return words.mrkdwn("brief.plan_none")
    if plan.approved_by and plan.approved_at:
        return words.mrkdwn(
            "brief.plan_approved",
            version=plan.version,
            who=mention(plan.approved_by),
            at=words.time(plan.approved_at),
            until=words.when(plan.until_at),
        )
    if plan.refused_by and plan.refused_at:
        who, at = mention(plan.refused_by), words.time(plan.refused_at)
        return words.mrkdwn("brief.plan_refused", version=plan.version, who=who, at=at)
    return words.mrkdwn("brief.plan_waits", version=plan.version, at=words.time(plan.at))


def _late(running: Sequence[Deadline], words: Wording, now: datetime) -> Mrkdwn:
    late = [each for each in running if each.is_late(now) and each.duty not in (Duty.BRIEF, Duty.REGRADE)]
    if not late:
        return words.mrkdwn("brief.nothing_late")
    named = [
        words.mrkdwn(
            "brief.late_one",
            what=words.text(f"duty.{each.duty}"),
            who=mention(each.was_due_from),
            late=words.duration((now - each.due_at).total_seconds()),
        )
        for each in late[:LATE]
    ]
    shown = Mrkdwn(escape(words.text("list.comma")).join(named))
    return words.mrkdwn("brief.late", n=len(late), late=shown)


def _around(incident: Incident, lead: str | None, words: Wording) -> Mrkdwn:
    parts = [words.mrkdwn("card.role", role=words.text(f"role.{Role.LEAD}"), who=mention(lead))] if lead else []
    if incident.channel_id:
        parts.append(channel_link(incident.channel_id))
    return Mrkdwn(" · ".join(parts))
