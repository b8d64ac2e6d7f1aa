"""What may follow what, and who may do it. Checked when a form opens and again when it is saved."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

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


def may_see(incident: Incident, user_id: str, participants: Collection[str]) -> bool:
    """Whether somebody may know of an incident: all may of a public one, its people of a private one (decision 7)."""
    return not incident.is_private or user_id == incident.reporter_id or user_id in participants
