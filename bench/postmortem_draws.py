"""A postmortem of many: all its messages are drawn, one after the other as the courier does it, each from the database.

An incident with 2,000 entries in its journal and 500 customers, each contacted several times, with the clocks and
promises that belong to it. What it costs is CPU: the process's own time, while nothing else runs in it.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet
from slack_sdk import WebClient
from sqlalchemy import Connection

from bench import databases, figures
from bench.figures import Line
from bench.workspace import ROOT
from bot.deadlines import Plan
from bot.incident import Contact, ContactChannel, Customer, Duty, Emotion, Outcome, Report, Severity, Stage
from bot.postmortem import WHYS, WORDS, Section
from bot.procedure_file import ProcedureFile
from bot.scripts import Scripts
from bot.wording import load
from handlers import review
from handlers.desk import Desk, Drawing, Identity
from storage import contacts, customers, deadlines, gradings, incidents, journal, outbox, postmortems
from storage.db import Database
from storage.encryption import Cipher
from storage.outbox import Errand, Message
from storage.schema import migrate

ENTRIES, CUSTOMERS, TRIES = 2000, 500, 3
BOUND_MS = 1000
WARM_UP = 2


def measure(kind: str, quick: bool) -> Iterator[Line]:
    """Each time something has happened, so that nothing drawn before can be used."""
    with ExitStack() as stack:
        url = stack.enter_context(databases.database(kind))
        db = Database(url, Cipher([Fernet.generate_key().decode()]))
        stack.callback(db.close)
        migrate(db)
        now = datetime.now(UTC)
        desk = _desk(db, now)
        with db.begin() as tx:
            incident_id = _fill(desk, tx, now)
        with db.read() as tx:
            summary = outbox.said_as(tx, incident_id, "postmortem")[0]
        drawn = _draw(desk, [summary])
        assert drawn[0].then == "grow_review"
        with db.begin() as tx:
            outbox.ask(tx, "grow_review", "bench", now, incident_id)
        review.grow(desk, _errand(db, incident_id))
        with db.read() as tx:
            messages = outbox.said_as(tx, incident_id, "postmortem")
        took = []
        for number in range(WARM_UP + (3 if quick else 20)):
            with db.begin() as tx:
                at = now + timedelta(seconds=number)
                journal.add(tx, incident_id, "ledger_opened", "U0ADA", at)
            began = time.process_time()
            for message in messages:
                _draw(desk, [message])
            took.append((time.process_time() - began) * 1000)
        ours = figures.of(took[WARM_UP:])
        name = f"a postmortem's {len(messages)} messages (CPU), {kind}"
        yield Line(name, ours, None, None, f"p99 < {BOUND_MS} ms", ours.p99 < BOUND_MS)


def _draw(desk: Desk, messages: list[Message]) -> list[Drawing]:
    """A transaction for each, like the courier's."""
    found = []
    for message in messages:
        with desk.db.read() as tx:
            drawing = review.draw(desk, tx, message)
            assert [block.to_dict() for block in drawing.blocks]
            found.append(drawing)
    return found


def _errand(db: Database, incident_id: int) -> Errand:
    with db.begin() as tx:
        claimed = outbox.claim(tx, datetime.now(UTC) + timedelta(days=1), "bench", timedelta(seconds=60), 100)
    return next(each for each in claimed if each.errand == "grow_review" and each.incident_id == incident_id)


def _desk(db: Database, now: datetime) -> Desk:
    return Desk(
        db=db,
        file=ProcedureFile(ROOT / "bot" / "procedure.yml"),
        wordings=load(),
        scripts=Scripts(),
        language="en",
        client=WebClient("xoxb-none"),
        identity=lambda: Identity("U0HOTLINE", "B0", "T0"),
        now=lambda: now + timedelta(hours=1),
        wake=lambda: None,
    )


def _fill(desk: Desk, tx: Connection, now: datetime) -> int:
    """Everything that a long day leaves behind."""
    report = Report("Payments fail", "system_failure", Customer("Acme Ltd", "N0", "+44 20 7946 0000"), CUSTOMERS)
    began_at = now - timedelta(hours=9)
    incident = incidents.create(
        tx, "bench", report, "Payments fail", "U0LIN", Severity.ONE, False, "technical", began_at
    )
    number = incident.id
    gradings.save(tx, number, "bench", "U0ADA", began_at, Severity.ONE, Severity.ONE, "")
    new = [Customer(f"Customer {each}", f"N{each}", f"+44 20 7946 {each:04}") for each in range(1, CUSTOMERS)]
    customers.add(tx, number, new, "U0LIN", began_at)
    plans = []
    ids = customers.ids_of(tx, number, unheard_only=False)
    for turn in range(TRIES):
        for index, customer_id in enumerate(ids):
            at = began_at + timedelta(hours=2 * turn, minutes=index / 10)
            contact = Contact(
                0, number, "U0HE", at, ContactChannel.PHONE, f"Customer {index}", "We are working on it",
                customer_id=customer_id, logged_at=at, stage=Stage.PROGRESS, promise="A word at four",
            )  # fmt: skip
            logged = contacts.log(tx, f"bench.{turn}.{index}", contact)
            due_at = at + timedelta(hours=1)
            plans.append(Plan(Duty.PROMISE, "U0HE", at, due_at, 900, (), str(logged)))
        customers.set_tried(tx, ids, Outcome.REACHED, "U0HE", began_at + timedelta(hours=turn), Emotion.WORRIED)
    plans += [Plan(Duty.FIRST_CONTACT, "U0HE", began_at, began_at + timedelta(minutes=15), 300, ())]
    deadlines.start(tx, number, plans)
    # Two promises in three are kept.
    every = [each.id for each in deadlines.of_incident(tx, number)]
    deadlines.meet_these(tx, [each for each in every if each % 3], "U0HE", began_at + timedelta(minutes=50))
    for each in range(ENTRIES):
        at = began_at + timedelta(seconds=15 * each)
        who = f"U0{'ADA' if each % 2 else 'HE'}"
        if each % 4:
            detail = {"channel": ContactChannel.PHONE, "outcome": Outcome.REACHED, "customers": 1, "flagged": 0}
            journal.add(tx, number, "contacted", who, at, **detail)
        else:
            journal.add(tx, number, "taken_over", who, at, duty=Duty.PROMISE, of="U0LIN")
    incidents.set_fixed(tx, number, "U0ZHOU", now)
    incident = incidents.get(tx, number)
    review.begin(desk, tx, incident, now)
    for section in Section:
        parts = {"kind": "process", WHYS[0]: "Nobody looked"} if section is Section.CAUSES else {WORDS: "Words " * 300}
        postmortems.write(tx, number, f"bench.{section}", section, parts, "U0MEI", now)
    return number
