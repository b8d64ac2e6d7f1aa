"""A customer asks what is known of them, or that it be erased: `python -m bot customer export|erase` -> found by exact
name, number or contact in all incidents -> one JSON document, or nothing left of them. Both are in the journal.

Not a step of its own: an operator runs it, beside the bot.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from bot.confidential import masked, masked_name, plain, ways
from bot.incident import Contact, Customer, Duty, Incident, Listed
from bot.settings import WrongSetup
from storage import contacts, customers, deadlines, erasure, incidents, journal, outbox, schema
from storage.db import Database
from storage.encryption import WrongKey

BY = ("name", "number", "contact")
Words = dict[str, Any]


@dataclass(frozen=True)
class Theirs:
    """What an incident has of one customer: their lines in its list, and what was said to them."""

    incident: Incident
    listed: Sequence[Listed]
    contacts: Sequence[Contact]
    is_first: bool  # whether it is the customer who was reported first


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The two commands and what they take."""
    about = commands.add_parser("customer", help="one customer's request: hand out what is known of them, or erase it")
    both = about.add_subparsers(dest="customer", required=True, metavar="export|erase")
    export = both.add_parser("export", help="print everything that is known of them, as JSON")
    erase = both.add_parser("erase", help="erase it; asks before it does")
    for command in (export, erase):
        command.add_argument("--name", help="their name, as it was written down")
        command.add_argument("--number", help="their customer number")
        command.add_argument("--contact", help="a phone number or an e-mail address of theirs")
    erase.add_argument("--yes", action="store_true", help="don't ask")


@dataclass(frozen=True)
class Terminal:
    """The operator: data are shown apart from what they are told. `login` goes into the journal."""

    login: str
    show: Callable[[str], None]
    tell: Callable[[str], None]
    agrees: Callable[[str], bool]


def answer(asked: argparse.Namespace, db: Database, terminal: Terminal, now: datetime) -> int:
    """Does what was asked. Returns the exit code: 0, or 1 when nobody was found or the operator said no.

    Raises WrongSetup when nothing says whom to look for, and when the database is not this version's or these keys'.
    """
    wanted = {name: value for name in BY if plain(value := getattr(asked, name) or "")}
    if not wanted:
        raise WrongSetup("Say whom to look for: --name, --number or --contact; with several, all have to be theirs.")
    schema.check(db)
    try:
        with db.read() as tx:
            found = find(tx, wanted)
        if not found:
            terminal.tell("Nobody in the database has exactly this name, number or contact; nothing was done.")
            return 1
        numbers = {number for each in found for listed in each.listed if (number := plain(listed.customer.number))}
        if len(numbers) > 1:
            terminal.tell(f"Careful: by their numbers these are {len(numbers)} customers; --number finds one of them.")
        if asked.customer == "export":
            _note_export(db, found, terminal.login, now)
            terminal.show(json.dumps(document(found, now), ensure_ascii=False, indent=2))
            return 0
        for each in found:
            terminal.tell(_line(each))
        if not asked.yes and not terminal.agrees("Erase their data in these incidents? It can't be undone. Type yes: "):
            terminal.tell("Nothing was erased.")
            return 1
        count = sum(_erase(db, each, terminal.login, now) for each in found)
    except WrongKey:
        raise WrongSetup(
            "HOTLINE_ENCRYPTION_KEYS lacks a key with which some customers were written: put it behind the others."
        ) from None
    terminal.tell(
        f"Erased in {count} incident{'' if count == 1 else 's'}. Figures stay; backups of the database still have it."
    )
    return 0


def find(tx: Connection, wanted: dict[str, str]) -> list[Theirs]:
    """Where a customer is known, oldest incident first. Everything in `wanted` has to be theirs. Confidential."""
    listed = customers.matching(tx, lambda customer: is_wanted(customer, wanted))
    return [
        _theirs(tx, incidents.get(tx, number), list(some))
        for number, some in groupby(sorted(listed, key=lambda each: each.incident_id), lambda each: each.incident_id)
    ]


def is_wanted(customer: Customer, wanted: dict[str, str]) -> bool:
    """Whether this is exactly who is looked for, but for capitals, spaces and dashes."""
    if "name" in wanted and plain(customer.name) != plain(wanted["name"]):
        return False
    if "number" in wanted and plain(customer.number) != plain(wanted["number"]):
        return False
    return "contact" not in wanted or plain(wanted["contact"]) in ways(customer.contact)


def document(found: Sequence[Theirs], now: datetime) -> Words:
    """What is known of them; times are in UTC, people are Slack's ids."""
    return {"exported_at": _time(now), "incidents": [_exported(each) for each in found]}


def _theirs(tx: Connection, incident: Incident, listed: Sequence[Listed]) -> Theirs:
    ids = {each.id for each in listed}
    told_at = {at for each in listed for at in (each.first_heard_at, each.heard_at, each.tried_at) if at}
    said = [
        contact
        for contact in contacts.of_incident(tx, incident.id)
        if contact.customer_id in ids or (contact.customer_id is None and contact.at in told_at)
    ]
    return Theirs(incident, listed, said, customers.first_id(tx, incident.id) in ids)


def _exported(theirs: Theirs) -> Words:
    incident = theirs.incident
    words: Words = {
        "incident": incident.number,
        "status": incident.status,
        "reported_at": _time(incident.reported_at),
        "closed_at": _time(incident.closed_at or incident.dismissed_at),
    }
    if theirs.is_first:
        words |= {
            "what_happened": incident.what_happened,
            "demand": incident.demand,
            "impact": incident.impact,
            "emotion": incident.emotion,
        }
    words["customer"] = [
        {
            **vars(each.customer),
            "emotion": each.emotion,
            "outcome": each.outcome,
            "tries": each.tries,
            "tried_at": _time(each.tried_at),
            "first_heard_at": _time(each.first_heard_at),
            "heard_at": _time(each.heard_at),
            "heard_by": each.heard_by,
            "retry_at": _time(each.retry_at),
            "removed_at": _time(each.removed_at),
        }
        for each in theirs.listed
    ]
    words["contacts"] = [
        {
            "at": _time(each.at),
            "by": each.by,
            "channel": each.channel,
            "stage": each.stage,
            "language": each.language,
            "outcome": each.outcome,
            "said": each.said,
            "answer": each.answer,
            "emotion": each.emotion,
            "promise": each.promise,
            "promised_until": _time(each.promised_until),
            "consent": each.consent,
            "measure": each.measure,
            "customers": each.customers,
        }
        for each in theirs.contacts
    ]
    return words


def _note_export(db: Database, found: Sequence[Theirs], operator: str, now: datetime) -> None:
    """On record before anything is printed."""
    for each in found:
        with db.begin() as tx:
            incidents.get(tx, each.incident.id, lock=True)
            ids, said = [listed.id for listed in each.listed], len(each.contacts)
            journal.add(
                tx, each.incident.id, "customer_exported", None, now, customers=ids, contacts=said, operator=operator
            )


def _erase(db: Database, theirs: Theirs, operator: str, now: datetime) -> bool:
    """In one incident; what was still owed to them is owed no more."""
    found = [(each.id, each.customer) for each in theirs.listed]
    ids = [customer_id for customer_id, _ in found]
    with db.begin() as tx:
        incident = incidents.get(tx, theirs.incident.id, lock=True)
        if incident.customers_erased_at is not None:  # their time has come meanwhile
            return False
        owed = [(Duty.CALL_AGAIN, str(number)) for number in ids]
        owed += [(Duty.PROMISE, str(each.id)) for each in theirs.contacts if each.customer_id in ids]
        for duty, about in owed:
            deadlines.stop(tx, incident.id, now, [duty], about)
        erased = erasure.erase_one(tx, incident, found, now)
        detail = {**vars(erased), "customers": ids}
        journal.add(tx, incident.id, "customer_erased", None, now, **detail, operator=operator)
        archived = "incident" if incident.archived_at else ""  # nobody can draw there any more
        outbox.redraw_all(tx, incident.id, now, but_not_in=archived, by_and_by=not incident.status.is_open)
    return True


def _line(theirs: Theirs) -> str:
    incident, said = theirs.incident, len(theirs.contacts)
    shown = ", ".join(dict.fromkeys(masked_name(each.customer.name) or "(no name)" for each in theirs.listed))
    title = masked(
        incident.title, *(way for each in theirs.listed for way in (each.customer.name, each.customer.number))
    )
    state = " (still open)" if incident.status.is_open else ""
    return f"{incident.number} {title}{state}: {shown}, {said} contact{'' if said == 1 else 's'}"


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
