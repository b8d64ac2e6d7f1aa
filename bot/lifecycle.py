"""What may follow what, and who may do it. Checked when a form opens and again when it is saved."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.action import Action, ActionState
from bot.deadlines import Rosters, members
from bot.incident import (
    APPROVERS,
    RUNGS,
    Assignment,
    Deadline,
    Incident,
    NotAllowed,
    Role,
    Statement,
    Status,
    Task,
    TaskState,
)
from bot.plan import Deciders, Plan, Request, RequestState
from bot.postmortem import Postmortem, Section, State
from bot.procedure import May, Procedure


@dataclass(frozen=True)
class Permitted:
    """Who may do something: the words of the procedure file, and one of those people to ask, if there is one."""

    words: tuple[str, ...]
    somebody: str | None


def who_may(
    action: May,
    incident: Incident,
    procedure: Procedure,
    holders: Mapping[Role, str],
    participants: Collection[str],
    rosters: Rosters,
) -> set[str] | None:
    """Everybody who may do something in an incident, by role and by group; None when anybody may."""
    found: set[str] = set()
    for word in procedure.may[action]:
        if word == "anybody":
            return None
        if word == "participants":
            found |= {incident.reporter_id, *participants}
        elif word == "reporter":
            found |= {incident.reporter_id, holders.get(Role.REPORTER, incident.reporter_id)}
        elif word == "on_call":
            found |= set(members(procedure.on_call, rosters))
        elif word in [*Role]:
            role = Role(word)
            found |= set(members(procedure.rung(role), rosters)) if role in RUNGS else set()
            found |= {holders[role]} if role in holders else set()
        else:
            found |= set(members([word], rosters))
    return found


def check_may(action: May, user_id: str, allowed: Collection[str] | None, procedure: Procedure) -> None:
    """Raises NotAllowed, which says who may, unless somebody is among `allowed` (None: anybody)."""
    if allowed is not None and user_id not in allowed:
        somebody = min(allowed) if allowed else None
        raise NotAllowed("allowed.only", who=Permitted(tuple(procedure.may[action]), somebody))


def check_open(incident: Incident) -> None:
    """Raises NotAllowed when the incident is over."""
    if incident.status is Status.DISMISSED:
        raise NotAllowed("allowed.already_dismissed", by=incident.dismissed_by, at=incident.dismissed_at)
    if incident.status is Status.CLOSED:
        raise NotAllowed("allowed.already_closed", at=incident.closed_at)


def check_is_emergency(incident: Incident) -> None:
    """Raises NotAllowed when the incident is over, or goes on as an ordinary complaint."""
    check_open(incident)
    if incident.status is Status.COMPLAINT:
        raise NotAllowed("allowed.is_complaint", by=incident.dismissed_by, at=incident.dismissed_at)


def check_unsolved(incident: Incident) -> None:
    """Raises NotAllowed unless customers are still hit by it: what works again needs no plan."""
    check_is_emergency(incident)
    if not incident.status.is_unsolved:
        raise NotAllowed("allowed.works_again", by=incident.fixed_by or incident.reporter_id, at=incident.fixed_at)


def check_is_complaint(incident: Incident) -> None:
    """Raises NotAllowed unless it goes on as an ordinary complaint: an emergency has a plan instead of one solution."""
    check_open(incident)
    if incident.status is not Status.COMPLAINT:
        raise NotAllowed("allowed.needs_plan")


def check_can_join(incident: Incident, user_id: str, participants: Collection[str]) -> None:
    """Raises NotAllowed when the incident is over, or somebody may not know of it: nothing is added to it then."""
    if not may_see(incident, user_id, participants):
        raise NotAllowed("allowed.only_its_people", reporter=incident.reporter_id)
    check_open(incident)


def check_can_verify(incident: Incident) -> None:
    """Raises NotAllowed when the report was verified already, or the incident is over."""
    check_is_emergency(incident)
    if incident.verified_at is not None:
        raise NotAllowed("allowed.already_verified", by=incident.verified_by, at=incident.verified_at)


def check_handles_case(user_id: str, incident: Incident, participants: Collection[str]) -> None:
    """Raises NotAllowed unless somebody is one of its people: a customer's data are theirs alone (decision 7)."""
    if user_id != incident.reporter_id and user_id not in participants:
        raise NotAllowed("allowed.only_its_people", reporter=incident.reporter_id)


def check_not_erased(incident: Incident) -> None:
    """Raises NotAllowed once the customers' data are erased: nothing is left to see (decision 7)."""
    if incident.customers_erased_at is not None:
        raise NotAllowed("allowed.customers_erased", at=incident.customers_erased_at)


def check_owes(deadline: Deadline, user_id: str) -> None:
    """Raises NotAllowed when a duty is not owed any more, or is somebody else's."""
    check_is_owed(deadline)
    if deadline.owner_id != user_id:
        raise NotAllowed("allowed.only_owner", owner=deadline.owner_id)


def check_can_take_over(deadline: Deadline, user_id: str) -> None:
    """Raises NotAllowed when a duty is not owed any more, or is theirs already."""
    check_is_owed(deadline)
    if deadline.owner_id == user_id:
        raise NotAllowed("allowed.is_yours")


def check_is_owed(deadline: Deadline) -> None:
    """Raises NotAllowed when a duty was done already, or is not owed any more."""
    if deadline.met_at is not None:
        raise NotAllowed("allowed.already_done", by=deadline.met_by, at=deadline.met_at)
    if deadline.stopped_at is not None:
        raise NotAllowed("allowed.not_owed")


def check_can_plan_actions(incident: Incident, user_id: str, participants: Collection[str]) -> None:
    """Raises NotAllowed when somebody may not know of an incident, or it was none. A closed one has its lessons too."""
    if not may_see(incident, user_id, participants):
        raise NotAllowed("allowed.only_its_people", reporter=incident.reporter_id)
    if incident.status is Status.DISMISSED:
        raise NotAllowed("allowed.already_dismissed", by=incident.dismissed_by, at=incident.dismissed_at)


def check_action_is_open(action: Action) -> None:
    """Raises NotAllowed when an action item was done already, or dropped."""
    if action.state is ActionState.DONE:
        raise NotAllowed("allowed.already_done", by=action.ended_by, at=action.ended_at)
    if action.state is ActionState.DROPPED:
        raise NotAllowed("allowed.action_dropped", by=action.ended_by, at=action.ended_at)


def check_can_take(task: Task, user_id: str) -> None:
    """Raises NotAllowed when a task is finished, or has been taken."""
    check_is_unfinished(task)
    if task.state is TaskState.TAKEN:
        if task.user_id == user_id:
            raise NotAllowed("allowed.is_yours")
        raise NotAllowed("allowed.task_taken", by=task.user_id, at=task.changed_at)


def check_is_unfinished(task: Task) -> None:
    """Raises NotAllowed when a task was done already, or does not apply."""
    if task.state is TaskState.DONE:
        raise NotAllowed("allowed.already_done", by=task.changed_by, at=task.changed_at)
    if task.state is TaskState.NOT_APPLICABLE:
        raise NotAllowed("allowed.task_not_applicable", by=task.changed_by, at=task.changed_at)


def check_can_reopen(task: Task) -> None:
    """Raises NotAllowed when a task is open for everybody as it is."""
    if task.state is TaskState.OPEN:
        raise NotAllowed("allowed.task_is_open")


def check_is_asked(asked: Assignment, user_id: str) -> None:
    """Raises NotAllowed when it is not them who are asked for a role, or not any more."""
    if asked.user_id != user_id:
        raise NotAllowed("allowed.only_asked", asked=asked.user_id)
    if asked.ended_at is not None:
        raise NotAllowed(f"allowed.role_{asked.ended_why}", at=asked.ended_at)
    if asked.accepted_at is not None:
        raise NotAllowed("allowed.role_is_yours", at=asked.accepted_at)


def check_has_or_is_asked(asked: Assignment, user_id: str) -> None:
    """Raises NotAllowed when a role is not theirs to give back: neither do they have it nor are they asked."""
    if asked.accepted_at is None or asked.ended_at is not None or asked.user_id != user_id:
        check_is_asked(asked, user_id)


def check_can_answer_statement(
    statement: Statement, user_id: str, people: Mapping[Role, Collection[str]]
) -> list[Role]:
    """The roles for which somebody's answer to a statement counts now; `people` are those of each role that approves.

    Raises NotAllowed when they are of no such role, or when what they would answer for was answered already.
    """
    mine = [role for role in APPROVERS if user_id in people[role]]
    if not mine:
        somebody = next((who for role in statement.waits_for or APPROVERS for who in people[role]), None)
        raise NotAllowed("allowed.only", who=Permitted(tuple(statement.waits_for or APPROVERS), somebody))
    if statement.refused_at is not None:
        raise NotAllowed("allowed.statement_refused", by=statement.refused_by, at=statement.refused_at)
    counts = [role for role in mine if role in statement.waits_for]
    if not counts:
        by, at = statement.approval(mine[0]) or (user_id, statement.at)
        raise NotAllowed("allowed.statement_approved", by=by, at=at)
    return counts


def check_statement_may_go_out(
    statement: Statement | None, people: Mapping[Role, Collection[str]] | None = None
) -> None:
    """Raises NotAllowed, which says whose approval is missing, unless legal and PR have approved these very words.

    None: the incident has no statement that was approved. `people` are those of each role that approves, for a name.
    """
    if statement is None:
        raise NotAllowed("allowed.statement_none")
    if statement.refused_at is not None:
        raise NotAllowed("allowed.statement_refused", by=statement.refused_by, at=statement.refused_at)
    if missing := statement.waits_for:
        somebody = next((who for role in missing for who in (people or {}).get(role, ())), None)
        raise NotAllowed("allowed.statement_waits", who=Permitted(missing, somebody))


def check_can_publish(statement: Statement, people: Mapping[Role, Collection[str]]) -> None:
    """Raises NotAllowed when a statement may not go out, or is out already."""
    check_statement_may_go_out(statement, people)
    if statement.published_at is not None:
        raise NotAllowed("allowed.statement_out", by=statement.published_by, at=statement.published_at)


def check_can_revise(statement: Statement, newer: Statement | None) -> None:
    """Raises NotAllowed unless changes were asked for in a statement, and nobody has written the new version yet."""
    if newer is not None:
        raise NotAllowed("allowed.statement_rewritten", by=newer.by, at=newer.at)
    if statement.refused_at is None:
        raise NotAllowed("allowed.statement_stands")


def check_waits(plan: Plan, newer: Plan | None) -> None:
    """Raises NotAllowed when somebody has decided on a plan already, or another version stands for it."""
    if plan.approved_at is not None:
        raise NotAllowed("allowed.plan_approved", by=plan.approved_by, at=plan.approved_at)
    if plan.refused_at is not None:
        raise NotAllowed("allowed.plan_refused", by=plan.refused_by, at=plan.refused_at)
    if newer is not None:
        raise NotAllowed("allowed.plan_replaced", by=newer.by, at=newer.at, version=newer.version)


def check_can_decide(plan: Plan, newer: Plan | None, user_id: str, people: Deciders) -> None:
    """Raises NotAllowed when somebody has decided on a plan already, or it is not theirs to decide on."""
    check_waits(plan, newer)
    if user_id in people.everybody:
        return
    somebody = next(iter(people.asked), None)
    if user_id == plan.by:
        raise NotAllowed("allowed.plan_is_yours", who=Permitted(people.words, somebody))
    raise NotAllowed("allowed.only", who=Permitted(people.words, somebody))


def check_can_rewrite(newer: Plan | None) -> None:
    """Raises NotAllowed when somebody has written the version after a plan already."""
    if newer is not None:
        raise NotAllowed("allowed.plan_rewritten", by=newer.by, at=newer.at, version=newer.version)


def check_is_asked_for(request: Request) -> None:
    """Raises NotAllowed when what was asked for is there, or was declined."""
    if request.state is RequestState.DONE:
        raise NotAllowed("allowed.already_done", by=request.answered_by, at=request.answered_at)
    if request.state is RequestState.DECLINED:
        raise NotAllowed("allowed.request_declined", by=request.answered_by, at=request.answered_at)


def check_can_agree(request: Request, user_id: str, owner_id: str) -> None:
    """Raises NotAllowed when a request is not theirs (`owner_id` owes it now), or they have agreed already."""
    check_is_asked_for(request)
    if user_id not in (request.owner_id, owner_id):
        raise NotAllowed("allowed.request_of", owner=owner_id)
    if request.state is RequestState.AGREED:
        raise NotAllowed("allowed.request_agreed", by=request.answered_by, at=request.answered_at)


def check_can_decline(request: Request, user_id: str, owner_id: str) -> None:
    """Raises NotAllowed when a request is not theirs; who has agreed may still find that they can't."""
    check_is_asked_for(request)
    if user_id not in (request.owner_id, owner_id):
        raise NotAllowed("allowed.request_of", owner=owner_id)


def check_can_end(request: Request, user_id: str, owner_id: str) -> None:
    """Raises NotAllowed unless they owe it or have asked for it: those two know whether it is there."""
    check_is_asked_for(request)
    if user_id not in (request.owner_id, owner_id, request.by):
        raise NotAllowed("allowed.request_of", owner=owner_id)


def check_can_say_fixed(incident: Incident) -> None:
    """Raises NotAllowed when it was said already that it works again, or the incident is over."""
    check_is_emergency(incident)
    if not incident.status.is_unsolved:
        raise NotAllowed("allowed.already_fixed", by=incident.fixed_by, at=incident.fixed_at)


def check_is_fixed(incident: Incident) -> None:
    """Raises NotAllowed unless it works again and is not closed: before, there is nothing to confirm."""
    check_is_emergency(incident)
    check_is_solved(incident)


def check_is_solved(incident: Incident) -> None:
    """Raises NotAllowed while nobody has said that it works again, or when it was no emergency. Closed ones are."""
    if incident.status is Status.DISMISSED:
        raise NotAllowed("allowed.already_dismissed", by=incident.dismissed_by, at=incident.dismissed_at)
    if incident.status.is_unsolved and incident.reopened_at is not None:
        raise NotAllowed("allowed.open_again", by=incident.reopened_by, at=incident.reopened_at)
    if incident.status.is_unsolved:
        raise NotAllowed("allowed.not_fixed_yet")


def check_can_open_again(incident: Incident, until: datetime, now: datetime) -> None:
    """Raises NotAllowed unless it is closed, and not for too long: `until` then it can be opened again."""
    if incident.status is Status.DISMISSED:
        raise NotAllowed("allowed.already_dismissed", by=incident.dismissed_by, at=incident.dismissed_at)
    if incident.status is not Status.CLOSED:
        if incident.reopened_at is not None:
            raise NotAllowed("allowed.open_again", by=incident.reopened_by, at=incident.reopened_at)
        raise NotAllowed("allowed.is_open")
    if now > until:
        raise NotAllowed("allowed.reopen_too_late", at=until)


def check_can_contact(incident: Incident, goes_on: bool) -> None:
    """Raises NotAllowed when the incident is over, unless what its customers are owed goes on."""
    if not (goes_on and incident.status is Status.CLOSED):
        check_open(incident)


def check_has_postmortem(known: Postmortem | None) -> Postmortem:
    """Raises NotAllowed before there is a postmortem: it begins when the incident is fixed."""
    if known is None:
        raise NotAllowed("allowed.no_postmortem")
    return known


def check_can_write(known: Postmortem | None) -> Postmortem:
    """Raises NotAllowed when the postmortem is accepted: what is found out later goes into the record."""
    known = check_has_postmortem(known)
    if known.state is State.ACCEPTED:
        raise NotAllowed("allowed.postmortem_accepted", by=known.accepted_by, at=known.accepted_at)
    return known


def check_can_submit(known: Postmortem | None, written: Collection[Section]) -> Postmortem:
    """Raises NotAllowed when the postmortem is submitted already, or nobody has said yet why it happened."""
    known = check_can_write(known)
    if known.state is State.SUBMITTED:
        raise NotAllowed("allowed.postmortem_submitted", by=known.submitted_by, at=known.submitted_at)
    if Section.CAUSES not in written:
        raise NotAllowed("allowed.postmortem_without_causes")
    return known


def check_can_answer_postmortem(known: Postmortem | None, user_id: str) -> Postmortem:
    """Raises NotAllowed unless the postmortem waits for an answer, and is not somebody's own: nobody accepts theirs."""
    known = check_can_write(known)
    if known.state is State.RETURNED:
        raise NotAllowed("allowed.postmortem_returned", by=known.returned_by, at=known.returned_at)
    if known.state is State.DRAFT:
        raise NotAllowed("allowed.postmortem_not_submitted")
    if known.submitted_by == user_id:
        raise NotAllowed("allowed.postmortem_is_yours")
    return known


def may_see(incident: Incident, user_id: str, participants: Collection[str]) -> bool:
    """Whether somebody may know of an incident: all may of a public one, its people of a private one (decision 7)."""
    return not incident.is_private or user_id == incident.reporter_id or user_id in participants
