"""What a step does to the clocks: something happens in an incident -> duties start, move to another, or end.

Not a step of its own: the steps call this inside their transaction, with the incident locked.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from bot import closing, grading
from bot import deadlines as rules
from bot.deadlines import Plan, Rosters
from bot.incident import (
    TEAM,
    ContactChannel,
    Deadline,
    Duty,
    Event,
    Incident,
    Moment,
    MomentKind,
    Role,
    Stage,
    Status,
    TaskState,
)
from bot.procedure import Procedure
from handlers.desk import Desk
from storage import actions, confirmations, contacts, customers, deadlines, incidents, journal, people, roles, tasks

SAID_SO = (Duty.PROMISE, Duty.CALL_AGAIN)  # somebody has said so themselves, and when
OF_THEIR_OWN = (
    Duty.ACCEPT_ROLE,
    Duty.TASK,
    Duty.APPROVE_STATEMENT,
    Duty.APPROVE_PLAN,
    Duty.REQUEST,
    Duty.CALL_IN_PERSON,
    Duty.SECTION,
    Duty.ACCEPT_POSTMORTEM,
    Duty.ACTION,
    Duty.REGRADE,
    *SAID_SO,
)  # each starts and ends with what it is about
# Owed anew with each solution: a customer who is not satisfied opens the incident again.
OF_A_ROUND = (Duty.CONFIRMATION, Duty.SECOND_PLAN, Duty.SATISFACTION, Duty.FOLLOW_UP, Duty.POSTMORTEM)
# What a complaint is owed is owed anew when it is opened again.
OF_A_COMPLAINT = (
    Duty.COMPLAINT_RESPONSE,
    Duty.COMPLAINT_SOLUTION,
    Duty.COMPLEX_SOLUTION,
    Duty.COMPLAINT_FEEDBACK,
)
AFTER_CLOSING = closing.GOES_ON
DATED = (*SAID_SO, Duty.REQUEST)  # somebody has named the time, to a customer or to another department
# Not owed once more when an incident goes on: who was asked for a role is asked no more, and the facts say themselves
# when the severity has to be looked at.
NOT_RESUMED = (Duty.ACCEPT_ROLE, Duty.REGRADE)
BEFORE_A_SOLUTION = (Stage.FIRST_CONTACT, Stage.COMFORT, Stage.PROGRESS, Stage.DELAY, Stage.TEMPORARY_MEASURE)
TO_EVERYBODY = (Duty.COMPLAINT_RESPONSE, Duty.COMPLAINT_FEEDBACK)  # met when each customer has heard
FOLLOWING_UP = (Stage.FOLLOW_UP, Stage.SURVEY)  # how it is a day later: what was said right after the fix is not it


@dataclass(frozen=True)
class Company:
    """The procedure with the people who are there."""

    procedure: Procedure
    rosters: Rosters
    gone: Collection[str]

    def owner(self, duty: Duty, holders: Mapping[Role, str], incident: Incident) -> str:
        """Who owes a duty; the reporter when the workspace has nobody else."""
        some = self.procedure.duties[duty].owner if duty in self.procedure.duties else ()
        return self.first_of(some, holders, incident)

    def first_of(self, some: Sequence[Role], holders: Mapping[Role, str], incident: Incident) -> str:
        """The first of these roles and rungs whom the incident has and who is there, like `owner`."""
        reporter = None if incident.reporter_id in self.gone else incident.reporter_id
        there = {role: user_id for role, user_id in holders.items() if user_id not in self.gone}
        return rules.first_of(some, there, reporter, self.procedure, self.rosters) or incident.reporter_id


def company(desk: Desk, tx: Connection, *user_ids: str) -> Company:
    """The procedure as it is now, with its user groups; `user_ids` are looked at for who has left."""
    return Company(desk.procedure, people.roster_members(tx), people.not_there(tx, user_ids))


def begin(desk: Desk, tx: Connection, incident: Incident, events: Iterable[Event], now: datetime) -> None:
    """Something has happened: what it starts, starts. What was owed before is not owed once more, except updates."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = company(desk, tx, incident.reporter_id, *holders.values())
    found = deadlines.of_incident(tx, incident.id)
    again = (Duty.BRIEF, Duty.UPDATE, *OF_A_ROUND, *OF_A_COMPLAINT)
    known = {each.duty for each in found if each.is_running or each.duty not in again}
    known -= {Duty.UPDATE}
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
            changed += _no_longer_owed(desk, tx, incident, duty, now)
            continue
        if duty is Duty.TASK:
            changed += _hand_on(tx, incident, deadline, holders, who, now)
        if duty in (*SAID_SO, Duty.REQUEST):
            changed += _inherited(tx, incident, deadline, holders, who, now)
        if duty in OF_THEIR_OWN:
            continue
        owner = deadline.owner_id
        if owner in who.gone or owner == who.owner(duty, before, incident):
            owner = who.owner(duty, holders, incident)
        if regraded:
            moved = _replanned(tx, incident, deadline, owner, who, now)
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


def _no_longer_owed(desk: Desk, tx: Connection, incident: Incident, duty: Duty, now: datetime) -> list[int]:
    """A duty that this severity does not know; instead of a second plan, whoever is not satisfied is called."""
    if duty is Duty.SECOND_PLAN:
        for customer_id in _dissatisfied(tx, incident):
            call_in_person(desk, tx, incident, customer_id, now)
    return deadlines.stop(tx, incident.id, now, [duty])


def _replanned(
    tx: Connection, incident: Incident, deadline: Deadline, owner: str, who: Company, now: datetime
) -> Deadline:
    """A deadline at another severity. An update is counted from when the one who waits longest has heard."""
    counted = deadline
    if deadline.duty is Duty.UPDATE:
        heard_at = customers.counts(tx, incident).oldest_heard_at
        counted = replace(deadline, started_at=max(heard_at or deadline.started_at, deadline.started_at))
    urgent = _is_urgent(incident, who.procedure)
    moved = rules.replanned(counted, incident.level, owner, now, who.procedure, who.rosters, urgent)
    return replace(moved, started_at=deadline.started_at)


def _inherited(
    tx: Connection, incident: Incident, deadline: Deadline, holders: Mapping[Role, str], who: Company, now: datetime
) -> list[int]:
    """What somebody who has left had promised is owed by whoever talks to the customers now; what they were asked for,
    by whoever coordinates."""
    if deadline.owner_id not in who.gone:
        return []
    owner = who.owner(Duty.REQUEST if deadline.duty is Duty.REQUEST else Duty.UPDATE, holders, incident)
    deadlines.change(tx, rules.handed_to(deadline, incident.level, owner, now, who.procedure, who.rosters))
    return [deadline.id]


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
    if crossing is not None and incident.status.is_open:
        _propose(tx, incident, now, crossing)


def _propose(tx: Connection, incident: Incident, now: datetime, at: datetime) -> None:
    """Who has the severity in hand is asked at `at` to look at it again."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    concerned = [who for who in (holders.get(Role.LEAD), incident.graded_by, incident.reporter_id) if who]
    gone = people.not_there(tx, concerned)
    owner = next((who for who in concerned if who not in gone), incident.reporter_id)
    moments = (Moment(at, MomentKind.PROPOSE, owner, Role.OWNER),)
    deadlines.start(tx, incident.id, [Plan(Duty.REGRADE, owner, now, at, 0, moments)])


def who_acknowledges(desk: Desk, tx: Connection, incident: Incident, deadline: Deadline) -> list[str]:
    """Who may say that they know of it: the people of the rung or role that it is for and of the rungs above, and
    whoever has that role in this incident."""
    who = company(desk, tx)
    times = who.procedure.duties.get(deadline.duty)
    if times is None:  # the company has changed its duties since
        return []
    holder = roles.holders(roles.of_incident(tx, incident.id)).get(times.to) if times.to else None
    return [*rules.addressees(times, who.procedure, who.rosters), *([holder] if holder else [])]


def knows(desk: Desk, tx: Connection, incident: Incident, user_id: str, did: str, now: datetime) -> list[int]:
    """Somebody has done something in an incident; `did` is the journal's word for it. So they know of it: what waits
    for them to say so is met, as if they had clicked, and what follows from that starts.

    One rule for everything that people do: whoever may say "I know of it" says so by acting. A step calls it once it
    has saved what was done; nobody has to think of a second button. Returns the ids of the deadlines that this met.
    """
    met: list[int] = []
    while waiting := [
        each
        for each in deadlines.running(tx, incident.id, lock=True)
        if each.duty in rules.TO_ACKNOWLEDGE and user_id in who_acknowledges(desk, tx, incident, each)
    ]:
        for each in waiting:
            met += deadlines.meet_these(tx, [each.id], user_id, now)
            journal.add(tx, incident.id, "knows_by_acting", user_id, now, duty=each.duty, did=did)
        if any(each.duty is Duty.REPORT_UP for each in waiting):  # that starts others, which may be for them too
            begin(desk, tx, incident, [Event.ACKNOWLEDGED], now)
    return met


def take_over(desk: Desk, tx: Connection, incident: Incident, deadline: Deadline, user_id: str, now: datetime) -> None:
    """Somebody owes it from now on; a task or an action item is theirs with its clock."""
    who = company(desk, tx)
    deadlines.change(tx, rules.handed_to(deadline, incident.level, user_id, now, who.procedure, who.rosters))
    if deadline.duty is Duty.TASK:
        tasks.set_state(tx, int(deadline.subject), TaskState.TAKEN, user_id, user_id, now)
    if deadline.duty is Duty.ACTION:
        actions.change(tx, int(deadline.subject), user_id, actions.get(tx, int(deadline.subject)).due_on)


def hand_on(desk: Desk, tx: Connection, incident: Incident, deadline: Deadline, now: datetime) -> list[int]:
    """A task was given back: its clock goes to whoever has its role. Returns the ids of the deadlines that moved."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = company(desk, tx, incident.reporter_id, deadline.owner_id, *holders.values())
    return _hand_on(tx, incident, deadline, holders, who, now)


def begin_again(desk: Desk, tx: Connection, incident: Incident, duty: Duty, now: datetime) -> None:
    """What comes in rounds is owed once more, as long as it is owed at all and the incident is not solved."""
    if incident.status.is_unsolved:
        begin_one(desk, tx, incident, duty, now)


def begin_one(desk: Desk, tx: Connection, incident: Incident, duty: Duty, now: datetime) -> None:
    """This duty is owed from now on, if the procedure asks for it at this severity, whatever starts it usually."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = company(desk, tx, incident.reporter_id, *holders.values())
    if rules.is_owed(duty, incident.level, grading.facts_of(incident, now), who.procedure):
        deadlines.start(tx, incident.id, [_plan(duty, incident, holders, who, now)])


def resume(
    desk: Desk, tx: Connection, incident: Incident, since: datetime, which: Collection[Duty], now: datetime
) -> list[int]:
    """It goes on after all: what stopped at `since` of these duties runs on, with the time that it had left, as
    far as it is still owed. Returns the ids of the deadlines that are different."""
    runs = {(each.duty, each.subject) for each in deadlines.running(tx, incident.id)}
    # Customers may have been told meanwhile.
    done = NOT_RESUMED if customers.counts(tx, incident).unheard else (*NOT_RESUMED, Duty.FIRST_CONTACT)
    again = [
        rules.resumed(each, now, each.duty in DATED)
        for each in deadlines.stopped_at(tx, incident.id, since)
        if each.duty in which and each.duty not in done and (each.duty, each.subject) not in runs
    ]
    deadlines.resume(tx, again)
    is_regraded = incident.graded_at is not None and incident.graded_at > since
    return [*(each.id for each in again), *reconsider(desk, tx, incident, now, regraded=is_regraded)]


def team_is_there(desk: Desk, tx: Connection, incident: Incident) -> bool:
    """Whether every role that this severity needs is held by somebody."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    return all(role in holders for role in needed(desk.procedure, incident))


def needed(procedure: Procedure, incident: Incident) -> list[Role]:
    """The roles that the incident's severity needs, in the order of the procedure (domain.md section 5)."""
    return [role for role in TEAM if role in procedure.roles and incident.level in procedure.roles[role].needed_at]


def heard(
    desk: Desk, tx: Connection, incident: Incident, by: str, at: datetime, now: datetime, stage: Stage | None = None
) -> list[int]:
    """One or several customers have heard from us at `at`, this `stage` if any in particular.

    What that meets is met; the next update is due when the one who waits longest has to hear (domain.md section 6).
    Returns the ids of the deadlines that are different.
    """
    counts = customers.counts(tx, incident)
    oldest = counts.oldest_heard_at or at
    level, procedure = incident.level, desk.procedure
    first_at, last_at = counts.newest_first_heard_at or at, counts.newest_heard_at or at
    changed = [] if counts.unheard else deadlines.meet(tx, incident.id, [Duty.FIRST_CONTACT], by, max(first_at, at))
    is_updated = False
    for deadline in deadlines.running(tx, incident.id, lock=True):
        if deadline.duty in TO_EVERYBODY:
            is_said = deadline.duty is not Duty.COMPLAINT_FEEDBACK or stage not in BEFORE_A_SOLUTION
            if is_said and not customers.unheard_since(tx, incident.id, deadline.started_at):
                changed += deadlines.meet_these(tx, [deadline.id], by, last_at)
        elif deadline.duty is Duty.FOLLOW_UP:
            if not contacts.not_heard_of(tx, incident.id, FOLLOWING_UP, deadline.started_at):
                changed += deadlines.meet_these(tx, [deadline.id], by, last_at)
        elif deadline.duty is Duty.UPDATE:
            if rules.round_is_over(deadline, oldest, at, level, procedure):
                changed += deadlines.meet_these(tx, [deadline.id], by, at)
                continue
            is_updated = True
            rosters, urgent = people.roster_members(tx), _is_urgent(incident, procedure)
            since = max(oldest, deadline.started_at)  # nobody owed them anything while it was solved
            moved = rules.moved_on(deadline, since, level, now, procedure, rosters, urgent)
            if moved != deadline:
                deadlines.change(tx, moved)
                changed.append(deadline.id)
    if not is_updated and incident.status.is_unsolved:
        begin(desk, tx, incident, [Event.CONTACTED], oldest)
    return changed


def said_so(
    desk: Desk, tx: Connection, incident: Incident, duty: Duty, about: int, by: str, due_at: datetime, now: datetime
) -> None:
    """Somebody has promised something until `due_at`, or wants to call again then; it is theirs. `about` is the contact
    or the customer. Nothing when the procedure has no such duty."""
    who = company(desk, tx)
    if duty not in who.procedure.duties:
        return
    made = rules.plan(
        duty,
        incident.level,
        by,
        now,
        who.procedure,
        who.rosters,
        str(about),
        due_at=due_at,
        urgent=_is_urgent(incident, who.procedure),
    )
    deadlines.start(tx, incident.id, [made])


def call_in_person(desk: Desk, tx: Connection, incident: Incident, customer_id: int | None, now: datetime) -> bool:
    """A customer is not satisfied (None: several at once are not): somebody has to call in person, where the procedure
    asks for it at this severity. False when nobody has to; one that is owed already is not owed twice."""
    facts, subject = grading.facts_of(incident, now), str(customer_id or "")
    if not rules.is_owed(Duty.CALL_IN_PERSON, incident.level, facts, desk.procedure):
        return False
    running = deadlines.running(tx, incident.id)
    if not any(each.duty is Duty.CALL_IN_PERSON and each.subject == subject for each in running):
        holders = roles.holders(roles.of_incident(tx, incident.id))
        who = company(desk, tx, incident.reporter_id, *holders.values())
        made = _plan(Duty.CALL_IN_PERSON, incident, holders, who, now)
        deadlines.start(tx, incident.id, [replace(made, subject=subject)])
    return True


def called(
    tx: Connection, incident: Incident, by: str, at: datetime, channel: ContactChannel, customer_id: int | None
) -> list[int]:
    """A customer was reached by telephone or in person: that meets what whoever leads owed them, if it is the lead who
    called, or whoever owes it. Returns the ids of the deadlines that this met."""
    if channel.is_written or customer_id is None:
        return []
    lead = roles.holders(roles.of_incident(tx, incident.id)).get(Role.LEAD)
    met = [
        each.id
        for each in deadlines.running(tx, incident.id)
        if each.duty is Duty.CALL_IN_PERSON
        and each.subject in ("", str(customer_id))
        and each.started_at <= at
        and by in (each.owner_id, lead)
    ]
    return deadlines.meet_these(tx, met, by, at) if met else []


def customers_changed(desk: Desk, tx: Connection, incident: Incident, by: str, now: datetime) -> list[int]:
    """Customers were put on the list or taken off it. Who is new has to hear like the others; the count of those
    affected leaves nobody of the list out. Returns the ids of the deadlines that are different."""
    counts, changed = customers.counts(tx, incident), []
    if counts.listed > incident.customers_affected:
        affected = replace(incident, customers_affected=counts.listed)
        severity = grading.propose(grading.facts_of(affected, now), desk.procedure).severity
        incidents.set_facts(tx, affected)
        incidents.set_proposed(tx, incident.id, severity)
        incident = incidents.get(tx, incident.id)
        changed += reconsider(desk, tx, incident, now, regraded=True)
    if counts.heard:  # whoever was waited for may be off the list
        changed += heard(desk, tx, incident, by, now, now)
    first = [each for each in deadlines.of_incident(tx, incident.id) if each.duty is Duty.FIRST_CONTACT]
    if not counts.unheard:
        return [*changed, *deadlines.meet(tx, incident.id, [Duty.FIRST_CONTACT], by, now)]
    is_met = bool(first) and not any(each.is_running for each in first)
    is_owed = rules.is_owed(Duty.FIRST_CONTACT, incident.level, grading.facts_of(incident, now), desk.procedure)
    if is_met and is_owed and incident.status.is_open and incident.status is not Status.COMPLAINT:
        holders = roles.holders(roles.of_incident(tx, incident.id))
        who = company(desk, tx, incident.reporter_id, *holders.values())
        deadlines.start(tx, incident.id, [_plan(Duty.FIRST_CONTACT, incident, holders, who, now)])
    return changed


def feelings_changed(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> list[int]:
    """The customers sound different: the severity may be another one (domain.md section 3), and who has it in hand is
    asked at once. Returns the ids of the deadlines that are different."""
    emotion = customers.gravest_emotion(tx, incident.id)
    if emotion is None or emotion is incident.emotion:
        return []
    before = grading.propose(grading.facts_of(incident, now), desk.procedure).severity
    incidents.set_emotion(tx, incident.id, emotion)
    incident = incidents.get(tx, incident.id)
    severity = grading.propose(grading.facts_of(incident, now), desk.procedure).severity
    incidents.set_proposed(tx, incident.id, severity)
    incident = incidents.get(tx, incident.id)
    is_graver = incident.severity is not None and severity < min(before, incident.severity)
    changed = reconsider(desk, tx, incident, now, regraded=True)
    if is_graver and incident.status.is_unsolved:
        _propose(tx, incident, now, now)
    return changed


def _plan(duty: Duty, incident: Incident, holders: Mapping[Role, str], who: Company, now: datetime) -> Plan:
    owner = who.owner(duty, holders, incident)
    urgent = _is_urgent(incident, who.procedure)
    return rules.plan(duty, incident.level, owner, now, who.procedure, who.rosters, urgent=urgent)


def _is_urgent(incident: Incident, procedure: Procedure) -> bool:
    return rules.is_urgent(incident.customer_tier, incident.emotion, procedure)


def _dissatisfied(tx: Connection, incident: Incident) -> list[int | None]:
    """Who was not satisfied with the solution before this round; None for several at once."""
    before = confirmations.answers(tx, incident.id, incident.round - 1) if incident.round > 1 else []
    return list(dict.fromkeys(each.customer_id for each in before if not each.is_satisfied))


def _missing(tx: Connection, incident: Incident, who: Company, now: datetime) -> list[Duty]:
    """What is owed at this severity because of something that has happened, and has no clock yet."""
    if not incident.status.is_unsolved:
        return []
    found = deadlines.of_incident(tx, incident.id)
    happened = [Event.REPORTED]
    if any(deadline.duty is Duty.REPORT_UP and deadline.met_at is not None for deadline in found):
        happened.append(Event.ACKNOWLEDGED)
    if incident.severity is not None:
        happened.append(Event.GRADED)
    if customers.counts(tx, incident).heard:
        happened.append(Event.CONTACTED)
    if _dissatisfied(tx, incident):
        happened.append(Event.DISSATISFIED)
    known = {deadline.duty for deadline in found if deadline.duty is not Duty.BRIEF or deadline.is_running}
    return _starting(happened, incident, known, who, now)


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
