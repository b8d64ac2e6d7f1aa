"""What a postmortem says, chapter by chapter, from the record and from what people wrote (domain.md section 10).

Not a step of its own: `handlers/review.py` shows this as a thread. Everybody may read it, so people's words and the
customers' names are masked. Its figures are counted without opening what is sealed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from bot import postmortem as rules
from bot.action import Action, ActionState
from bot.closing import Rating
from bot.incident import (
    APPROVERS,
    Complaint,
    Deadline,
    Duty,
    Grading,
    HighRisk,
    Incident,
    Listed,
    Publicity,
    Statement,
    YesNo,
)
from bot.plan import Plan
from bot.postmortem import Chapter, Postmortem, Reached, Section, Standing, State, Written
from bot.wording import Mrkdwn, Wording, escape, mention
from handlers import card, masks, timeline
from handlers.desk import Desk
from handlers.timeline import Line
from storage import actions, confirmations, customers, deadlines, gradings, plans, postmortems, statements, tasks
from storage.postmortems import Confirmed, Contacts

FEW = 10  # so many customers stand there one by one; of more there are figures
ONE_BY_ONE = 3  # so many clocks of one duty stand there one by one when they were kept
# Of the postmortem itself, or asked about facts and not about something that was owed.
LEFT_OUT = (Duty.REGRADE, Duty.SECTION, Duty.POSTMORTEM, Duty.ACCEPT_POSTMORTEM, Duty.ACTION)


@dataclass(frozen=True)
class Facets:
    """Everything that it says, read in one go. `few` are the customers, if there are so few that each stands there;
    `comments` are what they said with how satisfied they are, then; `tasks` are what was to be done, by their id."""

    incident: Incident
    postmortem: Postmortem
    clocks: Sequence[Deadline]
    reached: Sequence[Reached]
    total: int
    contacts: Contacts
    few: Sequence[Listed]
    contacts_with: Mapping[int, int]
    gradings: Sequence[Grading]
    plans: Sequence[Plan]
    statements: Sequence[Statement]
    confirmed: Sequence[Confirmed]
    scores: Sequence[int]
    comments: Sequence[Rating]
    written: Mapping[Section, Sequence[Written]]
    actions: Sequence[Action]
    tasks: Mapping[str, str]
    timeline: Sequence[Line]
    mask: Callable[[str], str]
    now: datetime

    def owed(self, section: Section) -> Deadline | None:
        """The clock of a section that somebody owes."""
        mine = (each for each in self.clocks if each.duty is Duty.SECTION and each.subject == section)
        return next((each for each in mine if each.is_running), None)

    @property
    def missing(self) -> list[Section]:
        """The sections that nobody has written yet."""
        return [section for section in Section if section not in self.written]

    def of(self, *some: Duty) -> list[Deadline]:
        """The clocks of some duties."""
        return [clock for clock in self.clocks if clock.duty in some]

    @property
    def first_contacts(self) -> rules.FirstContacts:
        """How soon the customers have heard."""
        return rules.first_contacts(
            self.reached,
            self.of(Duty.FIRST_CONTACT),
            self.incident.reported_at,
            max(self.total - len(self.reached), 0),
            self.incident.others_heard,
            self.contacts.others_heard_at,
        )

    def part(self, section: Section, name: str) -> str:
        """What counts of what people wrote for one part of a section, masked; nothing when it is not written. What sort
        of cause it is nobody wrote: that is a word of ours, whatever a customer may be called."""
        said = next((each.words for each in self.written.get(section, ()) if each.part == name), "")
        return said if name == rules.KIND else self.mask(said)


def facets(desk: Desk, tx: Connection, incident: Incident, postmortem: Postmortem) -> Facets:
    """What the database knows. Of the customers' data only that of the first few is opened."""
    reached = postmortems.reached(tx, incident.id)
    is_few = len(reached) <= FEW
    found = [customers.get(tx, incident.id, each.id) for each in reached] if is_few else []
    scores = postmortems.scores(tx, incident.id)
    written: dict[Section, list[Written]] = {}
    for each in postmortems.written(tx, incident.id):
        written.setdefault(each.section, []).append(each)
    mask = masks.of(tx, incident.id)
    return Facets(
        incident=incident,
        postmortem=postmortem,
        clocks=deadlines.of_incident(tx, incident.id),
        reached=reached,
        total=customers.counts(tx, incident).total,
        contacts=postmortems.contacts_of(tx, incident.id),
        few=[each for each in found if each is not None],
        contacts_with=postmortems.contacts_with(tx, incident.id) if is_few else {},
        gradings=gradings.of_incident(tx, incident.id),
        plans=plans.of_incident(tx, incident.id),
        statements=statements.of_incident(tx, incident.id),
        confirmed=postmortems.confirmed(tx, incident.id),
        scores=scores,
        comments=confirmations.ratings_of(tx, incident.id) if 0 < len(scores) <= FEW else [],
        written=written,
        actions=actions.of_incident(tx, incident.id),
        tasks={
            str(task.id): mask(desk.procedure.task_words(task, desk.channel_words.language))
            for task in tasks.of_incident(tx, incident.id)
        },
        timeline=timeline.lines(desk, tx, incident, desk.channel_words, full=False, mask=mask),
        mask=mask,
        now=desk.now(),
    )


def lines(desk: Desk, found: Facets, chapter: Chapter, words: Wording) -> list[Mrkdwn]:
    """What a chapter says, line by line."""
    say: Mapping[Chapter, Callable[[Desk, Facets, Wording], Iterable[Mrkdwn]]] = {
        Chapter.TIMELINE: _timeline,
        Chapter.IMPACT: _impact,
        Chapter.CONTACT: _contact,
        Chapter.DUTIES: _duties,
        Chapter.GRADINGS: _gradings,
        Chapter.PLANS: _plans,
        Chapter.SATISFACTION: _satisfaction,
        Chapter.CAUSES: _causes,
        Chapter.WENT_WELL: _went_well,
        Chapter.FELL_SHORT: _fell_short,
        Chapter.ACTIONS: _actions,
    }
    return list(say[chapter](desk, found, words)) or [words.mrkdwn(f"postmortem.nothing.{chapter}")]


# -- in twenty seconds -------------------------------------------------------------------------------------------------


def summary(found: Facets, words: Wording) -> list[Mrkdwn]:
    """What a manager reads in twenty seconds: how long and whom it hit, why, whether we kept our word, what changes."""
    return [
        _how_long(found.incident, words),
        Mrkdwn(f"{_whom(found, words)} {cause(found, words)}"),
        _kept_word(found, words),
        changes(found, words),
    ]


def _how_long(incident: Incident, words: Wording) -> Mrkdwn:
    began_at = incident.began_at or incident.reported_at
    if incident.fixed_at is None:
        return words.mrkdwn("postmortem.open_again", at=words.day(began_at))
    lasted = words.duration((incident.fixed_at - began_at).total_seconds())
    return words.mrkdwn(
        "postmortem.lasted", duration=lasted, began=words.day(began_at), ended=words.day(incident.fixed_at)
    )


def _whom(found: Facets, words: Wording) -> Mrkdwn:
    money = found.incident.money_lost
    if money is None or not money.minor:
        return words.mrkdwn("postmortem.hit", n=found.total)
    return words.mrkdwn("postmortem.hit_and_lost", n=found.total, money=words.money(money))


def cause(found: Facets, words: Wording) -> Mrkdwn:
    """The cause in one line: the last answer to why, and what sort it is."""
    whys = [why for part in rules.WHYS if (why := found.part(Section.CAUSES, part))]
    kind = found.part(Section.CAUSES, rules.KIND)
    if not whys:
        return words.mrkdwn("postmortem.no_cause")
    return words.mrkdwn("postmortem.cause", why=" ".join(whys[-1].split()), kind=words.text(f"cause.{kind}").lower())


def _kept_word(found: Facets, words: Wording) -> Mrkdwn:
    first = found.first_contacts
    said = words.mrkdwn("postmortem.first_contact", kept=words.number(first.in_time), all=words.number(first.total))
    if first.slowest is not None:
        slowest = words.duration(first.slowest.total_seconds())
        said = Mrkdwn(f"{said} {words.mrkdwn('postmortem.slowest', slowest=slowest)}")
    parts = [said]
    for key, duties in (("updates", [Duty.UPDATE]), ("promises", [Duty.PROMISE])):
        kept = rules.tally(found.of(*duties), found.now)
        if kept.all:
            values: dict[str, Any] = {"kept": words.number(kept.kept), "all": words.number(kept.all)}
            parts.append(words.mrkdwn(f"postmortem.{key}", **values))
    if found.scores:
        parts.append(words.mrkdwn("postmortem.satisfaction", average=_average(found.scores, words)))
    return Mrkdwn(" · ".join(parts))


def changes(found: Facets, words: Wording) -> Mrkdwn:
    """What is being done so that it does not happen again."""
    agreed = [each for each in found.actions if each.state is not ActionState.DROPPED]
    if not agreed:
        return words.mrkdwn("postmortem.no_actions")
    owners = Mrkdwn(" ".join(mention(who) for who in dict.fromkeys(each.owner_id for each in agreed)))
    still = [each.due_on for each in agreed if each.state is ActionState.OPEN]
    if not still:
        return words.mrkdwn("postmortem.actions_done", n=len(agreed), owners=owners)
    return words.mrkdwn("postmortem.actions_due", n=len(agreed), owners=owners, due=words.calendar_day(min(still)))


def state(found: Facets, words: Wording) -> Mrkdwn:
    """How far it is, who has it in hand, and what is missing."""
    mine = found.postmortem
    parts = [words.mrkdwn("postmortem.draft")]
    if mine.accepted_by and mine.accepted_at:
        parts = [words.mrkdwn("postmortem.accepted", who=mention(mine.accepted_by), at=words.time(mine.accepted_at))]
    elif mine.returned_by and mine.returned_at:
        parts = [words.mrkdwn("postmortem.returned", who=mention(mine.returned_by), at=words.time(mine.returned_at))]
    elif mine.submitted_by and mine.submitted_at:
        by, at = mention(mine.submitted_by), words.time(mine.submitted_at)
        waits = next((each for each in found.of(Duty.ACCEPT_POSTMORTEM) if each.is_running), None)
        key = "postmortem.waits" if waits else "postmortem.submitted"
        more: dict[str, Any] = {"reader": mention(waits.owner_id)} if waits else {}
        parts = [words.mrkdwn(key, who=by, at=at, **more)]
    if found.missing and mine.state is not State.ACCEPTED:
        named = words.text("list.comma").join(_missing(found, section, words) for section in found.missing)
        parts.append(words.mrkdwn("postmortem.missing", sections=Mrkdwn(named)))
    if mine.meeting_at is not None:
        parts.append(words.mrkdwn("postmortem.meets", at=words.day(mine.meeting_at)))
    return Mrkdwn(" · ".join(parts))


def _missing(found: Facets, section: Section, words: Wording) -> Mrkdwn:
    named, clock = words.text(f"postmortem.chapter.{section}"), found.owed(section)
    if clock is None:
        return escape(named)
    return words.mrkdwn("postmortem.missing_from", section=named, who=mention(clock.owner_id))


# -- the chapters ------------------------------------------------------------------------------------------------------


def _timeline(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    for line in found.timeline:
        yield words.mrkdwn("postmortem.line", at=words.day(line.at), text=line.text)


def _impact(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:
    incident, mask = found.incident, found.mask
    plan = next((each for each in reversed(found.plans) if each.approved_at is not None), None)
    trigger = desk.procedure.trigger_name(incident.trigger, words.language)
    said: list[tuple[str, object]] = [
        ("report.trigger", trigger),
        ("report.product", mask(incident.product)),
        ("report.place", mask(incident.place)),
        ("grade.customers_affected", words.number(found.total)),
        ("grade.customer_tier", words.text(f"tier.{incident.customer_tier}") if incident.customer_tier else ""),
        ("grade.money_lost", words.money(incident.money_lost) if incident.money_lost else ""),
        *((f"grade.{name}", _time(getattr(incident, name), words)) for name in TIMES),
        ("grade.publicity", _word("publicity", incident.publicity, Publicity.NONE, words)),
        ("grade.high_risk", _word("high_risk", incident.high_risk, HighRisk.NONE, words)),
        ("grade.complaint", _word("complaint", incident.complaint, Complaint.NONE, words)),
        ("grade.business_stopped", _word("yes_no", incident.business_stopped, YesNo.NO, words)),
        ("grade.emotion", words.text(f"emotion.{incident.emotion}") if incident.emotion else ""),
        ("report.demand", mask(incident.demand)),
        ("report.impact", mask(incident.impact)),
        ("postmortem.compensation", words.money(plan.compensation) if plan and plan.compensation else ""),
    ]
    for key, value in said:
        if value:
            shown = value if isinstance(value, Mrkdwn) else " ".join(str(value).split())
            yield words.mrkdwn("postmortem.fact", what=words.text(key), words=shown)


TIMES = ("core_down_since", "core_restored_at", "part_faulty_since", "part_restored_at")


def _time(at: datetime | None, words: Wording) -> Mrkdwn | str:
    return words.day(at) if at else ""


def _word(vocabulary: str, word: str | None, none: str, words: Wording) -> str:
    return words.text(f"{vocabulary}.{word}") if word and word != none else ""


def _contact(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    first = found.first_contacts
    yield words.mrkdwn(
        "postmortem.first_contacts",
        in_time=words.number(first.in_time),
        all=words.number(first.total),
        late=words.number(first.late),
        unheard=words.number(first.unheard),
    )
    if first.slowest is not None and first.middle is not None and len(found.reached) > 1:
        slowest, middle = (words.duration(each.total_seconds()) for each in (first.slowest, first.middle))
        yield words.mrkdwn("postmortem.how_soon", middle=middle, slowest=slowest)
    for duty in (Duty.UPDATE, Duty.PROMISE, Duty.CALL_AGAIN, Duty.FOLLOW_UP):
        kept = rules.tally(found.of(duty), found.now)
        if kept.all:
            yield _tally(duty, kept, words)
    if found.contacts.all:
        outcomes = [
            words.mrkdwn("postmortem.count", what=words.text(f"outcome.{outcome}"), count=words.number(count))
            for outcome, count in found.contacts.by_outcome.items()
        ]
        channels = [
            words.mrkdwn("postmortem.count", what=words.text(f"contact_channel.{channel}"), count=words.number(count))
            for channel, count in found.contacts.by_channel.items()
        ]
        how = Mrkdwn(" · ".join([*outcomes, *channels]))
        yield words.mrkdwn("postmortem.contacts", n=found.contacts.all, how=how)
    reached = {each.id: each for each in found.reached}
    for customer in found.few:
        yield _with(found, customer, reached[customer.id], words)


def _with(found: Facets, listed: Listed, reached: Reached, words: Wording) -> Mrkdwn:
    name, count = masks.name_of(listed.customer, words), found.contacts_with.get(listed.id, 0)
    wait, in_time = rules.wait_of(reached, found.of(Duty.FIRST_CONTACT), found.incident.reported_at)
    if wait is None or reached.heard_at is None:
        return words.mrkdwn("postmortem.customer_unheard", customer=name, n=count)
    key = "postmortem.customer_in_time" if in_time else "postmortem.customer_late"
    waited, heard_at = words.duration(wait.total_seconds()), words.time(reached.heard_at)
    return words.mrkdwn(key, customer=name, wait=waited, n=count, at=heard_at)


def _tally(duty: Duty, kept: rules.Tally, words: Wording) -> Mrkdwn:
    """How well one duty was kept, in figures."""
    values: dict[str, Any] = {
        "duty": words.text(f"duty.{duty}"),
        "kept": words.number(kept.kept),
        "all": words.number(kept.all),
    }
    if not kept.late:
        return words.mrkdwn("postmortem.all_kept", **values)
    if not kept.worst:
        return words.mrkdwn("postmortem.some_missed", **values)
    return words.mrkdwn("postmortem.some_late", **values, worst=words.duration(kept.worst.total_seconds()))


def _duties(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    for duty in Duty:
        clocks = [] if duty in LEFT_OUT else found.of(duty)
        if len(clocks) > ONE_BY_ONE:
            if (kept := rules.tally(clocks, found.now)).all:  # else all of them still run
                yield _tally(duty, kept, words)
            clocks = [each for each in clocks if rules.standing(each, found.now) in (Standing.LATE, Standing.MISSED)]
        for clock in clocks:
            if rules.standing(clock, found.now) is not Standing.NOT_OWED:
                yield _clock(found, clock, words)


def _clock(found: Facets, clock: Deadline, words: Wording) -> Mrkdwn:
    """One clock: who kept it and how early, or how late it was."""
    stands, duty = rules.standing(clock, found.now), words.text(f"duty.{clock.duty}")
    if clock.duty is Duty.TASK and clock.subject in found.tasks:
        duty = words.text("postmortem.task", duty=duty, task=found.tasks[clock.subject])
    values: dict[str, Any] = {"duty": duty, "who": mention(clock.met_by or clock.was_due_from)}
    if clock.met_at is not None:
        distance = words.duration((clock.due_at - clock.met_at).total_seconds())
        return words.mrkdwn(f"postmortem.{stands}", **values, at=words.time(clock.met_at), distance=distance)
    return words.mrkdwn(f"postmortem.{stands}", **values, due=words.time(clock.due_at))


def _gradings(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    for each in found.gradings:
        key = "postmortem.graded" if each.severity == each.proposed_severity else "postmortem.graded_otherwise"
        proposed: dict[str, Any] = (
            {} if each.severity == each.proposed_severity else {"proposed": int(each.proposed_severity)}
        )
        said = words.mrkdwn(
            key,
            sign=card.SIGN[each.severity],
            severity=int(each.severity),
            who=mention(each.by),
            at=words.day(each.at),
            **proposed,
        )
        yield _because(said, found.mask(each.reason), words)


def _because(said: Mrkdwn, reason: str, words: Wording) -> Mrkdwn:
    reason = " ".join(reason.split())
    return words.mrkdwn("postmortem.because", said=said, reason=reason) if reason else said


def _plans(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    for plan in found.plans:
        yield from _plan(found, plan, words)
    for statement in found.statements:
        yield from _statement(found, statement, words)


def _plan(found: Facets, plan: Plan, words: Wording) -> Iterator[Mrkdwn]:
    kind = words.text("postmortem.temporary" if plan.is_temporary else "postmortem.final")
    values: dict[str, Any] = {"version": plan.version, "by": mention(plan.by), "at": words.day(plan.at), "kind": kind}
    yield words.mrkdwn("postmortem.plan", **values, owner=mention(plan.owner_id), until=words.day(plan.until_at))
    for step in found.mask(plan.steps).splitlines():
        if step.strip():
            yield words.mrkdwn("postmortem.step", words=step)
    if plan.compensation:
        what, money = words.text("postmortem.compensation"), words.money(plan.compensation)
        yield words.mrkdwn("postmortem.fact", what=what, words=money)
    if plan.approved_by and plan.approved_at:
        yield words.mrkdwn("postmortem.approved", who=mention(plan.approved_by), at=words.day(plan.approved_at))
    elif plan.refused_by and plan.refused_at:
        said = words.mrkdwn("postmortem.refused", who=mention(plan.refused_by), at=words.day(plan.refused_at))
        yield _because(said, found.mask(plan.reason), words)
    else:
        yield words.mrkdwn("postmortem.undecided")


def _statement(found: Facets, statement: Statement, words: Wording) -> Iterator[Mrkdwn]:
    yield words.mrkdwn("postmortem.statement", by=mention(statement.by), at=words.day(statement.at))
    for role in APPROVERS:
        if given := statement.approval(role):
            as_ = words.text(f"who.{role}")
            yield words.mrkdwn("postmortem.approved_as", who=mention(given[0]), at=words.day(given[1]), role=as_)
    if statement.refused_by and statement.refused_at:
        by, at = mention(statement.refused_by), words.day(statement.refused_at)
        yield _because(words.mrkdwn("postmortem.refused", who=by, at=at), found.mask(statement.reason), words)
    if statement.published_by and statement.published_at:
        by, at = mention(statement.published_by), words.day(statement.published_at)
        yield words.mrkdwn("postmortem.published", who=by, at=at)


def _satisfaction(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    for each in found.confirmed:
        key = "postmortem.confirmed" if len(found.confirmed) == 1 else "postmortem.confirmed_round"
        more: dict[str, Any] = {} if len(found.confirmed) == 1 else {"round": each.round}
        yes, no = words.number(each.satisfied), words.number(each.dissatisfied)
        yield words.mrkdwn(key, satisfied=yes, dissatisfied=no, **more)
    if found.scores:
        counted = Counter(found.scores)
        spread = Mrkdwn(
            " · ".join(
                words.mrkdwn("postmortem.score", score=score, count=words.number(counted[score]))
                for score in sorted(counted, reverse=True)
            )
        )
        average = _average(found.scores, words)
        yield words.mrkdwn("postmortem.rated", n=len(found.scores), average=average, spread=spread)
    for rating in found.comments:
        if comment := " ".join(found.mask(rating.comment).split()):
            yield words.mrkdwn("postmortem.comment", score=rating.score, words=comment)


def _average(scores: Sequence[int], words: Wording) -> str:
    return words.number(Decimal(round(10 * sum(scores) / len(scores))) / 10)


def _causes(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    if kind := found.part(Section.CAUSES, rules.KIND):
        yield words.mrkdwn("postmortem.sort", kind=words.text(f"cause.{kind}"))
    whys = [why for part in rules.WHYS if (why := found.part(Section.CAUSES, part))]
    for number, why in enumerate(whys, 1):
        yield words.mrkdwn("postmortem.why", number=number, words=" ".join(why.split()))


def _went_well(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    yield from _own_words(found, Section.WENT_WELL)


def _fell_short(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    """What was late is there already; people add to it."""
    for duty in Duty:
        kept = rules.tally([] if duty in LEFT_OUT else found.of(duty), found.now)
        if kept.late:
            yield _tally(duty, kept, words)
    yield from _own_words(found, Section.FELL_SHORT)


def _own_words(found: Facets, section: Section) -> Iterator[Mrkdwn]:
    for line in found.part(section, rules.WORDS).splitlines():
        if line.strip():
            yield escape(line)


def _actions(desk: Desk, found: Facets, words: Wording) -> Iterator[Mrkdwn]:  # noqa: ARG001
    for each in found.actions:
        values: dict[str, Any] = {
            "what": " ".join(found.mask(each.what).split()),
            "kind": words.text(f"action_kind.{each.kind}"),
            "owner": mention(each.owner_id),
            "due": words.calendar_day(each.due_on),
        }
        said = words.mrkdwn(f"postmortem.action.{each.state}", **values)
        yield _because(said, found.mask(each.outcome), words)
