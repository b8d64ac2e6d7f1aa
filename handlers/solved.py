"""Between fixed and closed: how far the customers have confirmed it, and what the end of a round, or the beginning of
another, does to the clocks; and the messages in the channel that say so.

Not a step of its own: the steps `fixed`, `confirm`, `satisfaction`, `close` and `reopen` call this inside their
transaction, with the incident locked.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement
from sqlalchemy import Connection

from bot import closing as rules
from bot import lifecycle
from bot.closing import Confirmation
from bot.incident import Deadline, Duty, Event, Incident, Listed, Person, Role, Status, TaskState, Tier
from bot.wording import Mrkdwn, Wording, channel_link, mention
from handlers import channel, duties, masks, review, tally, team
from handlers.blocks import actions, button, context, section
from handlers.card import SHOWN_WITH_INCIDENT, SHOWN_WITH_STATUS
from handlers.desk import Desk, Drawing
from storage import confirmations, customers, deadlines, incidents, journal, outbox, people, roles, tasks
from storage.outbox import Message, Saying

SHOWN = (*SHOWN_WITH_INCIDENT, *SHOWN_WITH_STATUS, "confirmed", "closed")
SEVERAL = "several"  # at once, without a name
FOUND_AT_ONCE = 90  # Slack takes 100 options
OPTION_LENGTH = 75


def reckon(desk: Desk, tx: Connection, incident: Incident, by: str, now: datetime) -> list[int]:
    """Somebody has confirmed, or the list is another one: when it is enough, the incident is confirmed.

    Returns the ids of the deadlines that are different.
    """
    if incident.status is not Status.FIXED:
        return rated(tx, incident, by, now)
    so_far = tally.of(desk, tx, incident)
    if not so_far.is_enough:
        return []
    incidents.set_confirmed(tx, incident.id, now)
    incident = incidents.get(tx, incident.id)
    changed = deadlines.meet(tx, incident.id, [Duty.CONFIRMATION], by, now)
    duties.begin(desk, tx, incident, [Event.CONFIRMED], now)
    journal.add(tx, incident.id, "confirmed", by, now, round=incident.round, counted=so_far.counted, total=so_far.total)
    changed += rated(tx, incident, by, now)
    outbox.say(tx, [Saying(incident.id, "confirmed", "incident", detail={"round": incident.round})], now)
    return changed


def rated(tx: Connection, incident: Incident, by: str, now: datetime, is_everybody: bool = False) -> list[int]:
    """Everybody who has confirmed by name was asked how satisfied they are; or somebody says that nobody else will
    answer. Returns the ids of the deadlines that this met."""
    answers = confirmations.answers(tx, incident.id, incident.round)
    scores = confirmations.scores(tx, incident.id, incident.round)
    named = rules.confirmed_by_name(answers) & set(customers.ids_of(tx, incident.id, False))
    are_asked = named <= {each.customer_id for each in scores} and not rules.has_several(answers)
    if not scores or not (is_everybody or are_asked):
        return []
    return deadlines.meet(tx, incident.id, [Duty.SATISFACTION], by, now)


def open_again(desk: Desk, tx: Connection, incident: Incident, by: str, now: datetime) -> tuple[Incident, list[int]]:
    """It is not over after all. When it was solved, another round begins: what was owed for the last one stops. What
    closing has stopped runs on. An archived channel can't be opened by a bot (Slack's limit): then there is another.

    Returns the incident as it is now, and the ids of the deadlines that are different.
    """
    before, complained_at = incident, incident.dismissed_at
    is_complex = any(each.duty is Duty.COMPLEX_SOLUTION for each in deadlines.of_incident(tx, incident.id))
    is_another = before.fixed_at is not None or complained_at is not None
    incidents.set_reopened(tx, incident, by, now, is_another)
    if complained_at is not None:
        by_then, reason = str(incident.dismissed_by), incident.dismissal_reason
        incidents.set_complaint(tx, incident.id, by_then, reason, complained_at)
    if incident.archived_at is not None:
        channel.open_another(tx, incident, now)
    elif incident.channel_id is None:
        outbox.ask(tx, "open_channel", f"incident:{incident.id}", now, incident.id)  # Slack has refused it until then
    incident = incidents.get(tx, incident.id)
    changed = go_on_from(desk, tx, incident, before.closed_at, _of_closing(before), now)
    if complained_at is not None:
        event = Event.COMPLEX_COMPLAINT if is_complex else Event.ORDINARY_COMPLAINT
        duties.begin(desk, tx, incident, [Event.COMPLAINT, event], now)
    return incident, changed


def not_satisfied(
    desk: Desk, tx: Connection, incident: Incident, said: Confirmation, now: datetime
) -> tuple[Incident, list[int]]:
    """A customer is not: another round, in which somebody calls in person where the procedure asks for it, else a
    second plan is worked out. Returns the same as `open_again`."""
    incident, changed = open_again(desk, tx, incident, said.by, now)
    duties.begin(desk, tx, incident, [Event.DISSATISFIED], now)
    duties.call_in_person(desk, tx, incident, said.customer_id, now)
    subject = str(said.customer_id or "")
    owed = [
        each
        for each in deadlines.running(tx, incident.id)
        if (each.duty is Duty.CALL_IN_PERSON and each.subject == subject) or each.duty is Duty.SECOND_PLAN
    ]
    for each in owed:
        channel.bring_in(tx, incident, [each.owner_id], now)
    first = owed[0] if owed else None
    say_reopened(tx, incident, "dissatisfied", said.by, now, first, said.customer_id, said.customers)
    return incident, changed


def call(desk: Desk, tx: Connection, incident: Incident, said: Confirmation, now: datetime) -> None:
    """One more customer is not satisfied with the solution before this round: they are called in person too, where the
    procedure asks for it; the second plan is everybody's."""
    duties.call_in_person(desk, tx, incident, said.customer_id, now)
    for each in deadlines.running(tx, incident.id):
        if each.duty is Duty.CALL_IN_PERSON and each.subject == str(said.customer_id or ""):
            channel.bring_in(tx, incident, [each.owner_id], now)
            say_reopened(tx, incident, "dissatisfied", said.by, now, each, said.customer_id, said.customers)


def _of_closing(before: Incident) -> list[Duty]:
    """What runs on when it is opened again, of all that its closing has stopped: the rest was over, or begins anew."""
    if before.dismissed_at is not None:
        return [*duties.DATED, Duty.TASK]
    over = (*duties.OF_A_ROUND, *rules.ENDS_WITH_SOLUTION) if before.fixed_at is not None else ()
    return [each for each in Duty if each not in over]


def go_on_from(
    desk: Desk, tx: Connection, incident: Incident, since: datetime | None, which: Collection[Duty], now: datetime
) -> list[int]:
    """It is not solved after all: what began with the solution stops, and of these duties what stopped at `since` runs
    on. Who has left meanwhile has nothing of it. Returns the ids of the deadlines that are different."""
    changed = deadlines.stop(tx, incident.id, now, duties.OF_A_ROUND)
    changed += review.pause(tx, incident, now)
    if since is not None:
        changed += duties.resume(desk, tx, incident, since, which, now)
    if incident.status.is_unsolved:
        _go_on(desk, tx, incident, now)
    held = [each.user_id for each in roles.of_incident(tx, incident.id) if each.ended_at is None]
    taken = [each.user_id for each in tasks.of_incident(tx, incident.id) if each.state is TaskState.TAKEN]
    owners = [each.owner_id for each in deadlines.running(tx, incident.id)]
    for user_id in sorted(people.not_there(tx, [each for each in (*held, *taken, *owners) if each])):
        team.replace_gone(desk, tx, incident, user_id, now)
    return changed


def _go_on(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> None:
    """It is unsolved again: who has heard from us hears how it goes, and so does management."""
    running = {each.duty for each in deadlines.running(tx, incident.id)}
    events = [Event.GRADED] if incident.severity is not None else []
    if Duty.UPDATE not in running and customers.counts(tx, incident).heard:
        events.append(Event.CONTACTED)
    duties.begin(desk, tx, incident, events, now)
    duties.watch(desk, tx, incident, now)


def say_reopened(
    tx: Connection,
    incident: Incident,
    why: str,
    by: str,
    now: datetime,
    owed: Deadline | None = None,
    customer_id: int | None = None,
    count: int = 1,
) -> None:
    """In the channel, and to whoever has to act first as a direct message: they hear it at once."""
    detail = {
        "round": incident.round,
        "why": why,
        "by": by,
        "to": owed.owner_id if owed else first_of(tx, incident),
        "deadline": owed.id if owed else None,
        "customer": customer_id,
        "customers": count,
    }
    sayings = [Saying(incident.id, "reopened", "incident", detail=detail)]
    if detail["to"] != by:
        channel.bring_in(tx, incident, [str(detail["to"])], now)
        sayings.append(Saying(incident.id, "reopened", "person", str(detail["to"]), detail=detail))
    outbox.say(tx, sayings, now)


def first_of(tx: Connection, incident: Incident) -> str:
    """Who has the incident in hand: the lead, else whoever reported it."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    return holders.get(Role.LEAD, holders.get(Role.REPORTER, incident.reporter_id))


def reopened_until(desk: Desk, incident: Incident) -> datetime:
    """Until when a closed incident can be opened again."""
    closed_at = incident.closed_at or incident.reported_at
    return closed_at + timedelta(days=desk.procedure.closing.reopen_within_days)


# -- choosing a customer -----------------------------------------------------------------------------------------------


def checked(desk: Desk, tx: Connection, incident_id: int, person: Person) -> Incident:
    """The incident, locked, when this person may say what its customers say: they handle the case."""
    incident = incidents.get(tx, incident_id, lock=True)
    lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
    team.check_may(desk, tx, "confirm", incident, person.user_id)
    return incident


def note_seen(tx: Connection, incident: Incident, person: Person, now: datetime, count: int = 1) -> None:
    """That somebody saw customers' names is on record before they are shown."""
    journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="closing", n=count)


def find(
    tx: Connection, incident: Incident, typed: str, last: str, words: Wording, person: Person, now: datetime
) -> list[dict[str, Any]]:
    """Customers whose name, number or contact has what was typed, those who have said nothing in this round first; and
    several at once. `last` is the phrase for that."""
    latest = _latest(tx, incident)
    found = customers.in_turn(tx, incident.id, now, FOUND_AT_ONCE + len(latest), typed, person.user_id)
    found = sorted(found, key=lambda listed: listed.id in latest)[:FOUND_AT_ONCE]
    note_seen(tx, incident, person, now, len(found))
    options = [(f"c{each.id}", line(each, latest, words)) for each in found]
    drawn = [{"value": value, "text": {"type": "plain_text", "text": text}} for value, text in options]
    return [*drawn, several(last, words)] if typed.casefold() in words.text(last).casefold() else drawn


def several(last: str, words: Wording) -> dict[str, Any]:
    """Whoever has no name here, as the phrase `last` says it."""
    return {"value": SEVERAL, "text": {"type": "plain_text", "text": words.text(last)}}


def option(tx: Connection, incident: Incident, who: str, last: str, words: Wording) -> tuple[str, str] | None:
    """What was chosen, as the form shows it."""
    if who == SEVERAL:
        return who, words.text(last)
    listed = chosen(tx, incident, who)
    return (who, line(listed, _latest(tx, incident), words)) if listed else None


def chosen(tx: Connection, incident: Incident, who: str) -> Listed | None:
    """The customer `c12`; None for anything else, or when there is none by this number."""
    if who[:1] != "c" or not who[1:].isdigit():
        return None
    return customers.get(tx, incident.id, int(who[1:]))


def only_one(tx: Connection, incident: Incident) -> Listed | None:
    """The customer of an incident that has just one; nobody has to choose then."""
    counts = customers.counts(tx, incident)
    ids = customers.ids_of(tx, incident.id, False)
    return customers.get(tx, incident.id, ids[0]) if counts.total == 1 and ids else None


def line(listed: Listed, latest: Mapping[int, bool], words: Wording) -> str:
    """A customer among others, with what they have said."""
    who = listed.customer
    parts = [who.name or words.text("contact.nameless")]
    if who.tier and who.tier is not Tier.ORDINARY:
        parts.append(words.text(f"tier.{who.tier}"))
    if listed.id in latest:
        parts.append(words.text("closing.has_confirmed" if latest[listed.id] else "closing.is_not_satisfied"))
    said = " · ".join(parts)
    return said if len(said) <= OPTION_LENGTH else said[: OPTION_LENGTH - 1] + "…"


def _latest(tx: Connection, incident: Incident) -> dict[int, bool]:
    answers = confirmations.answers(tx, incident.id, incident.round)
    return {each.customer_id: each.is_satisfied for each in answers if each.customer_id is not None}


# -- what is said ------------------------------------------------------------------------------------------------------


def draw_solved(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """It works again: who asks the customers, until when, and how far it is."""
    incident, words = incidents.get(tx, message.incident_id), desk.channel_words
    by, at = mention(str(message.detail["by"])), words.time(datetime.fromisoformat(str(message.detail["at"])))
    if incident.round != message.detail["round"] or incident.fixed_at is None:
        return _only(words.mrkdwn("closing.was_fixed", number=incident.number, by=by, at=at))
    if incident.status is not Status.FIXED:
        return _only(words.mrkdwn("closing.is_fixed", number=incident.number, by=by, at=at))
    clock = _running(tx, incident, Duty.CONFIRMATION)
    values: dict[str, Any] = {"number": incident.number, "by": by, "at": at}
    if clock is None:
        text = words.mrkdwn("closing.ask", to=mention(first_of(tx, incident)), **values)
    else:
        text = words.mrkdwn("closing.ask_by", to=mention(clock.owner_id), due=words.when(clock.due_at), **values)
    offered = [
        button(words.text("button.confirm.open"), "confirm.open", incident.id, primary=True),
        button(words.text("button.contact.open"), "contact.open", incident.id),
    ]
    so_far = tally.progress(tally.of(desk, tx, incident), words)
    return Drawing(text, [section(text), context(so_far), actions(offered)])


def draw_confirmed(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Enough customers have confirmed it: who asks how satisfied they are, and who closes it."""
    incident, words = incidents.get(tx, message.incident_id), desk.channel_words
    if incident.round != message.detail["round"]:
        return _only(words.mrkdwn("closing.was_confirmed", number=incident.number))
    so_far = tally.progress(tally.of(desk, tx, incident), words)
    done = words.mrkdwn("closing.is_confirmed", number=incident.number, progress=so_far)
    if incident.status is not Status.CONFIRMED:
        return _only(done)
    clock = _running(tx, incident, Duty.SATISFACTION)
    close = button(words.text("button.close.open"), "close.open", incident.id, primary=clock is None)
    if clock is None:
        text = words.mrkdwn("closing.close_now", to=mention(first_of(tx, incident)), number=incident.number, done=done)
        return Drawing(text, [section(text), actions([close])])
    ask = button(words.text("button.satisfaction.open"), "satisfaction.open", incident.id, primary=True)
    text = words.mrkdwn("closing.ask_score", to=mention(clock.owner_id), due=words.when(clock.due_at), done=done)
    return Drawing(text, [section(text), actions([ask, close])])


def draw_reopened(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """It is open again: why, and who acts first until when. For the channel, or for whoever acts."""
    incident, detail = incidents.get(tx, message.incident_id), message.detail
    in_person = message.place == "person"
    words = desk.words_for(people.get(tx, str(message.user_id))) if in_person else desk.channel_words
    what: Mrkdwn | str = incident.number
    if in_person:
        what = words.mrkdwn("remind.incident", number=incident.number, title=incident.title)
    clock = deadlines.get(tx, int(detail["deadline"])) if detail["deadline"] else None
    values: dict[str, Any] = {"number": what, "by": mention(str(detail["by"]))}
    if detail["why"] == "dissatisfied":
        values["customer"] = who_of(tx, incident, detail.get("customer"), int(detail["customers"]), words)
    told = words.mrkdwn(f"closing.{detail['why']}", **values)
    if incident.round != detail["round"] or not incident.status.is_open or (clock and clock.stopped_at):
        return _only(told)
    if clock is not None and clock.met_at is not None:
        met = words.mrkdwn(
            "closing.acted", told=told, who=mention(clock.met_by or clock.owner_id), at=words.time(clock.met_at)
        )
        return _only(met)
    if not incident.status.is_unsolved and clock is None and incident.status is not Status.COMPLAINT:
        return _only(told)
    to = mention(clock.owner_id if clock else str(detail["to"]))
    if clock is None:
        text = words.mrkdwn("closing.goes_on", told=told, to=to)
    else:
        text = words.mrkdwn(f"closing.{clock.duty}", told=told, to=to, due=words.when(clock.due_at))
    if in_person and incident.channel_id:
        text = Mrkdwn(f"{text} {channel_link(incident.channel_id)}")
    return Drawing(text, [section(text), actions([_to_do(incident, clock, words)])])


def draw_closed(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Who has closed it, what goes on, and when the channel goes."""
    incident, words = incidents.get(tx, message.incident_id), desk.channel_words
    by, at = mention(str(message.detail["by"])), words.day(datetime.fromisoformat(str(message.detail["at"])))
    text = words.mrkdwn("closing.closed", number=incident.number, by=by, at=at)
    if incident.closed_at != datetime.fromisoformat(str(message.detail["at"])):  # opened again, maybe closed again
        return _only(text)
    blocks: list[Block] = [section(text)]
    days = desk.procedure.closing.archive_after_days
    if days is not None and incident.closed_at is not None:
        archived_at = words.day(incident.closed_at + timedelta(days=days))
        blocks.append(context(words.mrkdwn("closing.archived_at", at=archived_at)))
    blocks.append(actions([button(words.text("button.reopen.open"), "reopen.open", incident.id)]))
    return Drawing(text, blocks)


def who_of(tx: Connection, incident: Incident, customer_id: int | None, count: int, words: Wording) -> Mrkdwn | str:
    """A customer as everybody may see them; so many of them; or one whom nobody knows by name."""
    listed = customers.get(tx, incident.id, customer_id) if customer_id else None
    if listed is not None:
        return masks.name_of(listed.customer, words)
    return words.text("closing.customers", n=count)


def owed_line(deadline: Deadline, words: Wording) -> Mrkdwn:
    """What goes on after closing: what, whose, until when."""
    what, who = words.text(f"duty.{deadline.duty}"), mention(deadline.owner_id)
    return words.mrkdwn("closing.goes_on_line", what=what, who=who, due=words.when(deadline.due_at))


def _to_do(incident: Incident, clock: Deadline | None, words: Wording) -> ButtonElement:
    """The button that does what is owed first."""
    action, value = "progress.open", str(incident.id)
    if clock is not None and clock.duty is Duty.SECOND_PLAN:
        action = "plan.open"
    elif clock is not None:
        action, value = ("contact.with", clock.subject) if clock.subject else ("contact.open", value)
    elif incident.status is Status.COMPLAINT:
        action = "contact.open"
    return button(words.text(f"button.{action}"), action, value, primary=True)


def _running(tx: Connection, incident: Incident, duty: Duty) -> Deadline | None:
    return next((each for each in deadlines.running(tx, incident.id) if each.duty is duty), None)


def _only(text: Mrkdwn) -> Drawing:
    return Drawing(text, [section(text)])
