"""`/incident list`, `/incident show` and App Home among 100,000 incidents, beside the same among 1,000.

In this process, with the real listeners; Slack answers at once. Both databases have the same open incidents, and as
many people; what differs is how much is over, and lies there with its clocks, messages, roles and journal.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any

from slack_bolt import Ack
from sqlalchemy import Connection, Table, delete, insert, select, text, update

from bench import databases, figures
from bench.clock_fires import ROSTERS, Clock
from bench.figures import Line
from bot import deadlines as rules
from bot.action import Action, ActionKind, ActionState
from bot.incident import Customer, Duty, Person, Role, Severity, TaskState
from bot.plan import Plan, Progress
from handlers import home, overview
from storage import (
    actions,
    customers,
    deadlines,
    gradings,
    incidents,
    journal,
    outbox,
    people,
    plans,
    progress,
    roles,
    tables,
    tasks,
)
from storage.outbox import Errand, Saying

MANY, MANY_QUICKLY, FEW, OPEN = 100_000, 20_000, 1_000, 50
PEOPLE = 40  # each takes part in a fortieth of what is over
VIEWER = "U0OWN010"
OWED = (Duty.VERIFY, Duty.REPORT_UP, Duty.FIRST_CONTACT, Duty.ASSEMBLE_TEAM, Duty.UPDATE)
SAID = ("card", "announcement", "checklist", "reminder", "postmortem")
HAPPENED = ("reported", "verified", "graded", "role_taken", "contacted", "closed")
COPIED = (  # in the order in which they refer to each other
    tables.incidents,
    tables.participants,
    tables.customers,
    tables.assignments,
    tables.tasks,
    tables.deadlines,
    tables.messages,
    tables.plans,
    tables.progress,
    tables.actions,
    tables.gradings,
    tables.journal,
)
UNIQUE = ("report_key", "form_key", "hash")
WHO = ("reporter_id", "owner_id", "user_id", "met_by")


def measure(kind: str, quick: bool) -> Iterator[Line]:
    """All three, many and few in turn."""
    with ExitStack() as stack:
        many = stack.enter_context(_filled(kind, MANY_QUICKLY if quick else MANY))
        few = stack.enter_context(_filled(kind, FEW))
        opens: Mapping[str, Callable[[Place], None]] = {
            "/incident list": Place.list,
            "/incident show": Place.show,
            "App Home": Place.home,
        }
        for name, opened in opens.items():
            took: Mapping[Place, list[float]] = {many: [], few: []}
            for number in range((10 if quick else 60) + 3):
                for place in (many, few) if number % 2 else (few, many):
                    began = time.perf_counter()
                    opened(place)
                    took[place].append((time.perf_counter() - began) * 1000)
            mine, other = figures.of(took[many][3:]), figures.of(took[few][3:])
            ratio = mine.median / other.median
            line = f"{name}, {many.count:,} incidents / {few.count:,}, {kind}"
            yield Line(line, mine, other, ratio, "<= 1.5 x", ratio <= 1.5)


class Place:
    """A database with so many incidents, most of them over, and somebody who looks."""

    def __init__(self, url: str, count: int) -> None:
        self.clock = Clock(url)
        self.count = count
        self.chance = random.Random(3)
        self.words = self.clock.desk.wordings["en"]
        self.person = Person(VIEWER, "Ada", "en", "UTC")

    def list(self) -> None:
        """`/incident list`"""
        acked = Said()
        overview.open_list(acked, self.clock.desk, self.words, self.person, self.clock.now())
        assert str(OPEN) in str(acked.blocks[0])

    def show(self) -> None:
        """`/incident show` of any incident."""
        acked, number = Said(), self.chance.randint(1, self.count)
        body = {"text": f"show INC-{number}"}
        overview.open_one(acked, body, self.clock.desk, self.words, self.person, self.clock.now())
        assert f"INC-{number}" in str(acked.blocks)

    def home(self) -> None:
        """App Home, as the courier draws it."""
        errand = Errand(0, None, "show_home", "", None, {"user": VIEWER}, self.clock.now(), 0, False)
        home.show_home(self.clock.desk, errand)

    def fill(self) -> None:
        """What is over is one incident, copied; what is open another."""
        now = self.clock.now()
        with self.clock.db.begin() as tx:
            everybody = [f"U0OWN0{number}" for number in range(10, 10 + PEOPLE)]
            people.learn(tx, [Person(user_id, user_id, "en", "UTC") for user_id in everybody], now)
            for handle, members in ROSTERS.items():
                people.set_roster(tx, handle, members, now)
            over = _incident(self.clock, tx, now - timedelta(days=30), is_over=True)
            _copy(tx, over, self.count - OPEN - 1)
            still = _incident(self.clock, tx, now - timedelta(minutes=20), is_over=False)
            _copy(tx, still, OPEN - 1)
            owed = select(tables.actions.c.id).order_by(tables.actions.c.id).limit(PEOPLE * 3)
            tx.execute(update(tables.actions).where(tables.actions.c.id.in_(owed)).values(state=ActionState.OPEN))
        self.clock.look_fresh()


class Said(Ack):
    """Keeps what was answered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.blocks: Sequence[Any] = ()

    def __call__(self, *_: Any, blocks: Sequence[Any] = (), **__: Any) -> Any:  # type: ignore[override]
        """Takes it."""
        self.blocks = blocks


@contextmanager
def _filled(kind: str, count: int) -> Iterator[Place]:
    with databases.database(kind) as url:
        place = Place(url, count)
        try:
            place.fill()
            yield place
        finally:
            place.clock.db.close()


def _incident(clock: Clock, tx: Connection, at: datetime, is_over: bool) -> int:
    """One with everything that an incident leaves behind. Returns its number."""
    later = at + timedelta(minutes=10)
    number = int(tx.execute(insert(tables.incidents).returning(tables.incidents.c.id), _row(at, is_over)).scalar_one())
    customers.add(tx, number, [Customer("Acme Ltd", "A-1", "+44 20 7946 0001")], VIEWER, at)
    incidents.add_participants(tx, number, [VIEWER, "U0LEAD", "U0TECH", "U0RELATIONS"])
    for role in (Role.LEAD, Role.TECH_SUPPORT, Role.LIAISON):  # they keep them when it is over
        roles.ask(tx, number, role, VIEWER, VIEWER, at, accepted=True)
    for task in tasks.add(tx, number, [(f"added.{each}", "Find out what is down", None) for each in range(3)]):
        tasks.set_state(tx, task.id, TaskState.TAKEN, VIEWER, VIEWER, later)
    procedure = clock.file.current
    owed = [rules.plan(duty, Severity.ONE, VIEWER, at, procedure, ROSTERS) for duty in OWED]
    deadlines.start(tx, number, owed)
    if is_over:
        deadlines.meet(tx, number, OWED, VIEWER, later)
    ids = outbox.say(tx, [Saying(number, drawing, "incident") for drawing in SAID], at)
    ts = f"{at.timestamp():.6f}"
    said = [outbox.Said(each, number, drawing, f"C{number:09}", ts) for each, drawing in zip(ids, SAID, strict=True)]
    outbox.set_said(tx, said)
    tx.execute(delete(tables.outbox))
    plan = Plan(
        0, number, 1, 1, VIEWER, later, "Roll back", VIEWER, later + timedelta(hours=1), False, "It is repaired"
    )
    plans.approve(tx, plans.save(tx, f"plan-{number}", plan).id, "U0LEAD", later)
    progress.save(tx, f"progress-{number}", Progress(0, number, VIEWER, later, "The rollback runs", later))
    action = Action(0, number, "Test it", ActionKind.PREVENTION, VIEWER, later.date(), VIEWER, later, ActionState.DONE)
    actions.save(tx, f"action-{number}", action)
    gradings.save(tx, number, f"grading-{number}", VIEWER, at, Severity.ONE, Severity.ONE, "")
    for what in HAPPENED:
        journal.add(tx, number, what, VIEWER, at)
    return number


def _row(at: datetime, is_over: bool) -> dict[str, Any]:
    ended = {"status": "closed", "closed_at": at + timedelta(hours=3), "closed_by": VIEWER, "archived_at": at}
    return {
        "report_key": f"bench-{is_over}",
        "status": "verified",
        "title": "Payments fail at checkout",
        "what_happened": "Payments fail at checkout",
        "trigger": "system_failure",
        "customers_affected": 12,
        "proposed_severity": 1,
        "severity": 1,
        "graded_by": VIEWER,
        "graded_at": at,
        "verified_at": at,
        "verified_by": VIEWER,
        "reporter_id": VIEWER,
        "is_private": False,
        "reported_at": at,
        **(ended if is_over else {}),
    }


def _copy(tx: Connection, incident_id: int, times: int) -> None:
    """The same incident so many times more, each with other people."""
    for table in COPIED:
        names = [column.name for column in table.columns if column.name != "id" or table is tables.incidents]
        values = ", ".join(_value(table, name) for name in names)
        about = "id" if table is tables.incidents else "incident_id"
        columns = ", ".join(f'"{name}"' for name in names)
        numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < :times) "
        into = f'insert into "{table.name}" ({columns}) '
        copied = f'select {values} from "{table.name}" as t, n where t.{about} = :id'  # noqa: S608
        tx.execute(text(numbers + into + copied), {"times": times, "id": incident_id})
    if tx.dialect.name == "postgresql":  # the next one has the next number
        tx.execute(text("select setval(pg_get_serial_sequence('incidents', 'id'), (select max(id) from incidents))"))


def _value(table: Table, name: str) -> str:
    column = f't."{name}"'
    if name == "id" or (name == "incident_id" and table is not tables.incidents):
        return f"{column} + n.i"
    if name in UNIQUE:
        return f"substr(n.i || '-' || {column}, 1, 64)"
    if name in WHO:
        return f"case when {column} is null then null else 'U0OWN0' || (10 + (n.i + t.id) % {PEOPLE}) end"
    return column
