"""What a step does to the clocks: something happens in an incident -> duties start, move to another, or end.

Not a step of its own: the steps call this inside their transaction, with the incident locked.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from bot import deadlines as rules
from bot import grading
from bot.deadlines import Plan, Rosters
from bot.incident import TEAM, Deadline, Duty, Event, Incident, Moment, MomentKind, Role, Status, TaskState
from bot.procedure import Procedure
from handlers.desk import Desk
from storage import contacts, deadlines, people, roles, tasks

OF_THEIR_OWN = (Duty.ACCEPT_ROLE, Duty.TASK, Duty.REGRADE)  # each starts and ends with what it is about
BY_CONTACT = (
    Duty.FIRST_CONTACT,
    Duty.UPDATE,
    Duty.COMPLAINT_RESPONSE,
    Duty.COMPLAINT_FEEDBACK,
    Duty.FOLLOW_UP,
)  # what words with a customer meet


@dataclass(frozen=True)
class Company:
    """The procedure with the people who are there."""

    procedure: Procedure
    rosters: Rosters
    gone: Collection[str]

    def owner(self, duty: Duty, holders: Mapping[Role, str], incident: Incident) -> str:
        """Who owes a duty; the reporter when the workspace has nobody else."""
        reporter = None if incident.reporter_id in self.gone else incident.reporter_id
        there = {role: user_id for role, user_id in holders.items() if user_id not in self.gone}
        return rules.owner_of(duty, there, reporter, self.procedure, self.rosters) or incident.reporter_id


def company(desk: Desk, tx: Connection, *user_ids: str) -> Company:
    """The procedure as it is now, with its user groups; `user_ids` are looked at for who has left."""
    return Company(desk.procedure, people.roster_members(tx), people.not_there(tx, user_ids))


def begin(desk: Desk, tx: Connection, incident: Incident, events: Iterable[Event], now: datetime) -> None:
    """Something has happened: what it starts, starts. What was owed before is not owed once more, except updates."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = company(desk, tx, incident.reporter_id, *holders.values())
    known = {deadline.duty for deadline in deadlines.of_incident(tx, incident.id)} - {Duty.UPDATE}
    started = _starting(events, incident, known, who, now)
    deadlines.start(tx, incident.id, [_plan(duty, incident, holders, who, now) for duty in started])


def reconsider(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    now: datetime,
    before: Mapping[Role, str] | None = None,
    regraded: bool = False,
) -> list[int]:
    """After the severity, the facts or the roles have changed: every clock that runs is looked at.

    When the severity has (`regraded`), they are re-based from their original start; else they keep their times. A duty
    that is not owed any more stops; one that is owed now, and was not, starts now. `before` are those who held the
    roles until now: what they owed as such goes to their successors, what somebody has taken over stays theirs. Who has
    left owes nothing and is told nothing.
    Returns the ids of the deadlines that are different.
    """
    holders = roles.holders(roles.of_incident(tx, incident.id))
    before = holders if before is None else before
    running = deadlines.running(tx, incident.id, lock=True)
    told = {moment.user_id for each in running for moment in each.moments[each.position :] if moment.user_id}
    owners = {deadline.owner_id for deadline in running}
    who = company(desk, tx, incident.reporter_id, *holders.values(), *before.values(), *owners, *told)
    facts, level = grading.facts_of(incident, now), incident.level
    changed: list[int] = []
    for each in running:
        deadline = rules.without(each, who.gone, who.procedure, who.rosters)
        if deadline is not each:
            deadlines.change(tx, deadline)
            changed.append(deadline.id)
        duty = deadline.duty
        if duty not in OF_THEIR_OWN and not rules.is_owed(duty, level, facts, who.procedure):
            changed += deadlines.stop(tx, incident.id, now, [duty])
            continue
        if duty is Duty.TASK:
            changed += _hand_on(tx, incident, deadline, holders, who, now)
        if duty in OF_THEIR_OWN:
            continue
        owner = deadline.owner_id
        if owner in who.gone or owner == who.owner(duty, before, incident):
            owner = who.owner(duty, holders, incident)
        if regraded:
            moved = rules.replanned(deadline, level, owner, now, who.procedure, who.rosters)
        else:
            moved = rules.handed_to(deadline, level, owner, now, who.procedure, who.rosters)
        if moved != deadline:
            deadlines.change(tx, moved)
            changed.append(deadline.id)
    deadlines.start(
        tx, incident.id, [_plan(duty, incident, holders, who, now) for duty in _missing(tx, incident, who, now)]
    )
    watch(desk, tx, incident, now)
    return changed


def _hand_on(
    tx: Connection, incident: Incident, deadline: Deadline, holders: Mapping[Role, str], who: Company, now: datetime
) -> list[int]:
    """A task that nobody has taken is owed by whoever has its role; its time stays."""
    task = tasks.get(tx, int(deadline.subject))
    if task.state is not TaskState.OPEN and deadline.owner_id not in who.gone:
        return []
    owner = holders.get(task.role) if task.role else None
    if owner is None or owner in who.gone:
        owner = who.owner(Duty.TASK, holders, incident)
    moved = rules.handed_to(deadline, incident.level, owner, now, who.procedure, who.rosters)
    if moved == deadline:
        return []
    deadlines.change(tx, moved)
    return [deadline.id]


def watch(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> None:
    """Facts that move with time: the clock says when they speak for a more urgent severity (domain.md section 3)."""
    if any(deadline.duty is Duty.REGRADE for deadline in deadlines.running(tx, incident.id)):
        deadlines.stop(tx, incident.id, now, [Duty.REGRADE])
    crossing = grading.next_crossing(incident, now, desk.procedure)
    if crossing is None or not incident.status.is_open:
        return
    holders = roles.holders(roles.of_incident(tx, incident.id))
    concerned = [who for who in (holders.get(Role.LEAD), incident.graded_by, incident.reporter_id) if who]
    gone = people.not_there(tx, concerned)
    owner = next((who for who in concerned if who not in gone), incident.reporter_id)
    moments = (Moment(crossing, MomentKind.PROPOSE, owner, Role.OWNER),)
    deadlines.start(tx, incident.id, [Plan(Duty.REGRADE, owner, now, crossing, 0, moments)])


def take_over(desk: Desk, tx: Connection, incident: Incident, deadline: Deadline, user_id: str, now: datetime) -> None:
    """Somebody owes it from now on; a task is theirs with its clock."""
    who = company(desk, tx)
    deadlines.change(tx, rules.handed_to(deadline, incident.level, user_id, now, who.procedure, who.rosters))
    if deadline.duty is Duty.TASK:
        tasks.set_state(tx, int(deadline.subject), TaskState.TAKEN, user_id, user_id, now)


def hand_on(desk: Desk, tx: Connection, incident: Incident, deadline: Deadline, now: datetime) -> list[int]:
    """A task was given back: its clock goes to whoever has its role. Returns the ids of the deadlines that moved."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = company(desk, tx, incident.reporter_id, deadline.owner_id, *holders.values())
    return _hand_on(tx, incident, deadline, holders, who, now)


def team_is_there(desk: Desk, tx: Connection, incident: Incident) -> bool:
    """Whether every role that this severity needs is held by somebody."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    return all(role in holders for role in needed(desk.procedure, incident))


def needed(procedure: Procedure, incident: Incident) -> list[Role]:
    """The roles that the incident's severity needs, in the order of the procedure (domain.md section 5)."""
    return [role for role in TEAM if role in procedure.roles and incident.level in procedure.roles[role].needed_at]


def _plan(duty: Duty, incident: Incident, holders: Mapping[Role, str], who: Company, now: datetime) -> Plan:
    owner = who.owner(duty, holders, incident)
    return rules.plan(duty, incident.level, owner, now, who.procedure, who.rosters)


def _missing(tx: Connection, incident: Incident, who: Company, now: datetime) -> list[Duty]:
    """What is owed at this severity because of something that has happened, and has no clock yet."""
    if incident.status not in (Status.REPORTED, Status.VERIFIED):
        return []
    found = deadlines.of_incident(tx, incident.id)
    happened = [Event.REPORTED]
    if any(deadline.duty is Duty.REPORT_UP and deadline.met_at is not None for deadline in found):
        happened.append(Event.ACKNOWLEDGED)
    if incident.severity is not None:
        happened.append(Event.GRADED)
    if contacts.count(tx, incident.id):
        happened.append(Event.CONTACTED)
    return _starting(happened, incident, {deadline.duty for deadline in found}, who, now)


def _starting(
    events: Iterable[Event], incident: Incident, known: Collection[Duty], who: Company, now: datetime
) -> list[Duty]:
    """What these events start in an incident, without what it has a clock for."""
    facts = grading.facts_of(incident, now)
    return [
        duty
        for event in events
        for duty in rules.starting(event, incident.level, facts, who.procedure)
        if duty not in known and duty not in OF_THEIR_OWN
    ]
