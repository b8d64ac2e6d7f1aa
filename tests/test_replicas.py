"""Several replicas on one PostgreSQL: each reminder once, each errand carried by one, one migration (decision 4).

Real processes that wake in step: they wait for a lock that the test holds. The control, which fires without claiming,
does double: else these tests would prove nothing.
"""

import ast
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, select, text

from bot.__main__ import utc_now
from bot.action import Action, ActionKind
from bot.incident import Duty
from bot.settings import Settings
from storage import actions, deadlines, outbox
from storage.tables import incidents
from tests.processes import BotProcess, environment_of, is_all_carried, put_back_in_time
from tests.replica import BARRIER
from tests.workspace import ADA, LIN, MEI, ROOT, ZHOU, Sandbox, Workspace, opened, settings_for

KEYS = "Zm9yIHRlc3RzIG9ubHksIGtlZXAgeW91cnMgc2FmZSE="
REPLICAS = 4


@pytest.fixture
def settings(sandbox: Sandbox, postgresql_url: str) -> Settings:
    """HTTP mode on PostgreSQL, where several replicas stand side by side."""
    return settings_for(sandbox, postgresql_url, socket_mode=False, hotline_encryption_keys=KEYS)


@pytest.fixture
def shared(sandbox: Sandbox, settings: Settings) -> Iterator[Workspace]:
    """A workspace whose database the replicas share."""
    with opened(sandbox, settings) as joined:
        yield joined


def in_step(settings: Settings, what: str) -> list[str]:
    """Four processes do the same thing at the same moment; returns what each says that it did."""
    engine = create_engine(settings.database_url)
    environment = environment_of(settings, HOTLINE_ENCRYPTION_KEYS=KEYS)
    with engine.connect() as barrier:
        barrier.execute(text(f"select pg_advisory_lock({BARRIER})"))
        replicas = subprocess.Popen(
            [sys.executable, "-m", "tests.replica", what, str(REPLICAS)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert replicas.stdout is not None
        waiting = 0
        while waiting < REPLICAS:
            said = replicas.stdout.readline()
            assert said, "the replicas ended before the barrier"
            waiting += said.strip() == "waiting"
        barrier.execute(text(f"select pg_advisory_unlock({BARRIER})"))
    engine.dispose()
    output = replicas.communicate(timeout=60)[0]
    did = [line.removeprefix("did ") for line in output.splitlines() if line.startswith("did ")]
    assert len(did) == REPLICAS, output
    return did


def reminders(workspace: Workspace) -> Counter[tuple[int, str | None]]:
    """How often each deadline was reminded of: to a person, or (None) in the channel."""
    with workspace.bot.db.read() as tx:
        said = [
            message
            for number in tx.execute(select(incidents.c.id)).scalars()
            for message in outbox.of_incident(tx, number)
        ]
    return Counter((deadline_id, message.user_id) for message in said for deadline_id, _ in message.reminds_of)


def carried_later(workspace: Workspace) -> None:
    """The courier of the bot that stands by carries what the replicas, on the machine's clock, have written."""
    workspace.clock.now += timedelta(minutes=10)
    workspace.settle()


def several_due(workspace: Workspace, count: int = 6) -> None:
    """Reports whose reminders are due for a process with a real clock."""
    for _ in range(count):
        put_back_in_time(workspace, workspace.report().id, 4)


def test_each_deadline_is_reminded_of_once_by_four_processes_in_step(shared: Workspace, settings: Settings) -> None:
    several_due(shared)
    fired = in_step(settings, "tick")
    assert sum(int(number) for number in fired) == 12, fired
    carried_later(shared)
    assert set(reminders(shared).values()) == {1}
    assert len(reminders(shared)) == 36, "in the channel, the owner, the supervisor, and the one who gets a copy"


def test_without_the_claim_they_would_remind_twice(shared: Workspace, settings: Settings) -> None:
    several_due(shared)
    in_step(settings, "tick-without-claim")
    carried_later(shared)
    assert max(reminders(shared).values()) > 1


def test_each_errand_is_carried_by_one(shared: Workspace, settings: Settings) -> None:
    with shared.bot.db.begin() as tx:
        for number in range(40):
            outbox.ask(tx, "learn_groups", f"lane:{number % 20}", utc_now() - timedelta(minutes=1))
    claimed = [number for output in in_step(settings, "claim") for number in ast.literal_eval(output)]
    assert len(claimed) == len(set(claimed)), "nobody has what somebody else has"
    assert len(claimed) == 20, "of each lane the first: what stands behind it waits"


def test_one_of_four_tells_the_managers_what_is_overdue(shared: Workspace, settings: Settings) -> None:
    incident, yesterday = shared.report(), utc_now() - timedelta(days=2)
    late = Action(0, incident.id, "Look twice", ActionKind.FIX, ZHOU, yesterday.date(), LIN, yesterday)
    with shared.bot.db.begin() as tx:
        actions.save(tx, "late", late)
    told = in_step(settings, "tell-managers")
    assert sorted(told) == ["0", "0", "0", "3"], "two supervisors and the head of service"
    with shared.bot.db.read() as tx:
        said = [message.user_id for message in outbox.of_incident(tx, incident.id) if message.drawing == "overdue"]
    assert len(said) == len(set(said)) == 3


def test_several_that_start_on_an_empty_database_migrate_it_once(sandbox: Sandbox, settings: Settings) -> None:
    assert in_step(settings, "migrate") == ["None"] * REPLICAS
    assert BotProcess(environment_of(settings, HOTLINE_ENCRYPTION_KEYS=KEYS), "migrate").ended() == 0


def test_what_a_living_process_holds_is_not_taken_until_its_lease_runs_out(shared: Workspace) -> None:
    now, lease = shared.clock.now, timedelta(seconds=40)
    with shared.bot.db.begin() as tx:
        outbox.ask(tx, "learn_groups", "groups", now)
        [held] = outbox.claim(tx, now, "elsewhere/1/a", lease, 10)
    for seconds in (1, 39):
        with shared.bot.db.begin() as tx:
            assert outbox.claim(tx, now + timedelta(seconds=seconds), "here/2/b", lease, 10) == []
    with shared.bot.db.begin() as tx:
        [taken] = outbox.claim(tx, now + timedelta(seconds=40), "here/2/b", lease, 10)
        assert taken.id == held.id
        assert taken.unsure, "whoever held it may have done it: look first"
        outbox.put_back(tx, held, now, "too late", unsure=False)
    with shared.bot.db.begin() as tx:
        assert outbox.claim(tx, now + timedelta(seconds=50), "elsewhere/1/a", lease, 10) == [], (
            "it is not theirs any more"
        )
        outbox.done(tx, [taken.id])


def test_the_courier_takes_over_what_a_dead_replica_elsewhere_held(shared: Workspace) -> None:
    with shared.bot.db.begin() as tx:
        outbox.ask(tx, "learn_groups", "groups", shared.clock.now)
        outbox.claim(tx, shared.clock.now, "elsewhere/1/a", timedelta(seconds=40), 10)
    shared.wait(39 / 60)
    assert not is_all_carried(shared), "it may still be at it"
    shared.wait(2 / 60)
    assert is_all_carried(shared)


def test_a_step_and_the_clock_at_the_same_moment_do_not_block_each_other(shared: Workspace) -> None:
    # The clock has the deadline and wants to write for the incident; a person has the incident and wants the deadline.
    incident = shared.report()
    shared.click(ADA, shared.card(incident), "verify.open")
    shared.clock.now += timedelta(minutes=3)
    answers = []
    with shared.bot.db.begin() as tx:
        due = next(each for each in deadlines.claim_due(tx, shared.clock.now, 10) if each.duty is Duty.VERIFY)
        person = threading.Thread(target=lambda: answers.append(shared.submit(ADA, note="It holds")))
        person.start()
        shared.until(lambda: waiting_for_locks(shared) == 1)
        outbox.say(tx, [outbox.Saying(due.incident_id, "reminder", "person", LIN, due.id, 0)], shared.clock.now)
    person.join()
    shared.settle()
    assert answers[0]["response"] in (None, {}, ""), answers
    assert shared.incident(incident.id).verified_by == ADA


def waiting_for_locks(workspace: Workspace) -> int:
    """How many transactions wait for another one."""
    question = text(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    with workspace.bot.db.read() as tx:
        return int(tx.execute(question).scalar_one())


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_fell_due_while_the_bot_was_down_is_said_at_the_next_start(
    sandbox: Sandbox, request: pytest.FixtureRequest, database: str
) -> None:
    settings = settings_for(sandbox, str(request.getfixturevalue(f"{database}_url")))
    with opened(sandbox, settings) as workspace:
        channels = [str(workspace.incident(workspace.report().id).channel_id) for _ in range(3)]
    for number in (1, 2, 3):
        put_back_in_time(workspace, number, 5.5)  # nobody was there to remind; now the lead is to be told
    bot = BotProcess(environment_of(settings)).ready()
    workspace.until(lambda: len(reminders(workspace)) == 24 and is_all_carried(workspace), 20)
    assert set(reminders(workspace).values()) == {1}
    for channel in channels:
        told = [said.text for said in workspace.said(channel)[1:]]
        assert len(told) == 1, told
        assert f"<@{MEI}>" in told[0]
    assert len(workspace.said(MEI)) == 3
    assert bot.stop() == 0
    workspace.bot.db.close()


def test_several_real_bots_remind_once(sandbox: Sandbox, settings: Settings) -> None:
    with opened(sandbox, settings) as workspace:
        several_due(workspace, 3)
    environment = environment_of(settings, HOTLINE_ENCRYPTION_KEYS=KEYS, PORT="0")
    bots = [BotProcess(environment) for _ in range(3)]
    for bot in bots:
        bot.ready()
    workspace.until(lambda: len(reminders(workspace)) == 18 and is_all_carried(workspace), 20)
    assert set(reminders(workspace).values()) == {1}
    for number in (1, 2, 3):
        channel = str(workspace.incident(number).channel_id)
        assert len(workspace.said(channel)) == 2, "the card and one reminder"
    assert len(workspace.said(LIN)) == 3
    assert [bot.stop() for bot in bots] == [0, 0, 0]
    workspace.bot.db.close()
