"""What stands in the dossier of an incident: the six parts of domain.md section 8, and the timeline.

Not a step of its own: the step `dossier` asks for it. The same data become the PDF and the JSON.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Connection

from bot import grading
from bot.closing import Proof
from bot.confidential import known_by, masked, masked_name, masking, parts
from bot.grading import Facts
from bot.incident import Contact, Customer, Incident, Listed, Money
from bot.postmortem import standing
from bot.wording import Wording
from handlers import masks, timeline
from handlers.desk import Desk
from storage import (
    actions,
    confirmations,
    contacts,
    customers,
    deadlines,
    erasure,
    gradings,
    incidents,
    notes,
    people,
    plans,
    postmortems,
    progress,
    requests,
    statements,
)

PARTS = (
    "first_report",
    "grading_record",
    "contact_log",
    "plans_and_approvals",
    "customer_confirmations",
    "postmortem",
    "timeline",
)
MESSAGE = re.compile(r"/p\d{16}\b(?:\?thread_ts=[\d.]+)?")  # by what Slack knows a message: nobody's number
FACTS = tuple(name for name in Facts.__dataclass_fields__ if name not in ("trigger", "emotion"))


@dataclass
class _Names:
    """People as {id, name}; the names are filled in at the end, with one question."""

    met: dict[str, dict[str, str]] = field(default_factory=dict)

    def __call__(self, user_id: str | None) -> dict[str, str] | None:
        if user_id is None:
            return None
        return self.met.setdefault(user_id, {"id": user_id, "name": user_id})

    def fill(self, tx: Connection) -> None:
        for user_id, name in people.names(tx, self.met).items():
            self.met[user_id]["name"] = name


@dataclass(frozen=True)
class _Seen:
    """How much of the customers whoever reads it may see."""

    said: Callable[[str], str]
    name: Callable[[Customer], str]
    contact: Callable[[str], str]
    address: Callable[[str, bool], str]  # of a page or, if it is, of a file


def collect(
    desk: Desk, tx: Connection, incident: Incident, words: Wording, by: str, unmasked: bool, now: datetime
) -> dict[str, Any]:
    """Everything, by part. Customers' data are masked unless it is `unmasked`."""
    listed = {each.id: each for each in customers.all_of(tx, incident.id)}
    seen, who = _seen(tx, incident, listed, words, unmasked), _Names()
    lines = timeline.named(tx, timeline.lines(desk, tx, incident, words, mask=seen.said))
    dossier = {
        "incident": _head(desk, incident, words, seen)
        | {"made_at": now, "made_by": who(by), "is_masked": not unmasked},
        "first_report": _first_report(tx, incident, listed, seen, who),
        "grading_record": _gradings(tx, incident, seen, who, now),
        "contact_log": [_contact(each, listed, seen, who) for each in contacts.of_incident(tx, incident.id)],
        "plans_and_approvals": _plans(tx, incident, seen, who),
        "customer_confirmations": _confirmations(tx, incident, listed, seen, who),
        "postmortem": _postmortem(tx, incident, seen, who, now),
        "timeline": [
            {"at": each.at, "text": str(each.text), "by": who(each.by), "key": each.key, "about": each.about}
            for each in lines
        ],
    }
    who.fill(tx)
    return dossier


def as_json(dossier: dict[str, Any]) -> bytes:
    """For other programs: times in ISO 8601 with their zone, money in the smallest unit with its currency."""
    return json.dumps(dossier, ensure_ascii=False, indent=1, default=_plain).encode()


def _plain(value: object) -> object:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Money):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _seen(tx: Connection, incident: Incident, listed: dict[int, Listed], words: Wording, unmasked: bool) -> _Seen:
    if unmasked:
        return _Seen(
            lambda said: said,
            lambda customer: customer.name or words.text("customer.erased"),
            lambda said: said,
            lambda address, _: address,
        )
    known = {name for each in listed.values() for name in known_by(each.customer)}
    mask = masking({*known, *erasure.known_of(tx, incident.id)})  # also the names under which they were spoken to

    def address(url: str, is_file: bool) -> str:
        """Slack's address of a file ends with its name, and leads there without it."""
        if is_file:
            return url.rpartition("/")[0]
        said = MESSAGE.sub("", unquote(url))
        return url if mask(said) == said else ""

    def contact(said: str) -> str:
        """Each way to reach somebody; of what is neither a number nor an address, as of a name, the first letter."""
        return ", ".join(mask(way) if masked(way) != way else masked_name(way) for way in parts(said))

    return _Seen(mask, lambda customer: masks.name_of(customer, words), contact, address)


def _head(desk: Desk, incident: Incident, words: Wording, seen: _Seen) -> dict[str, Any]:
    kind = desk.procedure.kinds.get(incident.kind)
    return {
        "number": incident.number,
        "title": seen.said(incident.title),
        "status": incident.status,
        "severity": incident.severity,
        "proposed_severity": incident.proposed_severity,
        "trigger": incident.trigger,
        "trigger_name": desk.procedure.trigger_name(incident.trigger, words.language),
        "kind": incident.kind,
        "kind_name": kind.name.in_language(words.language) if kind else incident.kind,
        "customers_affected": incident.customers_affected,
        "is_private": incident.is_private,
        "reported_at": incident.reported_at,
        "fixed_at": incident.fixed_at,
        "confirmed_at": incident.confirmed_at,
        "closed_at": incident.closed_at,
        "closing_reason": seen.said(incident.closing_reason),
        "dismissed_at": incident.dismissed_at,
        "dismissal_reason": seen.said(incident.dismissal_reason),
        "round": incident.round,
    }


def _first_report(
    tx: Connection, incident: Incident, listed: dict[int, Listed], seen: _Seen, who: _Names
) -> dict[str, Any]:
    customer = listed[min(listed)].customer if listed else Customer("")
    return {
        "reported_at": incident.reported_at,
        "reporter": who(incident.reporter_id),
        "what_happened": seen.said(incident.what_happened),
        "customer": _customer(customer, seen),
        "customers_affected": incident.customers_affected,
        "source": incident.source,
        "product": seen.said(incident.product),
        "happened_at": incident.happened_at,
        "place": seen.said(incident.place),
        "demand": seen.said(incident.demand),
        "done_already": seen.said(incident.done_already),
        "impact": seen.said(incident.impact),
        "urgency": incident.urgency,
        "emotion": incident.emotion,
        "verified_at": incident.verified_at,
        "verified_by": who(incident.verified_by),
        "notes": [
            {"at": each.at, "by": who(each.by), "occasion": each.occasion, "words": seen.said(each.words)}
            for each in notes.of_incident(tx, incident.id)
        ],
        "evidence": [
            {
                "kind": each.kind,
                "ref": each.ref,
                "name": seen.said(each.name),
                "url": seen.address(each.url, each.kind == "file"),
            }
            for each in incidents.evidence_of(tx, incident.id)
        ],
    }


def _customer(customer: Customer, seen: _Seen) -> dict[str, Any]:
    return {
        "name": seen.name(customer),
        "number": seen.said(customer.number),
        "contact": seen.contact(customer.contact),
        "tier": customer.tier,
        "language": customer.language,
    }


def _gradings(tx: Connection, incident: Incident, seen: _Seen, who: _Names, now: datetime) -> dict[str, Any]:
    facts = grading.facts_of(incident, now)
    return {
        "facts": {name: getattr(facts, name) for name in FACTS},
        "gradings": [
            {
                "at": each.at,
                "by": who(each.by),
                "severity": each.severity,
                "proposed_severity": each.proposed_severity,
                "reason": seen.said(each.reason),
            }
            for each in gradings.of_incident(tx, incident.id)
        ],
    }


def _contact(contact: Contact, listed: dict[int, Listed], seen: _Seen, who: _Names) -> dict[str, Any]:
    known = listed.get(contact.customer_id or 0)
    return {
        "at": contact.at,
        "logged_at": contact.logged_at,
        "by": who(contact.by),
        "customer": seen.name(known.customer) if known else None,
        "customers": contact.customers,
        "channel": contact.channel,
        "outcome": contact.outcome,
        "stage": contact.stage,
        "language": contact.language,
        "emotion": contact.emotion,
        "said": seen.said(contact.said),
        "answer": seen.said(contact.answer),
        "promise": seen.said(contact.promise),
        "promised_until": contact.promised_until,
        "measure": seen.said(contact.measure),
        "consent": contact.consent,
    }


def _plans(tx: Connection, incident: Incident, seen: _Seen, who: _Names) -> dict[str, Any]:
    return {
        "plans": [
            {
                "version": each.version,
                "round": each.round,
                "by": who(each.by),
                "at": each.at,
                "steps": [seen.said(step) for step in each.steps.splitlines() if step.strip()],
                "owner": who(each.owner_id),
                "until": each.until_at,
                "is_temporary": each.is_temporary,
                "told": seen.said(each.told),
                "resources": seen.said(each.resources),
                "compensation": each.compensation,
                "risks": seen.said(each.risks),
                "approved_by": who(each.approved_by),
                "approved_at": each.approved_at,
                "refused_by": who(each.refused_by),
                "refused_at": each.refused_at,
                "reason": seen.said(each.reason),
            }
            for each in plans.of_incident(tx, incident.id)
        ],
        "requests": [
            {
                "at": each.at,
                "by": who(each.by),
                "what": seen.said(each.what),
                "department": each.department,
                "owner": who(each.owner_id),
                "until": each.until_at,
                "state": each.state,
                "answered_by": who(each.answered_by),
                "answered_at": each.answered_at,
                "answer": seen.said(each.answer),
            }
            for each in requests.of_incident(tx, incident.id)
        ],
        "progress": [
            {
                "at": each.at,
                "by": who(each.by),
                "words": seen.said(each.words),
                "expected_at": each.expected_at,
                "needs": seen.said(each.needs),
            }
            for each in progress.of_incident(tx, incident.id)
        ],
        "statements": [
            {
                "at": each.at,
                "by": who(each.by),
                "channel": each.channel,
                "language": each.language,
                "words": seen.said(each.words),
                "legal_by": who(each.legal_by),
                "legal_at": each.legal_at,
                "pr_by": who(each.pr_by),
                "pr_at": each.pr_at,
                "refused_by": who(each.refused_by),
                "refused_at": each.refused_at,
                "reason": seen.said(each.reason),
                "published_by": who(each.published_by),
                "published_at": each.published_at,
            }
            for each in statements.of_incident(tx, incident.id)
        ],
    }


def _confirmations(
    tx: Connection, incident: Incident, listed: dict[int, Listed], seen: _Seen, who: _Names
) -> dict[str, Any]:
    def name(customer_id: int | None) -> str | None:
        known = listed.get(customer_id or 0)
        return seen.name(known.customer) if known else None

    return {
        "confirmations": [
            {
                "at": each.at,
                "logged_at": each.logged_at,
                "by": who(each.by),
                "round": each.round,
                "customer": name(each.customer_id),
                "customers": each.customers,
                "is_satisfied": each.is_satisfied,
                "proof": each.proof,
                "url": seen.address(each.url, each.proof is Proof.FILE),
                "witness": who(each.witness_id),
                "words": seen.said(each.words),
            }
            for each in confirmations.of_incident(tx, incident.id)
        ],
        "ratings": [
            {
                "at": each.at,
                "by": who(each.by),
                "round": each.round,
                "customer": name(each.customer_id),
                "score": each.score,
                "comment": seen.said(each.comment),
            }
            for each in confirmations.ratings_of(tx, incident.id)
        ],
    }


def _postmortem(tx: Connection, incident: Incident, seen: _Seen, who: _Names, now: datetime) -> dict[str, Any]:
    found = postmortems.get(tx, incident.id)
    return {
        "drafted_at": found.drafted_at if found else None,
        "meeting_at": found.meeting_at if found else None,
        "state": found.state if found else None,
        "submitted_by": who(found.submitted_by) if found else None,
        "submitted_at": found.submitted_at if found else None,
        "accepted_by": who(found.accepted_by) if found else None,
        "accepted_at": found.accepted_at if found else None,
        "remarks": seen.said(found.remarks) if found else "",
        "sections": [
            {
                "section": each.section,
                "part": each.part,
                "words": seen.said(each.words),
                "by": who(each.by),
                "at": each.at,
            }
            for each in postmortems.written(tx, incident.id)
        ],
        "duties": [
            {
                "duty": each.duty,
                "owner": who(each.owner_id),
                "due_at": each.due_at,
                "met_at": each.met_at,
                "met_by": who(each.met_by),
                "stopped_at": each.stopped_at,
                "standing": standing(each, now),
            }
            for each in deadlines.of_incident(tx, incident.id)
        ],
        "actions": [
            {
                "what": seen.said(each.what),
                "kind": each.kind,
                "owner": who(each.owner_id),
                "due_on": each.due_on,
                "state": each.state,
                "outcome": seen.said(each.outcome),
            }
            for each in actions.of_incident(tx, incident.id)
        ],
    }
