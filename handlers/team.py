"""Who has which role: asked -> taken, handed back, handed over, or the next one is asked.

Not a step of its own: the step `roles`, the clock and what notices that somebody has left call this inside their
transaction, with the incident locked.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from bot import deadlines as rules
from bot import lifecycle
from bot.incident import Assignment, Deadline, Duty, Incident, Moment, MomentKind, Role, Task, TaskState
from bot.procedure import May, Procedure
from handlers import approvals, channel, decisions, duties, review
from handlers.card import SHOWN_WITH_INCIDENT, SHOWN_WITH_STATUS
from handlers.desk import Desk
from handlers.fields import Answers
from storage import deadlines, incidents, journal, outbox, people, roles, tasks
from storage.outbox import Saying

# Drawn again when a role has somebody else.
SHOWN_WITH_ROLES = (*SHOWN_WITH_INCIDENT, *approvals.SHOWN, *SHOWN_WITH_STATUS, *review.SHOWN, "role_open", "role_kept")
STAYS = (
    Duty.ACCEPT_ROLE,
    Duty.APPROVE_STATEMENT,
    Duty.APPROVE_PLAN,
    Duty.REGRADE,
)  # what is never handed over: each has its person by itself


def check_may(desk: Desk, tx: Connection, action: May, incident: Incident, user_id: str) -> None:
    """Raises NotAllowed, which says who may, unless the procedure lets somebody do this (`may` in the file)."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    participants = incidents.participants_of(tx, incident.id)
    rosters = people.roster_members(tx)
    allowed = lifecycle.who_may(action, incident, desk.procedure, holders, participants, rosters)
    lifecycle.check_may(action, user_id, allowed, desk.procedure)


def may_let_in(
    desk: Desk, tx: Connection, incident: Incident, of_roles: Collection[Role], user_id: str, by: str
) -> bool:
    """Whether somebody may be brought into a confidential incident for these roles.

    Its own people, those whom the procedure proposes, and those who assign roles may; and whomever one of those brings.
    """
    participants = incidents.participants_of(tx, incident.id)
    if lifecycle.may_see(incident, user_id, participants):
        return True
    if of_roles and all(user_id in proposed_now(desk, tx, incident, role) for role in of_roles):
        return True
    holders = roles.holders(roles.of_incident(tx, incident.id))
    rosters = people.roster_members(tx)
    allowed = lifecycle.who_may("assign_roles", incident, desk.procedure, holders, participants, rosters)
    return allowed is None or bool({user_id, by} & allowed)


def check_can_be_asked(
    desk: Desk,
    tx: Connection,
    answers: Answers,
    field_id: str,
    incident: Incident,
    who: str,
    by: str,
    now: datetime,
) -> None:
    """Refuses who has left, whom the bot does not know yet, and who is kept out of a confidential incident."""
    person = people.get(tx, who)
    if person is None:
        answers.refuse(field_id, "roles.not_known", example="")
        lane = f"learn:{who}"
        outbox.ask(tx, "learn_person", lane, now, detail={"user": who}, collapses=lane)
    elif not person.is_active:
        answers.refuse(field_id, "roles.has_left", who=person.name or who, example="")
    elif incident.is_private and not may_let_in(desk, tx, incident, (), who, by):
        answers.refuse(field_id, "roles.only_its_people", number=incident.number)


def proposed(role: Role, incident: Incident, procedure: Procedure, rosters: Mapping[str, Sequence[str]]) -> list[str]:
    """Who may be asked for a role, in the order of the procedure; only people who are there."""
    needs = procedure.roles[role]
    people_ids = rules.members(needs.roster(procedure.department_of(incident.kind)), rosters)
    return list(
        dict.fromkeys([incident.reporter_id, *people_ids] if incident.level in needs.reporter_at else people_ids)
    )


def ask(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    role: Role,
    user_id: str,
    by: str | None,
    now: datetime,
    note: str = "",
    hands_over: int | None = None,
    with_duties: bool = False,
) -> int:
    """Somebody is asked to take a role: invited, told in a direct message, and the clock runs. Returns the id.

    Whoever names themselves has the role at once. Until somebody else has said yes, whoever has it keeps it.
    """
    mine = user_id == by and hands_over is None
    if mine:
        before = roles.holders(roles.of_incident(tx, incident.id))
        _end_holder(tx, incident, role, "relieved", now)
    assignment_id = roles.ask(
        tx, incident.id, role, user_id, by, now, note, hands_over, accepted=mine, with_duties=with_duties
    )
    channel.bring_in(tx, incident, [user_id], now)
    journal.add(tx, incident.id, "role_asked", by, now, role=role, user=user_id, assignment=assignment_id)
    say_role(tx, incident.id, user_id, assignment_id, now)
    if mine:
        journal.add(tx, incident.id, "role_taken", user_id, now, role=role, assignment=assignment_id)
        _roles_changed(desk, tx, incident, before, now)
        _show_known(desk, tx, incident, user_id, now)
    else:
        _start_clock(desk, tx, incident, roles.get(tx, assignment_id), now)
        shown = [assignment_id] if hands_over is None else [assignment_id, hands_over]
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_ROLES, (), shown)
    return assignment_id


def say_role(tx: Connection, incident_id: int, user_id: str, assignment_id: int, now: datetime) -> None:
    """The direct message about a role; it shows what has become of it."""
    outbox.say(tx, [Saying(incident_id, "role", "person", user_id, detail={"assignment": assignment_id})], now)


def accept(desk: Desk, tx: Connection, incident: Incident, asked: Assignment, now: datetime) -> None:
    """They take it: whoever had it is relieved, and what is owed by this role is theirs.

    When somebody hands over everything of theirs, so is whatever else they owe.
    """
    before = roles.holders(roles.of_incident(tx, incident.id))
    giver = roles.get(tx, asked.hands_over) if asked.hands_over is not None else None
    _end_holder(tx, incident, asked.role, "handed_over" if giver else "relieved", now)
    roles.accept(tx, asked.id, now)
    met = deadlines.meet(tx, incident.id, [Duty.ACCEPT_ROLE], asked.user_id, now, str(asked.id))
    journal.add(tx, incident.id, "role_taken", asked.user_id, now, role=asked.role, assignment=asked.id)
    outbox.redraw(tx, [incident.id], now, (), met, [asked.id])
    if giver and asked.with_duties:
        _stand_in(tx, incident, giver.user_id, asked.user_id, now)
    _roles_changed(desk, tx, incident, before, now)
    _show_known(desk, tx, incident, asked.user_id, now)
    if giver and asked.with_duties:
        _take_over_from(desk, tx, incident, giver.user_id, asked.user_id, now)


def give_duties(desk: Desk, tx: Connection, incident: Incident, from_id: str, to_id: str, now: datetime) -> list[int]:
    """What somebody owes without a role is somebody else's at once. Returns the deadlines that are theirs now."""
    before = roles.holders(roles.of_incident(tx, incident.id))
    owed = [each.id for each in deadlines.running(tx, incident.id) if each.owner_id == from_id]
    _stand_in(tx, incident, from_id, to_id, now)
    channel.bring_in(tx, incident, [to_id], now)
    _roles_changed(desk, tx, incident, before, now)
    _take_over_from(desk, tx, incident, from_id, to_id, now)
    return [each.id for each in deadlines.running(tx, incident.id) if each.owner_id == to_id and each.id in owed]


def has_something(tx: Connection, incident: Incident, user_id: str) -> bool:
    """Whether somebody owes anything without a role: as the reporter, taken over from others, or a task."""
    if roles.holders(roles.of_incident(tx, incident.id)).get(Role.REPORTER, incident.reporter_id) == user_id:
        return True
    owes = any(each.owner_id == user_id and each.duty not in STAYS for each in deadlines.running(tx, incident.id))
    return owes or bool(_taken(tx, incident, user_id))


def _stand_in(tx: Connection, incident: Incident, from_id: str, to_id: str, now: datetime) -> None:
    """Whatever the reporter owes, now and later, is owed by somebody in their place."""
    found = roles.of_incident(tx, incident.id)
    if roles.holders(found).get(Role.REPORTER, incident.reporter_id) != from_id:
        return
    _end_holder(tx, incident, Role.REPORTER, "handed_over", now)
    if to_id != incident.reporter_id:
        roles.ask(tx, incident.id, Role.REPORTER, to_id, from_id, now, accepted=True)
    journal.add(tx, incident.id, "reporter_handed_over", from_id, now, to=to_id)


def _take_over_from(desk: Desk, tx: Connection, incident: Incident, from_id: str, to_id: str, now: datetime) -> None:
    """What somebody had taken over themselves, and the tasks that they had taken."""
    owed = [each for each in deadlines.running(tx, incident.id, lock=True) if each.owner_id == from_id]
    moved = [each for each in owed if each.duty not in STAYS]
    for each in moved:
        duties.take_over(desk, tx, incident, each, to_id, now)
        journal.add(tx, incident.id, "taken_over", to_id, now, duty=each.duty, of=from_id)
    for task in _taken(tx, incident, from_id):
        tasks.set_state(tx, task.id, TaskState.TAKEN, to_id, to_id, now)
    outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, [each.id for each in moved])


def _taken(tx: Connection, incident: Incident, user_id: str) -> list[Task]:
    found = tasks.of_incident(tx, incident.id)
    return [task for task in found if task.state is TaskState.TAKEN and task.user_id == user_id]


def end_asking(
    tx: Connection, incident: Incident, asked: Assignment, why: str, now: datetime, reason: str = ""
) -> None:
    """They are not asked any more."""
    roles.end(tx, [asked.id], why, now, reason)
    stopped = deadlines.stop(tx, incident.id, now, [Duty.ACCEPT_ROLE], str(asked.id))
    journal.add(tx, incident.id, "role_ended", None, now, role=asked.role, assignment=asked.id, why=why)
    shown = [asked.id] if asked.hands_over is None else [asked.id, asked.hands_over]
    outbox.redraw(tx, [incident.id], now, SHOWN_WITH_ROLES, stopped, shown)


def hand_back(
    desk: Desk, tx: Connection, incident: Incident, held: Assignment, why: str, now: datetime, reason: str = ""
) -> None:
    """They have it no more; what they owed by it goes to whoever is next for it."""
    before = roles.holders(roles.of_incident(tx, incident.id))
    roles.end(tx, [held.id], why, now, reason)
    journal.add(tx, incident.id, "role_ended", None, now, role=held.role, assignment=held.id, why=why)
    outbox.redraw(tx, [incident.id], now, (), (), [held.id])
    _roles_changed(desk, tx, incident, before, now)


def deputy_for(desk: Desk, tx: Connection, incident: Incident, role: Role, not_these: Collection[str]) -> str | None:
    """The next one to be asked for a role: of those whom the procedure proposes, the first who was not asked yet."""
    found = roles.of_incident(tx, incident.id)
    was_asked = {each.user_id for each in found if each.role is role} | set(not_these)
    candidates = proposed_now(desk, tx, incident, role)
    return next((who for who in candidates if who not in was_asked), None)


def proposed_now(desk: Desk, tx: Connection, incident: Incident, role: Role) -> list[str]:
    """Who is proposed for a role, without those who have left."""
    if role not in desk.procedure.roles:
        return []
    candidates = proposed(role, incident, desk.procedure, people.roster_members(tx))
    gone = people.not_there(tx, candidates)
    return [who for who in candidates if who not in gone]


def pass_on(
    desk: Desk, tx: Connection, incident: Incident, left: Assignment, suggested: str | None, now: datetime
) -> int | None:
    """Somebody does not take a role, or has it no more: whom they suggest is asked, else the next one.

    Who has the role keeps it. When nobody is left to ask, the channel is told as well as whoever wanted it.
    Returns the id of the assignment that asks somebody else.
    """
    asked_id = _ask_next(desk, tx, incident, left, suggested, now)
    found = roles.of_incident(tx, incident.id)
    if left.role not in {*roles.holders(found), *roles.asked(found)}:
        outbox.say(tx, [Saying(incident.id, "role_open", "incident", detail={"assignment": left.id})], now)
    return asked_id


def _ask_next(
    desk: Desk, tx: Connection, incident: Incident, left: Assignment, suggested: str | None, now: datetime
) -> int | None:
    """Asks the next one; when that changes nothing about who has it, or there is nobody, whoever wanted it is told."""
    found = roles.of_incident(tx, incident.id)
    if left.role in roles.asked(found):
        return None
    holder = roles.holders(found).get(left.role)
    following, hands_over, with_duties = suggested, left.hands_over, left.with_duties
    if holder is None:
        following = following or deputy_for(desk, tx, incident, left.role, [left.user_id])
        hands_over, with_duties = None, False
    asked_id = None
    if following is not None and following != holder:
        note = left.note if hands_over else ""
        asked_id = ask(desk, tx, incident, left.role, following, None, now, note, hands_over, with_duties)
    if holder is not None or asked_id is None:
        asker = _asker(tx, incident, left, holder)
        drawing = "role_open" if holder is None else "role_kept"
        about = {"assignment": left.id}
        outbox.say(tx, [Saying(incident.id, drawing, "person", who, detail=about) for who in asker], now)
    return asked_id


def _asker(tx: Connection, incident: Incident, left: Assignment, holder: str | None) -> list[str]:
    """Who wanted somebody to have a role; else who has it, the lead, or the reporter; nobody when all have left."""
    found = roles.of_incident(tx, incident.id)
    asked_by = [each.asked_by for each in reversed(found) if each.role is left.role]
    lead = roles.holders(found).get(Role.LEAD)
    candidates = [who for who in (*asked_by, holder, lead, incident.reporter_id) if who and who != left.user_id]
    gone = people.not_there(tx, candidates)
    return [who for who in candidates if who not in gone][:1]


def ask_deputy(desk: Desk, tx: Connection, deadline: Deadline, now: datetime) -> bool:
    """No answer in time: the next one is asked. False when there is nobody: then the ladder is told.

    Who has the role keeps it, and whoever wanted that changed is told.
    """
    incident = incidents.get(tx, deadline.incident_id, lock=True)
    asked = roles.get(tx, int(deadline.subject))
    if asked.ended_at is not None or asked.accepted_at is not None or not incident.status.is_open:
        return False
    if asked.role in roles.holders(roles.of_incident(tx, incident.id)):
        end_asking(tx, incident, asked, "no_answer", now)
        pass_on(desk, tx, incident, roles.get(tx, asked.id), None, now)
        return True
    deputy = deputy_for(desk, tx, incident, asked.role, ())
    if deputy is None:
        return False
    end_asking(tx, incident, asked, "no_answer", now)
    ask(desk, tx, incident, asked.role, deputy, None, now, asked.note)
    return True


def replace_gone(desk: Desk, tx: Connection, incident: Incident, user_id: str, now: datetime) -> bool:
    """Somebody has left: what they had in an incident goes to others, and its channel is told.

    False when they had nothing there any more. What they would have been told, others are told.
    """
    found = roles.of_incident(tx, incident.id)
    before = roles.holders(found)
    left = [each for each in found if each.user_id == user_id and each.ended_at is None]
    owed = {
        each.id for each in deadlines.running(tx, incident.id) if each.owner_id == user_id and each.duty not in STAYS
    }
    taken = _taken(tx, incident, user_id)
    for each in left:
        if each.accepted_at is None:
            end_asking(tx, incident, each, "gone", now)
        else:
            roles.end(tx, [each.id], "gone", now)
            journal.add(tx, incident.id, "role_ended", None, now, role=each.role, assignment=each.id, why="gone")
    for task in taken:
        tasks.set_state(tx, task.id, TaskState.OPEN, None, None, now)
    _roles_changed(desk, tx, incident, before, now)
    if not left and not owed and not taken:
        return False
    asked = [_ask_next(desk, tx, incident, each, None, now) for each in left if each.role is not Role.REPORTER]
    owners = [each.owner_id for each in deadlines.running(tx, incident.id) if each.id in owed]
    detail = {
        "user": user_id,
        "asked": [each for each in asked if each is not None],
        "owners": [who for who in dict.fromkeys(owners) if who != user_id],
    }
    journal.add(tx, incident.id, "gone", None, now, **detail)
    outbox.say(tx, [Saying(incident.id, "gone", "incident", detail=detail)], now)
    return True


def replace_gone_later(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> None:
    """The same when the incident is closed: what goes on after that is owed and told to others; nobody is asked to take
    a role any more."""
    changed = duties.reconsider(desk, tx, incident, now)
    changed += review.hand_on(desk, tx, incident, roles.holders(roles.of_incident(tx, incident.id)), now)
    outbox.redraw(tx, [incident.id], now, review.SHOWN, changed)


def regraded(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> tuple[list[str], list[str]]:
    """Another severity needs other people. Returns who is relieved and who joins.

    Before anybody has a role or is asked for one, the form for the roles is the next step, and nobody is called in.
    """
    found = roles.of_incident(tx, incident.id)
    if not found:
        return [], []
    needs = duties.needed(desk.procedure, incident)
    relieved, joined = [], []
    for each in found:
        if each.ended_at is None and each.role not in (*needs, Role.SCRIBE, Role.REPORTER):
            relieved.append(each.user_id)
            if each.accepted_at is None:
                end_asking(tx, incident, each, "relieved", now)
            else:
                hand_back(desk, tx, incident, each, "relieved", now)
    taken = {*roles.holders(found), *roles.asked(found)}
    for role in needs:
        candidates = proposed_now(desk, tx, incident, role) if role not in taken else []
        if candidates:
            ask(desk, tx, incident, role, candidates[0], None, now)
            joined.append(candidates[0])
    stay = [each.id for each in roles.of_incident(tx, incident.id) if each.ended_at is None]
    outbox.redraw(tx, [incident.id], now, SHOWN_WITH_ROLES, (), stay)
    return list(dict.fromkeys(relieved)), list(dict.fromkeys(joined))


def _end_holder(tx: Connection, incident: Incident, role: Role, why: str, now: datetime) -> None:
    for each in roles.of_incident(tx, incident.id):
        if each.role is role and each.ended_at is None and each.accepted_at is not None:
            roles.end(tx, [each.id], why, now)
            journal.add(tx, incident.id, "role_ended", None, now, role=role, assignment=each.id, why=why)
            outbox.redraw(tx, [incident.id], now, (), (), [each.id])


def _roles_changed(desk: Desk, tx: Connection, incident: Incident, before: Mapping[Role, str], now: datetime) -> None:
    """The clocks follow the roles; with the last role that is needed the team is there."""
    changed = duties.reconsider(desk, tx, incident, now, before)
    changed += approvals.hand_on(desk, tx, incident, now)
    changed += decisions.hand_on(desk, tx, incident, now)
    changed += review.hand_on(desk, tx, incident, before, now)
    if duties.team_is_there(desk, tx, incident):
        holders = roles.holders(roles.of_incident(tx, incident.id))
        by = holders.get(Role.LEAD, incident.reporter_id)
        changed += deadlines.meet(tx, incident.id, [Duty.ASSEMBLE_TEAM], by, now)
    asked = [each.id for each in roles.asked(roles.of_incident(tx, incident.id)).values()]  # they see who leads
    outbox.redraw(tx, [incident.id], now, SHOWN_WITH_ROLES, changed, asked)


def _show_known(desk: Desk, tx: Connection, incident: Incident, user_id: str, now: datetime) -> None:
    """Whoever takes a role knows of the incident."""
    if met := duties.knows(desk, tx, incident, user_id, "role_taken", now):
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, met)


def _start_clock(desk: Desk, tx: Connection, incident: Incident, asked: Assignment, now: datetime) -> None:
    """A reminder; then the deputy; when there is none, the ladder. Whoever has the role keeps it without an answer."""
    who = duties.company(desk, tx)
    times = who.procedure.duties.get(Duty.ACCEPT_ROLE)
    if times is None or not times.is_owed(incident.level):
        return
    plan = rules.plan(Duty.ACCEPT_ROLE, incident.level, asked.user_id, now, who.procedure, who.rosters, str(asked.id))
    moments = list(plan.moments)
    holder = roles.holders(roles.of_incident(tx, incident.id)).get(asked.role)
    if following := holder or deputy_for(desk, tx, incident, asked.role, [asked.user_id]):
        first = next(number for number, moment in enumerate(moments) if moment.kind is not MomentKind.REMIND)
        every, calendar = times.escalates_every(incident.level), who.procedure.worktime
        later = [replace(moment, at=every.after(moment.at, calendar)) for moment in moments[first:]]
        moments[first:] = [Moment(plan.due_at, MomentKind.DEPUTY, following, asked.role), *later]
    deadlines.start(tx, incident.id, [replace(plan, moments=tuple(moments))])
