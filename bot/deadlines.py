"""What starts a duty, and who owes it; a deadline and a moment -> remind, escalate or nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from bot.grading import Facts
from bot.incident import RUNGS, Deadline, Duty, Emotion, Event, Moment, MomentKind, Role, Severity, Tier
from bot.procedure import DutyTimes, Procedure, Span, everybody
from bot.worktime import Calendar

Rosters = Mapping[str, Sequence[str]]  # the members of the user groups that the procedure names, by handle
TO_CUSTOMERS = (  # what is owed to a customer, not to a colleague
    Duty.FIRST_CONTACT,
    Duty.UPDATE,
    Duty.PROMISE,
    Duty.CALL_AGAIN,
    Duty.COMPLAINT_RESPONSE,
    Duty.COMPLAINT_FEEDBACK,
    Duty.FOLLOW_UP,
)
TO_ACKNOWLEDGE = (Duty.REPORT_UP, Duty.INFORM_EXECUTIVE, Duty.INVOLVE_PR)  # met when somebody says that they know of it
UP = (MomentKind.ESCALATE, MomentKind.NOBODY_LEFT)  # the ladder
LEAST_LEFT = timedelta(minutes=1)  # a reminder that is asked for comes at least so long before the time


@dataclass(frozen=True)
class Plan:
    """A deadline before it is remembered: its times and everything that will be said while it is not met."""

    duty: Duty
    owner_id: str
    started_at: datetime
    due_at: datetime
    escalate_every_s: int
    moments: tuple[Moment, ...]
    subject: str = ""


def starting(event: Event, severity: Severity, facts: Facts, procedure: Procedure) -> list[Duty]:
    """The duties that something starts at a severity, in the order of the procedure."""
    return [
        duty
        for duty, times in _in_order(procedure)
        if is_owed(duty, severity, facts, procedure) and times.starts_at(severity) is event
    ]


def is_owed(duty: Duty, severity: Severity, facts: Facts, procedure: Procedure) -> bool:
    """Whether anybody owes it at this severity, as the facts are."""
    times = procedure.duties.get(duty)
    if times is None or not times.is_owed(severity):
        return False
    return all(getattr(facts, fact) in words for fact, words in times.when.items())


def owner_of(
    duty: Duty, holders: Mapping[Role, str], reporter_id: str | None, procedure: Procedure, rosters: Rosters
) -> str | None:
    """Who owes a duty: the first of its owners whom the incident has and who is there.

    `holders` are the people who have taken a role; `reporter_id` is None when they have left, and not asked for when
    somebody stands in for them. When there is none of them, the first on call, then the first on the ladder; None when
    the workspace has nobody of all these.
    """
    some = procedure.duties[duty].owner if duty in procedure.duties else ()
    return first_of(some, holders, reporter_id, procedure, rosters)


def first_of(
    some: Sequence[Role],
    holders: Mapping[Role, str],
    reporter_id: str | None,
    procedure: Procedure,
    rosters: Rosters,
) -> str | None:
    """The first of these roles and rungs whom the incident has, like `owner_of`."""
    reporter_id = holders.get(Role.REPORTER, reporter_id)
    for role in some:
        if found := _who_is(role, holders, reporter_id, procedure, rosters):
            return found
    others = [*procedure.on_call, *(who for rung in procedure.ladder for who in rung.people)]
    return reporter_id or next(iter(members(others, rosters)), None)


def _who_is(
    role: Role, holders: Mapping[Role, str], reporter_id: str | None, procedure: Procedure, rosters: Rosters
) -> str | None:
    if role is Role.REPORTER:
        return reporter_id
    if role in holders:
        return holders[role]
    return next(iter(members(procedure.rung(role), rosters)), None) if role in RUNGS and role is not Role.LEAD else None


def plan(
    duty: Duty,
    severity: Severity,
    owner_id: str,
    started_at: datetime,
    procedure: Procedure,
    rosters: Rosters,
    subject: str = "",
    within: Span | None = None,
    due_at: datetime | None = None,
    urgent: bool = False,
    due_on: date | None = None,
) -> Plan:
    """What will be said about a duty, and when.

    `rosters` have only people who are there. `within` is the time of a task that has one of its own, `due_at` of what
    somebody has said a time for, `due_on` of what is to be done by the end of a day: it counts in working days, and is
    reminded of in the morning. What is owed to an `urgent` customer is reminded of earlier. Whoever has to
    acknowledge it is told at once. The owner is reminded before it is due; at the due time, and again each
    `escalate_every`, the next rung of the ladder is told: the first person of it who has not been told yet. After the
    last one the channel is told that nobody is left (domain.md section 4). What is counted in working days is said in
    working time only. A brief has no ladder: the clock sends it.
    """
    times, calendar = procedure.duties[duty], procedure.worktime
    within = within or times.due_within(severity)
    before, every = times.remind_before_due(severity), times.escalates_every(severity)
    quiet = due_on is not None or (within.working_days > 0 and due_at is None)
    if due_on is not None:
        due_at = calendar.closing(due_on)
    due_at = due_at or within.after(started_at, calendar)
    by_days = due_on is not None and before.working_days > 0
    remind_at = before.before(calendar.opening(due_on) if due_on and by_days else due_at, calendar)
    if urgent and duty in TO_CUSTOMERS:
        remind_at = due_at - (due_at - remind_at) * procedure.urgent_customers.remind_earlier
    if remind_at <= started_at:  # a task may have less time than its reminder
        remind_at = started_at + (due_at - started_at) / 2
    if quiet:
        remind_at = calendar.next_working(remind_at)
    if duty is Duty.BRIEF:
        brief = _brief(remind_at, due_at, owner_id, times)
        return Plan(duty, owner_id, started_at, due_at, every.seconds, brief, subject)
    told = _told(times, severity, owner_id, procedure, rosters)
    moments = [Moment(started_at, MomentKind.TELL, user_id, role) for user_id, role in told]
    if remind_at < due_at:
        moments.append(Moment(remind_at, MomentKind.REMIND, owner_id, Role.OWNER))
        if told and times.to is not None:
            moments.append(Moment(remind_at, MomentKind.REMIND, *told[0]))
    knowing = {owner_id, *(user_id for user_id, role in told if role is not Role.OWNER)}
    moments += _ladder(due_at, every, knowing, procedure, rosters, quiet)
    return Plan(duty, owner_id, started_at, due_at, every.seconds, tuple(moments), subject)


def _brief(remind_at: datetime, due_at: datetime, owner_id: str, times: DutyTimes) -> tuple[Moment, ...]:
    """The clock sends it itself, to whoever is there then: nobody can be late with it, nobody hears of it before."""
    moments = [Moment(remind_at, MomentKind.REMIND, owner_id, Role.OWNER)] if remind_at < due_at else []
    return (*moments, Moment(due_at, MomentKind.BRIEF, None, times.to or Role.EXECUTIVE))


def read_by(times: DutyTimes, procedure: Procedure, rosters: Rosters) -> list[str]:
    """Everybody who gets a brief: the people of the rung or the role it is for."""
    if times.to is None:
        return []
    if times.to in RUNGS:
        return members(procedure.rung(times.to), rosters)
    return addressees(times, procedure, rosters)


def _told(
    times: DutyTimes, severity: Severity, owner_id: str, procedure: Procedure, rosters: Rosters
) -> list[tuple[str, Role]]:
    """Who is told as soon as it starts: the one who has to acknowledge it, as what; copies as `owner`'s peers."""
    told: list[tuple[str, Role]] = []
    if times.to is not None:
        people = addressees(times, procedure, rosters)
        told += [(user_id, times.to) for user_id in [who for who in people if who != owner_id][:1]]
    known = {owner_id, *(user_id for user_id, _ in told)}
    for who in times.copies.get(str(int(severity)), []):  # type: ignore[call-overload]
        copy = next((user_id for user_id in members([who], rosters) if user_id not in known), None)
        if copy is not None:
            known.add(copy)
            told.append((copy, Role.OWNER))
    return told


def addressees(times: DutyTimes, procedure: Procedure, rosters: Rosters) -> list[str]:
    """Everybody who may acknowledge a duty: the people of the rung or role it is for, and of each rung above."""
    if times.to is None:
        return []
    if times.to in RUNGS:
        above = RUNGS[RUNGS.index(times.to) :]
        return members([who for rung in procedure.ladder if rung.role in above for who in rung.people], rosters)
    needs = procedure.roles.get(times.to)
    return members(everybody(needs.people) if needs else [], rosters)


def _ladder(
    at: datetime, every: Span, told: set[str], procedure: Procedure, rosters: Rosters, quiet: bool
) -> list[Moment]:
    """The rungs from `at` on, without those who were told; then that nobody is left."""
    calendar, told = procedure.worktime, set(told)
    moments = []
    for rung in procedure.ladder:
        user_id = next((who for who in members(rung.people, rosters) if who not in told), None)
        if user_id is None:
            continue  # nobody of this rung is there who has not been told: the next one up is told at once
        told.add(user_id)
        at = calendar.next_working(at) if quiet else at
        moments.append(Moment(at, MomentKind.ESCALATE, user_id, rung.role))
        at = every.after(at, calendar)
    moments.append(Moment(calendar.next_working(at) if quiet else at, MomentKind.NOBODY_LEFT, None, Role.OWNER))
    return moments


def in_turn(
    moments: Sequence[Moment],
    position: int,
    due_at: datetime,
    every: timedelta,
    people: Sequence[tuple[str, Role]],
) -> tuple[Moment, ...]:
    """The same moments, but of those still to come it is not the ladder that is told when it is late: these `people`
    are, one after the other, without those who were told. With nobody among them, the ladder stays."""
    said, ahead = tuple(moments[:position]), moments[position:]
    late = [moment for moment in said if moment.kind in UP and moment.at >= due_at]
    at = next((moment.at for moment in ahead if moment.kind in UP), None)
    if not people or at is None:
        return tuple(moments)
    told = {moment.user_id for moment in late}
    new = []
    for user_id, role in people:
        if user_id not in told:
            new.append(Moment(at, MomentKind.ESCALATE, user_id, role))
            at += every
    new.append(Moment(at, MomentKind.NOBODY_LEFT, None, Role.OWNER))
    return (*said, *sorted([*(each for each in ahead if each.kind not in UP), *new], key=lambda moment: moment.at))


def is_urgent(tier: Tier | None, emotion: Emotion | None, procedure: Procedure) -> bool:
    """Whether a customer is one of those who are called first (domain.md sections 2 and 3)."""
    rule = procedure.urgent_customers
    return tier in rule.tiers or emotion in rule.emotions


def replanned(
    deadline: Deadline,
    severity: Severity,
    owner_id: str,
    now: datetime,
    procedure: Procedure,
    rosters: Rosters,
    urgent: bool = False,
) -> Deadline:
    """A running deadline after its severity has changed, and maybe its owner: re-based from its original start.

    What was said stays as it was (`moments` up to `position`). Of what is still to come nothing is said twice for one
    due time: neither the reminder to the same owner, nor a rung that was told already.
    """
    if any(moment.kind is MomentKind.BRIEF for moment in deadline.moments[: deadline.position]):
        return deadline  # it is on its way
    due_at = _brief_due(deadline, severity, now, procedure) if deadline.duty is Duty.BRIEF else None
    made = plan(
        deadline.duty,
        severity,
        owner_id,
        deadline.started_at,
        procedure,
        rosters,
        deadline.subject,
        due_at=due_at,
        urgent=urgent,
    )
    if made.due_at == deadline.due_at and owner_id == deadline.owner_id:
        return replace(deadline, escalate_every_s=made.escalate_every_s)
    return _changed(deadline, made, now)


def _brief_due(deadline: Deadline, severity: Severity, now: datetime, procedure: Procedure) -> datetime:
    """When a brief comes at another severity. Where that is past, whoever owes it can still say what is new."""
    times, calendar = procedure.duties[Duty.BRIEF], procedure.worktime
    due_at = times.due_within(severity).after(deadline.started_at, calendar)
    if due_at > now:
        return due_at
    return min(deadline.due_at, times.remind_before_due(severity).after(now, calendar))


def interval(duty: Duty, severity: Severity, at: datetime, procedure: Procedure) -> timedelta:
    """The time that a duty of this severity has when it starts at `at`; nothing when it is not owed."""
    times = procedure.duties.get(duty)
    if times is None or not times.is_owed(severity):
        return timedelta(0)
    return times.due_within(severity).after(at, procedure.worktime) - at


def moved_on(
    deadline: Deadline,
    since: datetime,
    severity: Severity,
    now: datetime,
    procedure: Procedure,
    rosters: Rosters,
    urgent: bool = False,
) -> Deadline:
    """An update after one of several customers has heard it: due when the one who waits longest, `since`, has to hear.

    Who was reminded of this round is not reminded of each customer anew; the ladder goes by the new time.
    """
    made = plan(deadline.duty, severity, deadline.owner_id, since, procedure, rosters, deadline.subject, urgent=urgent)
    moved = _changed(deadline, made, now)
    said = len(deadline.moments[: deadline.position])
    if any(moment.kind is MomentKind.REMIND for moment in deadline.moments[: deadline.position]):
        moments = [*moved.moments[:said]]
        moments += [m for m in moved.moments[said:] if m.kind is not MomentKind.REMIND or m.at > now]
        moved = replace(moved, moments=tuple(moments), next_nudge_at=moments[said].at if moments[said:] else None)
    return moved


def round_is_over(
    deadline: Deadline, oldest_heard_at: datetime, at: datetime, severity: Severity, procedure: Procedure
) -> bool:
    """Whether everybody has heard this round of updates: who waits longest heard just now, or well after it began.

    A quarter of the interval tells a round from the first contacts that began it, which are done one after the other.
    """
    began = deadline.started_at
    quarter = interval(deadline.duty, severity, began, procedure) / 4
    return oldest_heard_at > began and oldest_heard_at >= min(at, began + quarter)


def handed_to(
    deadline: Deadline, severity: Severity, owner_id: str, now: datetime, procedure: Procedure, rosters: Rosters
) -> Deadline:
    """A running deadline that somebody else owes from now on. It keeps its times, whatever the file says meanwhile."""
    if owner_id == deadline.owner_id:
        return deadline
    every = Span(minutes=max(deadline.escalate_every_s // 60, 1))
    quiet = is_quiet(deadline.duty, severity, procedure)
    ahead = deadline.moments[deadline.position :]
    remind_at = next((moment.at for moment in ahead if moment.kind is MomentKind.REMIND), now)
    told = [moment for moment in ahead if moment.kind is MomentKind.TELL or moment.user_id != deadline.owner_id]
    is_brief = deadline.duty is Duty.BRIEF
    moments = [
        *(moment for moment in told if moment.kind in (MomentKind.TELL, MomentKind.REMIND)),
        Moment(max(remind_at, now), MomentKind.REMIND, owner_id, Role.OWNER),
        *(moment for moment in ahead if moment.kind is MomentKind.BRIEF),
        *([] if is_brief else _ladder(deadline.due_at, every, {owner_id}, procedure, rosters, quiet)),
    ]
    made = Plan(
        deadline.duty,
        owner_id,
        deadline.started_at,
        deadline.due_at,
        deadline.escalate_every_s,
        tuple(sorted(moments, key=lambda moment: moment.at)),
        deadline.subject,
    )
    return _changed(deadline, made, now)


def resumed(deadline: Deadline, now: datetime, is_dated: bool = False) -> Deadline:
    """A deadline that was stopped runs on: all its times are later by as long as it stood still, so that it is neither
    later nor earlier than it was. One that somebody has named themselves (`is_dated`) holds while it is still ahead."""
    stood = now - (deadline.stopped_at or now)
    if is_dated and deadline.due_at > now:
        stood = timedelta(0)
    said, ahead = deadline.moments[: deadline.position], deadline.moments[deadline.position :]
    moments = tuple(replace(moment, at=moment.at + stood) for moment in ahead)
    return replace(
        deadline,
        started_at=deadline.started_at + stood,
        due_at=deadline.due_at + stood,
        moments=(*said, *moments),
        next_nudge_at=moments[0].at if moments else None,
        stopped_at=None,
    )


def _changed(deadline: Deadline, made: Plan, now: datetime) -> Deadline:
    said = tuple(deadline.moments[: deadline.position])
    ahead = _ahead(made, said, deadline.due_at, now)
    if deadline.told_at is not None:
        ahead = _after_telling(replace(deadline, owner_id=made.owner_id, due_at=made.due_at), ahead, deadline.told_at)
    return replace(
        deadline,
        owner_id=made.owner_id,
        due_at=made.due_at,
        escalate_every_s=made.escalate_every_s,
        moments=(*said, *ahead),
        next_nudge_at=ahead[0].at if ahead else None,
        missed_by=_missed_by(deadline, made, now),
    )


def _missed_by(deadline: Deadline, made: Plan, now: datetime) -> str | None:
    """Who owed it when it fell due, where that is somebody else than who owes it now; nobody while there is time."""
    if made.due_at > now:
        return None
    before = deadline.was_due_from
    return before if before != made.owner_id else None


def _ahead(made: Plan, said: Sequence[Moment], due_before: datetime, now: datetime) -> list[Moment]:
    """What of a new plan is still to be said after what was said when it was due at `due_before`.

    A rung that was told when the new time had passed knows that it is late; with more time the ladder begins anew.
    """
    reminded = {moment.user_id for moment in said if moment.kind is MomentKind.REMIND and made.due_at == due_before}
    reminded_then = {(moment.user_id, moment.at) for moment in said if moment.kind is MomentKind.REMIND}
    informed = {moment.user_id for moment in said if moment.kind is MomentKind.TELL}
    ahead: list[Moment] = []
    for moment in made.moments:
        if moment.kind is MomentKind.REMIND:
            is_known = moment.user_id in reminded or (moment.user_id, moment.at) in reminded_then
        else:
            is_known = moment.user_id in informed
        if moment.kind in (MomentKind.TELL, MomentKind.REMIND) and now < made.due_at and not is_known:
            # A new owner is reminded even when the usual time for it has passed.
            ahead.append(replace(moment, at=max(moment.at, now)))
    if not any(moment.kind is MomentKind.BRIEF for moment in said):
        ahead += [moment for moment in made.moments if moment.kind is MomentKind.BRIEF]
    late = [moment for moment in said if moment.kind in UP and moment.at >= made.due_at]
    if any(moment.kind is MomentKind.NOBODY_LEFT for moment in late):
        return ahead
    return ahead + _rungs_ahead(made, late)


def _rungs_ahead(made: Plan, late: Sequence[Moment]) -> list[Moment]:
    told, every = {moment.user_id for moment in late}, timedelta(seconds=made.escalate_every_s)
    at = late[-1].at if late else None
    ahead = []
    for moment in made.moments:
        if moment.kind in UP and moment.user_id not in told:
            at = max(moment.at, at + every) if at else None  # each rung still gets its full time
            ahead.append(replace(moment, at=at or moment.at))
    return ahead


def without(deadline: Deadline, gone: Collection[str], procedure: Procedure, rosters: Rosters) -> Deadline:
    """A running deadline of which those who have left are told nothing more.

    In their place the next one of their rung is told, or the rung above at their time.
    """
    said, ahead = tuple(deadline.moments[: deadline.position]), tuple(deadline.moments[deadline.position :])
    if not any(moment.user_id in gone for moment in ahead):
        return deadline
    told = {deadline.owner_id, *(moment.user_id for moment in (*said, *ahead))}
    times = iter([moment.at for moment in ahead if moment.kind in UP])
    kept: list[Moment] = []
    for moment in ahead:
        user_id = moment.user_id
        if user_id in gone and moment.kind is MomentKind.ESCALATE:
            user_id = next((who for who in members(procedure.rung(moment.role), rosters) if who not in told), None)
            told.add(user_id)
        elif user_id in gone and moment.kind is MomentKind.DEPUTY:
            user_id = None  # who is asked is found when it is time
        if user_id in gone or (user_id is None and moment.kind is MomentKind.ESCALATE):
            continue
        kept.append(replace(moment, user_id=user_id, at=next(times) if moment.kind in UP else moment.at))
    next_at = max(kept[0].at, deadline.next_nudge_at or kept[0].at) if kept else None
    return replace(deadline, moments=(*said, *kept), next_nudge_at=next_at)


def is_quiet(duty: Duty, severity: Severity, procedure: Procedure) -> bool:
    """Whether a duty is counted in working days: then it is said in working time only."""
    times = procedure.duties.get(duty)
    return times is not None and times.is_owed(severity) and times.due_within(severity).working_days > 0


def may_postpone(deadline: Deadline, now: datetime) -> timedelta | None:
    """For how long its owner may put a reminder off: half of what is left, once, and never past the time."""
    left = deadline.due_at - now
    if not deadline.is_running or deadline.postponed_at is not None or left < 2 * LEAST_LEFT:
        return None
    return timedelta(minutes=max(1, int(left.total_seconds() // 120)))


def postponed(deadline: Deadline, now: datetime, working: Calendar | None = None) -> Deadline | None:
    """The deadline with one more reminder for its owner, later; None when that is not possible any more. What is said
    in `working` time only waits for the morning, unless that would be too late."""
    later = may_postpone(deadline, now)
    if later is None:
        return None
    at = now + later
    if working is not None and (morning := working.next_working(at)) < deadline.due_at:
        at = morning
    said, ahead = deadline.moments[: deadline.position], deadline.moments[deadline.position :]
    again = Moment(at, MomentKind.REMIND, deadline.owner_id, Role.OWNER)
    rest = [moment for moment in ahead if moment.kind is not MomentKind.REMIND]
    return replace(deadline, moments=(*said, again, *rest), next_nudge_at=again.at, postponed_at=now)


def asked_to_know(deadline: Deadline) -> Moment | None:
    """The moment at which whoever has to acknowledge it was told; None when nobody was there to be told."""
    return next(
        (each for each in deadline.moments if each.kind is MomentKind.TELL and each.role is not Role.OWNER), None
    )


def told(deadline: Deadline, by: str, now: datetime) -> Deadline | None:
    """The deadline after somebody has said that they have told the one who has to acknowledge it; None when that was
    said before, or nobody was to be told.

    That does not meet it: the procedure asks for that person's own word (domain.md section 4). But the owner has done
    what was theirs, so they are reminded no more; the one who has to acknowledge is asked again at once in their direct
    message; and the ladder waits for its own interval, from when it was due or from now, whichever is later. Once, so
    that a word from somebody else can't put off the ladder for ever: nobody acknowledges, and the next one up is told.
    """
    asked = asked_to_know(deadline)
    if asked is None or not deadline.is_running or deadline.told_at is not None:
        return None
    said, ahead = deadline.moments[: deadline.position], deadline.moments[deadline.position :]
    rest = _after_telling(deadline, ahead, now)
    again = Moment(now, MomentKind.TELL, asked.user_id, asked.role)
    moments = (*said, *sorted([again, *rest], key=lambda moment: moment.at))
    return replace(deadline, moments=moments, next_nudge_at=now, told_at=now, told_by=by)


def _after_telling(deadline: Deadline, ahead: Sequence[Moment], told_at: datetime) -> list[Moment]:
    """What is still to be said once the one who has to acknowledge it was told: nothing to the owner, and the ladder
    later, each rung with its full time."""
    rest = [each for each in ahead if each.kind is not MomentKind.REMIND or each.role is not Role.OWNER]
    every = timedelta(seconds=deadline.escalate_every_s)
    first = next((each.at for each in rest if each.kind in UP), None)
    if first is None:
        return rest
    later = max(max(deadline.due_at, told_at) + every - first, timedelta(0))
    return [replace(each, at=each.at + later) if each.kind in UP else each for each in rest]


def members(people: Sequence[str], rosters: Rosters) -> list[str]:
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


def decide_all(deadline: Deadline, now: datetime) -> list[Decision]:
    """Everything that is to be said about a deadline at `now`, in order; at least one decision."""
    decisions = [decide(deadline, now)]
    while decisions[-1].moment and decisions[-1].next_nudge_at is not None and decisions[-1].next_nudge_at <= now:
        decisions.append(decide(replace(deadline, position=decisions[-1].position), now))
    return decisions


def decide(deadline: Deadline, now: datetime) -> Decision:
    """The next thing that is to be said about a deadline at `now`. A pure function of the two.

    One thing at a time: after an outage that lasted over several moments the next rung is told now, and each
    further one still gets its full time. A reminder whose deadline has passed meanwhile is skipped:
    the late message says more.
    """
    position = deadline.position
    if not deadline.is_running or position >= len(deadline.moments):
        return Decision(None, position, position, None)
    moment, after = deadline.moments[position], position + 1
    following = deadline.moments[after] if after < len(deadline.moments) else None
    if moment.kind is MomentKind.REMIND and following is not None and deadline.due_at <= now:
        return decide(replace(deadline, position=after), now)
    if moment.at > now:
        return Decision(None, position, position, moment.at)
    if following is None:
        return Decision(moment, position, after, None)
    next_at = following.at
    if moment.kind not in (MomentKind.REMIND, MomentKind.TELL):
        next_at = max(next_at, now + timedelta(seconds=deadline.escalate_every_s))
    return Decision(moment, position, after, next_at)


def _in_order(procedure: Procedure) -> list[tuple[Duty, DutyTimes]]:
    return [(duty, procedure.duties[duty]) for duty in Duty if duty in procedure.duties]
