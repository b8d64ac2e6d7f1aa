"""The pinned card of an incident and its line in the incidents channel: always drawn whole from the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import Block, ButtonElement, OverflowMenuElement
from sqlalchemy import Connection

from bot import grading
from bot.confidential import masked_name, without_name
from bot.grading import Facts, Proposal, Reason
from bot.incident import Customer, Deadline, Duty, Evidence, Incident, Money, Severity, Status
from bot.wording import Mrkdwn, Wording, channel_link, escape, mention
from handlers.blocks import SECTION_LENGTH, actions, button, context, divider, header, overflow, quote, section
from handlers.desk import Desk, Drawing
from storage import contacts, deadlines, incidents, notes
from storage.notes import Note
from storage.outbox import Message

SIGN = {Severity.ONE: "🔴", Severity.TWO: "🟠", Severity.THREE: "🟡"}
NOT_GRADED = "⚪"
SHOWN_WITH_INCIDENT = ("card", "announcement")  # drawn again whenever an incident changes

MENU = ("customer.show", "dismiss.open")  # what is needed less often
NAMED = 8  # people on the card; all of them are in the channel
TOLD = ("place", "demand", "done_already", "impact")  # what the reporter said in own words

# The steps of the procedure in their order: the first that is still to be done is the card's primary button.
NEXT = ((Duty.VERIFY, "verify.open"), (Duty.FIRST_CONTACT, "contact.open"))


@dataclass(frozen=True)
class Facets:
    """Everything that the card shows, read in one go."""

    incident: Incident
    customer: Customer
    deadlines: Sequence[Deadline]
    evidence: Sequence[Evidence]
    notes: Sequence[Note]
    contacts: int
    proposal: Proposal
    people: Sequence[str]


def facets(desk: Desk, tx: Connection, incident: Incident) -> Facets:
    """What the database knows of an incident."""
    customer = incidents.customer_of(tx, incident.id)
    facts = Facts(
        customers_affected=incident.customers_affected,
        emotion=incident.emotion,
        customer_tier=customer.tier,
        trigger=incident.trigger,
    )
    return Facets(
        incident,
        customer,
        deadlines.of_incident(tx, incident.id),
        incidents.evidence_of(tx, incident.id),
        notes.of_incident(tx, incident.id),
        contacts.count(tx, incident.id),
        grading.propose(facts, desk.procedure),
        incidents.participants_of(tx, incident.id),
    )


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """The card for the incident's channel."""
    return card(desk, facets(desk, tx, incidents.get(tx, message.incident_id)), desk.channel_words, desk.now())


def draw_announcement(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """The incident's line in the incidents channel, kept current."""
    incident, words = incidents.get(tx, message.incident_id), desk.channel_words
    text = words.message(
        "announcement",
        incident=incident,
        sign=SIGN[incident.proposed_severity],
        trigger=desk.procedure.trigger_name(incident.trigger, words.language),
    )
    return Drawing(text, [section(text)])


def card(desk: Desk, facets: Facets, words: Wording, now: datetime) -> Drawing:
    """The card, for whoever reads `words`."""
    incident = facets.incident
    blocks: list[Block] = [
        header(words.text("card.title", sign=NOT_GRADED, number=incident.number, title=incident.title)),
        section(Mrkdwn(f"{_severity(facets, words)}\n{_facts(desk, facets, words)}"), accessory=_menu(facets, words)),
    ]
    if told := _told(facets, words):
        blocks.append(section(told))
    blocks.append(divider())
    if clocks := [clock_line(deadline, words, now) for deadline in facets.deadlines]:
        blocks.append(section(Mrkdwn("\n".join(clocks))))
    blocks.append(context(_people(facets, words)))
    if facets.contacts:
        blocks.append(context(words.mrkdwn("card.contacts", n=facets.contacts)))
    if incident.status.is_open:
        blocks.append(actions(_buttons(facets, words)))
    return Drawing(_sentence(facets, words), blocks)


def reasons(proposal: Proposal, words: Wording) -> list[Mrkdwn]:
    """Why a severity is proposed, each reason a clause."""
    return [_reason(reason, words) for reason in proposal.reasons]


def clock_line(deadline: Deadline, words: Wording, now: datetime) -> Mrkdwn:
    """One clock: what is owed, by whom, until when; or who did it, and how early or late."""
    what, who = words.mrkdwn(f"duty.{deadline.duty}"), mention(deadline.owner_id)
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


def summary(incident: Incident, next_due: Deadline | None, words: Wording, now: datetime) -> Mrkdwn:
    """An incident in two lines: for lists and App Home."""
    where = channel_link(incident.channel_id) if incident.channel_id else words.mrkdwn("card.channel_opens")
    first = words.mrkdwn("card.summary", sign=NOT_GRADED, number=incident.number, title=incident.title, where=where)
    return Mrkdwn(f"{first}\n{clock_line(next_due, words, now)}") if next_due else first


def _severity(facets: Facets, words: Wording) -> Mrkdwn:
    incident = facets.incident
    if incident.status is Status.DISMISSED and incident.dismissed_by and incident.dismissed_at:
        return words.mrkdwn(
            "card.dismissed",
            who=mention(incident.dismissed_by),
            at=words.day(incident.dismissed_at),
            reason=incident.dismissal_reason,
        )
    severity = facets.proposal.severity
    why = words.text("list.and").join(reasons(facets.proposal, words)) or words.text("reason.none")
    return words.mrkdwn("card.proposed", sign=SIGN[severity], severity=int(severity), why=Mrkdwn(why))


def _facts(desk: Desk, facets: Facets, words: Wording) -> Mrkdwn:
    incident = facets.incident
    who = words.mrkdwn(
        "card.customers" if incident.customers_affected > 1 else "card.customer",
        n=incident.customers_affected - 1,
        customer=masked_name(facets.customer.name),
    )
    parts = [
        who,
        words.mrkdwn("card.reported", at=words.time(incident.reported_at)),
        escape(desk.procedure.trigger_name(incident.trigger, words.language)),
        escape(incident.product),
    ]
    return Mrkdwn(" · ".join(part for part in parts if part))


def _people(facets: Facets, words: Wording) -> Mrkdwn:
    """Who has which role. So far: who reported it, and who was called in."""
    incident = facets.incident
    others = [user_id for user_id in facets.people if user_id != incident.reporter_id]
    named = Mrkdwn(" ".join(mention(user_id) for user_id in others[:NAMED]))
    parts = [
        words.mrkdwn(f"status.{incident.status}"),
        words.mrkdwn("card.reporter", who=mention(incident.reporter_id)),
        words.mrkdwn("card.called_in", who=named, more=len(others) - NAMED) if len(others) > NAMED else "",
        words.mrkdwn("card.on_call", who=named) if 0 < len(others) <= NAMED else "",
    ]
    return Mrkdwn(" · ".join(part for part in parts if part))


def _told(facets: Facets, words: Wording) -> Mrkdwn | None:
    """What the reporter said beyond the title."""
    incident = facets.incident
    lines: list[Mrkdwn] = []
    if incident.what_happened.strip() != incident.title:
        lines.append(quote(without_name(incident.what_happened, facets.customer.name)))
    said: list[tuple[str, str | Mrkdwn]] = [
        ("happened_at", words.day(incident.happened_at) if incident.happened_at else ""),
        *((key, without_name(getattr(incident, key)[:300], facets.customer.name)) for key in TOLD),
        ("urgency", words.text(f"urgency.{incident.urgency}") if incident.urgency else ""),
        ("emotion", words.text(f"emotion.{incident.emotion}") if incident.emotion else ""),
        ("source", words.text(f"source.{incident.source}") if incident.source else ""),
        ("evidence", Mrkdwn(" · ".join(_link(item, words) for item in facets.evidence))),
    ]
    lines += [words.mrkdwn("card.said", what=words.text(f"report.{key}"), words=value) for key, value in said if value]
    lines += [words.mrkdwn("card.note", words=without_name(note.words, facets.customer.name)) for note in facets.notes]
    told, length = [], 0
    for line in lines:  # whole lines, as many as Slack takes; the rest is in the record
        if length + len(line) + 1 > SECTION_LENGTH:
            break
        told.append(line)
        length += len(line) + 1
    return Mrkdwn("\n".join(told)) if told else None


def _link(item: Evidence, words: Wording) -> Mrkdwn:
    name = item.name or words.text("card.evidence_message")
    return Mrkdwn(f"<{escape(item.url)}|{escape(name).replace('|', ' ')}>") if item.url else escape(name)


def _buttons(facets: Facets, words: Wording) -> list[ButtonElement]:
    running = {deadline.duty for deadline in facets.deadlines if deadline.is_running}
    primary = next((action for duty, action in NEXT if duty in running), None)
    offered = [action for duty, action in NEXT if duty in running or action == "contact.open"]
    return [
        button(words.text(f"button.{action}"), action, facets.incident.id, primary=action == primary)
        for action in offered
    ]


def _menu(facets: Facets, words: Wording) -> OverflowMenuElement | None:
    if not facets.incident.status.is_open:
        return None
    number = facets.incident.id
    return overflow("card.menu", [(words.text(f"button.{choice}"), f"{choice}:{number}") for choice in MENU])


def _reason(reason: Reason, words: Wording) -> Mrkdwn:
    test = reason.threshold
    if test is None:
        return words.mrkdwn("reason.trigger" if reason.fact == "trigger" else f"reason.{reason.fact}.{reason.value}")
    kind, from_ = ("at_least", test.at_least) if test.at_least is not None else ("more_than", test.more_than)
    threshold = words.number(from_ or 0)
    if isinstance(reason.value, Money):
        return words.mrkdwn(f"reason.{reason.fact}.{kind}", amount=words.money(reason.value), threshold=threshold)
    return words.mrkdwn(f"reason.{reason.fact}.{kind}", n=int(reason.value), threshold=threshold)


def _sentence(facets: Facets, words: Wording) -> str:
    incident = facets.incident
    if incident.status is Status.DISMISSED:
        return words.mrkdwn("card.sentence_dismissed", number=incident.number, title=incident.title)
    return words.mrkdwn(
        "card.sentence", number=incident.number, title=incident.title, severity=int(incident.proposed_severity)
    )
