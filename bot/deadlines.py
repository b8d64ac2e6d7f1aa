"""What starts a duty, what meets it; a deadline and a moment -> remind, escalate or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.incident import Deadline, Duty, Moment, MomentKind, Role, Severity
from bot.procedure import Procedure

STARTED_BY_REPORT = (Duty.VERIFY, Duty.FIRST_CONTACT)


@dataclass(frozen=True)
class Plan:
    """A deadline before it is remembered: its times and everything that will be said while it is not met."""

    duty: Duty
    owner_id: str
    started_at: datetime
    due_at: datetime
    escalate_every_s: int
    moments: tuple[Moment, ...]


def plan(
    duty: Duty,
    severity: Severity,
    owner_id: str,
    started_at: datetime,
    procedure: Procedure,
    rosters: Mapping[str, Sequence[str]],
) -> Plan:
    """What will be said about a duty, and when.

    `rosters` are the members of the user groups that the procedure names, by handle, only people who are there.
    The owner is reminded before it is due; at the due time, and again each `escalate_every`, the next rung of the
    ladder is told: the first person of that rung who has not been told yet. After the last one the channel is told that
    nobody is left (domain.md section 4).
    """
    times = procedure.duties[duty]
    due_at = started_at + times.due_within(severity)
    every = times.escalates_every(severity)
    moments = [Moment(due_at - times.remind_before_due(severity), MomentKind.REMIND, owner_id, Role.OWNER)]
    told, at = {owner_id}, due_at
    for rung in procedure.ladder:
        user_id = next((who for who in members(rung.people, rosters) if who not in told), None)
        if user_id is None:
            continue  # nobody of this rung is there who has not been told: the next one up is told at once
        told.add(user_id)
        moments.append(Moment(at, MomentKind.ESCALATE, user_id, rung.role))
        at += every
    moments.append(Moment(at, MomentKind.NOBODY_LEFT, None, Role.OWNER))
    return Plan(duty, owner_id, started_at, due_at, int(every.total_seconds()), tuple(moments))


def members(people: Sequence[str], rosters: Mapping[str, Sequence[str]]) -> list[str]:
    """The user ids behind ids and group handles, in the order of the file, each once."""
    ids = [user for who in people for user in (rosters.get(who[1:], ()) if who.startswith("@") else (who,))]
    return list(dict.fromkeys(ids))


@dataclass(frozen=True)
class Decision:
    """What the clock does now: say `moment` (or nothing), go on at `position`, look again at `next_nudge_at`."""

    moment: Moment | None
    index: int
    position: int
    next_nudge_at: datetime | None


def decide(deadline: Deadline, now: datetime) -> Decision:
    """What is to be said about a deadline at `now`. A pure function of the two.

    One thing at a time: after an outage that lasted over several moments the next rung is told now, and each
    further one still gets its full time. A reminder whose deadline has passed meanwhile is skipped:
    the late message says more.
    """
    position = deadline.position
    if not deadline.is_running or position >= len(deadline.moments):
        return Decision(None, position, position, None)
    moment, after = deadline.moments[position], position + 1
    following = deadline.moments[after] if after < len(deadline.moments) else None
    if moment.kind is MomentKind.REMIND and following is not None and following.at <= now:
        return decide(replace(deadline, position=after), now)
    if moment.at > now:
        return Decision(None, position, position, moment.at)
    if following is None:
        return Decision(moment, position, after, None)
    next_at = following.at
    if moment.kind is not MomentKind.REMIND:
        next_at = max(next_at, now + timedelta(seconds=deadline.escalate_every_s))
    return Decision(moment, position, after, next_at)
