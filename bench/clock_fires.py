"""Deadlines: 5,000 at once beside APScheduler's own store, a single one on time, and waking among few and many.

In this process, on the machine's clock; Slack answers at once and says nothing.
"""

import pickle
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from cryptography.fernet import Fernet
from slack_sdk import WebClient
from slack_sdk.web import SlackResponse
from sqlalchemy import bindparam, delete, func, insert, select, update

import handlers
from bench import databases, figures
from bench.figures import Line
from bench.workspace import ROOT
from bot import deadlines as rules
from bot import wording
from bot.__main__ import keep_out_of_collections
from bot.incident import Duty, Severity
from bot.procedure_file import ProcedureFile
from bot.scripts import Scripts
from handlers import clock
from handlers.clock import Metronome
from handlers.courier import Courier
from handlers.desk import Desk, Identity
from storage import deadlines, schema, tables
from storage.db import Database
from storage.encryption import Cipher
from storage.turns import Turns

AT_ONCE = 5_000
MANY, MANY_QUICKLY, FEW, DUE = 100_000, 20_000, 1_000, 100
PEOPLE = 40
APART_S = 0.1
PATIENCE_S = 60
ROSTERS = {
    "support-leads": ["U0LEAD"],
    "supervisors": ["U0SUPER"],
    "service-heads": ["U0HEAD"],
    "executives": ["U0EXEC"],
}
BEFORE_REMINDER = timedelta(minutes=3)  # of "verify" in the default procedure


def measure(kind: str, quick: bool) -> Iterator[Line]:
    """All three."""
    keep_out_of_collections()  # as the bot does
    with _clock(kind) as bench:
        bench.open(AT_ONCE)
        yield _at_once(bench, kind, 1 if quick else 3)
    with _clock(kind) as many:
        many.open(MANY_QUICKLY if quick else MANY)
        yield _on_time(many, kind, 20 if quick else 120)
        with _clock(kind) as few:
            few.open(FEW)
            yield _waking(many, few, kind, 15 if quick else 60)


class Clock:
    """A database with open deadlines, and what ticks."""

    def __init__(self, url: str) -> None:
        self.db = Database(url, Cipher([Fernet.generate_key().decode()]))
        schema.migrate(self.db)
        self.file = ProcedureFile(ROOT / "bot" / "procedure.yml")
        self.moved: datetime | None = None
        self.desk = Desk(
            db=self.db,
            file=self.file,
            wordings=wording.load("UTC"),
            scripts=Scripts(),
            language="en",
            client=SilentSlack(),
            identity=lambda: Identity("U0BOT", "B0BOT", "T0BENCH"),
            now=self.now,
            wake=lambda: None,
        )
        self.ids: list[int] = []
        self.moments = ""  # of one deadline, as the database keeps them

    def now(self) -> datetime:
        """The machine's clock, unless it is moved."""
        return self.moved or datetime.now(UTC)

    def open(self, count: int) -> None:
        """So many deadlines, due in some hours, each of an incident of its own: else they fall together."""
        now = datetime.now(UTC)
        with self.db.begin() as tx:
            rows = [_incident(number, now) for number in range(count)]
            incidents = list(tx.execute(insert(tables.incidents).returning(tables.incidents.c.id), rows).scalars())
            deadlines.start(tx, incidents[0], [self.plan(now, 0)])
            first = tables.as_dict(tx.execute(select(tables.deadlines)).one())
            tx.execute(delete(tables.deadlines))
            del first["id"]
            self.moments = first["moments"]
            rows = [
                _later(first, timedelta(seconds=36_000 + number / 10))
                | {"incident_id": incidents[number], "owner_id": _owner(number)}
                for number in range(count)
            ]
            self.ids = list(tx.execute(insert(tables.deadlines).returning(tables.deadlines.c.id), rows).scalars())
        self.look_fresh()

    def start(self, at: datetime, number: int) -> int:
        """One more, with its reminder at that time. Returns its id."""
        with self.db.begin() as tx:
            incident_id = tx.execute(select(tables.incidents.c.id).offset(number).limit(1)).scalar_one()
            deadlines.start(tx, incident_id, [self.plan(at - BEFORE_REMINDER, number)])
            return max(deadline.id for deadline in deadlines.of_incident(tx, incident_id))

    def plan(self, started_at: datetime, number: int) -> rules.Plan:
        """A real one."""
        return rules.plan(Duty.VERIFY, Severity(3), _owner(number), started_at, self.file.current, ROSTERS)

    def make_due(self, ids: list[int], at: datetime) -> None:
        """Their reminder is for that time; what was said before is forgotten."""
        table = tables.deadlines
        moments = _moved(self.moments, (at - deadlines.Moments(self.moments)[0].at).total_seconds())
        statement = update(table).where(table.c.id == bindparam("due_id"))
        with self.db.begin() as tx:
            tx.execute(delete(tables.outbox))
            tx.execute(delete(tables.messages))
            tx.execute(
                statement.values(position=0, next_nudge_at=at, moments=bindparam("moments_then")),
                [{"due_id": due_id, "moments_then": _of(moments, due_id)} for due_id in ids],
            )

    def look_fresh(self) -> None:
        """The database knows how much there is, and has cleared away what is gone."""
        with self.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("analyze" if self.db.is_sqlite else "vacuum analyze")


class SilentSlack(WebClient):
    """Takes every call."""

    def api_call(self, api_method: str, **_: Any) -> SlackResponse:
        """Says yes, with an id and a ts for whoever wants one."""
        data = {"ok": True, "ts": f"{time.time():.6f}", "channel": {"id": "D0SOMEBODY"}}
        return SlackResponse(
            client=self, http_verb="POST", api_url=api_method, req_args={}, data=data, headers={}, status_code=200
        )


def nothing() -> None:
    """An empty job."""


def _at_once(bench: Clock, kind: str, times: int) -> Line:
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(times):
        measures = [(ours, _our_5000), (theirs, _their_5000)]
        for took, run in measures if number % 2 else reversed(measures):
            took.append(run(bench))
    mine, other = figures.of(ours), figures.of(theirs)
    ratio = other.median / mine.median
    return Line(f"{AT_ONCE} due at once, {kind}", mine, other, ratio, ">= 10 x as fast", ratio >= 10)


def _our_5000(bench: Clock) -> float:
    now = datetime.now(UTC)
    bench.make_due(bench.ids, now - timedelta(seconds=1))
    began = time.perf_counter()
    fired = clock.tick(bench.desk)
    took = time.perf_counter() - began
    assert fired == AT_ONCE
    with bench.db.read() as tx:
        assert tx.execute(select(func.count()).select_from(tables.outbox)).scalar_one() == AT_ONCE
        at = deadlines.next_nudge_at(tx)
        assert at is not None
        assert at > now
    return took * 1000


def _their_5000(bench: Clock) -> float:
    """Jobs that run once, which is the least that its store can be asked for: it deletes them."""
    store = SQLAlchemyJobStore(engine=bench.db.engine)
    scheduler = BackgroundScheduler(
        timezone=UTC, jobstores={"default": store}, job_defaults={"misfire_grace_time": None}
    )
    scheduler.start(paused=True)
    rows = _jobs(store.pickle_protocol)
    with bench.db.begin() as tx:
        tx.execute(insert(store.jobs_t), rows)
    began = time.perf_counter()
    scheduler.resume()
    while store.get_next_run_time() is not None:
        assert time.perf_counter() - began < PATIENCE_S, "APScheduler does not come to an end"
        time.sleep(0.02)
    scheduler.shutdown(wait=True)  # until the last one has run
    return (time.perf_counter() - began) * 1000


def _jobs(protocol: int) -> list[dict[str, Any]]:
    at = datetime.now(UTC) - timedelta(seconds=1)
    drafts = BackgroundScheduler(timezone=UTC, jobstores={"default": MemoryJobStore()})
    drafts.start(paused=True)
    rows = []
    for _ in range(AT_ONCE):
        job = drafts.add_job(nothing, "date", run_date=at, misfire_grace_time=None)
        state = pickle.dumps(job.__getstate__(), protocol)
        rows.append({"id": job.id, "next_run_time": at.timestamp(), "job_state": state})
    drafts.shutdown()
    return rows


def _on_time(bench: Clock, kind: str, times: int) -> Line:
    """From a deadline's time to the moment at which the courier has its reminder in hand."""
    chance = random.Random(1)
    first = datetime.now(UTC) + timedelta(seconds=3 + times * 0.005)
    due = {}
    for number in range(times):
        at = first + timedelta(seconds=APART_S * number + chance.uniform(0, APART_S / 2))
        due[bench.start(at, number)] = at
    assert datetime.now(UTC) + timedelta(seconds=1) < first, "this machine is too slow: nothing can be said"
    courier = Courier(bench.desk, handlers.ERRANDS, handlers.DRAWINGS, Turns(2, 2, 2), "bench/0/bench")
    metronome = Metronome(bench.desk, courier, nothing)
    courier.start()
    metronome.start()
    time.sleep((max(due.values()) - datetime.now(UTC)).total_seconds() + 1)
    metronome.stop()
    courier.settle(10)
    courier.stop()
    table = tables.messages
    with bench.db.read() as tx:
        question = select(table.c.deadline_id, table.c.created_at).where(table.c.place == "incident")
        ticked = {row.deadline_id: row.created_at for row in tx.execute(question)}
    late = [(ticked[deadline_id] - at).total_seconds() * 1000 for deadline_id, at in due.items()]
    took = figures.of(late)
    return Line(f"one on time, {len(bench.ids)} open, {kind}", took, None, None, "p99 <= 50 ms", took.p99 <= 50)


def _waking(many: Clock, few: Clock, kind: str, times: int) -> Line:
    """What the metronome does when it wakes: the tick, and the question when to look next."""
    chance = random.Random(2)
    took: dict[Clock, list[float]] = {many: [], few: []}
    now = datetime.now(UTC)
    for number in range(times + 3):
        for bench in (many, few) if number % 2 else (few, many):
            bench.moved = now + timedelta(seconds=number)
            bench.make_due(chance.sample(bench.ids, DUE), bench.moved)
            began = time.perf_counter()
            fired = clock.tick(bench.desk)
            clock.next_time(bench.desk)
            took[bench].append((time.perf_counter() - began) * 1000)
            assert fired == DUE
            with bench.db.read() as tx:
                assert tx.execute(select(func.count()).select_from(tables.outbox)).scalar_one() == DUE
    mine, other = figures.of(took[many][3:]), figures.of(took[few][3:])
    ratio = mine.median / other.median
    return Line(
        f"waking for {DUE}, {len(many.ids)} against {len(few.ids)} open, {kind}",
        mine,
        other,
        ratio,
        "<= 1.2 x",
        ratio <= 1.2,
    )


@contextmanager
def _clock(kind: str) -> Iterator[Clock]:
    with ExitStack() as stack:
        bench = Clock(stack.enter_context(databases.database(kind)))
        stack.callback(bench.db.close)
        yield bench


def _incident(number: int, now: datetime) -> dict[str, Any]:
    return {
        "report_key": f"bench-{number}",
        "status": "reported",
        "title": f"Payments fail at checkout {number}",
        "what_happened": "Payments fail at checkout",
        "trigger": "system_failure",
        "customers_affected": 1,
        "proposed_severity": 3,
        "reporter_id": _owner(number),
        "is_private": False,
        "reported_at": now,
        "channel_id": f"C{number:09}",
        "channel_name": f"inc-{number:04}",
    }


def _owner(number: int) -> str:
    return f"U0OWN{number % PEOPLE:03}"


def _later(row: dict[str, Any], by: timedelta) -> dict[str, Any]:
    """The same deadline at another time."""
    times = {name: row[name] + by for name in ("started_at", "due_at", "next_nudge_at")}
    return {**row, **times, "moments": _moved(row["moments"], by.total_seconds())}


def _moved(moments: str, seconds: float) -> str:
    return deadlines.written(
        replace(moment, at=moment.at + timedelta(seconds=seconds)) for moment in deadlines.Moments(moments)
    )


def _of(moments: str, number: int) -> str:
    """The same moments, with an owner of their own."""
    first, *rest = deadlines.Moments(moments)
    return deadlines.written([replace(first, user_id=_owner(number)), *rest])
