"""Several replicas, each a process of its own: they wait at a barrier, do one thing, and say what they did.

`python -m tests.replica tick|tick-without-claim|claim|tell-managers|migrate COUNT`; the environment is the bot's. The
barrier is a lock of PostgreSQL that the test holds until everybody waits for it.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine, select, text

from bot import settings as environment
from bot.__main__ import Program, migrate_database
from bot.deadlines import decide_all
from bot.procedure_file import ProcedureFile
from bot.settings import Settings
from handlers import clock, overdue
from storage import deadlines, outbox, tables

BARRIER = 42


def wait_at_barrier(settings: Settings) -> None:
    """Until the test lets everybody go."""
    engine = create_engine(settings.database_url)
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    with engine.begin() as tx:
        tx.execute(text(f"select pg_advisory_xact_lock_shared({BARRIER})"))
    engine.dispose()


def tick_without_claim(program: Program) -> int:
    """The control: reads what is due without claiming it, and fires it."""
    now = program.desk.now()
    with program.db.begin() as tx:
        rows = tx.execute(select(tables.deadlines).where(tables.deadlines.c.next_nudge_at <= now)).all()
        due = [deadlines.get(tx, row.id) for row in rows]
        tx.execute(text("select pg_sleep(0.2)"))  # all look before anybody writes
        clock._fire(tx, [(deadline, decide_all(deadline, now)) for deadline in due], now)
    return len(due)


def claim(program: Program) -> list[int]:
    """Takes errands for the courier, one at a time, until there are none."""
    claimed: list[int] = []
    while True:
        with program.db.begin() as tx:
            errands = outbox.claim(tx, datetime.now(UTC), program.holder, timedelta(seconds=40), 1)
        if not errands:
            return claimed
        claimed += [errand.id for errand in errands]


def main(what: str) -> None:
    """Does it, and prints the answer."""
    settings = environment.load()
    program = Program(settings, ProcedureFile(settings.hotline_procedure))
    wait_at_barrier(settings)
    did: Any = None
    if what == "tick":
        did = clock.tick(program.desk, batch=3)
    elif what == "tick-without-claim":
        did = tick_without_claim(program)
    elif what == "claim":
        did = claim(program)
    elif what == "tell-managers":
        did = overdue.tell_managers(program.desk)
    elif what == "migrate":
        migrate_database(program.db)
    sys.stdout.write(f"did {did}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        if os.fork() == 0:  # nothing is open yet that two processes could share
            main(sys.argv[1])
            sys.exit()
    for _ in range(int(sys.argv[2])):
        os.wait()
