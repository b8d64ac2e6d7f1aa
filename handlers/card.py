"""The pinned card of an incident and its line in the incidents channel: always drawn whole from the database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement, OverflowMenuElement
from sqlalchemy import Connection

from bot import grading
from bot.closing import Rating, Tally
from bot.grading import Proposal
from bot.incident import (
    TEAM,
    Assignment,
    Counts,
    Customer,
    Deadline,
    Duty,
    Evidence,
    Grading,
    Incident,
    Role,
    Severity,
    Status,
)
from bot.plan import Plan, Progress
from bot.wording import Mrkdwn, Wording, channel_link, escape, mention
from handlers import duties, masks, tally
from handlers.blocks import (
    actions,
    beginning,
    button,
    context,
    divider,
    fitting,
    header,
    overflow,
    quote,
    room_beside,
    section,
)
from handlers.desk import Desk, Drawing
from storage import confirmations, customers, deadlines, gradings, incidents, notes, plans, roles
from storage import progress as reported
from storage.notes import Note
from storage.outbox import Message

SIGN = {Severity.ONE: "🔴", Severity.TWO: "🟠", Severity.THREE: "🟡"}
NOT_GRADED = "⚪"
# Drawn again whenever an incident changes.
SHOWN_WITH_INCIDENT = ("card", "announcement", "checklist", "postmortem", "solved", "reopened")
# When it works again, or does not, or is over.
SHOWN_WITH_STATUS = ("plan", "plan_asked", "requests", "request", "channel_refused")

# What is needed less often, by where it stands; Slack takes five. Everything else is behind the last one.
MENU = ("ledger.open", "grade.open", "roles.open", "dismiss.open", "more.open")
GRADED_MENU = ("ledger.open", "progress.open", "grade.open", "roles.hand_over", "more.open")
FIXED_MENU = ("ledger.open", "satisfaction.open", "actions.open", "fixed.not_fixed", "more.open")
COMPLAINT_MENU = ("ledger.open", "roles.hand_over", "more.open")
CLOSED_MENU = ("reopen.open", "actions.open", "dossier.make")
# Shown with the roles, in the checklist, with the words, with the severity, or counted in the line about customers.
NOT_ON_CARD = (
    Duty.ACCEPT_ROLE,
    Duty.TASK,
    Duty.APPROVE_STATEMENT,
    Duty.APPROVE_PLAN,
    Duty.REGRADE,
    Duty.PROMISE,
    Duty.CALL_AGAIN,
    Duty.REQUEST,
    Duty.BRIEF,
    Duty.SECTION,
    Duty.ACTION,
)
NOT_SHOWN = ("plan_question", "postmortem_returned", "closed")  # notes that stand in a thread, or elsewhere on the card
IN_ONE_LINE = 200  # letters of the latest news
TOLD = ("place", "demand", "done_already", "impact")  # what the reporter said in own words

# The steps of the procedure in their order: the first that is still to be done is the card's primary button.
NEXT = (
    "verify.open",
    "grade.open",
    "roles.open",
    "plan.open",
    "fixed.open",
    "confirm.open",
    "close.open",
    "solution.open",
    "contact.open",
)


@dataclass(frozen=True)
class Facets:
    """Everything that the card shows, read in one go."""

    incident: Incident
    customer: Customer
    deadlines: Sequence[Deadline]
    evidence: Sequence[Evidence]
    notes: Sequence[Note]
    counts: Counts
    proposal: Proposal
    gradings: Sequence[Grading]
    roles: Sequence[Assignment]
    needed: Sequence[Role]
    mask: Callable[[str], str]
    plans: Sequence[Plan]
    latest: Progress | None
    tally: Tally | None  # once it is fixed
    ratings: Sequence[Rating]

    @property
    def plan(self) -> Plan | None:
        """The latest version of this round's plan."""
        return next((plan for plan in reversed(self.plans) if plan.round == self.incident.round), None)


def facets(desk: Desk, tx: Connection, incident: Incident) -> Facets:
    """What the database knows of an incident."""
    known = customers.first_few(tx, incident.id, 1)
    facts = grading.facts_of(incident, desk.now())
    there = incidents.what_is_there(tx, incident.id)  # of a new incident little: one question instead of seven
    return Facets(
        incident,
        known[0],
        deadlines.of_incident(tx, incident.id),
        incidents.evidence_of(tx, incident.id) if "evidence" in there else (),
        notes.of_incident(tx, incident.id) if "notes" in there else (),
        customers.counts(tx, incident),
        grading.propose(facts, desk.procedure),
        gradings.of_incident(tx, incident.id) if "gradings" in there else (),
        roles.of_incident(tx, incident.id) if "assignments" in there else (),
        duties.needed(desk.procedure, incident),
        masks.of(tx, incident.id),
        plans.of_incident(tx, incident.id) if "plans" in there else (),
        reported.latest(tx, incident.id) if "progress" in there else None,
        tally.of(desk, tx, incident) if incident.fixed_at else None,
        confirmations.scores(tx, incident.id, incident.round) if "ratings" in there else (),
    )


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """The card for the incident's channel."""
    return card(desk, facets(desk, tx, incidents.get(tx, message.incident_id)), desk.channel_words, desk.now())


def draw_announcement(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """The incident's line in the incidents channel, kept current."""
    incident, words = incidents.get(tx, message.incident_id), desk.channel_words
    mask = masks.of(tx, incident.id)
    latest = reported.latest(tx, incident.id) if incident.status.is_unsolved else None
    text = words.message(
        "announcement",
        incident=incident,
        reason=mask(incident.dismissal_reason) if incident.dismissal_reason else "",
        news=beginning(_one_line(mask(latest.words)), IN_ONE_LINE) if latest else "",
        expected_at=latest.expected_at if latest else None,
        sign=sign_of(incident),
        level=level(incident, words),
        trigger=desk.procedure.trigger_name(incident.trigger, words.language),
    )
    return Drawing(text, [section(text)])


def card(desk: Desk, facets: Facets, words: Wording, now: datetime) -> Drawing:
    """The card, for whoever reads `words`."""
    incident = facets.incident
    blocks: list[Block] = [
        header(words.text("card.title", sign=sign_of(incident), number=incident.number, title=incident.title)),
        section(Mrkdwn(f"{_severity(facets, words)}\n{_facts(desk, facets, words)}"), accessory=_menu(facets, words)),
    ]
    if latest := _latest_news(facets, words):
        blocks.append(section(latest))
    blocks.append(divider())
    if clocks := [clock_line(deadline, words, now) for deadline in _latest(facets.deadlines)]:
        blocks.append(section(Mrkdwn("\n".join(clocks))))
    if facets.plan is not None:
        blocks.append(section(plan_line(facets.plan, facets.deadlines, words, now)))
    if told_so_far := [*progress(facets.counts, words), *_promises(facets.deadlines, words)]:
        blocks.append(context(Mrkdwn(" · ".join(told_so_far))))
    if ended := _end(facets, words):
        blocks.append(context(Mrkdwn(" · ".join(ended))))
    blocks.append(context(_people(facets, words)))
    if incident.status.is_open:
        blocks.append(actions(_buttons(facets, words)))
    if told := _told(facets, words, room_beside(blocks)):
        blocks.insert(2, section(told, accessory=_files(facets, words)))
    return Drawing(_sentence(facets, words), blocks)


def progress(counts: Counts, words: Wording) -> list[Mrkdwn]:
    """How far the customers have heard: `137 of 212 customers reached`, `41 no answer`. Nothing before a first try."""
    if not (counts.heard or counts.no_answer or counts.wrong_number):
        return []
    tried = {"no_answer": counts.no_answer, "wrong_number": counts.wrong_number}
    return [
        words.mrkdwn("card.heard", n=counts.total, heard=words.number(counts.heard)),
        *(words.mrkdwn(f"card.{outcome}", n=number) for outcome, number in tried.items() if number),
    ]


def reasons(proposal: Proposal, words: Wording) -> list[Mrkdwn]:
    """Why a severity is proposed, each reason a clause."""
    return [escape(grading.clause(reason, words)) for reason in proposal.reasons]


def clock_line(deadline: Deadline, words: Wording, now: datetime, subject: Mrkdwn | str = "") -> Mrkdwn:
    """One clock: what is owed, by whom, until when; or who did it, and how early or late. `subject` says which task it
    is, where an incident has several."""
    what, who = words.mrkdwn(f"duty.{deadline.duty}"), mention(deadline.owner_id)
    if subject:
        what = words.mrkdwn("home.about", duty=what, subject=subject)
    if deadline.met_at is not None:
        distance = (deadline.due_at - deadline.met_at).total_seconds()
        return words.mrkdwn(
            "card.met" if distance >= 0 else "card.met_late",
            what=what,
            who=mention(deadline.met_by or deadline.owner_id),
            at=words.time(deadline.met_at),
            distance=words.duration(distance),
        )
    if deadline.stopped_at is not None:
        return words.mrkdwn("card.stopped", what=what)
    key = "card.late" if deadline.is_late(now) else "card.running"
    return words.mrkdwn(key, what=what, who=who, at=words.when(deadline.due_at))


def plan_line(plan: Plan, clocks: Sequence[Deadline], words: Wording, now: datetime) -> Mrkdwn:
    """A plan in one line: the version, who is in charge until when, and who has decided on it or has to."""
    values: dict[str, Any] = {
        "version": plan.version,
        "owner": mention(plan.owner_id),
        "until": words.time(plan.until_at),
    }
    said = words.mrkdwn("plan.line_temporary" if plan.is_temporary else "plan.line", **values)
    clock = next((each for each in clocks if each.duty is Duty.APPROVE_PLAN and each.subject == str(plan.id)), None)
    if plan.approved_by and plan.approved_at:
        then = words.mrkdwn("plan.line_approved", who=mention(plan.approved_by), at=words.time(plan.approved_at))
    elif plan.refused_by and plan.refused_at:
        then = words.mrkdwn("plan.line_refused", who=mention(plan.refused_by), at=words.time(plan.refused_at))
    elif clock is None or not clock.is_running:
        then = words.mrkdwn("plan.line_waits")
    else:
        key = "plan.line_late" if clock.is_late(now) else "plan.line_asked"
        then = words.mrkdwn(key, who=mention(clock.owner_id), at=words.when(clock.due_at))
    return Mrkdwn(f"{said} · {then}")


def summary(
    incident: Incident, next_due: Deadline | None, words: Wording, now: datetime, subject: Mrkdwn | str = ""
) -> Mrkdwn:
    """An incident in two lines: for lists and App Home."""
    where = channel_link(incident.channel_id) if incident.channel_id else words.mrkdwn("card.no_channel")
    first = words.mrkdwn(
        "card.summary", sign=sign_of(incident), number=incident.number, title=incident.title, where=where
    )
    return Mrkdwn(f"{first}\n{clock_line(next_due, words, now, subject)}") if next_due else first


def _severity(facets: Facets, words: Wording) -> Mrkdwn:
    incident = facets.incident
    if incident.dismissed_by and incident.dismissed_at:
        return words.mrkdwn(
            "card.dismissed" if incident.status is Status.DISMISSED else "card.complaint",
            who=mention(incident.dismissed_by),
            at=words.day(incident.dismissed_at),
            reason=facets.mask(incident.dismissal_reason),
        )
    severity = facets.proposal.severity
    why = Mrkdwn(words.text("list.and").join(reasons(facets.proposal, words)) or words.text("reason.none"))
    proposed = words.mrkdwn("card.proposed", sign=SIGN[severity], severity=int(severity), why=why)
    if incident.severity is None:
        return proposed
    last = facets.gradings[-1]
    said = words.mrkdwn(
        "card.graded",
        sign=SIGN[incident.severity],
        severity=int(incident.severity),
        who=mention(last.by),
        at=words.time(last.at),
    )
    if last.reason:
        said = words.mrkdwn("card.graded_because", graded=said, reason=facets.mask(last.reason))
    # What the facts speak for is said again where it is not what was decided: they may have moved since.
    return said if severity == incident.severity else Mrkdwn(f"{said}\n{proposed}")


def _facts(desk: Desk, facets: Facets, words: Wording) -> Mrkdwn:
    incident = facets.incident
    who = words.mrkdwn(
        "card.customers" if incident.customers_affected > 1 else "card.customer",
        n=incident.customers_affected - 1,
        customer=masks.name_of(facets.customer, words),
    )
    parts = [
        who,
        words.mrkdwn("card.reported", at=words.time(incident.reported_at)),
        escape(desk.procedure.trigger_name(incident.trigger, words.language)),
        escape(facets.mask(incident.product)),
    ]
    return Mrkdwn(" · ".join(part for part in parts if part))


def sign_of(incident: Incident) -> str:
    """One sign per state, everywhere the same: the severity once it is graded."""
    return SIGN[incident.severity] if incident.severity else NOT_GRADED


def level(incident: Incident, words: Wording) -> str:
    """How bad it is, in a few words: `severity 1`, or that it is proposed so."""
    if incident.severity:
        return words.text("level.graded", severity=int(incident.severity))
    severity = incident.proposed_severity
    return words.text("level.proposed", sign=SIGN[severity], severity=int(severity))


def _promises(found: Sequence[Deadline], words: Wording) -> list[Mrkdwn]:
    due = sorted(each.due_at for each in found if each.duty is Duty.PROMISE and each.is_running)
    return [words.mrkdwn("card.promises", n=len(due), due=words.when(due[0]))] if due else []


def _latest(found: Sequence[Deadline]) -> list[Deadline]:
    """Of each duty the clock that was started last: an update that is due again stands for those that were made."""
    latest = {deadline.duty: deadline for deadline in found if deadline.duty not in NOT_ON_CARD}
    return [latest[duty] for duty in Duty if duty in latest]


def _end(facets: Facets, words: Wording) -> list[Mrkdwn]:
    """Since when it is fixed, how far it is confirmed, how satisfied the customers are, and who has closed it."""
    incident = facets.incident
    parts: list[Mrkdwn] = []
    if incident.round > 1:
        parts.append(words.mrkdwn("card.round", round=words.number(incident.round)))
    if incident.fixed_at and incident.fixed_by:
        parts.append(words.mrkdwn("card.fixed", who=mention(incident.fixed_by), at=words.time(incident.fixed_at)))
        if facets.tally:
            parts.append(tally.progress(facets.tally, words))
    if facets.ratings:
        parts.append(tally.satisfaction(facets.ratings, words))
    if incident.closed_at and incident.closed_by:
        who, at = mention(incident.closed_by), words.day(incident.closed_at)
        parts.append(words.mrkdwn("card.closed", who=who, at=at))
        if incident.closing_reason:
            reason = beginning(facets.mask(incident.closing_reason), IN_ONE_LINE)
            parts.append(words.mrkdwn("card.closed_because", reason=reason))
    return parts


def _people(facets: Facets, words: Wording) -> Mrkdwn:
    """Who has which role, who is asked, and which roles nobody has yet."""
    incident = facets.incident
    holders, asked = roles.holders(facets.roles), roles.asked(facets.roles)
    parts = [
        words.mrkdwn(f"status.{incident.status}"),
        words.mrkdwn("card.reporter", who=mention(incident.reporter_id)),
    ]
    if Role.REPORTER in holders:
        parts.append(words.mrkdwn("card.stands_in", who=mention(holders[Role.REPORTER])))
    for role in TEAM:
        name = words.text(f"role.{role}")
        if role in holders:
            parts.append(words.mrkdwn("card.role", role=name, who=mention(holders[role])))
        elif role in asked:
            parts.append(words.mrkdwn("card.role_asked", role=name, who=mention(asked[role].user_id)))
        elif role in facets.needed and incident.severity is not None:
            parts.append(words.mrkdwn("card.role_open", role=name))
    return Mrkdwn(" · ".join(parts))


def _told(facets: Facets, words: Wording, room: int) -> Mrkdwn | None:
    """What the reporter said beyond the title, as far as there is room."""
    incident = facets.incident
    lines: list[Mrkdwn] = []
    if (happened := facets.mask(incident.what_happened).strip()) != incident.title:
        lines.append(quote(happened))
    said: list[tuple[str, str | Mrkdwn]] = [
        ("happened_at", words.day(incident.happened_at) if incident.happened_at else ""),
        *((key, facets.mask(getattr(incident, key))[:300]) for key in TOLD),
        ("urgency", words.text(f"urgency.{incident.urgency}") if incident.urgency else ""),
        ("emotion", words.text(f"emotion.{incident.emotion}") if incident.emotion else ""),
        ("source", words.text(f"source.{incident.source}") if incident.source else ""),
        ("evidence", Mrkdwn(" · ".join(_link(item, facets.mask, words) for item in facets.evidence))),
    ]
    lines += [words.mrkdwn("card.said", what=words.text(f"report.{key}"), words=value) for key, value in said if value]
    for note in [each for each in facets.notes if each.occasion not in NOT_SHOWN]:
        noted = beginning(facets.mask(note.words))
        lines.append(words.mrkdwn(f"card.note.{note.occasion}", who=mention(note.by), words=noted))
    told = fitting(lines, room)  # the rest is in the record
    return Mrkdwn("\n".join(told)) if told else None


def _latest_news(facets: Facets, words: Wording) -> Mrkdwn | None:
    """What is new, in one line, and when it is expected to work again; nothing once it is solved."""
    latest = facets.latest
    if latest is None or not facets.incident.status.is_unsolved:
        return None
    news = beginning(_one_line(facets.mask(latest.words)), IN_ONE_LINE)
    line = words.mrkdwn("card.latest", words=news, who=mention(latest.by), at=words.time(latest.at))
    if latest.expected_at is None:
        return line
    return Mrkdwn(f"{line}\n{words.mrkdwn('card.expected', at=words.when(latest.expected_at))}")


def _one_line(words: str) -> str:
    return " ".join(words.split())


def _link(item: Evidence, mask: Callable[[str], str], words: Wording) -> Mrkdwn:
    name = mask(item.name) or words.text("card.evidence_message")
    if item.kind == "file" or not item.url:  # a file of a form opens for nobody but its owner: a button brings it
        return escape(name)
    return Mrkdwn(f"<{escape(item.url)}|{escape(name).replace('|', ' ')}>")


def _files(facets: Facets, words: Wording) -> ButtonElement | None:
    if facets.incident.customers_erased_at is not None or all(each.kind != "file" for each in facets.evidence):
        return None
    return button(words.text("button.evidence.send"), "evidence.send", facets.incident.id)


def _buttons(facets: Facets, words: Wording) -> list[ButtonElement]:
    """The next step of the procedure is the primary one; what has been done is not offered any more."""
    incident, plan = facets.incident, facets.plan
    running = {deadline.duty for deadline in facets.deadlines if deadline.is_running}
    given = {*roles.holders(facets.roles), *roles.asked(facets.roles)}
    is_emergency = incident.status is not Status.COMPLAINT
    offers = {
        "verify.open": is_emergency and incident.verified_at is None,
        "grade.open": is_emergency and incident.severity is None,
        "roles.open": incident.status.is_unsolved and incident.severity is not None and not set(facets.needed) <= given,
        "plan.open": incident.status.is_unsolved
        and incident.severity is not None
        and (plan is None or plan.refused_at is not None),
        "fixed.open": incident.status.is_unsolved and plan is not None and plan.approved_at is not None,
        "confirm.open": incident.status is Status.FIXED,
        "close.open": incident.status is Status.CONFIRMED,
        "solution.open": not is_emergency and bool(running & {Duty.COMPLAINT_SOLUTION, Duty.COMPLEX_SOLUTION}),
        "contact.open": True,
    }
    offered = [action for action in NEXT if offers[action]]
    severity = int(facets.proposal.severity)
    return [
        button(
            words.text("button.grade.proposed", severity=severity)
            if action == "grade.open"
            else words.text(f"button.{action}"),
            action,
            incident.id,
            primary=action == offered[0],
        )
        for action in offered
    ]


def _menu(facets: Facets, words: Wording) -> OverflowMenuElement | None:
    incident = facets.incident
    if incident.status is Status.DISMISSED:
        return None
    choices = {
        Status.COMPLAINT: COMPLAINT_MENU,
        Status.FIXED: FIXED_MENU,
        Status.CONFIRMED: FIXED_MENU,
        Status.CLOSED: CLOSED_MENU,
    }.get(incident.status, MENU if incident.severity is None else GRADED_MENU)
    if incident.status.is_open and facets.counts.total == 1:  # one customer needs no list
        choices = ("customer.show", *choices[1:])
    return overflow("card.menu", [(words.text(f"button.{choice}"), f"{choice}:{incident.id}") for choice in choices])


def _sentence(facets: Facets, words: Wording) -> str:
    incident = facets.incident
    if incident.status is Status.DISMISSED:
        return words.mrkdwn("card.sentence_dismissed", number=incident.number, title=incident.title)
    return words.mrkdwn("card.sentence", number=incident.number, title=incident.title, level=level(incident, words))
